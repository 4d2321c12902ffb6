/* SPDX-License-Identifier: Apache-2.0 */
/* sources: vmm/root/vms.c vmm/root/vm_life.c vmm/root/vm_spawn.c vmm/root/vm_disk.c vmm/root/vm_scrub.c vmm/root/vm_io.c vmm/root/vm_text.c vmm/root/vm_watch.c vmm/root/vm_resume.c vmm/root/vm_throttle.c */
/* sources: vmm/root/driver_link.c vmm/root/drivers.c vmm/root/child.c vmm/root/pool.c vmm/root/place.c vmm/root/policy.c vmm/root/console.c vmm/root/word.c vmm/rt/fmt.c vmm/rt/event.c tests/fake/root_fake.c */
/* VMs from start to end, on a kernel that only counts. */
#include <root/drivers.h>
#include <root/vms.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <root/root.h>
#include <root/shell.h>
#include <root_fake.h>

static struct vm *web, *db;

void shell_vm_changed(const struct vm *v) { (void)v; }
void shell_shown(void) { }

static void config_vm(unsigned index, const char *name, enum config_restart restart)
{
	struct config_vm *c = &root.config.vm[index];

	*c = (struct config_vm){ .memory = 4 * MIB, .cpus = 1, .monitor = CONFIG_MONITOR, .priority = 100, .restart = restart, .autostart = 1,
				 .restart_limit = CONFIG_RESTART_LIMIT };
	strcpy(c->name, name);
	strcpy(c->kernel, "linux");
	strcpy(c->cmdline, "quiet");
}

static int setup(void **state)
{
	static char ring[4096];

	(void)state;
	root_fake_reset();
	event_init(&root.loop, ROOT_SEL_NTFN);
	console_init(&root.console, 1, ring, sizeof(ring));
	config_vm(0, "web", CONFIG_RESTART_ON_FAILURE);
	config_vm(1, "db", CONFIG_RESTART_NEVER);
	root.config.vm_count = 2;
	vms_init();
	web = vms_get(0);
	db = vms_get(1);
	return 0;
}

/* Let root work until nothing is due within @seconds. */
static void run(unsigned seconds)
{
	root_fake_run(seconds);
}

static void guest_runs(struct vm *v)
{
	atomic_store(&v->shared->status.kernel_entry_tsc, 1);
	atomic_store(&v->shared->status.state, VM_STATE_RUNNING);
	root_fake_signal(BIT(ROOT_BIT_VM + v->index));
	run(0);
}

static void monitor_exits(struct vm *v, uint64_t code)
{
	root_fake_thread_stops(child_thread_sel(&v->child, 0), TV_THREAD_EXITED, code);
	root_fake_signal(BIT(ROOT_BIT_VM_END + v->index));
	run(0);
}

static void a_monitor_is_given_what_the_protocol_says_and_nothing_else(void **state)
{
	static const char *const caps[] = { "domain", "ntfn", "root", "ram0", "kernel", "sched0", "thread0" };
	const struct tv_start *s = &web->child.start;

	(void)state;
	assert_null(vm_start(web));
	run(1);
	assert_int_equal(web->phase, VM_RUNNING);
	assert_int_equal(s->cap_count, ARRAY_LEN(caps));
	for (unsigned i = 0; i < ARRAY_LEN(caps); i++)
		assert_string_equal(s->cap[i].name, caps[i]);
	assert_int_equal(s->free_sel, ARRAY_LEN(caps) + 1);
	assert_int_equal(s->area_count, 3);
	assert_int_equal(root_fake_derived("domain")->rights, TV_RIGHT_MAP);
	assert_int_equal(root_fake_derived("root")->rights, TV_RIGHT_SIGNAL);
	assert_int_equal(root_fake_derived("root")->base, BIT(ROOT_BIT_VM));
	assert_int_equal(root_fake_derived("ram0")->size, 4 * MIB);
	assert_int_equal(root_fake_derived("kernel")->rights, TV_RIGHT_READ);
}

