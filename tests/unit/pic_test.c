/* SPDX-License-Identifier: Apache-2.0 */
/* The 8259A pair. */
/* sources: vmm/dev/pic.c tests/fake/dev_fake.c */
#include <dev/pic.h>
#include <dev_fake.h>

static struct pic pic;
static unsigned changes;
static bool output;

void irqchip_pic_changed(struct irqchip *c, bool intr);
void irqchip_pic_changed(struct irqchip *c, bool intr)
{
	(void)c;
	assert_true(intr != output);
	output = intr;
	changes++;
}

static void out(unsigned port, uint8_t val)
{
	const struct bus_ops *ops = port >= 0xa0 ? &pic_slave_ops : &pic_master_ops;

	ops->write(&pic, port & 1, 1, val);
}

static uint8_t in(unsigned port)
{
	const struct bus_ops *ops = port >= 0xa0 ? &pic_slave_ops : &pic_master_ops;

	return (uint8_t)ops->read(&pic, port & 1, 1);
}

/* As operating systems do: vectors 0x30 and 0x38, everything open. */
static void init(uint8_t icw4)
{
	out(0x20, 0x11);
	out(0x21, 0x30);
	out(0x21, 0x04);
	out(0x21, icw4);
	out(0xa0, 0x11);
	out(0xa1, 0x38);
	out(0xa1, 0x02);
	out(0xa1, icw4 & 0x0f);
	out(0x21, 0);
	out(0xa1, 0);
}

static void pulse(unsigned irq)
{
	pic_line_set(&pic, irq, true);
	pic_line_set(&pic, irq, false);
}

static int setup(void **state)
{
	(void)state;
	output = false;
	pic_init(&pic, NULL);
	init(0x01);
	changes = 0;
	return 0;
}

static void a_fresh_pic_is_masked_and_its_mask_can_be_probed(void **state)
{
	(void)state;
	pic_init(&pic, NULL);
	assert_int_equal(in(0x21), 0xff);
	pic_line_set(&pic, 1, true);
	assert_false(output);
	out(0x21, 0xfb);
	assert_int_equal(in(0x21), 0xfb);
	out(0xa1, 0x5a);
	assert_int_equal(in(0xa1), 0x5a);
}

static void every_input_has_its_vector(void **state)
{
	(void)state;
	for (unsigned irq = 0; irq < 16; irq++) {
		if (irq == 2)
			continue;
		pulse(irq);
		assert_true(output);
		assert_int_equal(pic_inta(&pic), 0x30 + irq);
		assert_false(output);
		if (irq >= 8)
			out(0xa0, 0x20);
		out(0x20, 0x20);
		assert_int_equal(pic.s[0].isr | pic.s[1].isr, 0);
	}
}

static void the_lower_input_wins_and_blocks_the_higher_ones(void **state)
{
	(void)state;
	pulse(5);
	pulse(3);
	pulse(9);
	assert_int_equal(pic_inta(&pic), 0x39);		/* the slave sits on input 2 */
	assert_false(output);
	pulse(1);
	assert_int_equal(pic_inta(&pic), 0x31);
	out(0x20, 0x20);
	assert_false(output);				/* input 2 is still in service */
	out(0xa0, 0x20);
	out(0x20, 0x20);
	assert_int_equal(pic_inta(&pic), 0x33);
	out(0x20, 0x20);
	assert_int_equal(pic_inta(&pic), 0x35);
}

static void an_edge_is_remembered_a_level_is_not(void **state)
{
	(void)state;
	pulse(4);
	assert_int_equal(in(0x20), 0x10);
	pic_line_set(&pic, 5, true);
	assert_int_equal(pic_inta(&pic), 0x34);
	out(0x20, 0x20);
	assert_int_equal(pic_inta(&pic), 0x35);
	out(0x20, 0x20);
	assert_false(output);				/* still high, but no new edge */
	pic_elcr_ops.write(&pic, 0, 1, 0xff);
	assert_int_equal(pic_elcr_ops.read(&pic, 0, 1), 0xf8);
	assert_true(output);				/* now it is a level */
	assert_int_equal(pic_inta(&pic), 0x35);
	out(0x20, 0x20);
	assert_true(output);
	pic_line_set(&pic, 5, false);
	assert_false(output);
	pic_elcr_ops.write(&pic, 1, 1, 0xff);
	assert_int_equal(pic_elcr_ops.read(&pic, 1, 1), 0xde);
}

static void a_request_that_vanished_gives_the_spurious_vector(void **state)
{
	(void)state;
	assert_int_equal(pic_inta(&pic), 0x37);
	assert_int_equal(pic.s[0].isr, 0);
	pic_elcr_ops.write(&pic, 1, 1, 0x04);
	pic_line_set(&pic, 10, true);
	assert_true(output);
	pic.s[1].imr = 0x04;				/* masked behind the master's back, between request and acknowledge */
	assert_int_equal(pic_inta(&pic), 0x3f);
	assert_int_equal(pic.s[0].isr, 0x04);		/* the master saw a real interrupt and wants its EOI */
	assert_int_equal(pic.s[1].isr, 0);
}

static void masked_inputs_wait(void **state)
{
	(void)state;
	out(0x21, 0x10);
	pulse(4);
	assert_false(output);
	assert_int_equal(in(0x20), 0x10);
	out(0x21, 0);
	assert_int_equal(pic_inta(&pic), 0x34);
}

