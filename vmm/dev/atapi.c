/* SPDX-License-Identifier: Apache-2.0 */
/* A CD drive with a disc in it that never leaves: MMC, "Commands", and SCSI Primary Commands. */
#include <dev/ata.h>
#include <lib/bytes.h>

enum scsi_command {
	TEST_UNIT_READY = 0x00, REQUEST_SENSE = 0x03, INQUIRY = 0x12, START_STOP = 0x1b, PREVENT_REMOVAL = 0x1e,
	READ_CAPACITY = 0x25, READ_10 = 0x28, READ_TOC = 0x43, GET_CONFIGURATION = 0x46, GET_EVENT = 0x4a, READ_DISC = 0x51,
	MODE_SENSE_10 = 0x5a, READ_12 = 0xa8, MECHANISM_STATUS = 0xbd,
};

enum { SENSE_NONE = 0, SENSE_ILLEGAL = 5 };
enum { ASC_COMMAND = 0x20, ASC_RANGE = 0x21, ASC_FIELD = 0x24 };

#define TYPE_CD		5u
#define REMOVABLE	0x80u
#define DATA_TRACK	0x14u		/* track for data, copying not permitted */
#define LEAD_OUT	0xaau
#define PROFILE_CD_ROM	8u

static void check(struct ata_drive *d, struct ata_task *t, uint8_t sense, uint8_t asc)
{
	d->sense = sense;
	d->asc = asc;
	t->status = ATA_DRDY | ATA_SEEK | ATA_ERR;
	t->error = (uint8_t)((unsigned)sense << 4 | ATA_ABRT);
}

/* An answer of @len bytes, of which the guest asked for @room. */
static void answer(struct ata_task *t, const void *bytes, uint32_t len, uint32_t room)
{
	(void)ata_put(t, bytes, len < room ? len : room);
}

static void inquiry(struct ata_drive *d, struct ata_task *t)
{
	uint8_t a[36] = { TYPE_CD, REMOVABLE, 5, 0x21, sizeof(a) - 5 };

	if (t->cdb[1] & 1) {		/* no pages of vital product data */
		check(d, t, SENSE_ILLEGAL, ASC_FIELD);
		return;
	}
	__builtin_memcpy(a + 8, "TRIVET  CD-ROM          1.0 ", 28);
	answer(t, a, sizeof(a), (uint32_t)read_be(t->cdb + 3, 2));
}

static void request_sense(struct ata_drive *d, struct ata_task *t)
{
	uint8_t a[18] = { 0x70, 0, d->sense, 0, 0, 0, 0, sizeof(a) - 8 };

	a[12] = d->asc;
	d->sense = d->asc = 0;
	answer(t, a, sizeof(a), t->cdb[4]);
}

static uint32_t sectors(const struct ata_drive *d)
{
	return (uint32_t)min_u64(d->medium->size / CD_SECTOR, UINT32_MAX);
}

static void read_capacity(struct ata_drive *d, struct ata_task *t)
{
	uint8_t a[8];

	write_be(a, 4, sectors(d) ? sectors(d) - 1 : 0);
	write_be(a + 4, 4, CD_SECTOR);
	answer(t, a, sizeof(a), sizeof(a));
}

static void read(struct ata_drive *d, struct ata_task *t, uint32_t count)
{
	uint64_t at = read_be(t->cdb + 2, 4);
	uint32_t piece;
	uint8_t *p;

	if (!range_inside(at, count, sectors(d))) {
		check(d, t, SENSE_ILLEGAL, ASC_RANGE);
		return;
	}
	at *= CD_SECTOR;
	for (uint64_t left = (uint64_t)count * CD_SECTOR; left; left -= piece, at += piece) {
		p = t->data->next(t->data, (uint32_t)min_u64(left, MIB), &piece);
		if (!p)
			return;		/* the host wanted no more: the byte count says so */
		blk_ram_read(d->medium, at, p, piece);
	}
}

/* One track of data.  Addresses as sectors or, if so asked, as minute, second, frame, of which 150 frames precede the first. */
static void address(uint8_t *to, uint32_t sector, bool msf)
{
	uint32_t frame = sector + 150;

	write_be(to, 4, msf ? frame / 4500 << 16 | frame / 75 % 60 << 8 | frame % 75 : sector);
}