static void guest_memory_is_clean_before_the_first_and_after_the_last_instruction(void **state)
{
	(void)state;
	root_fake_dirty_memory();
	assert_null(vm_start(web));
	run(1);
	assert_true(root_fake_is_zero(&web->ram[0]));

	struct extent ram = web->ram[0];

	root_fake_dirty_memory();
	assert_null(vm_stop(web, true, false));
	run(1);
	assert_int_equal(web->phase, VM_STOPPED);
	assert_true(root_fake_is_zero(&ram));
}

static void memory_is_not_cleaned_while_a_switch_may_write_into_it(void **state)
{
	(void)state;
	assert_null(vm_start(web));
	run(1);
	root_fake_dirty_memory();
	root_fake_switch_holds(true);
	assert_null(vm_stop(web, true, false));
	run(10);
	assert_int_equal(web->phase, VM_CLEANING);
	assert_int_equal(web->ram_count, 1);
	assert_false(root_fake_is_zero(&web->ram[0]));
	root_fake_switch_holds(false);
	vm_scrub(web, web->phase);
	run(1);
	assert_int_equal(web->phase, VM_STOPPED);
}

static void everything_comes_back_when_a_vm_stops(void **state)
{
	struct root_fake_balance before = root_fake_balance();

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		struct root_fake_balance after;

		assert_null(vm_start(web));
		run(1);
		guest_runs(web);
		assert_null(vm_stop(web, true, false));
		run(1);
		after = root_fake_balance();
		assert_memory_equal(&before, &after, sizeof(before));
	}
}

static void a_start_that_fails_at_any_call_takes_everything_back(void **state)
{
	struct root_fake_balance before = root_fake_balance(), after;

	(void)state;
	for (unsigned n = 1;; n++) {
		root_fake_fail_at(n);
		assert_null(vm_start(web));
		run(1);
		if (web->phase == VM_RUNNING)
			break;
		assert_int_equal(web->phase, VM_STOPPED);
		assert_int_equal(web->last_exit, VM_EXIT_REFUSED);
		assert_true(root_fake_said("web: cannot be started: "));
		after = root_fake_balance();
		assert_memory_equal(&before, &after, sizeof(before));
		assert_true(n < 1000);
	}
	root_fake_fail_at(0);
}

static void a_guest_that_switches_itself_off_stays_off(void **state)
{
	(void)state;
	assert_null(vm_start(web));
	run(1);
	guest_runs(web);
	monitor_exits(web, VM_EXIT_POWEROFF);
	run(100);
	assert_int_equal(web->phase, VM_STOPPED);
	assert_int_equal(web->last_exit, VM_EXIT_POWEROFF);
	assert_int_equal(web->starts, 1);
}

static void a_guest_that_resets_itself_is_started_again(void **state)
{
	(void)state;
	assert_null(vm_start(db));			/* restart = never */
	run(1);
	guest_runs(db);
	monitor_exits(db, VM_EXIT_RESET);
	run(1);
	assert_int_equal(db->phase, VM_RUNNING);
	assert_int_equal(db->starts, 2);
}

static void a_crash_is_followed_by_restarts_until_it_is_given_up(void **state)
{
	(void)state;
	assert_null(vm_start(web));
	run(1);
	while (web->phase == VM_RUNNING) {
		guest_runs(web);
		strcpy(web->shared->status.reason, "triple fault");
		monitor_exits(web, VM_EXIT_CRASH);
		run(POLICY_PAUSE_MAX_S + 1);
	}
	assert_true(root_fake_said("web: starts again in 4 s"));
	assert_int_equal(web->phase, VM_STOPPED);
	assert_int_equal(web->starts, CONFIG_RESTART_LIMIT + 1);
	assert_true(root_fake_said("web: the guest has crashed: triple fault"));
	assert_true(root_fake_said("web: given up: it has ended 6 times within 60 seconds"));
}

