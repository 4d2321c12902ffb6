/* SPDX-License-Identifier: Apache-2.0 */
/* ATA commands: see ata.h.  ACS, "Command descriptions". */
#include <dev/ata.h>

enum ata_command {
	DEVICE_RESET = 0x08, READ_SECTORS = 0x20, READ_SECTORS_EXT = 0x24, READ_DMA_EXT = 0x25,
	READ_NATIVE_MAX_EXT = 0x27, READ_MULTIPLE_EXT = 0x29, WRITE_SECTORS = 0x30, WRITE_SECTORS_EXT = 0x34, WRITE_DMA_EXT = 0x35,
	WRITE_MULTIPLE_EXT = 0x39, VERIFY = 0x40, VERIFY_EXT = 0x42, INIT_PARAMETERS = 0x91, PACKET = 0xa0, IDENTIFY_PACKET = 0xa1,
	READ_MULTIPLE = 0xc4, WRITE_MULTIPLE = 0xc5, SET_MULTIPLE = 0xc6, READ_DMA = 0xc8, WRITE_DMA = 0xca, STANDBY_NOW = 0xe0,
	IDLE_NOW = 0xe1, STANDBY = 0xe2, IDLE = 0xe3, CHECK_POWER = 0xe5, SLEEP = 0xe6, FLUSH = 0xe7, FLUSH_EXT = 0xea, IDENTIFY = 0xec,
	SET_FEATURES = 0xef, READ_NATIVE_MAX = 0xf8,
};

#define POWER_ACTIVE	0xffu
#define LBA28_MAX	0x0fffffffu
#define IDENTIFY_WORDS	256u

static void fail(struct ata_task *t, uint8_t error)
{
	t->status = ATA_DRDY | ATA_SEEK | ATA_ERR;
	t->error = error;
}

bool ata_put(struct ata_task *t, const void *bytes, uint32_t len)
{
	const uint8_t *from = bytes;
	uint32_t piece;
	uint8_t *to;

	for (; len; len -= piece, from += piece) {
		to = t->data->next(t->data, len, &piece);
		if (!to)
			return false;
		__builtin_memcpy(to, from, piece);
	}
	return true;
}

/* --- identity -------------------------------------------------------------------------------------------------------- */

/* Text in words whose first character is the high byte, padded with spaces. */
static void text(uint16_t *word, unsigned words, const char *s, unsigned max)
{
	for (unsigned i = 0; i < 2 * words; i++) {
		uint8_t c = max && *s ? (uint8_t)*s++ : ' ';

		max = max ? max - 1 : 0;
		word[i / 2] = (uint16_t)(i & 1 ? word[i / 2] | c : c << 8);
	}
}

/* What a disk and a CD drive have in common.  ACS, "IDENTIFY DEVICE". */
static void identify_common(const struct ata_drive *d, uint16_t *w, const char *model)
{
	text(&w[10], 10, d->serial, BLK_SERIAL);
	text(&w[23], 4, "1.0", 8);
	text(&w[27], 20, model, 40);
	w[49] = 0x0f00;			/* LBA, DMA, IORDY */
	w[53] = 0x0006;			/* words 64-70 and 88 are valid */
	w[63] = 0x0407;			/* multiword DMA 0-2, mode 2 selected */
	w[64] = 0x0003;
	for (unsigned i = 65; i <= 68; i++)
		w[i] = 120;		/* nanoseconds of a cycle */
	w[76] = 0x0002;			/* SATA generation 1 */
	w[80] = 0x00f0;			/* ATA/ATAPI-4 ... 7 */
	w[88] = 0x203f;			/* Ultra DMA 0-5, mode 5 selected */
}

static void identify_disk(const struct ata_drive *d, uint16_t *w)
{
	uint64_t sectors = d->medium->size / ATA_SECTOR, cylinders = min_u64(sectors / (16 * 63), 16383);
	uint32_t small = (uint32_t)min_u64(sectors, LBA28_MAX);

	identify_common(d, w, "Trivet disk");
	w[0] = 0x0040;
	w[1] = (uint16_t)cylinders;
	w[3] = 16;
	w[6] = 63;
	w[47] = 0x8010;			/* READ MULTIPLE: 16 sectors */
	w[59] = 0x0110;
	w[60] = (uint16_t)small;
	w[61] = (uint16_t)(small >> 16);
	w[82] = w[85] = 0x0020;		/* write cache: FLUSH does nothing, as writes are done at once */
	w[83] = w[86] = 0x7400;		/* 48-bit addresses, FLUSH, FLUSH EXT */
	w[84] = w[87] = 0x4000;
	w[86] &= 0x3fff;
	for (unsigned i = 0; i < 4; i++)
		w[100 + i] = (uint16_t)(sectors >> (16 * i));
	w[106] = 0x6003;		/* eight logical sectors are a physical one: the blocks of the medium */
	w[217] = 1;			/* does not rotate */
}

