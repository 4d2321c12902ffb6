/* SPDX-License-Identifier: Apache-2.0 */
/* The SATA adapter with a disk and a CD drive: a driver by the book finds both, and what it asks for arrives. */
/* sources: vmm/dev/ahci.c vmm/dev/ata.c vmm/dev/atapi.c vmm/dev/pci.c vmm/dev/pci_cfg.c vmm/virtio/blk_ram.c vmm/gmem.c vmm/bus.c tests/fake/dev_fake.c tests/fake/dev_lines.c */
#include <dev/ahci.h>
#include <dev/pci_cfg.h>
#include <dev_fake.h>
#include <lib/bytes.h>

#include "irqchip.h"

#define SLOT		5u
#define RAM		0x10000ull
#define RAM_SIZE	0x40000ull
#define LIST		(RAM + 0x0000)
#define FIS		(RAM + 0x1000)
#define TABLE		(RAM + 0x2000)
#define DATA		(RAM + 0x10000)
#define DISK		(64 * 4096ull)
#define GSI		(16u + SLOT)

enum { PORT0 = 0x100, PORT1 = 0x180, CLB = 0, FB = 8, IS = 0x10, IE = 0x14, CMD = 0x18, TFD = 0x20, SIG = 0x24, SSTS = 0x28, SCTL = 0x2c, CI = 0x38 };

static struct vm vm;
static struct bus pio, mmio;
static struct pci pci;
static struct gmem mem;
static struct ahci ahci;
static struct blk_ram medium[2];
static uint8_t ram[RAM_SIZE], image[DISK], data[DISK];
static uint64_t bits[2], regs;

static uint32_t in(unsigned reg) { return (uint32_t)bus_read(&mmio, regs + reg, 4); }
static void out(unsigned reg, uint32_t val) { bus_write(&mmio, regs + reg, 4, val); }
static uint8_t *at(uint64_t gpa) { return ram + (gpa - RAM); }

