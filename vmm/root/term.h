/* SPDX-License-Identifier: Apache-2.0 */
/* The terminal: carries bytes between the serial driver, the console multiplexer, the shell and the VMs. */
#ifndef ROOT_TERM_H
#define ROOT_TERM_H

#include <lib/base.h>

/* The multiplexer with the shell; VMs are added by vms_init(). */
void term_init(void);
/* The driver has come up: from now on the terminal is ours, and kernel log lines appear on the shell. */
void term_ready(void);
/* Has term_ready() been called?  Before, the kernel prints. */
bool term_is_ours(void);
/* Move everything that can be moved now.  After anything that made input, output or room. */
void term_run(void);
/* There is more to move than was moved in one go: term_run() again, after other events had their turn. */
void term_again(void);
/* Has all output of what is in front reached the wire? */
bool term_flushed(void);

#endif
