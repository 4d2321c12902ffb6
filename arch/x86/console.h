/* SPDX-License-Identifier: Apache-2.0 */
/* The two devices behind console_write(). */
#ifndef ARCH_X86_CONSOLE_H
#define ARCH_X86_CONSOLE_H

#include <lib/base.h>

void earlycon_write(const char *text, size_t length);
void earlycon_restart(void);

/* Draw on the framebuffer of boot_info, visible to the kernel at @base; NULL: no longer. */
void fbcon_init(void *base);
void fbcon_write(const char *text, size_t length);

/* During boot the framebuffer is drawn through the boot page tables, if it lies below 4 GiB; afterwards through a mapping. */
void console_init_boot(void);
void console_init(void);

#endif
