/* SPDX-License-Identifier: Apache-2.0 */
/* Flash with variables: found by UEFI firmware's way of looking, written and erased as a chip is, hidden while it answers. */
/* sources: vmm/dev/flash.c vmm/bus.c tests/fake/dev_fake.c */
#include <dev/flash.h>
#include <dev_fake.h>

#define BASE	0xffc00000ull
#define SIZE	(4 * FLASH_BLOCK)

static struct vm vm;
static struct bus mmio;
static struct flash flash;
static uint8_t data[SIZE];
static unsigned shown, hidden;
static bool visible;

static void show(void *arg, bool on)
{
	assert_ptr_equal(arg, &vm);
	assert_int_not_equal(visible, on);
	visible = on;
	shown += on;
	hidden += !on;
}

static int setup(void **state)
{
	struct flash_setup s = { .mmio = &mmio, .base = BASE, .size = SIZE, .data = data, .show = show, .arg = &vm };

	(void)state;
	fake_reset(&vm);
	bus_init(&mmio, &vm, "mmio", UINT64_MAX);
	shown = hidden = 0;
	visible = true;
	for (unsigned i = 0; i < SIZE; i++)
		data[i] = (uint8_t)(i * 13 + 7);
	assert_true(flash_init(&flash, &s));
	assert_false(flash_init(&flash, &s));		/* the addresses are taken now */
	return 0;
}

static void out(uint64_t off, uint8_t val) { bus_write(&mmio, BASE + off, 1, val); }
static uint8_t in(uint64_t off) { return (uint8_t)bus_read(&mmio, BASE + off, 1); }

static void firmware_takes_it_for_flash_and_not_for_rom_or_ram(void **state)
{
	(void)state;
	out(5, 0x50);
	assert_int_not_equal(in(5), 0x50);		/* not RAM */
	out(5, 0x70);
	assert_int_equal(in(5), 0);			/* a cleared status, and not what was there */
	assert_false(visible);
	out(5, 0xff);
	assert_true(visible);
	assert_int_equal(in(5), data[5]);
	out(0, 0x90);
	assert_int_equal(in(0), 0x89);
	assert_int_equal(in(1), 0x18);
	out(0, 0xff);
}

static void programming_only_clears_bits_and_erasing_sets_those_of_one_block(void **state)
{
	(void)state;
	out(FLASH_BLOCK + 100, 0x20);
	out(FLASH_BLOCK + 100, 0xd0);
	assert_int_equal(in(0), 0x80);
	for (unsigned i = 0; i < SIZE; i++)
		assert_int_equal(data[i], i / FLASH_BLOCK == 1 ? 0xff : (uint8_t)(i * 13 + 7));
	for (unsigned i = 0; i < 8; i++) {
		out(FLASH_BLOCK + i, i % 2 ? 0x10 : 0x40);
		out(FLASH_BLOCK + i, (uint8_t)(0x30 + i));
	}
	assert_memory_equal(data + FLASH_BLOCK, "01234567\xff", 9);
	out(FLASH_BLOCK, 0x10);
	out(FLASH_BLOCK, 0x0f);
	assert_int_equal(data[FLASH_BLOCK], 0);
	assert_int_equal(hidden, 1);			/* once for all of this */
	out(FLASH_BLOCK, 0xff);
	assert_int_equal(shown, 1);
}

static void an_erase_that_is_not_confirmed_says_so_and_does_nothing(void **state)
{
	(void)state;
	out(0, 0x20);
	out(0, 0xff);
	assert_int_equal(in(0), 0xb0);
	assert_int_equal(data[0], 7);
	out(0, 0x50);
	out(0, 0x70);
	assert_int_equal(in(0), 0);
}

static void whatever_is_written_only_the_flash_changes_and_its_mode_fits_what_is_shown(void **state)
{
	uint32_t x = 1;

	(void)state;
	for (unsigned i = 0; i < 100000; i++) {
		x = x * 1664525 + 1013904223;
		bus_write(&mmio, BASE + (x >> 8) % (SIZE - 7), 1u << (x >> 30), (uint64_t)x << 32 | "\x10\x20\x40\x50\x70\x90\xd0\xff"[x >> 27 & 7]);
		(void)bus_read(&mmio, BASE + (x >> 9) % (SIZE - 7), 1u << (x >> 29 & 3));
		assert_int_equal(visible, !flash.hidden);
	}
	out(0, 0xff);
	out(0, 0xff);
	out(0, 0xff);
	assert_true(visible);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(firmware_takes_it_for_flash_and_not_for_rom_or_ram, setup),
		cmocka_unit_test_setup(programming_only_clears_bits_and_erasing_sets_those_of_one_block, setup),
		cmocka_unit_test_setup(an_erase_that_is_not_confirmed_says_so_and_does_nothing, setup),
		cmocka_unit_test_setup(whatever_is_written_only_the_flash_changes_and_its_mode_fits_what_is_shown, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
