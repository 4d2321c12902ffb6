/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Flash in which UEFI firmware keeps its variables: what is written to it takes effect at once and outlives a reset.  The Intel
 * command set of single bytes and blocks of 4 KiB, without buffered writes and query tables, which that firmware does not use.
 *
 * While it can be read as memory the guest does so without an exit; writes, and reads of anything else, come here.
 */
#ifndef DEV_FLASH_H
#define DEV_FLASH_H

#include "bus.h"

#define FLASH_BLOCK	4096u

struct flash_setup {
	struct bus *mmio;
	uint64_t base, size;		/* guest addresses; multiples of FLASH_BLOCK                         */
	uint8_t *data;			/* @size bytes: the content                                          */
	/* Show @data to the guest as read-only memory at @base, or no more.  At first it is shown. */
	void (*show)(void *arg, bool on);
	void *arg;
};

struct flash {
	struct flash_setup s;
	uint8_t mode;			/* the command whose data or answer comes next; reading the array    */
	uint8_t status;
	bool hidden;
};

/* False: other devices have these addresses. */
bool flash_init(struct flash *f, const struct flash_setup *setup) MUST_USE;

#endif