/* Buses, the adapter with a disk on port 0 and a CD on port 1, decoding and mastering on, and both ports started. */
static int setup(void **state)
{
	struct dev_env env = { .vm = &vm };
	struct bus_range ecam = { PCI_ECAM_BASE, PCI_ECAM_SIZE, &pci_ecam_ops, &pci, "ecam", 4 };
	uint64_t config = PCI_ECAM_BASE + (SLOT << 15);

	(void)state;
	fake_reset(&vm);
	memset(fake_line, 0, sizeof(fake_line));
	memset(ram, 0, sizeof(ram));
	memset(bits, 0, sizeof(bits));
	for (unsigned i = 0; i < DISK; i++)
		image[i] = (uint8_t)(i * 7 + i / 512);
	mem = (struct gmem){ 0 };
	assert_true(gmem_add(&mem, (gpa_t){ RAM }, RAM_SIZE, ram, true));
	bus_init(&pio, &vm, "port", 0xffff);
	bus_init(&mmio, &vm, "mmio", UINT64_MAX);
	pci_init(&pci, &env, &pio, &mmio);
	assert_true(bus_add(&mmio, &ecam));
	medium[0] = (struct blk_ram){ image, DISK, data, DISK, bits };
	medium[1] = (struct blk_ram){ image, DISK, NULL, DISK, NULL };
	ahci = (struct ahci){ .drive = { { .medium = &medium[0], .serial = "S-0" }, { .medium = &medium[1], .cd = true, .serial = "S-1" } } };
	assert_true(ahci_init(&ahci, &pci, &mem, SLOT));
	bus_write(&mmio, config + PCI_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	regs = bus_read(&mmio, config + 0x24, 4) & ~0xfull;
	out(0x04, 2);					/* interrupts on */
	for (unsigned p = PORT0; p <= PORT1; p += 0x80) {
		out(p + CLB, LIST + (p - PORT0) * 8);
		out(p + FB, FIS + (p - PORT0) * 2);
		out(p + IE, 0xffffffff);
		out(p + CMD, 0x10);
		out(p + CMD, 0x11);
	}
	return 0;
}

/* Put a command into slot 0 of the port, with one piece of data of @len bytes at DATA. */
static void command(unsigned port, const uint8_t fis[20], uint32_t len, bool write)
{
	uint8_t *header = at(LIST + (port - PORT0) * 8), *prd = at(TABLE + 0x80);

	memset(header, 0, 32);
	header[0] = (uint8_t)(5 | (write ? 0x40 : 0));
	header[2] = len ? 1 : 0;
	write_le(header + 8, 8, TABLE);
	memcpy(at(TABLE), fis, 20);
	write_le(prd, 8, DATA);
	write_le(prd + 12, 4, (len - 1) | 1u << 31);
}

static uint32_t done(unsigned port) { return (uint32_t)read_le(at(LIST + (port - PORT0) * 8) + 4, 4); }

static void issue(unsigned port)
{
	out(port + IS, 0xffffffff);
	out(0x08, 0xffffffff);
	out(port + CI, 1);
}

static void disk_command(uint8_t cmd, uint64_t lba, uint16_t count, uint32_t len, bool write)
{
	uint8_t fis[20] = { 0x27, 0x80, cmd, 0, (uint8_t)lba, (uint8_t)(lba >> 8), (uint8_t)(lba >> 16), 0x40,
			    (uint8_t)(lba >> 24), (uint8_t)(lba >> 32), (uint8_t)(lba >> 40), 0, (uint8_t)count, (uint8_t)(count >> 8) };

	command(PORT0, fis, len, write);
	issue(PORT0);
}

/* A packet of ten bytes or less with a 32-bit address and a 16-bit length. */
static void cd_command(uint8_t cmd, uint32_t lba, uint16_t len, uint32_t room)
{
	uint8_t fis[20] = { 0x27, 0x80, 0xa0, 1 };

	command(PORT1, fis, room, false);
	memset(at(TABLE + 0x40), 0, 16);
	*at(TABLE + 0x40) = cmd;
	write_be(at(TABLE + 0x42), 4, lba);
	write_be(at(TABLE + 0x47), 2, len);
	issue(PORT1);
}

static void both_drives_are_there_and_say_what_they_are(void **state)
{
	(void)state;
	assert_int_equal(in(0x0c), 3);
	assert_int_equal(in(0x10), 0x00010300);
	assert_true(in(0x04) >> 31);
	assert_int_equal(in(PORT0 + SSTS), 0x113);
	assert_int_equal(in(PORT0 + SIG), 0x00000101);
	assert_int_equal(in(PORT1 + SIG), 0xeb140101);
	assert_int_equal(in(PORT0 + TFD) & 0x89, 0);
	assert_int_equal(in(0x200 + SSTS), 0);
	assert_int_equal(*at(FIS + 0x40), 0x34);		/* the signature came as a FIS as well */
	assert_int_equal(at(FIS + 0x100 + 0x40)[6], 0xeb);
	disk_command(0xec, 0, 0, 512, false);
	assert_int_equal(in(PORT0 + CI), 0);
	assert_int_equal(done(PORT0), 512);
	assert_int_equal(read_le(at(DATA) + 200, 8), DISK / 512);
	assert_memory_equal(at(DATA) + 20, "-S 0", 4);		/* two characters in each word, high byte first */
	assert_int_equal(*at(FIS + 0x20), 0x5f);
	assert_int_equal(in(PORT0 + IS) & 3, 2);		/* by PIO */
	assert_true(fake_line[GSI].level);
	out(PORT0 + IS, 0xffffffff);
	out(0x08, 1);
	assert_false(fake_line[GSI].level);
}

static void what_is_written_is_read_back_and_the_rest_is_the_image(void **state)
{
	(void)state;
	disk_command(0x25, 3, 2, 1024, false);
	assert_memory_equal(at(DATA), image + 3 * 512, 1024);
	assert_int_equal(done(PORT0), 1024);
	assert_int_equal(in(PORT0 + IS) & 0x40000021, 0x21);	/* D2H, and the descriptor wanted to be told */
	memset(at(DATA), 0x5a, 512);
	disk_command(0x35, 4, 1, 512, true);
	assert_int_equal(in(PORT0 + TFD), 0x50);
	memset(at(DATA), 0, 1536);
	disk_command(0xc8, 3, 3, 1536, false);
	assert_memory_equal(at(DATA), image + 3 * 512, 512);
	assert_int_equal(*at(DATA + 512), 0x5a);
	assert_int_equal(*at(DATA + 1023), 0x5a);
	assert_memory_equal(at(DATA + 1024), image + 5 * 512, 512);
	disk_command(0xea, 0, 0, 0, false);
	assert_int_equal(in(PORT0 + TFD), 0x50);
}

static void what_cannot_be_done_is_an_error_that_halts_the_port_until_it_is_restarted(void **state)
{
	(void)state;
	disk_command(0x25, DISK / 512 - 1, 2, 1024, false);
	assert_int_equal(in(PORT0 + TFD), 0x1051);		/* there is no such sector */
	assert_true(in(PORT0 + IS) & 0x40000000);
	assert_int_equal(in(PORT0 + CI), 1);
	out(PORT0 + CI, 2);
	assert_int_equal(in(PORT0 + CI), 3);
	out(PORT0 + CMD, 0x10);
	assert_int_equal(in(PORT0 + CI), 0);
	assert_int_equal(in(PORT0 + CMD) & 0x8001, 0);
	out(PORT0 + CMD, 0x11);
	disk_command(0x25, 0, 1, 512, false);
	assert_int_equal(in(PORT0 + TFD), 0x50);
	disk_command(0xb0, 0, 1, 512, false);			/* SMART: not there */
	assert_int_equal(in(PORT0 + TFD), 0x0451);
	out(PORT0 + CMD, 0x10);
	out(PORT0 + CMD, 0x11);
	disk_command(0x25, 0, 2, 512, false);			/* more sectors than room */
	assert_int_equal(in(PORT0 + TFD), 0x0451);
}

static void addresses_without_memory_are_a_bus_error(void **state)
{
	(void)state;
	disk_command(0x25, 0, 1, 512, false);
	write_le(at(TABLE + 0x80), 8, RAM + RAM_SIZE - 100);
	issue(PORT0);
	assert_true(in(PORT0 + IS) & 0x20000000);
	assert_true(in(PORT0 + TFD) & 1);
	out(PORT0 + CMD, 0x10);
	out(PORT0 + CLB, 0x90000000);
	out(PORT0 + CMD, 0x11);
	issue(PORT0);
	assert_true(in(PORT0 + IS) & 0x20000000);
}

static void without_bus_mastering_nothing_is_fetched(void **state)
{
	(void)state;
	bus_write(&mmio, PCI_ECAM_BASE + (SLOT << 15) + PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
	disk_command(0x25, 0, 1, 512, false);
	assert_int_equal(in(PORT0 + CI), 1);
	assert_int_equal(done(PORT0), 0);
}

static void a_reset_by_software_or_of_the_link_brings_the_signature_back(void **state)
{
	uint8_t control[20] = { 0x27, 0, [15] = 4 };

	(void)state;
	command(PORT1, control, 0, false);
	issue(PORT1);
	assert_int_equal(in(PORT1 + CI), 0);
	control[15] = 0;
	memset(at(FIS + 0x100), 0, 0x100);
	command(PORT1, control, 0, false);
	issue(PORT1);
	assert_int_equal(in(PORT1 + TFD) & 0x89, 0);
	assert_int_equal(at(FIS + 0x100 + 0x40)[6], 0xeb);
	memset(at(FIS + 0x100), 0, 0x100);
	out(PORT1 + SCTL, 0x301);
	assert_int_equal(in(PORT1 + SSTS), 0);
	out(PORT1 + SCTL, 0x300);
	assert_int_equal(in(PORT1 + SSTS), 0x113);
	assert_int_equal(at(FIS + 0x100 + 0x40)[6], 0xeb);
}

static void a_cd_is_read_in_sectors_of_2048_bytes(void **state)
{
	(void)state;
	cd_command(0x25, 0, 0, 8);
	assert_int_equal(read_be(at(DATA), 4), DISK / 2048 - 1);
	assert_int_equal(read_be(at(DATA) + 4, 4), 2048);
	cd_command(0x28, 5, 2, 4096);
	assert_memory_equal(at(DATA), image + 5 * 2048, 4096);
	assert_int_equal(done(PORT1), 4096);
	assert_int_equal(in(PORT1 + TFD), 0x50);
	cd_command(0x43, 0, 20, 20);
	assert_int_equal(at(DATA)[2], 1);
	assert_int_equal(read_be(at(DATA) + 16, 4), DISK / 2048);	/* where the disc ends */
	cd_command(0x12, 0, 0, 36);
	cd_command(0x00, 0, 0, 0);
	assert_int_equal(in(PORT1 + TFD), 0x50);
}

static void a_cd_drive_remembers_why_it_refused(void **state)
{
	(void)state;
	cd_command(0x28, DISK / 2048, 1, 2048);
	assert_int_equal(in(PORT1 + TFD), 0x5451);		/* illegal request */
	out(PORT1 + CMD, 0x10);
	out(PORT1 + CMD, 0x11);
	cd_command(0x03, 0, 0, 18);
	*at(TABLE + 0x44) = 18;
	issue(PORT1);
	assert_int_equal(at(DATA)[2], 0);			/* asked twice: told once */
	cd_command(0x2a, 0, 1, 2048);				/* WRITE */
	out(PORT1 + CMD, 0x10);
	out(PORT1 + CMD, 0x11);
	cd_command(0x03, 0x1200, 0, 18);
	assert_int_equal(at(DATA)[2], 5);
	assert_int_equal(at(DATA)[12], 0x20);
}

static void a_reset_forgets_the_drivers_settings(void **state)
{
	(void)state;
	disk_command(0xec, 0, 0, 512, false);
	out(0x04, 1);
	assert_int_equal(in(0x04), 0x80000000);
	assert_int_equal(in(PORT0 + CLB), 0);
	assert_int_equal(in(PORT0 + CMD) & 0xc011, 0);
	assert_false(fake_line[GSI].level);
}

static void another_monitor_goes_on_where_the_driver_left_the_adapter(void **state)
{
	struct ahci_state kept;
	uint8_t cfg[PCI_CFG_SIZE];

	disk_command(0x25, 0, 1, 512, false);			/* done, and its interrupt not seen yet */
	kept = ahci.s;
	memcpy(cfg, ahci.func.cfg, sizeof(cfg));
	assert_int_equal(setup(state), 0);
	ahci_reset(&ahci);
	pci_cfg_restore(&ahci.func, cfg);
	assert_true(ahci_restore(&ahci, &kept));
	assert_true(fake_line[GSI].level);
	assert_int_equal(in(PORT0 + CLB), LIST);
	disk_command(0x25, 3, 1, 512, false);
	assert_memory_equal(at(DATA), image + 3 * 512, 512);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(both_drives_are_there_and_say_what_they_are, setup),
		cmocka_unit_test_setup(what_is_written_is_read_back_and_the_rest_is_the_image, setup),
		cmocka_unit_test_setup(what_cannot_be_done_is_an_error_that_halts_the_port_until_it_is_restarted, setup),
		cmocka_unit_test_setup(addresses_without_memory_are_a_bus_error, setup),
		cmocka_unit_test_setup(without_bus_mastering_nothing_is_fetched, setup),
		cmocka_unit_test_setup(a_reset_by_software_or_of_the_link_brings_the_signature_back, setup),
		cmocka_unit_test_setup(a_cd_is_read_in_sectors_of_2048_bytes, setup),
		cmocka_unit_test_setup(a_cd_drive_remembers_why_it_refused, setup),
		cmocka_unit_test_setup(a_reset_forgets_the_drivers_settings, setup),
		cmocka_unit_test_setup(another_monitor_goes_on_where_the_driver_left_the_adapter, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
