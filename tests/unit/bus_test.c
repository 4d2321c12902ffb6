/* SPDX-License-Identifier: Apache-2.0 */
/* Port and MMIO maps. */
/* sources: vmm/bus.c tests/fake/dev_fake.c */
#include "bus.h"
#include <dev_fake.h>

static struct vm vm;
static struct bus bus;

/* A model that remembers its accesses; each byte it reads out is its offset. */
struct probe {
	uint64_t off[16], val[16];
	unsigned size[16], count;
};
static struct probe probe[2];

static void note(struct probe *p, uint64_t off, unsigned size, uint64_t val)
{
	assert_true(p->count < 16);
	p->off[p->count] = off;
	p->size[p->count] = size;
	p->val[p->count++] = val;
}

static uint64_t probe_read(void *dev, uint64_t off, unsigned size)
{
	uint64_t val = 0;

	note(dev, off, size, 0);
	for (unsigned i = 0; i < 8; i++)	/* more than was asked for: the bus cuts it off */
		val |= ((off + i) & 0xff) << (8 * i);
	return val;
}

static void probe_write(void *dev, uint64_t off, unsigned size, uint64_t val)
{
	note(dev, off, size, val);
}

static const struct bus_ops probe_ops = { probe_read, probe_write };
static const struct bus_ops read_only_ops = { probe_read, NULL };

static bool add(uint64_t base, uint64_t len, unsigned max_size, unsigned n)
{
	struct bus_range r = { base, len, &probe_ops, &probe[n], "probe", max_size };

	return bus_add(&bus, &r);
}

static int setup(void **state)
{
	(void)state;
	fake_reset(&vm);
	memset(probe, 0, sizeof(probe));
	bus_init(&bus, &vm, "port", 0xffff);
	return 0;
}

static void overlapping_ranges_are_refused(void **state)
{
	(void)state;
	assert_true(add(0x100, 0x10, 1, 0));
	assert_false(add(0x100, 0x10, 1, 0));
	assert_false(add(0x10f, 1, 1, 0));
	assert_false(add(0xff, 2, 1, 0));
	assert_false(add(0, 0x10000, 1, 0));
	assert_true(add(0x110, 1, 1, 0));
	assert_true(add(0xff, 1, 1, 0));
	assert_true(add(0, 0xff, 1, 0));
	assert_int_equal(bus.count, 4);
}

static void ranges_outside_the_bus_are_refused(void **state)
{
	(void)state;
	assert_false(add(0x10000, 1, 1, 0));
	assert_false(add(0xffff, 2, 1, 0));
	assert_false(add(0x100, UINT64_MAX, 1, 0));
	assert_false(add(0x100, 0, 1, 0));
	assert_true(add(0xffff, 1, 1, 0));
	bus_init(&bus, &vm, "mmio", UINT64_MAX);
	assert_true(add(UINT64_MAX, 1, 1, 0));
	assert_false(add(UINT64_MAX, 2, 1, 0));
}

static void a_full_bus_refuses_and_removal_makes_room(void **state)
{
	(void)state;
	for (unsigned i = 0; i < BUS_RANGES; i++)
		assert_true(add(0x1000 - 16 * i, 16, 1, i % 2));
	assert_false(add(0x2000, 1, 1, 0));
	assert_false(bus_remove(&bus, 0x1001));
	assert_true(bus_remove(&bus, 0x1000));
	assert_true(add(0x2000, 1, 1, 0));
	for (unsigned i = 1; i < bus.count; i++)
		assert_true(bus.range[i - 1].base + bus.range[i - 1].len <= bus.range[i].base);
}

static void every_address_reaches_its_range(void **state)
{
	(void)state;
	assert_true(add(0x300, 8, 1, 1));
	assert_true(add(0x100, 8, 1, 0));
	assert_true(add(0x200, 8, 1, 1));
	for (unsigned i = 0; i < 8; i++) {
		probe[0].count = probe[1].count = 0;
		assert_int_equal(bus_read(&bus, 0x100 + i, 1), i);
		assert_int_equal(bus_read(&bus, 0x300 + i, 1), i);
		assert_int_equal(bus_read(&bus, 0x200 + i, 1), i);
		assert_int_equal(probe[0].count, 1);
		assert_int_equal(probe[1].count, 2);
	}
	assert_int_equal(vm.unclaimed, 0);
}

static void an_access_wider_than_the_model_is_split_from_low_to_high(void **state)
{
	(void)state;
	assert_true(add(0x40, 4, 1, 0));
	assert_int_equal(bus_read(&bus, 0x40, 4), 0x03020100);
	assert_int_equal(probe[0].count, 4);
	bus_write(&bus, 0x41, 2, 0xbbaa);
	assert_int_equal(probe[0].off[4], 1);
	assert_int_equal(probe[0].val[4], 0xaa);
	assert_int_equal(probe[0].off[5], 2);
	assert_int_equal(probe[0].val[5], 0xbb);
}

