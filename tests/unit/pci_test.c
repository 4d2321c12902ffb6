/* SPDX-License-Identifier: Apache-2.0 */
/* PCI bus: configuration mechanisms, BARs, INTx lines, reset control. */
/* sources: vmm/dev/pci.c vmm/dev/pci_cfg.c vmm/bus.c tests/fake/dev_fake.c tests/fake/dev_lines.c */
#include <dev/pci.h>
#include <dev/pci_cfg.h>
#include <dev_fake.h>

static struct vm vm;
static struct bus pio, mmio;
static struct pci pci;

/* A device with a register block in memory (64 bits wide), one in I/O space, and an interrupt. */
static const struct pci_row rows[] = {
	{ PCI_VENDOR, 2, 0x1234, 0, 0 },
	{ PCI_DEVICE, 2, 0x5678, 0, 0 },
	{ PCI_COMMAND, 2, 0, 0x0407, 0 },
	{ PCI_STATUS, 2, 0x0010, 0, 0xf900 },
	{ PCI_CLASS, 4, 0xff000001, 0, 0 },
	{ PCI_INTERRUPT_LINE, 1, 0, 0xff, 0 },
	{ PCI_INTERRUPT_PIN, 1, 1, 0, 0 },
	{ 0x40, 4, 0x11223344, 0x00ffff00, 0 },
};

static unsigned reads, wrote_off, wrote_size;

static uint64_t dev_read(void *dev, uint64_t off, unsigned size)
{
	(void)dev;
	(void)size;
	reads++;
	return off;
}

static void dev_cfg_wrote(struct pci_func *f, unsigned off, unsigned size)
{
	(void)f;
	wrote_off = off;
	wrote_size = size;
}

static const struct bus_ops dev_ops = { dev_read, NULL };
static const struct pci_ops dev_pci_ops = { .cfg_wrote = dev_cfg_wrote };
static struct pci_func func[3];

static int setup(void **state)
{
	struct dev_env env = { .vm = &vm };
	struct bus_range ports = { PCI_PORT, PCI_PORT_LEN, &pci_port_ops, &pci, "pci", 4 };
	struct bus_range ecam = { PCI_ECAM_BASE, PCI_ECAM_SIZE, &pci_ecam_ops, &pci, "ecam", 4 };

	(void)state;
	fake_reset(&vm);
	memset(fake_line, 0, sizeof(fake_line));
	bus_init(&pio, &vm, "port", 0xffff);
	bus_init(&mmio, &vm, "mmio", UINT64_MAX);
	pci_init(&pci, &env, &pio, &mmio);
	assert_true(bus_add(&pio, &ports));
	assert_true(bus_add(&mmio, &ecam));
	for (unsigned i = 0; i < 3; i++) {
		func[i] = (struct pci_func){
			.devfn = (uint8_t)((i + 1) << 3), .rows = rows, .row_count = ARRAY_LEN(rows), .ops = &dev_pci_ops,
			.bar = {
				[0] = { .size = 0x4000, .wide = true, .prefetch = true, .max_size = 4, .ops = &dev_ops, .name = "mem" },
				[2] = { .size = 0x40, .io = true, .max_size = 4, .ops = &dev_ops, .name = "io" },
			},
		};
		assert_true(pci_add(&pci, &func[i]));
	}
	return 0;
}

static void address(unsigned devfn, unsigned reg)
{
	bus_write(&pio, 0xcf8, 4, 0x80000000u | devfn << 8 | (reg & 0xfc));
}

static uint64_t cfg_in(unsigned devfn, unsigned reg, unsigned size)
{
	address(devfn, reg);
	return bus_read(&pio, 0xcfc + reg % 4, size);
}

static void cfg_out(unsigned devfn, unsigned reg, unsigned size, uint64_t val)
{
	address(devfn, reg);
	bus_write(&pio, 0xcfc + reg % 4, size, val);
}