static void a_fault_of_the_monitor_is_reported_with_its_place(void **state)
{
	(void)state;
	assert_null(vm_start(db));
	run(1);
	root_fake_thread_stops(child_thread_sel(&db->child, 0), TV_THREAD_FAULTED, 0);
	root_fake_signal(BIT(ROOT_BIT_VM_END + 1));
	run(1);
	assert_int_equal(db->phase, VM_STOPPED);
	assert_int_equal(db->last_exit, VM_EXIT_MONITOR);
	assert_true(root_fake_said("db: its monitor has failed: exception 14, error 0x4, at 0x401000, address 0x10"));
}

static void an_exit_code_or_reason_that_makes_no_sense_harms_nobody(void **state)
{
	(void)state;
	assert_null(vm_start(db));
	run(1);
	memset(db->shared->status.reason, '\033', VM_REASON);
	monitor_exits(db, 12345678901234567890ull);
	run(1);
	assert_int_equal(db->last_exit, VM_EXIT_MONITOR);
	assert_true(root_fake_said("db: its monitor has failed: exit code 12345678901234567890"));
	assert_false(root_fake_said("\033"));
}

static void stopping_presses_the_button_then_asks_then_destroys(void **state)
{
	(void)state;
	assert_null(vm_start(web));
	run(1);
	guest_runs(web);
	assert_null(vm_stop(web, false, false));
	assert_int_equal(atomic_load(&web->shared->request), VM_REQUEST_POWER_BUTTON);
	run(VM_PATIENCE_MS / 1000 - 1);
	assert_int_equal(web->phase, VM_RUNNING);
	run(2);
	assert_int_equal(atomic_load(&web->shared->request), VM_REQUEST_POWER_BUTTON | VM_REQUEST_STOP);
	run(3);
	assert_int_equal(web->phase, VM_STOPPED);
	assert_string_equal(web->last_reason, "destroyed: its monitor did not answer");
	assert_int_equal(web->starts, 1);		/* the policy does not bring it back */
}

static void a_vm_can_be_stopped_in_every_phase(void **state)
{
	(void)state;
	assert_string_equal(vm_stop(web, false, false), "it does not run");
	assert_null(vm_start(web));
	assert_int_equal(web->phase, VM_PREPARING);
	assert_null(vm_stop(web, false, false));
	run(1);
	assert_int_equal(web->phase, VM_STOPPED);

	assert_null(vm_start(web));
	run(1);
	guest_runs(web);
	for (unsigned i = 0; i < 2; i++) {		/* the second crash is followed by a pause */
		monitor_exits(web, VM_EXIT_CRASH);
		run(0);
	}
	while (web->phase != VM_WAITING) {
		if (web->phase == VM_RUNNING)
			monitor_exits(web, VM_EXIT_CRASH);
		run(0);
	}
	assert_null(vm_stop(web, false, false));
	run(100);
	assert_int_equal(web->phase, VM_STOPPED);
}

static void a_restart_by_hand_ignores_the_policy(void **state)
{
	(void)state;
	assert_null(vm_start(db));
	run(1);
	guest_runs(db);
	assert_null(vm_stop(db, false, true));
	monitor_exits(db, VM_EXIT_POWEROFF);
	run(1);
	assert_int_equal(db->phase, VM_RUNNING);
	assert_int_equal(db->starts, 2);
}

static void too_little_memory_costs_the_vm_that_wants_it(void **state)
{
	(void)state;
	root.config.vm[0].memory = 1024 * MIB;
	vms_autostart();
	run(1);
	assert_int_equal(web->phase, VM_STOPPED);
	assert_int_equal(db->phase, VM_RUNNING);
	assert_true(root_fake_said("web: cannot be started: there is not enough free memory (1G wanted, 64M free)"));
}

