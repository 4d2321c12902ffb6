/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel's console: every byte goes to the serial port and to the screen. */
#include <arch/console.h>
#include <kernel/boot_info.h>
#include <kernel/log.h>
#include <kernel/phys_window.h>
#include <mm/kmap.h>

#include "console.h"

void console_write(const char *text, size_t length)
{
	earlycon_write(text, length);
	fbcon_write(text, length);
}

void console_restart(void)
{
	earlycon_restart();
}

void console_init_boot(void)
{
	const struct boot_framebuffer *fb = &boot_info.fb;

	if (fb->base)
		fbcon_init((void *)(uintptr_t)phys_at(&phys_window_boot, fb->base, (uint64_t)fb->pitch * fb->height));
}

void console_init(void)
{
	const struct boot_framebuffer *fb = &boot_info.fb;

	fbcon_init(fb->base ? kmap_device_type((hpa_t){ fb->base }, (uint64_t)fb->pitch * fb->height, PT_WC) : NULL);
}
