/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ATA disks and CD drives: commands, whatever brings them (ahci.c).  ATA/ATAPI Command Set (ACS), SCSI Multimedia Commands (MMC).
 *
 * A command is done at once, because its medium is memory.
 */
#ifndef DEV_ATA_H
#define DEV_ATA_H

#include <lib/base.h>
#include <virtio/blk_ram.h>

#define ATA_SECTOR	512u
#define CD_SECTOR	2048u
#define ATA_CDB		16u		/* bytes of a CD drive's command */

/* Status and error registers. */
#define ATA_ERR		0x01u
#define ATA_DRQ		0x08u
#define ATA_SEEK	0x10u
#define ATA_DRDY	0x40u
#define ATA_BSY		0x80u
#define ATA_ABRT	0x04u
#define ATA_IDNF	0x10u

#define ATA_SIGNATURE	0x00000101u	/* after a reset: LBA high, middle, low, count */
#define ATAPI_SIGNATURE	0xeb140101u

struct ata_drive {
	struct blk_ram *medium;		/* NULL: there is no drive */
	bool cd;
	char serial[BLK_SERIAL];
	uint8_t sense, asc;		/* of a CD drive: why its last command failed */
};

/* Where the data of a command come from or go to. */
struct ata_data {
	/* The next piece of guest memory, at most @max bytes, @*len at least 1; NULL: there is no more, or no memory. */
	uint8_t *(*next)(struct ata_data *d, uint32_t max, uint32_t *len);
	uint32_t done;			/* bytes so far */
};

/* A command and how it ends: the registers of a drive. */
struct ata_task {
	uint8_t command, features, device;
	uint64_t lba;			/* 48 bits */
	uint16_t count;
	uint8_t cdb[ATA_CDB];
	uint8_t status, error;
	bool pio_in;			/* data went in by PIO, as far as the protocol is concerned */
	struct ata_data *data;
};

/* Do @t. */
void ata_run(struct ata_drive *d, struct ata_task *t);

/* Data of a command: how much went to the guest, or was left of @len when it gave no more room. */
bool ata_put(struct ata_task *t, const void *bytes, uint32_t len);

/* atapi.c: the command in t->cdb. */
void atapi_run(struct ata_drive *d, struct ata_task *t);

#endif
