/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A disk in memory: an image that is only read, and what was written since, copy-on-write by blocks of 4 KiB.
 *
 * Both lie with whoever gives the memory, so that the disk outlives the monitor and a reboot of the guest.
 */
#ifndef VIRTIO_BLK_RAM_H
#define VIRTIO_BLK_RAM_H

#include <virtio/blk.h>

#define BLK_RAM_BLOCK	4096u

struct blk_ram {
	const uint8_t *image;		/* [0, image_size) of the disk as it was; what is beyond was zero */
	uint64_t image_size;
	uint8_t *data;			/* NULL: the disk is read-only                                    */
	uint64_t size;			/* bytes, a multiple of BLK_RAM_BLOCK if it can be written        */
	uint64_t *written;		/* a bit for each block: @data has it                             */
};

/* Bytes of memory behind @size bytes of data for the bits, zero at first. */
static inline uint64_t blk_ram_bits(uint64_t size) { return align_up(size / BLK_RAM_BLOCK, 64) / 8; }

/* Copy [@at, @at + @len) of the disk, which must be inside it; writing needs @data. */
void blk_ram_read(const struct blk_ram *m, uint64_t at, uint8_t *to, uint64_t len);
void blk_ram_write(struct blk_ram *m, uint64_t at, const uint8_t *from, uint64_t len);
/* Afterwards the block that holds @at is in @data. */
void blk_ram_own(struct blk_ram *m, uint64_t at);

/* What the driver sees of @m. */
struct blk_geometry blk_ram_geometry(const struct blk_ram *m, const char *serial);
extern const struct blk_back blk_ram_back;	/* back_state: struct blk_ram */

#endif