static void the_host_bridge_is_there_and_other_slots_are_empty(void **state)
{
	(void)state;
	assert_int_equal(cfg_in(0, 0, 4), 0x29c08086);
	assert_int_equal(cfg_in(0, 8, 4), 0x06000002);
	assert_int_equal(cfg_in(0, 10, 2), 0x0600);
	assert_int_equal(cfg_in(0, 0x0e, 1), 0);
	for (unsigned devfn = 0; devfn < 256; devfn++)
		if (devfn % 8 || devfn > 3 << 3)
			assert_int_equal(cfg_in(devfn, 0, 4), 0xffffffff);
}

static void ports_and_ecam_show_the_same_bytes_at_every_size(void **state)
{
	(void)state;
	for (unsigned reg = 0; reg < 256; reg++) {
		for (unsigned size = 1; size <= 4; size *= 2) {
			if (reg % 4 + size > 4)
				continue;
			assert_int_equal(cfg_in(1 << 3, reg, size), bus_read(&mmio, PCI_ECAM_BASE + 0x8000 + reg, size));
		}
	}
	bus_write(&mmio, PCI_ECAM_BASE + 0x8041, 2, 0xbeef);
	assert_int_equal(cfg_in(1 << 3, 0x40, 4), 0x11beef44);
	assert_int_equal(wrote_off, 0x41);
	assert_int_equal(wrote_size, 2);
}

static void configuration_access_needs_the_enable_bit_and_bus_0(void **state)
{
	(void)state;
	bus_write(&pio, 0xcf8, 4, 0);
	assert_int_equal(bus_read(&pio, 0xcfc, 4), 0xffffffff);
	bus_write(&pio, 0xcf8, 4, 0x80010000);
	assert_int_equal(bus_read(&pio, 0xcfc, 4), 0xffffffff);
	bus_write(&pio, 0xcf8, 4, 0xffffffff);
	assert_int_equal(bus_read(&pio, 0xcf8, 4), 0x80fffffc);
	assert_int_equal(bus_read(&pio, 0xcff, 1), 0xff);
	assert_int_equal(bus_read(&pio, 0xcf8, 2), 0xffff);	/* only whole */
	bus_write(&pio, 0xcf8, 1, 0);
	assert_int_equal(bus_read(&pio, 0xcf8, 4), 0x80fffffc);
}

static void extended_registers_read_as_ones(void **state)
{
	(void)state;
	assert_int_equal(bus_read(&mmio, PCI_ECAM_BASE + 0x8000 + 0x100, 4), 0xffffffff);
	assert_int_equal(bus_read(&mmio, PCI_ECAM_BASE + 0x8000 + 0xfd, 4), 0xffffffff);
	assert_int_equal(bus_read(&mmio, PCI_ECAM_BASE + 0xffffc, 4), 0xffffffff);
}

static void only_writable_bits_change(void **state)
{
	(void)state;
	for (unsigned reg = 0; reg < 256; reg += 4) {
		uint32_t before = (uint32_t)cfg_in(1 << 3, reg, 4);

		if (reg >= 4 && reg < 0x28)
			continue;
		cfg_out(1 << 3, reg, 4, ~before);
		if (reg == 0x40)
			assert_int_equal(cfg_in(1 << 3, reg, 4), before ^ 0x00ffff00);
		else if (reg == 0x3c)
			assert_int_equal(cfg_in(1 << 3, reg, 4), before ^ 0xff);
		else
			assert_int_equal(cfg_in(1 << 3, reg, 4), before);
	}
	func[0].cfg[PCI_STATUS + 1] = 0xf9;
	cfg_out(1 << 3, PCI_STATUS, 2, 0x1000);
	assert_int_equal(cfg_in(1 << 3, PCI_STATUS, 2), 0xe910);
}