static void read_toc(struct ata_drive *d, struct ata_task *t)
{
	uint8_t a[20] = { 0, 0, 1, 1 }, format = t->cdb[2] & 0xf ? t->cdb[2] & 0xf : t->cdb[9] >> 6;
	bool msf = (t->cdb[1] & 2) != 0;
	uint32_t len = 4, room = (uint32_t)read_be(t->cdb + 7, 2);

	if (format > 1 || (!format && t->cdb[6] > 1 && t->cdb[6] != LEAD_OUT)) {
		check(d, t, SENSE_ILLEGAL, ASC_FIELD);
		return;
	}
	if (format || t->cdb[6] <= 1) {
		a[len + 1] = DATA_TRACK;
		a[len + 2] = 1;
		address(a + len + 4, 0, msf);
		len += 8;
	}
	if (!format) {
		a[len + 1] = DATA_TRACK;
		a[len + 2] = LEAD_OUT;
		address(a + len + 4, sectors(d), msf);
		len += 8;
	}
	write_be(a, 2, len - 2);
	answer(t, a, len, room);
}

static void get_configuration(struct ata_task *t)
{
	/* The list of profiles, with the one that there is; the current one is also in the header. */
	uint8_t a[16] = { 0, 0, 0, sizeof(a) - 4, 0, 0, 0, PROFILE_CD_ROM, 0, 0, 3, 4, 0, PROFILE_CD_ROM, 1 };

	answer(t, a, sizeof(a), (uint32_t)read_be(t->cdb + 7, 2));
}

/* Asked whether something happened to the medium: it is there and nothing has. */
static void get_event(struct ata_drive *d, struct ata_task *t)
{
	uint8_t a[8] = { 0, 6, 4, 0x10, 0, 2 };

	if (!(t->cdb[1] & 1)) {		/* no queue of events */
		check(d, t, SENSE_ILLEGAL, ASC_FIELD);
		return;
	}
	if (!(t->cdb[4] & 0x10))	/* another class than "media" */
		answer(t, (uint8_t[4]){ 0, 2, 0x80, 0x10 }, 4, (uint32_t)read_be(t->cdb + 7, 2));
	else
		answer(t, a, sizeof(a), (uint32_t)read_be(t->cdb + 7, 2));
}

static void read_disc(struct ata_task *t)
{
	uint8_t a[34] = { 0, sizeof(a) - 2, 0x0e, 1, 1, 1, 1 };		/* complete, one session, one track */

	answer(t, a, sizeof(a), (uint32_t)read_be(t->cdb + 7, 2));
}

/* "CD/DVD Capabilities and Mechanical Status Page" */
static void mode_sense(struct ata_drive *d, struct ata_task *t)
{
	uint8_t a[28] = { 0, sizeof(a) - 2, 0, 0, 0, 0, 0, 0, 0x2a, sizeof(a) - 10 }, page = t->cdb[2] & 0x3f;

	if (page != 0x2a && page != 0x3f) {
		check(d, t, SENSE_ILLEGAL, ASC_FIELD);
		return;
	}
	a[14] = 0x21;			/* tray, can be locked */
	answer(t, a, sizeof(a), (uint32_t)read_be(t->cdb + 7, 2));
}

void atapi_run(struct ata_drive *d, struct ata_task *t)
{
	static const uint8_t mechanism[8] = { 0 };

	t->pio_in = !(t->features & 1);		/* else by DMA */
	t->count = 3;				/* "interrupt reason": the command is complete */
	switch (t->cdb[0]) {
	case TEST_UNIT_READY:
	case START_STOP:
	case PREVENT_REMOVAL:
		t->pio_in = false;
		break;
	case REQUEST_SENSE:
		request_sense(d, t);
		break;
	case INQUIRY:
		inquiry(d, t);
		break;
	case READ_CAPACITY:
		read_capacity(d, t);
		break;
	case READ_10:
		read(d, t, (uint32_t)read_be(t->cdb + 7, 2));
		break;
	case READ_12:
		read(d, t, (uint32_t)read_be(t->cdb + 6, 4));
		break;
	case READ_TOC:
		read_toc(d, t);
		break;
	case GET_CONFIGURATION:
		get_configuration(t);
		break;
	case GET_EVENT:
		get_event(d, t);
		break;
	case READ_DISC:
		read_disc(t);
		break;
	case MODE_SENSE_10:
		mode_sense(d, t);
		break;
	case MECHANISM_STATUS:
		answer(t, mechanism, sizeof(mechanism), (uint32_t)read_be(t->cdb + 8, 2));
		break;
	default:
		check(d, t, SENSE_ILLEGAL, ASC_COMMAND);
		break;
	}
}