static void a_reservation_that_does_not_fit_is_refused_with_its_numbers(void **state)
{
	(void)state;
	root.config.vm[0].budget_us = 6000;
	root.config.vm[1].budget_us = 5000;
	root.config.vm[0].period_us = root.config.vm[1].period_us = 10000;
	root.config.vm[0].cpu_list = (struct config_list){ 1, { 1 } };
	root.config.vm[1].cpu_list = (struct config_list){ 1, { 1 } };
	vms_autostart();
	run(1);
	assert_int_equal(web->phase, VM_RUNNING);
	assert_int_equal(root_fake_sched_cpu(child_sched_sel(&web->child, 0)), 1);
	assert_int_equal(db->phase, VM_STOPPED);
	assert_true(root_fake_said("db: cannot be started: CPU 1: 50.0% wanted, 60.0% of it are promised already"));
	assert_null(vm_stop(web, true, false));		/* what it was promised is free again */
	run(1);
	assert_null(vm_start(db));
	run(1);
	assert_int_equal(db->phase, VM_RUNNING);
}

/* @db runs a guest that goes on when its monitor fails, and has made a record. */
static void start_resumable(void)
{
	root.config.vm[1].resume = 1;
	assert_null(vm_start(db));
	run(1);
	db->record->magic = RECORD_MAGIC;
	guest_runs(db);
}

static void monitor_faults(struct vm *v)
{
	root_fake_thread_stops(child_thread_sel(&v->child, 0), TV_THREAD_FAULTED, 0);
	root_fake_signal(BIT(ROOT_BIT_VM_END + v->index));
	run(0);
}

static void a_guest_goes_on_when_its_monitor_fails(void **state)
{
	const struct tv_start *s = &db->child.start;
	struct root_fake_balance before, after;
	const struct vm_config *c = (const struct vm_config *)(const void *)s->config;

	(void)state;
	start_resumable();
	before = root_fake_balance();
	vm_input(db, 'x');				/* typed, and not read yet */
	monitor_faults(db);
	assert_int_equal(db->phase, VM_RUNNING);
	assert_int_equal(db->starts, 1);
	assert_int_equal(db->resumed, 1);
	assert_int_equal(c->generation, 1);
	assert_int_equal(c->old_addr, ROOT_FAKE_DATA);
	assert_string_equal(s->area[1].name, "record");
	assert_string_equal(s->area[2].name, "old");
	assert_int_equal(s->area_count, 4);
	assert_int_equal(ring_used(&db->input), 1);
	assert_true(root_fake_said("exception 14, error 0x4, at 0x401000, address 0x10; a new one goes on with the guest"));
	db->record->generation = 1;			/* the new one has gone on, and fails */
	monitor_faults(db);
	assert_int_equal(db->phase, VM_RUNNING);
	after = root_fake_balance();
	assert_int_equal(before.memory - after.memory, PAGE_SIZE);	/* the old one's */
	assert_null(vm_stop(db, true, false));
	run(1);
	after = root_fake_balance();
	assert_int_equal(after.domains + after.threads + after.scheds + after.ntfns + after.windows, 0);
}

static void without_a_record_the_guest_cannot_go_on(void **state)
{
	(void)state;
	start_resumable();
	db->record->magic = 0;
	monitor_faults(db);
	run(1);
	assert_int_equal(db->phase, VM_STOPPED);
	assert_true(root_fake_said("db: its guest cannot go on: it has left no record"));
	assert_true(root_fake_said("db: its monitor has failed: exception 14"));
}

static void the_third_failure_of_monitors_in_a_minute_is_the_last(void **state)
{
	(void)state;
	start_resumable();
	for (unsigned i = 1; i <= 3; i++) {
		monitor_faults(db);
		assert_int_equal(db->phase, VM_RUNNING);
		db->record->generation = i;
		guest_runs(db);
	}
	monitor_faults(db);
	run(1);
	assert_int_equal(db->phase, VM_STOPPED);
	assert_int_equal(db->last_exit, VM_EXIT_MONITOR);
}