static void sizing_a_bar_gives_its_mask_and_flags(void **state)
{
	(void)state;
	assert_int_equal(cfg_in(1 << 3, 0x10, 4), 0x0c);
	for (unsigned reg = 0x10; reg < 0x28; reg += 4)
		cfg_out(1 << 3, reg, 4, 0xffffffff);
	assert_int_equal(cfg_in(1 << 3, 0x10, 4), 0xffffc00c);
	assert_int_equal(cfg_in(1 << 3, 0x14, 4), 0xffffffff);
	assert_int_equal(cfg_in(1 << 3, 0x18, 4), 0xffffffc1);
	assert_int_equal(cfg_in(1 << 3, 0x1c, 4), 0);
}

static void a_bar_appears_moves_and_disappears_with_what_is_written(void **state)
{
	(void)state;
	cfg_out(1 << 3, 0x10, 4, 0xc0000000);
	cfg_out(1 << 3, 0x18, 4, 0x6000);
	assert_int_equal(bus_read(&mmio, 0xc0000010, 4), 0xffffffff);
	cfg_out(1 << 3, PCI_COMMAND, 2, 3);
	assert_int_equal(bus_read(&mmio, 0xc0000010, 4), 0x10);
	assert_int_equal(bus_read(&pio, 0x6008, 4), 8);
	cfg_out(1 << 3, 0x14, 4, 0x12);				/* above 4 GiB */
	assert_int_equal(bus_read(&mmio, 0xc0000010, 4), 0xffffffff);
	assert_int_equal(bus_read(&mmio, 0x12c0003ffc, 4), 0x3ffc);
	cfg_out(1 << 3, PCI_COMMAND, 2, 2);
	assert_int_equal(bus_read(&pio, 0x6008, 4), 0xffffffff);
	assert_int_equal(bus_read(&mmio, 0x12c0000000, 4), 0);
	cfg_out(1 << 3, PCI_COMMAND, 2, 0);
	assert_int_equal(mmio.count, 1);
	assert_int_equal(pio.count, 1);
}

static void a_bar_over_another_range_stays_away_until_it_is_moved(void **state)
{
	(void)state;
	cfg_out(1 << 3, PCI_COMMAND, 2, 3);
	cfg_out(1 << 3, 0x10, 4, PCI_ECAM_BASE);
	assert_int_equal(bus_read(&mmio, PCI_ECAM_BASE, 4), 0x29c08086);
	cfg_out(1 << 3, 0x18, 4, 0xcc0);
	assert_int_equal(bus_read(&pio, 0xcf8, 4) >> 31, 1);
	cfg_out(1 << 3, 0x10, 4, 0xffffffff);			/* sizing while decoding is on */
	cfg_out(1 << 3, 0x14, 4, 0xffffffff);
	cfg_out(1 << 3, 0x14, 4, 0);
	cfg_out(1 << 3, 0x10, 4, 0xc0004000);
	assert_int_equal(bus_read(&mmio, 0xc0004004, 4), 4);
	cfg_out(1 << 3, 0x18, 4, 0xfffffffc);			/* I/O beyond 64 KiB does not exist */
	assert_int_equal(pio.count, 1);
}

static void bars_of_two_functions_do_not_displace_each_other(void **state)
{
	(void)state;
	cfg_out(1 << 3, 0x10, 4, 0xc0000000);
	cfg_out(1 << 3, PCI_COMMAND, 2, 2);
	cfg_out(2 << 3, 0x10, 4, 0xc0000000);
	cfg_out(2 << 3, PCI_COMMAND, 2, 2);
	assert_true(func[1].mapped[0] == PCI_UNMAPPED);
	cfg_out(2 << 3, PCI_COMMAND, 2, 0);
	assert_int_equal(bus_read(&mmio, 0xc0000004, 4), 4);
}

