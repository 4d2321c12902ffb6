/* SPDX-License-Identifier: Apache-2.0 */
/* One port: see ahci.h. */
#include "ahci.h"

#include <rt/log.h>
#include <rt/time.h>

/* Registers, in words. */
enum port_reg {
	PX_CLB = 0, PX_CLBU = 1, PX_FB = 2, PX_FBU = 3, PX_IS = 4, PX_IE = 5, PX_CMD = 6, PX_TFD = 8, PX_SIG = 9, PX_SSTS = 10,
	PX_SERR = 12, PX_SACT = 13, PX_CI = 14,
};
#define CMD_ST		(1u << 0)
#define CMD_SUD		(1u << 1)
#define CMD_POD		(1u << 2)
#define CMD_FRE		(1u << 4)
#define CMD_FR		(1u << 14)
#define CMD_CR		(1u << 15)
#define IS_DHRS		(1u << 0)	/* register FIS: a command has ended  */
#define IS_SDBS		(1u << 3)	/* set device bits: queued ones have  */
#define IS_ERRORS	(0xfu << 27)	/* task file, host bus, interface     */
#define TFD_BUSY	0x88u		/* BSY, DRQ */
#define SSTS_DET	0xfu
#define SSTS_PRESENT	3u		/* and communication is established   */
#define SIG_DISK	0x00000101u
#define READY_MS	10000u		/* for a disk to spin up              */
#define STOP_MS		1000u

#define FIS_H2D		0x27u
#define FIS_COMMAND	0x80u
#define FIS_WORDS	5u
#define HEADER_WRITE	(1u << 6)
#define DEVICE_LBA	0x40u
#define ATA_READ	0x25u		/* READ DMA EXT, WRITE DMA EXT        */
#define ATA_WRITE	0x35u
#define ATA_READ_QUEUED	0x60u		/* READ and WRITE FPDMA QUEUED        */
#define ATA_WRITE_QUEUED 0x61u
#define ATA_FLUSH	0xeau		/* FLUSH CACHE EXT                    */
#define ATA_IDENTIFY	0xecu

/* Words of IDENTIFY DEVICE. */
#define ID_SERIAL	10u
#define ID_QUEUE	75u
#define ID_SATA		76u
#define ID_SATA_NCQ	(1u << 8)
#define ID_SETS		83u
#define ID_SETS_LBA48	(1u << 10)
#define ID_ENABLED	85u
#define ID_ENABLED_CACHE (1u << 5)
#define ID_SECTORS	100u
#define ID_BLOCK	106u
#define ID_BLOCK_LARGE	0xd000u		/* valid, and the next word pair counts */
#define ID_BLOCK_IS_LARGE 0x5000u

/* Wait until (reg & @mask) == @value. */
static bool wait(volatile uint32_t *reg, uint32_t mask, uint32_t value, unsigned ms)
{
	uint64_t end = clock_now() + rt_info()->tsc_hz / 1000 * ms;

	while ((*reg & mask) != value)
		if (clock_now() > end)
			return false;
	return true;
}

static bool stop(struct ahci_port *p)
{
	p->regs[PX_CMD] &= ~CMD_ST;
	return wait(&p->regs[PX_CMD], CMD_CR, 0, STOP_MS);
}

static void start(struct ahci_port *p)
{
	p->regs[PX_SERR] = ~0u;
	p->regs[PX_IS] = ~0u;
	p->regs[PX_CMD] |= CMD_ST;
}

void ahci_port_power(volatile uint32_t *regs)
{
	regs[PX_CMD] |= CMD_SUD | CMD_POD;
}

