/* SPDX-License-Identifier: Apache-2.0 */
/* The PCI server's list: functions, BARs and messages as they are, and nothing that cannot be. */
/* sources: drivers/pci/scan.c drivers/pci/message.c */
#include <drivers/pci/scan.h>

#include <drivers/pci/config.h>
#include <drivers/pci/message.h>
#include <lib/bytes.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define DEVICE	(3u << 3)

/* One function: its registers, and which bits of the BARs can be written. */
static struct function {
	uint32_t address;
	uint8_t reg[256];
	uint32_t bar_mask[PCI_BARS];
} function[3];
static unsigned functions, decoding_writes;
static struct pci_shared list;

static struct function *at(uint32_t address)
{
	for (unsigned i = 0; i < functions; i++)
		if (function[i].address == address)
			return &function[i];
	return NULL;
}

uint32_t config_read(uint32_t address, unsigned offset, unsigned size)
{
	struct function *f = at(address);

	assert_true(offset % size == 0);
	return f && offset < 256 ? (uint32_t)read_le(f->reg + offset, size) : (uint32_t)((1ull << 8 * size) - 1);
}

void config_write(uint32_t address, unsigned offset, unsigned size, uint32_t value)
{
	struct function *f = at(address);

	assert_non_null(f);
	for (unsigned i = 0; i < PCI_BARS; i++)
		if (offset == CFG_BAR(i)) {
			value = (value & f->bar_mask[i]) | (f->reg[offset] & 0xf & ~f->bar_mask[i]);
			decoding_writes += f->reg[CFG_COMMAND] & 3 ? 1 : 0;
		}
	write_le(f->reg + offset, size, value);
}

static struct function *add(uint32_t address, uint32_t vendor, uint32_t class)
{
	struct function *f = &function[functions++];

	memset(f, 0, sizeof(*f));
	f->address = address;
	write_le(f->reg, 4, vendor);
	write_le(f->reg + 8, 4, class << 8);
	f->reg[CFG_COMMAND] = 7;
	return f;
}

static void bar(struct function *f, unsigned i, uint32_t value, uint32_t mask)
{
	write_le(f->reg + CFG_BAR(i), 4, value);
	f->bar_mask[i] = mask;
}

/* Capabilities @id at @offset, followed by that at @next. */
static void capability(struct function *f, unsigned offset, unsigned id, unsigned next)
{
	f->reg[CFG_STATUS] = CFG_STATUS_CAPABILITIES;
	f->reg[offset] = (uint8_t)id;
	f->reg[offset + 1] = (uint8_t)next;
}

static int setup(void **state)
{
	(void)state;
	functions = decoding_writes = 0;
	return 0;
}

static void a_function_is_listed_with_what_it_has(void **state)
{
	struct function *f = add(DEVICE, 0x10421af4, 0x010000);
	const struct pci_device *d = &list.device[0];

	(void)state;
	bar(f, 0, 0xc001, 0xffe0);
	bar(f, 1, 0xfebd1000, 0xfffff000);
	bar(f, 4, 0xfe00000c, 0xffffc000);
	bar(f, 5, 0x8, 0xffffffff);
	capability(f, 0x40, 9, 0x50);
	capability(f, 0x50, CAP_MSIX, 0);
	f->reg[0x52] = 3;
	f->reg[CFG_CAPABILITIES] = 0x40;
	write_le(f->reg + 0x54, 4, 1);
	write_le(f->reg + 0x58, 4, 0x801);
	scan(&list, 0, 1);
	assert_int_equal(list.count, 1);
	assert_int_equal(d->address, DEVICE);
	assert_int_equal(d->vendor, 0x1af4);
	assert_int_equal(d->device, 0x1042);
	assert_int_equal(d->class, 0x010000);
	assert_int_equal(d->bar[0].base, 0xc000);
	assert_int_equal(d->bar[0].size, 0x20);
	assert_int_equal(d->bar[0].flags, PCI_BAR_IO);
	assert_int_equal(d->bar[1].size, 0x1000);
	assert_true(d->bar[4].base == 0x8fe000000);
	assert_int_equal(d->bar[4].size, 0x4000);
	assert_int_equal(d->bar[4].flags, PCI_BAR_WIDE | PCI_BAR_PREFETCH);
	assert_int_equal(d->bar[5].size, 0);
	assert_int_equal(d->messages, 4);
	assert_int_equal(d->table_bar, 1);
	assert_int_equal(d->pba_offset, 0x800);
	/* Nothing has changed, and nothing was decoded meanwhile. */
	assert_int_equal(decoding_writes, 0);
	assert_int_equal(f->reg[CFG_COMMAND], 7);
	assert_int_equal(read_le(f->reg + CFG_BAR(1), 4), 0xfebd1000);
}