static void intx_lines_are_shared_and_can_be_disabled(void **state)
{
	(void)state;
	assert_int_equal(pci_gsi(&func[0]), 17);
	assert_int_equal(pci_gsi(&func[2]), 19);
	func[1].cfg[PCI_INTERRUPT_PIN] = 4;			/* device 2, pin D: line 16 + 5 */
	assert_int_equal(pci_gsi(&func[1]), 21);
	func[1].cfg[PCI_INTERRUPT_PIN] = 8;			/* folds onto the line of function 0 */
	assert_int_equal(pci_gsi(&func[1]), 17);
	pci_intx_set(&func[0], true);
	pci_intx_set(&func[1], true);
	pci_intx_set(&func[0], false);
	assert_true(fake_line[17].level);
	assert_int_equal(cfg_in(2 << 3, PCI_STATUS, 2), 0x18);
	cfg_out(2 << 3, PCI_COMMAND, 2, 0x0400);
	assert_false(fake_line[17].level);
	cfg_out(2 << 3, PCI_COMMAND, 2, 0);
	assert_true(fake_line[17].level);
	pci_reset(&pci);
	assert_false(fake_line[17].level);
}

static void a_slot_can_be_taken_once(void **state)
{
	static struct pci_func more[PCI_FUNCS];

	(void)state;
	more[0] = (struct pci_func){ .devfn = 8 };
	assert_false(pci_add(&pci, &more[0]));
	for (unsigned i = 4; i <= PCI_FUNCS; i++) {
		more[i - 4] = (struct pci_func){ .devfn = (uint8_t)(0x80 + i) };
		assert_int_equal(pci_add(&pci, &more[i - 4]), i < PCI_FUNCS);
	}
}

static void the_reset_control_register_resets_on_a_rising_bit_2(void **state)
{
	(void)state;
	bus_write(&pio, 0xcf9, 1, 0x02);
	assert_int_equal(vm.resets, 0);
	bus_write(&pio, 0xcf9, 1, 0x06);
	assert_int_equal(vm.resets, 1);
	assert_int_equal(bus_read(&pio, 0xcf9, 1), 0x06);
	bus_write(&pio, 0xcf9, 1, 0x0e);
	assert_int_equal(vm.resets, 1);
	bus_write(&pio, 0xcf8, 4, 0x80000600);			/* a dword is the address, never a reset */
	assert_int_equal(vm.resets, 1);
}

static void reset_takes_bars_off_the_bus(void **state)
{
	(void)state;
	cfg_out(1 << 3, 0x10, 4, 0xc0000000);
	cfg_out(1 << 3, PCI_COMMAND, 2, 2);
	assert_int_equal(mmio.count, 2);
	pci_reset(&pci);
	assert_int_equal(mmio.count, 1);
	assert_int_equal(cfg_in(1 << 3, 0x10, 4), 0x0c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(the_host_bridge_is_there_and_other_slots_are_empty, setup),
		cmocka_unit_test_setup(ports_and_ecam_show_the_same_bytes_at_every_size, setup),
		cmocka_unit_test_setup(configuration_access_needs_the_enable_bit_and_bus_0, setup),
		cmocka_unit_test_setup(extended_registers_read_as_ones, setup),
		cmocka_unit_test_setup(only_writable_bits_change, setup),
		cmocka_unit_test_setup(sizing_a_bar_gives_its_mask_and_flags, setup),
		cmocka_unit_test_setup(a_bar_appears_moves_and_disappears_with_what_is_written, setup),
		cmocka_unit_test_setup(a_bar_over_another_range_stays_away_until_it_is_moved, setup),
		cmocka_unit_test_setup(bars_of_two_functions_do_not_displace_each_other, setup),
		cmocka_unit_test_setup(intx_lines_are_shared_and_can_be_disabled, setup),
		cmocka_unit_test_setup(a_slot_can_be_taken_once, setup),
		cmocka_unit_test_setup(the_reset_control_register_resets_on_a_rising_bit_2, setup),
		cmocka_unit_test_setup(reset_takes_bars_off_the_bus, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