bool ahci_port_begin(struct ahci_port *p, struct driver *d, volatile uint32_t *regs, unsigned slots)
{
	uint64_t list, fis;

	*p = (struct ahci_port){ .regs = regs, .slots = slots };
	if ((regs[PX_SSTS] & SSTS_DET) != SSTS_PRESENT || !stop(p))
		return false;
	p->list = dma_alloc(d, AHCI_SLOTS * sizeof(*p->list), 1024, &list);
	p->table = dma_alloc(d, slots * sizeof(*p->table), 128, &p->table_addr);
	if (!p->list || !p->table || !dma_alloc(d, 256, 256, &fis)) {
		rt_log("no memory for another disk");
		return false;
	}
	regs[PX_CLB] = (uint32_t)list;
	regs[PX_CLBU] = (uint32_t)(list >> 32);
	regs[PX_FB] = (uint32_t)fis;
	regs[PX_FBU] = (uint32_t)(fis >> 32);
	regs[PX_SERR] = ~0u;
	regs[PX_CMD] |= CMD_FRE;
	if (!wait(&regs[PX_TFD], TFD_BUSY, 0, READY_MS) || regs[PX_SIG] != SIG_DISK)
		return false;
	start(p);
	regs[PX_IE] = IS_DHRS | IS_SDBS | IS_ERRORS;
	return true;
}

/* --- commands ---------------------------------------------------------------------------------------------------------- */

/* The register FIS.  ACS, "Register Host to Device"; queued commands have the count in the features and the tag in the count. */
static void fis_make(struct ahci_port *p, unsigned slot, uint8_t command, uint64_t sector, uint32_t count)
{
	uint8_t *f = p->table[slot].fis;
	bool queued = command == ATA_READ_QUEUED || command == ATA_WRITE_QUEUED;
	uint32_t features = queued ? count : 0, counted = queued ? slot << 3 : count;

	__builtin_memset(f, 0, sizeof(p->table[slot].fis));
	f[0] = FIS_H2D;
	f[1] = FIS_COMMAND;
	f[2] = command;
	f[3] = (uint8_t)features;
	for (unsigned i = 0; i < 3; i++) {
		f[4 + i] = (uint8_t)(sector >> 8 * i);
		f[8 + i] = (uint8_t)(sector >> (24 + 8 * i));
	}
	f[7] = command == ATA_IDENTIFY || command == ATA_FLUSH ? 0 : DEVICE_LBA;
	f[11] = (uint8_t)(features >> 8);
	f[12] = (uint8_t)counted;
	f[13] = (uint8_t)(counted >> 8);
}

static void issue(struct ahci_port *p, unsigned slot, uint8_t command, unsigned entries, bool write)
{
	p->list[slot] = (struct ahci_header){
		.flags = (uint16_t)(FIS_WORDS | (write ? HEADER_WRITE : 0)), .entries = (uint16_t)entries,
		.table = p->table_addr + slot * sizeof(*p->table),
	};
	p->active |= 1u << slot;
	/* The command must be in memory before the controller is told. */
	__atomic_thread_fence(__ATOMIC_RELEASE);
	if (command == ATA_READ_QUEUED || command == ATA_WRITE_QUEUED)
		p->regs[PX_SACT] = 1u << slot;
	p->regs[PX_CI] = 1u << slot;
}

/* @r in @slot; @queued: by the disk. */
static void command(struct ahci_port *p, unsigned slot, const struct block_request *r, bool queued)
{
	bool write = r->op == BLK_WRITE;
	uint8_t code = r->op == BLK_FLUSH ? ATA_FLUSH :
		       write ? (queued ? ATA_WRITE_QUEUED : ATA_WRITE) : (queued ? ATA_READ_QUEUED : ATA_READ);

	for (unsigned i = 0; i < r->count; i++)
		p->table[slot].entry[i] = (struct ahci_entry){ r->seg[i].addr, 0, r->seg[i].len - 1 };
	fis_make(p, slot, code, r->op == BLK_FLUSH ? 0 : r->sector, (uint32_t)r->sectors);
	issue(p, slot, code, r->count, write);
}

bool ahci_port_submit(struct ahci_port *p, const struct block_request *r, unsigned index)
{
	uint32_t busy = p->active | p->retry;
	bool alone = r->op == BLK_FLUSH || !p->ncq;
	unsigned slot = (unsigned)__builtin_ctz(~busy | 1u << (AHCI_SLOTS - 1));

	if (p->retry || p->alone || (alone && busy) || slot >= p->slots || busy >> slot & 1)
		return false;
	p->alone = alone;
	p->request[slot] = (uint8_t)index;
	command(p, slot, r, p->ncq);
	return true;
}

/* --- completion -------------------------------------------------------------------------------------------------------- */