static void a_new_monitor_that_fails_at_any_call_takes_everything_back(void **state)
{
	struct root_fake_balance before = root_fake_balance(), after;

	(void)state;
	for (unsigned n = 1;; n++) {
		bool goes_on;

		memset(&db->resumes, 0, sizeof(db->resumes));
		start_resumable();
		root_fake_fail_at(n);
		monitor_faults(db);
		run(1);
		goes_on = db->phase == VM_RUNNING;
		root_fake_fail_at(0);
		if (goes_on)
			assert_null(vm_stop(db, true, false));
		run(1);
		assert_int_equal(db->phase, VM_STOPPED);
		after = root_fake_balance();
		assert_memory_equal(&before, &after, sizeof(before));
		if (goes_on)
			break;
		assert_true(n < 100);
	}
}

static void a_monitor_that_floods_root_with_signals_stands_still_for_a_while(void **state)
{
	uint64_t sel = child_thread_sel(&db->child, 0);
	struct sys_thread_info info;
	unsigned signals = 0;

	(void)state;
	assert_null(vm_start(db));
	run(1);
	sel = child_thread_sel(&db->child, 0);
	while (!db->throttled && signals++ < 1000) {
		root_fake_signal(BIT(ROOT_BIT_VM + 1));
		run(0);
	}
	assert_int_equal(db->throttled, 1);
	assert_in_range(signals, 20, 100);
	assert_int_equal(sys_thread_info(sel, &info), TV_OK);
	assert_int_equal(info.state, TV_THREAD_SUSPENDED);
	assert_int_equal(web->phase, VM_STOPPED);
	run(1);
	assert_int_equal(sys_thread_info(sel, &info), TV_OK);
	assert_int_equal(info.state, TV_THREAD_RUNNABLE);
	for (unsigned i = 0; i < 30; i++) {		/* what honest ones do */
		root_fake_signal(BIT(ROOT_BIT_VM + 1));
		run(0);
	}
	assert_int_equal(db->throttled, 1);
}

/* @db with two CPUs and a watchdog of one second. */
static void start_watched(void)
{
	root.config.vm[1].watchdog_ms = 1000;
	root.config.vm[1].cpus = 2;
	assert_null(vm_start(db));
	run(1);
	guest_runs(db);
}

static void answer(unsigned cpu)
{
	atomic_store(&db->shared->status.cpu[cpu].beat, atomic_load(&db->shared->beat));
}

static void a_monitor_that_answers_is_left_alone(void **state)
{
	(void)state;
	start_watched();
	for (unsigned i = 0; i < 20; i++) {
		assert_true(atomic_exchange(&db->shared->request, 0) & VM_REQUEST_BEAT);
		answer(0);
		answer(1);
		run(1);
	}
	assert_int_equal(db->phase, VM_RUNNING);
}

static void one_silent_thread_that_has_run_ends_the_vm(void **state)
{
	(void)state;
	start_watched();
	for (unsigned i = 1; i < 5; i++) {
		answer(0);
		root_fake_consumed(child_sched_sel(&db->child, 1), i * ROOT_FAKE_HZ);
		run(1);
	}
	assert_int_equal(db->phase, VM_STOPPED);
	assert_int_equal(db->last_exit, VM_EXIT_MONITOR);
	assert_string_equal(db->last_reason, "watchdog: CPU 1 has shown no sign of life for 1000 ms");
}

static void a_silent_thread_that_sleeps_ends_the_vm(void **state)
{
	(void)state;
	start_watched();
	root_fake_thread_stops(child_thread_sel(&db->child, 0), TV_THREAD_BLOCKED, 0);
	run(3);
	assert_int_equal(db->phase, VM_STOPPED);
	assert_string_equal(db->last_reason, "watchdog: CPU 0 has shown no sign of life for 1000 ms");
}