static void identify(struct ata_drive *d, struct ata_task *t, bool packet)
{
	uint16_t w[IDENTIFY_WORDS] = { 0 };

	if (packet != d->cd) {		/* whoever asks the wrong one learns what it is from the signature */
		t->lba = (d->cd ? ATAPI_SIGNATURE : ATA_SIGNATURE) >> 8;
		t->count = 1;
		fail(t, ATA_ABRT);
		return;
	}
	if (d->cd) {
		identify_common(d, w, "Trivet CD-ROM");
		w[0] = 0x85c0;		/* CD, removable, 12-byte packets, DRQ within 50 us */
		w[82] = w[85] = 0x0214;	/* PACKET, DEVICE RESET, NOP */
		w[83] = w[86] = 0x4000;
		w[84] = w[87] = 0x4000;
	} else {
		identify_disk(d, w);
	}
	t->pio_in = true;
	(void)ata_put(t, w, sizeof(w));
}

/* --- reading and writing --------------------------------------------------------------------------------------------- */

static bool is_ext(uint8_t command)
{
	return command < VERIFY ? (command & 0xf) >= 4 : command == VERIFY_EXT || command == FLUSH_EXT;
}

/* The sectors that @t is about; false: not all of them are on the disk. */
static bool range(const struct ata_drive *d, const struct ata_task *t, uint64_t *lba, uint32_t *count)
{
	bool ext = is_ext(t->command);

	*lba = ext ? t->lba : (t->lba & 0xffffff) | (uint64_t)(t->device & 0xf) << 24;
	*count = ext ? (t->count ? t->count : 65536u) : (t->count & 0xff ? t->count & 0xffu : 256u);
	return range_inside(*lba, *count, d->medium->size / ATA_SECTOR);
}

enum direction { READS, WRITES, VERIFIES };

static void transfer(struct ata_drive *d, struct ata_task *t, enum direction dir)
{
	uint64_t at;
	uint32_t left, piece;
	uint8_t *p;

	if (!range(d, t, &at, &left)) {
		fail(t, ATA_IDNF);
		return;
	}
	if (dir == WRITES && !d->medium->data) {
		fail(t, ATA_ABRT);
		return;
	}
	if (dir == VERIFIES)
		return;
	at *= ATA_SECTOR;
	for (left *= ATA_SECTOR; left; left -= piece, at += piece) {
		p = t->data->next(t->data, left, &piece);
		if (!p) {
			fail(t, ATA_ABRT);
			return;
		}
		if (dir == READS)
			blk_ram_read(d->medium, at, p, piece);
		else
			blk_ram_write(d->medium, at, p, piece);
	}
}

static void native_max(struct ata_drive *d, struct ata_task *t)
{
	uint64_t last = d->medium->size / ATA_SECTOR - 1;

	if (t->command == READ_NATIVE_MAX_EXT) {
		t->lba = last;
		return;
	}
	t->lba = min_u64(last, LBA28_MAX - 1) & 0xffffff;
	t->device = (uint8_t)((t->device & 0xf0) | min_u64(last, LBA28_MAX - 1) >> 24);
}

static void disk_run(struct ata_drive *d, struct ata_task *t)
{
	switch (t->command) {
	case READ_SECTORS:
	case READ_SECTORS_EXT:
	case READ_MULTIPLE:
	case READ_MULTIPLE_EXT:
		t->pio_in = true;
		transfer(d, t, READS);
		break;
	case READ_DMA:
	case READ_DMA_EXT:
		transfer(d, t, READS);
		break;
	case WRITE_SECTORS:
	case WRITE_SECTORS_EXT:
	case WRITE_MULTIPLE:
	case WRITE_MULTIPLE_EXT:
	case WRITE_DMA:
	case WRITE_DMA_EXT:
		transfer(d, t, WRITES);
		break;
	case VERIFY:
	case VERIFY_EXT:
		transfer(d, t, VERIFIES);
		break;
	case READ_NATIVE_MAX:
	case READ_NATIVE_MAX_EXT:
		native_max(d, t);
		break;
	case FLUSH:
	case FLUSH_EXT:
	case INIT_PARAMETERS:
	case SET_MULTIPLE:
		break;
	default:
		fail(t, ATA_ABRT);
		break;
	}
}

void ata_run(struct ata_drive *d, struct ata_task *t)
{
	t->status = ATA_DRDY | ATA_SEEK;
	t->error = 0;
	switch (t->command) {
	case IDENTIFY:
	case IDENTIFY_PACKET:
		identify(d, t, t->command == IDENTIFY_PACKET);
		break;
	case SET_FEATURES:		/* transfer modes and the write cache: all the same to memory */
	case STANDBY_NOW:
	case IDLE_NOW:
	case STANDBY:
	case IDLE:
	case SLEEP:
		break;
	case CHECK_POWER:
		t->count = POWER_ACTIVE;
		break;
	case PACKET:
		if (d->cd)
			atapi_run(d, t);
		else
			fail(t, ATA_ABRT);
		break;
	case DEVICE_RESET:
		if (!d->cd)
			fail(t, ATA_ABRT);
		break;
	default:
		if (d->cd)
			fail(t, ATA_ABRT);
		else
			disk_run(d, t);
		break;
	}
}