static void slot_done(struct ahci_port *p, unsigned slot, enum blk_status status)
{
	p->active &= ~(1u << slot);
	p->retry &= ~(1u << slot);
	if (!p->active)
		p->alone = false;
	if (p->identifying)
		p->identified = status == BLK_OK;
	else
		block_done(p->block, block_request(p->block, p->request[slot]), status);
}

/* Of what is to be tried again, the next one. */
static void retry_next(struct ahci_port *p)
{
	unsigned slot;

	if (!p->retry || p->active)
		return;
	slot = (unsigned)__builtin_ctz(p->retry);
	p->alone = true;
	command(p, slot, block_request(p->block, p->request[slot]), false);
}

/* "Error Recovery": the controller has stopped; what it had accepted is void. */
static void failed(struct ahci_port *p, uint32_t status)
{
	uint32_t lost = p->active;

	rt_log("error: status 0x%x, task file 0x%x", status, p->regs[PX_TFD]);
	if (!stop(p))
		rt_panic("the port does not stop");
	start(p);
	p->active = 0;
	p->alone = false;
	if (!(lost & (lost - 1)) && lost)
		slot_done(p, (unsigned)__builtin_ctz(lost), BLK_EIO);
	else
		p->retry |= lost;
}

void ahci_port_interrupt(struct ahci_port *p)
{
	uint32_t status = p->regs[PX_IS], done;

	p->regs[PX_IS] = status;
	/* A queued command has ended when its bit in SACT is gone, any other one when that in CI is. */
	done = p->active & ~(p->regs[PX_SACT] | p->regs[PX_CI]);
	if (status & IS_ERRORS)
		done &= p->ncq && !p->alone ? ~0u : 0;
	for (; done; done &= done - 1)
		slot_done(p, (unsigned)__builtin_ctz(done), BLK_OK);
	if (status & IS_ERRORS)
		failed(p, status);
	retry_next(p);
}

/* --- what it is -------------------------------------------------------------------------------------------------------- */

/* "ATA string": two characters a word, the first one in the upper half. */
static void serial_read(char *serial, const uint16_t *id)
{
	unsigned n = 0;

	for (unsigned i = 0; i < BLK_SERIAL; i++) {
		char c = (char)(id[ID_SERIAL + i / 2] >> (i % 2 ? 0 : 8));

		if (c > ' ' && c <= '~')
			serial[n++] = c;
	}
}

bool ahci_port_identify(struct ahci_port *p, struct driver *d, bool controller_ncq, struct block_unit *u)
{
	uint64_t addr, end = clock_now() + READY_MS / 1000 * rt_info()->tsc_hz;
	uint16_t *id = dma_alloc(d, 512, 512, &addr);

	if (!id)
		return false;
	p->table[0].entry[0] = (struct ahci_entry){ addr, 0, 511 };
	fis_make(p, 0, ATA_IDENTIFY, 0, 0);
	p->identifying = true;
	issue(p, 0, ATA_IDENTIFY, 1, false);
	while (p->active && clock_now() < end)
		ahci_port_interrupt(p);
	p->identifying = false;
	if (!p->identified || !(id[ID_SETS] & ID_SETS_LBA48) || (id[ID_BLOCK] & ID_BLOCK_LARGE) == ID_BLOCK_IS_LARGE) {
		rt_log("a disk without 48-bit addresses, or with large sectors: not used");
		return false;
	}
	*u = (struct block_unit){ .block = BLK_SECTOR, .max_sectors = AHCI_MAX_SECTORS };
	for (unsigned i = 0; i < 4; i++)
		u->sectors |= (uint64_t)id[ID_SECTORS + i] << (16 * i);
	u->flags = id[ID_ENABLED] & ID_ENABLED_CACHE ? BLK_HAS_FLUSH : 0;
	serial_read(u->serial, id);
	p->ncq = controller_ncq && id[ID_SATA] & ID_SATA_NCQ;
	if (p->ncq)
		p->slots = (unsigned)min_u64(p->slots, (id[ID_QUEUE] & (AHCI_SLOTS - 1)) + 1u);
	return u->sectors && u->sectors < 1ull << 48;
}