static void a_thread_that_others_starve_is_not_blamed(void **state)
{
	(void)state;
	start_watched();
	root_fake_thread_stops(child_thread_sel(&db->child, 1), TV_THREAD_RUNNABLE, 0);
	for (unsigned i = 0; i < 10; i++) {
		answer(0);
		run(1);
	}
	assert_int_equal(db->phase, VM_RUNNING);
}

static void without_a_watchdog_nobody_is_asked(void **state)
{
	(void)state;
	assert_null(vm_start(web));
	run(1);
	guest_runs(web);
	run(1000);
	assert_int_equal(web->phase, VM_RUNNING);
	assert_int_equal(atomic_load(&web->shared->beat), 0);
}

static void a_missing_module_is_named(void **state)
{
	(void)state;
	strcpy(root.config.vm[0].module[0].image, "nothing");
	root.config.vm[0].module_count = 1;
	assert_string_equal(vm_start(web), "there is no boot module \"nothing\"");
	assert_int_equal(web->phase, VM_STOPPED);
}

static void an_empty_module_is_named(void **state)
{
	(void)state;
	strcpy(root.config.vm[0].kernel, "nil");
	assert_string_equal(vm_start(web), "the boot module \"nil\" is empty");
	assert_int_equal(web->phase, VM_STOPPED);
}

static void a_vm_in_front_that_never_ran_makes_room_for_one_that_does(void **state)
{
	(void)state;
	console_show(&root.console, 1, false);
	strcpy(root.config.vm[0].module[0].image, "nothing");
	root.config.vm[0].module_count = 1;
	vms_autostart();
	assert_int_equal(root.console.front, 2);
}

static void console_bytes_reach_the_guest_and_come_back(void **state)
{
	char text[16] = "";

	(void)state;
	console_show(&root.console, 1, false);
	assert_null(vm_start(web));
	run(1);
	guest_runs(web);
	assert_true(vm_takes_input(web));
	vm_input(web, 'x');
	assert_int_equal(ring_get(&web->input, text, 16), 1);
	assert_int_equal(text[0], 'x');
	ring_put(&web->output, "hello", 5);
	root_fake_signal(BIT(ROOT_BIT_VM));
	run(0);
	assert_int_equal(console_pull(&root.console, text, sizeof(text)), 5);
	assert_string_equal(text, "hello");
}

static void input_that_nobody_takes_is_held_back_not_lost(void **state)
{
	(void)state;
	assert_null(vm_start(web));
	run(1);
	for (unsigned i = 0; i < VM_INPUT_SIZE; i++) {
		assert_true(vm_takes_input(web));
		vm_input(web, 'x');
	}
	assert_false(vm_takes_input(web));
	ring_skip(&web->input, 1);
	assert_true(ring_wake_putter(&web->input));	/* the monitor is told to tell */
	assert_true(vm_takes_input(web));
}

static void a_monitor_that_lies_about_its_rings_is_stopped(void **state)
{
	(void)state;
	assert_null(vm_start(db));
	run(1);
	atomic_store(&db->shared->output.tail, 0x80000000u);
	vm_drain(db);					/* found without a signal of its own */
	run(1);
	assert_int_equal(db->phase, VM_STOPPED);
	assert_true(root_fake_said("db: its monitor has failed: it has broken the protocol of the console"));
}

