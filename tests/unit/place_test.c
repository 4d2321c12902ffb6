/* SPDX-License-Identifier: Apache-2.0 */
/* sources: vmm/root/place.c vmm/rt/fmt.c */
/* Which CPU a virtual CPU gets, and what is refused because it does not fit. */
#include <root/place.h>

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static struct place p;
static struct config_vm a, b;
static uint32_t cpu[VM_CPUS];

static int setup(void **state)
{
	(void)state;
	place_init(&p, 4);
	a = (struct config_vm){ .name = "a", .cpus = 1 };
	b = (struct config_vm){ .name = "b", .cpus = 1 };
	memset(cpu, 0xff, sizeof(cpu));
	return 0;
}

static void budget(struct config_vm *vm, uint32_t budget_us, uint32_t period_us)
{
	vm->budget_us = budget_us;
	vm->period_us = period_us;
}

static void pin(struct config_vm *vm, uint32_t first, uint32_t second)
{
	vm->cpu_list = (struct config_list){ 2, { first, second } };
}

static void virtual_cpus_spread_over_the_emptiest(void **state)
{
	(void)state;
	a.cpus = 6;
	assert_null(place_choose(&p, &a, cpu));
	for (unsigned i = 0; i < 6; i++)
		assert_int_equal(cpu[i], i % 4);
	budget(&b, 1, 2);
	assert_null(place_choose(&p, &b, cpu));		/* nothing of @a was kept */
	assert_int_equal(cpu[0], 0);
	place_add(&p, &b, cpu);
	a.cpus = 5;
	assert_null(place_choose(&p, &a, cpu));		/* half a CPU is promised: that is less than one which wants all */
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(cpu[i], (i + 1) % 4);
}

static void a_list_is_followed_in_turn(void **state)
{
	(void)state;
	a.cpus = 3;
	pin(&a, 3, 1);
	assert_null(place_choose(&p, &a, cpu));
	assert_int_equal(cpu[0], 3);
	assert_int_equal(cpu[1], 1);
	assert_int_equal(cpu[2], 3);
}

static void exactly_all_of_a_cpu_can_be_promised(void **state)
{
	(void)state;
	place_init(&p, 1);
	budget(&a, 1000, 3000);
	for (unsigned i = 0; i < 3; i++) {
		assert_null(place_choose(&p, &a, cpu));
		place_add(&p, &a, cpu);
	}
	budget(&b, 100, 100000);
	assert_string_equal(place_choose(&p, &b, cpu), "0.1% of a CPU wanted; of 1 CPUs the emptiest has 0.0% left");
	b.cpu_list = (struct config_list){ 1, { 0 } };
	assert_string_equal(place_choose(&p, &b, cpu), "CPU 0: 0.1% wanted, 99.9% of it are promised already");
	budget(&b, 0, 0);
	assert_null(place_choose(&p, &b, cpu));		/* without a promise it takes what is left */
}

static void several_virtual_cpus_on_one_cpu_add_up(void **state)
{
	(void)state;
	budget(&a, 6, 10);
	a.cpus = 2;
	a.cpu_list = (struct config_list){ 1, { 2 } };
	assert_string_equal(place_choose(&p, &a, cpu), "CPU 2: 60.0% wanted, 60.0% of it are promised already");
}

static void an_absent_cpu_is_refused(void **state)
{
	(void)state;
	a.cpu_list = (struct config_list){ 1, { 4 } };
	assert_string_equal(place_choose(&p, &a, cpu), "CPU 4 is in its list; this machine has 4, from 0 on");
}

static void nobody_runs_on_a_cpu_that_is_anothers_alone(void **state)
{
	(void)state;
	a.cpus = 2;
	a.exclusive = 1;
	pin(&a, 1, 2);
	assert_null(place_choose(&p, &a, cpu));
	place_add(&p, &a, cpu);
	b.cpus = 2;
	assert_null(place_choose(&p, &b, cpu));
	assert_int_equal(cpu[0], 0);
	assert_int_equal(cpu[1], 3);
	b.cpu_list = (struct config_list){ 1, { 2 } };
	assert_string_equal(place_choose(&p, &b, cpu), "CPU 2 is a's alone");
	place_init(&p, 1);
	p.cpu[0] = (struct place_cpu){ .user = a.name, .exclusive = true };
	b.cpu_list.count = 0;
	assert_string_equal(place_choose(&p, &b, cpu), "no CPU is left that is not another VM's alone");
}

static void a_cpu_in_use_cannot_become_anyones_alone(void **state)
{
	(void)state;
	b.cpu_list = (struct config_list){ 1, { 1 } };
	assert_null(place_choose(&p, &b, cpu));
	place_add(&p, &b, cpu);
	a.exclusive = 1;
	a.cpus = 2;
	pin(&a, 2, 1);
	assert_string_equal(place_choose(&p, &a, cpu), "CPU 1 cannot be its alone: b runs on it");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(virtual_cpus_spread_over_the_emptiest, setup),
		cmocka_unit_test_setup(a_list_is_followed_in_turn, setup),
		cmocka_unit_test_setup(exactly_all_of_a_cpu_can_be_promised, setup),
		cmocka_unit_test_setup(several_virtual_cpus_on_one_cpu_add_up, setup),
		cmocka_unit_test_setup(an_absent_cpu_is_refused, setup),
		cmocka_unit_test_setup(nobody_runs_on_a_cpu_that_is_anothers_alone, setup),
		cmocka_unit_test_setup(a_cpu_in_use_cannot_become_anyones_alone, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
