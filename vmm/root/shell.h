/* SPDX-License-Identifier: Apache-2.0 */
/* The management shell, source 0 of the console. */
#ifndef ROOT_SHELL_H
#define ROOT_SHELL_H

#include <lib/base.h>

struct vm;

void shell_init(void);
/* A byte typed while the shell is in front. */
void shell_input(uint8_t byte);
/* It has come to the front. */
void shell_shown(void);
/* A line from elsewhere; what is being typed is shown again below it. */
void shell_note(const char *line);
/* Text as it is, such as the kernel's log. */
void shell_text(const char *text, size_t length);
/* @v has begun or ended to run: a command may have waited for this. */
void shell_vm_changed(const struct vm *v);

#endif