static void other_functions_count_only_where_function_0_says_so(void **state)
{
	(void)state;
	add(DEVICE, 0x11111111, 0x020000);
	add(DEVICE + 1, 0x22222222, 0x020000);
	add(1 << 8, 0x33333333, 0x060400);
	scan(&list, 0, 1);
	assert_int_equal(list.count, 2);
	function[0].reg[CFG_HEADER] = CFG_HEADER_MULTI;
	scan(&list, 0, 1);
	assert_int_equal(list.count, 3);
	scan(&list, 0, 0);
	assert_int_equal(list.count, 2);
}

static void what_cannot_be_is_left_out(void **state)
{
	struct function *f = add(DEVICE, 0x11111111, 0x020000);

	(void)state;
	bar(f, 0, 0x00001000, 0xffff0000);	/* not aligned to its size       */
	bar(f, 1, 0xfebd0000, 0xf0ff0000);	/* its size is no power of two   */
	bar(f, 2, 0, 0xffff0000);		/* not placed                    */
	bar(f, 5, 0xfebd0004, 0xffff0000);	/* 64 bits without an upper half */
	capability(f, 0x40, CAP_MSIX, 0x48);	/* table outside of any BAR      */
	capability(f, 0x48, 9, 0x40);		/* a loop                        */
	f->reg[CFG_CAPABILITIES] = 0x40;
	write_le(f->reg + 0x44, 4, 3);
	scan(&list, 0, 0);
	assert_int_equal(list.device[0].messages, 0);
	assert_int_equal(list.device[0].msix, 0);
	for (unsigned i = 0; i < PCI_BARS - 1; i++)
		assert_int_equal(list.device[0].bar[i].size, 0);
	assert_int_equal(list.device[0].bar[5].size, 0x10000);
	assert_int_equal(scan_capability(DEVICE, 5), 0);
}

static void only_messages_to_a_local_apic_with_a_vector_of_a_device_are_accepted(void **state)
{
	(void)state;
	assert_true(message_valid(0xfee00000, 0x90));
	assert_true(message_valid(0xfee03000, 0xef));
	assert_false(message_valid(0xfee0300c, 0x90));
	assert_false(message_valid(0x1fee00000, 0x90));
	assert_false(message_valid(0xfed00000, 0x90));
	assert_false(message_valid(0xfee00000, 0x0e));
	assert_false(message_valid(0xfee00000, 0x190));
	assert_false(message_valid(0xfee00000, 0x8090));
}

static void a_message_is_written_behind_a_mask_and_all_others_stay_masked(void **state)
{
	struct function *f = add(DEVICE, 0x11111111, 0x020000);
	struct pci_device d = { .address = DEVICE, .messages = 3, .msix = 0x40 };
	uint32_t table[12];

	(void)state;
	memset(table, 0, sizeof(table));
	message_set(&d, table, 1, 0xfee02000, 0x91);
	assert_int_equal(table[4], 0xfee02000);
	assert_int_equal(table[6], 0x91);
	assert_int_equal(table[7], 0);
	assert_int_equal(table[3], MSIX_ENTRY_MASKED);
	assert_int_equal(table[11], MSIX_ENTRY_MASKED);
	assert_int_equal(read_le(f->reg + 0x42, 2), MSIX_CONTROL_ENABLE);
	message_off(&d, table);
	assert_int_equal(table[7], MSIX_ENTRY_MASKED);
	assert_int_equal(read_le(f->reg + 0x42, 2), 0);
	d = (struct pci_device){ .address = DEVICE, .messages = 1, .msi = 0x50 };
	write_le(f->reg + 0x52, 2, MSI_CONTROL_64 | MSI_CONTROL_MULTIPLE);
	message_set(&d, NULL, 0, 0xfee01000, 0x92);
	assert_int_equal(read_le(f->reg + 0x54, 8), 0xfee01000);
	assert_int_equal(read_le(f->reg + 0x5c, 2), 0x92);
	assert_int_equal(read_le(f->reg + 0x52, 2), MSI_CONTROL_64 | MSI_CONTROL_ENABLE);
	message_off(&d, NULL);
	assert_int_equal(read_le(f->reg + 0x52, 2), MSI_CONTROL_64);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_function_is_listed_with_what_it_has, setup),
		cmocka_unit_test_setup(other_functions_count_only_where_function_0_says_so, setup),
		cmocka_unit_test_setup(what_cannot_be_is_left_out, setup),
		cmocka_unit_test_setup(only_messages_to_a_local_apic_with_a_vector_of_a_device_are_accepted, setup),
		cmocka_unit_test_setup(a_message_is_written_behind_a_mask_and_all_others_stay_masked, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
