/* SPDX-License-Identifier: Apache-2.0 */
/* The devices for test guests. */
/* sources: vmm/dev/testdev.c vmm/bus.c tests/fake/dev_fake.c tests/fake/dev_lines.c */
#include <dev/testdev.h>
#include <dev_fake.h>

static struct vm vm;
static struct testdev t;
static struct bus pio, mmio;
static uint8_t memory[TESTDEV_MEMORY_SIZE];

static int setup(void **state)
{
	const struct dev_env env = { .vm = &vm };

	(void)state;
	fake_reset(&vm);
	memset(fake_line, 0, sizeof(fake_line));
	memset(memory, 0, sizeof(memory));
	bus_init(&pio, &vm, "port", 0xffff);
	bus_init(&mmio, &vm, "mmio", UINT64_MAX);
	assert_true(testdev_init(&t, &env, &pio, &mmio, memory));
	assert_true(pvpanic_init(&env, &pio));
	return 0;
}

static void the_memory_takes_any_size_at_any_address(void **state)
{
	(void)state;
	bus_write(&mmio, TESTDEV_MEMORY + 0xffd, 8, 0x1122334455667788);
	assert_int_equal(bus_read(&mmio, TESTDEV_MEMORY + 0xffd, 8), 0x1122334455667788);
	assert_int_equal(bus_read(&mmio, TESTDEV_MEMORY + 0xfff, 2), 0x5566);
	bus_write(&mmio, TESTDEV_MEMORY + TESTDEV_MEMORY_SIZE - 1, 1, 0xab);
	assert_int_equal(bus_read(&mmio, TESTDEV_MEMORY + TESTDEV_MEMORY_SIZE - 1, 1), 0xab);
	assert_int_equal(vm.unclaimed, 0);
}

static void an_access_across_the_end_of_the_memory_stays_inside(void **state)
{
	(void)state;
	bus_write(&mmio, TESTDEV_MEMORY + TESTDEV_MEMORY_SIZE - 2, 4, 0xddccbbaa);
	assert_int_equal(bus_read(&mmio, TESTDEV_MEMORY + TESTDEV_MEMORY_SIZE - 2, 4), 0xffffbbaa);
}

static void the_scratch_ports_remember_1_2_and_4_bytes(void **state)
{
	(void)state;
	bus_write(&pio, 0xe0, 4, 0x12345678);
	assert_int_equal(bus_read(&pio, 0xe0, 4), 0x12345678);
	bus_write(&pio, 0xe0, 1, 0xff);
	assert_int_equal(bus_read(&pio, 0xe0, 2), 0x56ff);
	assert_int_equal(bus_read(&pio, 0xe2, 2), 0x1234);
}

static void the_exit_port_ends_the_vm_with_its_code(void **state)
{
	(void)state;
	bus_write(&pio, 0xf4, 4, 77);
	assert_int_equal(vm.debug_exits, 1);
	assert_int_equal(vm.debug_code, 77);
	bus_write(&pio, 0xf4, 1, 3);
	assert_int_equal(vm.debug_code, 3);
}

static void each_line_follows_its_port(void **state)
{
	(void)state;
	bus_write(&pio, 0x2000 + 14, 1, 1);
	assert_true(fake_line[14].level);
	assert_false(fake_line[15].level);
	bus_write(&pio, 0x2000 + 14, 4, 0);
	assert_false(fake_line[14].level);
	assert_int_equal(fake_line[14].rises, 1);
}

static void a_crash_is_reported_with_what_the_guest_does_about_it(void **state)
{
	(void)state;
	assert_int_equal(bus_read(&pio, PVPANIC_PORT, 1), 3);
	bus_write(&pio, PVPANIC_PORT, 1, 0xfc);
	assert_int_equal(vm.panicked, 0);
	bus_write(&pio, PVPANIC_PORT, 1, PVPANIC_PANICKED);
	assert_int_equal(vm.panicked, PVPANIC_PANICKED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(the_memory_takes_any_size_at_any_address, setup),
		cmocka_unit_test_setup(an_access_across_the_end_of_the_memory_stays_inside, setup),
		cmocka_unit_test_setup(the_scratch_ports_remember_1_2_and_4_bytes, setup),
		cmocka_unit_test_setup(the_exit_port_ends_the_vm_with_its_code, setup),
		cmocka_unit_test_setup(each_line_follows_its_port, setup),
		cmocka_unit_test_setup(a_crash_is_reported_with_what_the_guest_does_about_it, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
