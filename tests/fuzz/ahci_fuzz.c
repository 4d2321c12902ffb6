/* SPDX-License-Identifier: Apache-2.0 */
/* sources: vmm/dev/ahci.c vmm/dev/ata.c vmm/dev/atapi.c vmm/dev/pci.c vmm/dev/pci_cfg.c vmm/virtio/blk_ram.c vmm/gmem.c vmm/bus.c */
/*
 * Any registers written and any bytes in guest memory: the sanitizers see what is touched outside of guest memory and disk, and
 * the other drive's disk and the image never change.
 */
#include <dev/ahci.h>
#include <dev/pci_cfg.h>

#include <stdlib.h>
#include <string.h>

#include "irqchip.h"
#include "upcall.h"

#define RAM		0x10000ull
#define RAM_SIZE	0x4000ull
#define DISK		(8 * 4096ull)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

void vm_bus_unclaimed(struct vm *vm, const char *space, uint64_t addr, unsigned size, bool write, uint64_t val)
{
	(void)vm, (void)space, (void)addr, (void)size, (void)write, (void)val;
}
void vm_reset(struct vm *vm) { (void)vm; }
void irq_line_set(struct irqchip *c, unsigned gsi, bool level) { (void)c, (void)gsi, (void)level; }

static struct {
	struct bus pio, mmio;
	struct pci pci;
	struct gmem mem;
	struct ahci ahci;
	struct blk_ram disk, cd;
	uint8_t *ram, *data, *image;
	uint64_t bits;
} m;

static void check(bool ok)
{
	if (!ok)
		abort();
}

static void start(void)
{
	struct dev_env env = { 0 };

	if (!m.ram) {			/* on the heap, where the sanitizer guards both ends */
		m.ram = malloc(RAM_SIZE);
		m.data = malloc(DISK);
		m.image = malloc(DISK);
	}
	memset(m.ram, 0, RAM_SIZE);
	memset(m.data, 0, DISK);
	memset(m.image, 0xa5, DISK);
	m.bits = 0;
	m.mem = (struct gmem){ 0 };
	check(gmem_add(&m.mem, (gpa_t){ RAM }, RAM_SIZE, m.ram, true));
	bus_init(&m.pio, NULL, "port", 0xffff);
	bus_init(&m.mmio, NULL, "mmio", UINT64_MAX);
	pci_init(&m.pci, &env, &m.pio, &m.mmio);
	m.disk = (struct blk_ram){ m.image, DISK, m.data, DISK, &m.bits };
	m.cd = (struct blk_ram){ m.image, DISK, NULL, DISK, NULL };
	m.ahci = (struct ahci){ .drive = { { .medium = &m.disk }, { .medium = &m.cd, .cd = true } } };
	check(ahci_init(&m.ahci, &m.pci, &m.mem, 3));
	pci_cfg_write(&m.ahci.func, PCI_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
}

/* Both ports run, with their lists and tables in memory, as a driver would have it. */
static void prepare(void)
{
	uint64_t base = m.ahci.func.mapped[5];

	for (unsigned p = 0; p < 2; p++) {
		bus_write(&m.mmio, base + 0x100 + 0x80 * p, 4, RAM + 0x400 * p);
		bus_write(&m.mmio, base + 0x108 + 0x80 * p, 4, RAM + 0x800 + 0x100 * p);
		bus_write(&m.mmio, base + 0x118 + 0x80 * p, 4, 0x11);
		for (unsigned slot = 0; slot < 4; slot++) {
			uint64_t table = RAM + 0x1000 + 0x200 * slot;

			m.ram[0x400 * p + 32 * slot + 2] = 2;
			memcpy(m.ram + 0x400 * p + 32 * slot + 8, &table, 8);
			m.ram[table - RAM] = 0x27;
			m.ram[table - RAM + 1] = 0x80;
		}
	}
}

#define OP_SIZE 8

static void step(const uint8_t op[OP_SIZE])
{
	uint64_t base = m.ahci.func.mapped[5], off = (op[1] | op[2] << 8) & 0x3fff;
	uint32_t val;

	memcpy(&val, op + 4, sizeof(val));
	switch (op[0] & 7) {
	case 0:
		memcpy(m.ram + (off & ~3ull), &val, sizeof(val));
		break;
	case 1:
		m.ram[off] = op[4];
		break;
	case 2:
	case 3:
		bus_write(&m.mmio, base + (off & 0x2fc), 4, val);
		break;
	case 4:
		(void)bus_read(&m.mmio, base + (off & 0x3ff), 1u << (op[3] & 3));
		break;
	case 5:					/* a command in one of the tables; then all of them */
		m.ram[0x1000 + 0x200 * (op[1] & 3) + 2] = op[2];
		m.ram[0x1000 + 0x200 * (op[1] & 3) + 0x40] = op[3];
		bus_write(&m.mmio, base + 0x138 + (op[4] & 1) * 0x80, 4, 1u << (op[1] & 3));
		break;
	case 6:					/* a piece of data for it */
		val = RAM + ((val & 0x3fff) | (op[3] & 0x80 ? 0x3f00 : 0));
		memcpy(m.ram + 0x1080 + 0x200 * (op[1] & 3), &val, sizeof(val));
		m.ram[0x108d + 0x200 * (op[1] & 3)] = op[2];
		break;
	default:
		prepare();
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	start();
	prepare();
	for (size_t i = 0; i + OP_SIZE <= size && m.ahci.func.mapped[5] != PCI_UNMAPPED; i += OP_SIZE)
		step(data + i);
	for (unsigned i = 0; i < DISK; i++)
		check(m.image[i] == 0xa5);
	return 0;
}
