/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel's own output devices: a polled 16550 and a text console on the framebuffer. */
#ifndef ARCH_CONSOLE_H
#define ARCH_CONSOLE_H

#include <lib/base.h>

/* Print @length bytes on every device there is.  Works from the first instruction in C on, and after a crash. */
void console_write(const char *text, size_t length);
/* A driver had the devices: program them anew before the next byte. */
void console_restart(void);

#endif