static void an_access_the_model_takes_arrives_whole_at_any_alignment(void **state)
{
	(void)state;
	assert_true(add(0x600, 0x40, 4, 0));
	assert_int_equal(bus_read(&bus, 0x601, 4), 0x04030201);
	assert_int_equal(probe[0].count, 1);
	assert_int_equal(probe[0].size[0], 4);
	assert_int_equal(bus_read(&bus, 0x608, 8), 0x0f0e0d0c0b0a0908);
	assert_int_equal(probe[0].count, 3);		/* two of four bytes */
}

static void an_access_across_ranges_and_holes_is_put_together(void **state)
{
	(void)state;
	assert_true(add(0x60, 1, 1, 0));
	assert_true(add(0x61, 1, 1, 1));
	assert_int_equal(bus_read(&bus, 0x5f, 4), 0xff0000ff);
	assert_int_equal(probe[0].count, 1);
	assert_int_equal(probe[1].count, 1);
	assert_int_equal(bus.unclaimed, 2);
	bus_write(&bus, 0x5f, 8, 0x8877665544332211);
	assert_int_equal(probe[0].val[1], 0x22);
	assert_int_equal(probe[1].val[1], 0x33);
}

static void unclaimed_reads_as_ones_and_is_reported_once_per_address(void **state)
{
	(void)state;
	assert_int_equal(bus_read(&bus, 0x80, 1), 0xff);
	assert_int_equal(bus_read(&bus, 0x80, 2), 0xffff);
	assert_int_equal(bus_read(&bus, 0x80, 4), 0xffffffff);
	assert_true(bus_read(&bus, 0x80, 8) == UINT64_MAX);
	bus_write(&bus, 0x80, 1, 5);
	assert_int_equal(bus.unclaimed, 5);
	assert_int_equal(vm.unclaimed, 1);
	bus_write(&bus, 0x90, 4, 0x12345678);
	assert_int_equal(vm.unclaimed, 2);
	assert_int_equal(vm.unclaimed_addr, 0x90);
	assert_int_equal(vm.unclaimed_size, 4);
	assert_int_equal(vm.unclaimed_val, 0x12345678);
	for (unsigned i = 0; i < 10 * BUS_SEEN; i++)
		bus_read(&bus, 0x1000 + i, 1);
	assert_int_equal(vm.unclaimed, BUS_SEEN);
	assert_int_equal(bus.unclaimed, 6 + 10 * BUS_SEEN);
}

static void an_access_past_the_last_address_does_not_wrap(void **state)
{
	(void)state;
	assert_true(add(0, 16, 1, 0));
	assert_true(add(0xfffe, 2, 1, 1));
	assert_int_equal(bus_read(&bus, 0xfffe, 4), 0xffff0100);
	assert_int_equal(probe[0].count, 0);
	bus_init(&bus, &vm, "mmio", UINT64_MAX);
	assert_true(add(0, 16, 8, 0));
	assert_true(bus_read(&bus, UINT64_MAX - 3, 8) == UINT64_MAX);
	bus_write(&bus, UINT64_MAX, 8, 0);
	assert_int_equal(probe[0].count, 0);
}

static void a_write_to_a_read_only_range_is_unclaimed(void **state)
{
	struct bus_range r = { 0x10, 4, &read_only_ops, &probe[0], "rom", 4 };

	(void)state;
	assert_true(bus_add(&bus, &r));
	bus_write(&bus, 0x10, 4, 1);
	assert_int_equal(probe[0].count, 0);
	assert_int_equal(bus.unclaimed, 1);
}

static void sizes_that_do_not_exist_touch_nothing(void **state)
{
	(void)state;
	assert_true(add(0, 16, 8, 0));
	assert_true(bus_read(&bus, 0, 0) == UINT64_MAX);
	assert_true(bus_read(&bus, 0, 16) == UINT64_MAX);
	bus_write(&bus, 0, 0, 1);
	bus_write(&bus, 0, 9, 1);
	assert_int_equal(probe[0].count, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(overlapping_ranges_are_refused, setup),
		cmocka_unit_test_setup(ranges_outside_the_bus_are_refused, setup),
		cmocka_unit_test_setup(a_full_bus_refuses_and_removal_makes_room, setup),
		cmocka_unit_test_setup(every_address_reaches_its_range, setup),
		cmocka_unit_test_setup(an_access_wider_than_the_model_is_split_from_low_to_high, setup),
		cmocka_unit_test_setup(an_access_the_model_takes_arrives_whole_at_any_alignment, setup),
		cmocka_unit_test_setup(an_access_across_ranges_and_holes_is_put_together, setup),
		cmocka_unit_test_setup(unclaimed_reads_as_ones_and_is_reported_once_per_address, setup),
		cmocka_unit_test_setup(an_access_past_the_last_address_does_not_wrap, setup),
		cmocka_unit_test_setup(a_write_to_a_read_only_range_is_unclaimed, setup),
		cmocka_unit_test_setup(sizes_that_do_not_exist_touch_nothing, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