/* The last test: clients of drivers stay for ever. */
static void memory_is_cleaned_only_when_the_drivers_of_a_vm_have_let_go_of_it(void **state)
{
	struct config_vm *c = &root.config.vm[0];
	struct driver_link *l;

	(void)state;
	root.config.driver_count = 1;
	strcpy(root.config.driver[0].name, "disk0");
	strcpy(root.config.driver[0].image, "absent");
	c->disk_count = 1;
	strcpy(c->disk[0].driver, "disk0");
	drivers_init();
	assert_true(root_fake_said("driver disk0: cannot be started: its boot module is missing"));
	l = web->disk_link[0];
	assert_non_null(l);
	assert_null(vm_start(web));
	run(1);
	assert_int_equal(web->phase, VM_RUNNING);
	atomic_store(&l->shared->client.hello, 5);
	atomic_store(&l->shared->server.hello, 5);
	assert_null(vm_stop(web, true, false));
	assert_int_equal(atomic_load(&l->shared->client.hello), 0);
	for (unsigned i = 0; i < 3; i++) {
		run(1);
		assert_int_equal(web->phase, VM_CLEANING);
		assert_true(web->ram_count > 0);
	}
	atomic_store(&l->shared->server.hello, 0);
	run(1);
	assert_int_equal(web->phase, VM_STOPPED);
	assert_int_equal(web->ram_count, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_monitor_is_given_what_the_protocol_says_and_nothing_else, setup),
		cmocka_unit_test_setup(guest_memory_is_clean_before_the_first_and_after_the_last_instruction, setup),
		cmocka_unit_test_setup(memory_is_not_cleaned_while_a_switch_may_write_into_it, setup),
		cmocka_unit_test_setup(everything_comes_back_when_a_vm_stops, setup),
		cmocka_unit_test_setup(a_start_that_fails_at_any_call_takes_everything_back, setup),
		cmocka_unit_test_setup(a_guest_that_switches_itself_off_stays_off, setup),
		cmocka_unit_test_setup(a_guest_that_resets_itself_is_started_again, setup),
		cmocka_unit_test_setup(a_crash_is_followed_by_restarts_until_it_is_given_up, setup),
		cmocka_unit_test_setup(a_fault_of_the_monitor_is_reported_with_its_place, setup),
		cmocka_unit_test_setup(an_exit_code_or_reason_that_makes_no_sense_harms_nobody, setup),
		cmocka_unit_test_setup(stopping_presses_the_button_then_asks_then_destroys, setup),
		cmocka_unit_test_setup(a_vm_can_be_stopped_in_every_phase, setup),
		cmocka_unit_test_setup(a_restart_by_hand_ignores_the_policy, setup),
		cmocka_unit_test_setup(too_little_memory_costs_the_vm_that_wants_it, setup),
		cmocka_unit_test_setup(a_reservation_that_does_not_fit_is_refused_with_its_numbers, setup),
		cmocka_unit_test_setup(a_guest_goes_on_when_its_monitor_fails, setup),
		cmocka_unit_test_setup(without_a_record_the_guest_cannot_go_on, setup),
		cmocka_unit_test_setup(the_third_failure_of_monitors_in_a_minute_is_the_last, setup),
		cmocka_unit_test_setup(a_new_monitor_that_fails_at_any_call_takes_everything_back, setup),
		cmocka_unit_test_setup(a_monitor_that_floods_root_with_signals_stands_still_for_a_while, setup),
		cmocka_unit_test_setup(a_monitor_that_answers_is_left_alone, setup),
		cmocka_unit_test_setup(one_silent_thread_that_has_run_ends_the_vm, setup),
		cmocka_unit_test_setup(a_silent_thread_that_sleeps_ends_the_vm, setup),
		cmocka_unit_test_setup(a_thread_that_others_starve_is_not_blamed, setup),
		cmocka_unit_test_setup(without_a_watchdog_nobody_is_asked, setup),
		cmocka_unit_test_setup(a_missing_module_is_named, setup),
		cmocka_unit_test_setup(an_empty_module_is_named, setup),
		cmocka_unit_test_setup(a_vm_in_front_that_never_ran_makes_room_for_one_that_does, setup),
		cmocka_unit_test_setup(console_bytes_reach_the_guest_and_come_back, setup),
		cmocka_unit_test_setup(input_that_nobody_takes_is_held_back_not_lost, setup),
		cmocka_unit_test_setup(a_monitor_that_lies_about_its_rings_is_stopped, setup),
		cmocka_unit_test_setup(memory_is_cleaned_only_when_the_drivers_of_a_vm_have_let_go_of_it, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
