/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fw_cfg: how firmware asks the machine about itself.  QEMU, "QEMU Firmware Configuration (fw_cfg) Device".
 *
 * Items are read byte by byte through a selector, or by DMA; further items are files with names, listed in a directory.  Their
 * content is the caller's and read-only.
 */
#ifndef DEV_FWCFG_H
#define DEV_FWCFG_H

#include "bus.h"
#include "gmem.h"

#define FWCFG_PORT		0x510u		/* selector word, data byte, and the DMA address at +4 */
#define FWCFG_PORTS		2u
#define FWCFG_DMA_PORT		0x514u
#define FWCFG_DMA_PORTS		8u

enum fwcfg_key {
	FWCFG_SIGNATURE = 0x00, FWCFG_ID = 0x01, FWCFG_RAM_SIZE = 0x03, FWCFG_NOGRAPHIC = 0x04, FWCFG_CPUS = 0x05,
	FWCFG_KERNEL_SIZE = 0x08, FWCFG_INITRD_SIZE = 0x0b, FWCFG_MAX_CPUS = 0x0f, FWCFG_KERNEL_DATA = 0x11,
	FWCFG_INITRD_DATA = 0x12, FWCFG_CMDLINE_SIZE = 0x14, FWCFG_CMDLINE_DATA = 0x15, FWCFG_SETUP_SIZE = 0x17,
	FWCFG_SETUP_DATA = 0x18, FWCFG_DIRECTORY = 0x19, FWCFG_FILE = 0x20,	/* the first file */
};

#define FWCFG_ITEMS		24u
#define FWCFG_FILES		8u
#define FWCFG_NAME		56u

struct fwcfg_item {
	uint16_t key;
	const void *data;
	uint32_t size;
};

struct fwcfg {
	const struct gmem *mem;
	struct fwcfg_item item[FWCFG_ITEMS];
	unsigned item_count;
	struct {
		uint32_t count;			/* big-endian, as all of this */
		struct {
			uint32_t size;
			uint16_t key, reserved;
			char name[FWCFG_NAME];
		} file[FWCFG_FILES];
	} directory;
	unsigned file_count;
	uint16_t selected;
	uint32_t offset;			/* of the next byte */
	uint64_t dma;				/* address of the next transfer, as far as it has been written */
	uint64_t number[FWCFG_ITEMS];		/* content of items that are numbers */
};

/* The device on its ports; @mem: what DMA reaches.  False: something is there already. */
bool fwcfg_init(struct fwcfg *f, const struct gmem *mem, struct bus *pio) MUST_USE;

/* Add an item; false: no room.  A number is little-endian, of @size bytes. */
bool fwcfg_add(struct fwcfg *f, uint16_t key, const void *data, uint32_t size) MUST_USE;
bool fwcfg_add_number(struct fwcfg *f, uint16_t key, uint64_t value, uint32_t size) MUST_USE;
bool fwcfg_add_file(struct fwcfg *f, const char *name, const void *data, uint32_t size) MUST_USE;

#endif
