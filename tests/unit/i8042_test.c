/* SPDX-License-Identifier: Apache-2.0 */
/* Keyboard controller without keyboard, and the one-latch ports. */
/* sources: vmm/dev/i8042.c vmm/dev/misc.c tests/fake/dev_fake.c tests/fake/dev_lines.c */
#include <dev/i8042.h>
#include <dev/misc.h>
#include <dev_fake.h>

static struct vm vm;
static struct i8042 kbd;
static struct misc misc;

static uint8_t status(void)
{
	return (uint8_t)i8042_cmd_ops.read(&kbd, 0, 1);
}

static uint8_t data(void)
{
	return (uint8_t)i8042_data_ops.read(&kbd, 0, 1);
}

static void command(uint8_t c)
{
	i8042_cmd_ops.write(&kbd, 0, 1, c);
}

static void send(uint8_t b)
{
	i8042_data_ops.write(&kbd, 0, 1, b);
}

static int setup(void **state)
{
	struct dev_env env = { .vm = &vm };

	(void)state;
	fake_reset(&vm);
	memset(fake_line, 0, sizeof(fake_line));
	i8042_init(&kbd, &env);
	misc_init(&misc, &env);
	return 0;
}

static void the_output_buffer_is_empty_at_start(void **state)
{
	(void)state;
	assert_int_equal(status() & 0x03, 0);		/* so that a driver's flush ends at once */
}

static void self_tests_pass(void **state)
{
	(void)state;
	command(0xaa);
	assert_int_equal(status() & 1, 1);
	assert_int_equal(data(), 0x55);
	assert_int_equal(status() & 1, 0);
	command(0xab);
	assert_int_equal(data(), 0);
}

static void the_command_byte_and_the_ram_keep_their_values(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 32; i++) {
		command((uint8_t)(0x60 + i));
		send((uint8_t)(i * 7));
	}
	for (unsigned i = 0; i < 32; i++) {
		command((uint8_t)(0x20 + i));
		assert_int_equal(data(), i * 7);
	}
	command(0x60);
	send(0x00);
	command(0xad);
	command(0xa7);
	command(0x20);
	assert_int_equal(data(), 0x30);
	command(0xae);
	command(0xa8);
	command(0x20);
	assert_int_equal(data(), 0x00);
}

static void the_second_port_fails_its_tests(void **state)
{
	(void)state;
	command(0xd3);
	send(0x5a);
	assert_int_equal(status() & 0x21, 0x01);	/* not from the second port */
	assert_int_equal(data(), 0x5a);
	command(0xa9);
	assert_int_equal(data(), 0x01);
}

static void a_missing_device_answers_with_a_timeout(void **state)
{
	(void)state;
	send(0xf2);
	assert_int_equal(status() & 0x41, 0x41);
	assert_int_equal(data(), 0xfe);
	assert_int_equal(status() & 0x41, 0);
	command(0xd4);
	send(0xf2);
	assert_int_equal(status() & 0x41, 0x41);
}

static void the_keyboard_interrupt_follows_the_buffer_if_enabled(void **state)
{
	(void)state;
	command(0xd2);
	send(0x1c);
	assert_false(fake_line[1].level);
	command(0x60);
	send(0x01);
	assert_true(fake_line[1].level);
	assert_int_equal(data(), 0x1c);
	assert_false(fake_line[1].level);
}

static void pulsing_bit_0_or_clearing_it_in_the_output_port_resets(void **state)
{
	(void)state;
	command(0xfe);
	assert_int_equal(vm.resets, 1);
	command(0xff);
	assert_int_equal(vm.resets, 1);
	command(0xf0);
	assert_int_equal(vm.resets, 2);
	command(0xd1);
	send(0xdf);					/* A20 on */
	assert_int_equal(vm.resets, 2);
	command(0xd0);
	assert_int_equal(data() & 0x03, 0x03);
	command(0xd1);
	send(0xfe);
	assert_int_equal(vm.resets, 3);
}

static void a_command_cancels_one_that_waits_for_its_data(void **state)
{
	(void)state;
	command(0x60);
	command(0xaa);
	send(0x01);					/* to the keyboard then */
	command(0x20);
	assert_int_equal(data(), 0x34);
}

static void random_bytes_do_no_harm(void **state)
{
	uint32_t x = 1;

	(void)state;
	for (unsigned i = 0; i < 100000; i++) {
		x = x * 1664525 + 1013904223;
		switch (x >> 30) {
		case 0:
			command((uint8_t)(x >> 16));
			break;
		case 1:
			send((uint8_t)(x >> 16));
			break;
		case 2:
			data();
			break;
		default:
			status();
			break;
		}
	}
}