static void acknowledging_drops_the_output_and_a_second_request_raises_it_again(void **state)
{
	(void)state;
	pulse(4);
	out(0x20, 0x68);				/* special mask mode, so that 4 in service does not block */
	out(0x21, 0x10);
	pic.s[0].isr = 0x10;
	out(0x21, 0x10);
	pulse(6);
	pulse(7);
	changes = 0;
	assert_int_equal(pic_inta(&pic), 0x36);
	assert_false(output);				/* 7 is blocked by 6 */
	assert_int_equal(changes, 1);
	out(0x20, 0x66);				/* specific EOI of 6 */
	assert_true(output);
	assert_int_equal(pic_inta(&pic), 0x37);
}

static void automatic_eoi_leaves_nothing_in_service(void **state)
{
	(void)state;
	init(0x03);
	pulse(4);
	pulse(6);
	assert_int_equal(pic_inta(&pic), 0x34);
	assert_int_equal(pic.s[0].isr, 0);
	assert_true(output);
	assert_int_equal(pic_inta(&pic), 0x36);
}

static void rotation_gives_the_served_input_the_lowest_priority(void **state)
{
	(void)state;
	pulse(3);
	assert_int_equal(pic_inta(&pic), 0x33);
	out(0x20, 0xa0);				/* rotate on non-specific EOI */
	pulse(3);
	pulse(4);
	assert_int_equal(pic_inta(&pic), 0x34);
	out(0x20, 0x20);
	assert_int_equal(pic_inta(&pic), 0x33);
	out(0x20, 0x20);
	out(0x20, 0xc5);				/* set priority: 5 is lowest, 6 highest */
	pulse(0);
	pulse(6);
	assert_int_equal(pic_inta(&pic), 0x36);
	out(0x20, 0xe6);				/* rotate on specific EOI */
	assert_int_equal(pic.s[0].lowest, 6);
	assert_int_equal(pic_inta(&pic), 0x30);
}

static void rotation_in_automatic_eoi_mode(void **state)
{
	(void)state;
	init(0x03);
	out(0x20, 0x80);
	pulse(0);
	assert_int_equal(pic_inta(&pic), 0x30);
	pulse(0);
	pulse(1);
	assert_int_equal(pic_inta(&pic), 0x31);
	out(0x20, 0x00);
	assert_int_equal(pic_inta(&pic), 0x30);
	assert_int_equal(pic.s[0].lowest, 1);
}

static void special_fully_nested_mode_lets_the_slave_interrupt_itself(void **state)
{
	(void)state;
	init(0x11);
	pulse(12);
	assert_int_equal(pic_inta(&pic), 0x3c);
	pulse(14);
	assert_false(output);
	pulse(8);
	assert_true(output);
	assert_int_equal(pic_inta(&pic), 0x38);
	pulse(5);
	assert_false(output);				/* but lower inputs of the master stay blocked */
}

static void poll_acknowledges_like_the_cpu(void **state)
{
	(void)state;
	out(0x20, 0x0c);
	assert_int_equal(in(0x20), 0);
	pulse(4);
	out(0x20, 0x0c);
	assert_int_equal(in(0x20), 0x84);
	assert_false(output);
	assert_int_equal(pic.s[0].isr, 0x10);
	assert_int_equal(in(0x20), 0);			/* one read only; then IRR again */
}

static void irr_and_isr_are_selected_by_ocw3(void **state)
{
	(void)state;
	pulse(4);
	pic_inta(&pic);
	pulse(6);
	assert_int_equal(in(0x20), 0x40);
	out(0x20, 0x0b);
	assert_int_equal(in(0x20), 0x10);
	out(0x20, 0x0a);
	assert_int_equal(in(0x20), 0x40);
}

static void icw1_clears_mask_and_edges(void **state)
{
	(void)state;
	pic_line_set(&pic, 4, true);
	out(0x21, 0xff);
	out(0x20, 0x11);
	assert_false(output);				/* not operational yet */
	out(0x21, 0x40);
	out(0x21, 0x04);
	out(0x21, 0x01);
	assert_int_equal(in(0x21), 0);
	assert_false(output);				/* the line was high before: no edge */
	pulse(4);
	pulse(4);
	assert_int_equal(pic_inta(&pic), 0x44);
}

static void no_operation_and_wild_inputs_change_nothing(void **state)
{
	(void)state;
	pulse(4);
	pic_inta(&pic);
	out(0x20, 0x40);
	assert_int_equal(pic.s[0].isr, 0x10);
	pic_line_set(&pic, 2, true);
	pic_line_set(&pic, 16, true);
	pic_line_set(&pic, UINT32_MAX, true);
	assert_false(output);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_fresh_pic_is_masked_and_its_mask_can_be_probed, setup),
		cmocka_unit_test_setup(every_input_has_its_vector, setup),
		cmocka_unit_test_setup(the_lower_input_wins_and_blocks_the_higher_ones, setup),
		cmocka_unit_test_setup(an_edge_is_remembered_a_level_is_not, setup),
		cmocka_unit_test_setup(a_request_that_vanished_gives_the_spurious_vector, setup),
		cmocka_unit_test_setup(masked_inputs_wait, setup),
		cmocka_unit_test_setup(acknowledging_drops_the_output_and_a_second_request_raises_it_again, setup),
		cmocka_unit_test_setup(automatic_eoi_leaves_nothing_in_service, setup),
		cmocka_unit_test_setup(rotation_gives_the_served_input_the_lowest_priority, setup),
		cmocka_unit_test_setup(rotation_in_automatic_eoi_mode, setup),
		cmocka_unit_test_setup(special_fully_nested_mode_lets_the_slave_interrupt_itself, setup),
		cmocka_unit_test_setup(poll_acknowledges_like_the_cpu, setup),
		cmocka_unit_test_setup(irr_and_isr_are_selected_by_ocw3, setup),
		cmocka_unit_test_setup(icw1_clears_mask_and_edges, setup),
		cmocka_unit_test_setup(no_operation_and_wild_inputs_change_nothing, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
