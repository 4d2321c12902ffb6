/* SPDX-License-Identifier: Apache-2.0 */
/* The commands of the management shell, and what they may use of it. */
#ifndef ROOT_COMMAND_H
#define ROOT_COMMAND_H

#include <lib/base.h>

#include "vms.h"

#define COMMAND_WORDS	3u

struct command {
	const char *name, *args, *help;
	unsigned args_min, args_max;
	void (*run)(unsigned count, char **word);	/* word[0]: the name; count: words */
};

extern const struct command commands[];
extern const unsigned command_count;

/* One line. */
void shell_print(const char *fmt, ...) PRINTF_LIKE(1, 2);
/* Text as it is. */
void shell_put(const char *text, size_t length);
/* The VM that @word names; NULL after a line that says there is none. */
struct vm *shell_vm(const char *word);
/* No prompt before @v is in the phase @until, or has stopped. */
void shell_wait(const struct vm *v, enum vm_phase until);
/* No prompt before shell_release(); what is typed goes to @key. */
void shell_hold(void (*key)(uint8_t byte));
void shell_release(void);

#endif