static void port_92_switches_a20_and_resets_on_a_rising_bit_0(void **state)
{
	(void)state;
	assert_int_equal(misc_port92_ops.read(&misc, 0, 1), 0x02);
	misc_port92_ops.write(&misc, 0, 1, 0x00);
	assert_int_equal(misc_port92_ops.read(&misc, 0, 1), 0x00);
	misc_port92_ops.write(&misc, 0, 1, 0xfe);
	assert_int_equal(misc_port92_ops.read(&misc, 0, 1), 0x02);
	assert_int_equal(vm.resets, 0);
	misc_port92_ops.write(&misc, 0, 1, 0x03);
	assert_int_equal(vm.resets, 1);
	misc_port92_ops.write(&misc, 0, 1, 0x03);
	assert_int_equal(vm.resets, 1);
}

static void latches_keep_what_is_written(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 16; i++)
		misc_post_ops.write(&misc, i, 1, i + 100);
	for (unsigned i = 0; i < 16; i++)
		assert_int_equal(misc_post_ops.read(&misc, i, 1), i + 100);
	misc_apm_ops.write(&misc, 0, 1, 0xa0);
	misc_apm_ops.write(&misc, 1, 1, 0xb1);
	assert_int_equal(misc_apm_ops.read(&misc, 0, 1), 0xa0);
	assert_int_equal(misc_apm_ops.read(&misc, 1, 1), 0xb1);
}

static void type_in(uint8_t b, const uint8_t *expected, unsigned count)
{
	send(b);
	for (unsigned i = 0; i < count; i++) {
		assert_int_equal(status() & 1, 1);
		assert_int_equal(data(), expected[i]);
	}
	assert_int_equal(status() & 1, 0);
}

static void a_keyboard_acknowledges_and_says_who_it_is(void **state)
{
	(void)state;
	kbd.keyboard = true;
	type_in(0xff, (const uint8_t[]){ 0xfa, 0xaa }, 2);
	type_in(0xf2, (const uint8_t[]){ 0xfa, 0xab, 0x83 }, 3);
	type_in(0xee, (const uint8_t[]){ 0xee }, 1);
	type_in(0xf4, (const uint8_t[]){ 0xfa }, 1);
}

static void the_parameter_of_a_keyboard_command_is_no_command(void **state)
{
	(void)state;
	kbd.keyboard = true;
	type_in(0xed, (const uint8_t[]){ 0xfa }, 1);
	type_in(0xff, (const uint8_t[]){ 0xfa }, 1);
	type_in(0xf0, (const uint8_t[]){ 0xfa }, 1);
	type_in(0x00, (const uint8_t[]){ 0xfa, 0x02 }, 2);
}

static void each_byte_of_a_keyboard_interrupts_anew(void **state)
{
	(void)state;
	kbd.keyboard = true;
	command(0x60);
	send(0x41);
	send(0xf2);
	assert_int_equal(fake_line[1].rises, 1);
	(void)data();
	assert_int_equal(fake_line[1].rises, 2);
	assert_true(fake_line[1].level);
	(void)data();
	(void)data();
	assert_false(fake_line[1].level);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(the_output_buffer_is_empty_at_start, setup),
		cmocka_unit_test_setup(a_keyboard_acknowledges_and_says_who_it_is, setup),
		cmocka_unit_test_setup(the_parameter_of_a_keyboard_command_is_no_command, setup),
		cmocka_unit_test_setup(each_byte_of_a_keyboard_interrupts_anew, setup),
		cmocka_unit_test_setup(self_tests_pass, setup),
		cmocka_unit_test_setup(the_command_byte_and_the_ram_keep_their_values, setup),
		cmocka_unit_test_setup(the_second_port_fails_its_tests, setup),
		cmocka_unit_test_setup(a_missing_device_answers_with_a_timeout, setup),
		cmocka_unit_test_setup(the_keyboard_interrupt_follows_the_buffer_if_enabled, setup),
		cmocka_unit_test_setup(pulsing_bit_0_or_clearing_it_in_the_output_port_resets, setup),
		cmocka_unit_test_setup(a_command_cancels_one_that_waits_for_its_data, setup),
		cmocka_unit_test_setup(random_bytes_do_no_harm, setup),
		cmocka_unit_test_setup(port_92_switches_a20_and_resets_on_a_rising_bit_0, setup),
		cmocka_unit_test_setup(latches_keep_what_is_written, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
