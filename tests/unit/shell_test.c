/* SPDX-License-Identifier: Apache-2.0 */
/* sources: vmm/root/shell.c vmm/root/command.c vmm/root/line.c vmm/root/word.c vmm/root/console.c vmm/root/vms.c vmm/root/vm_life.c */
/* sources: vmm/root/vm_spawn.c vmm/root/vm_disk.c vmm/root/vm_scrub.c vmm/root/vm_io.c vmm/root/vm_text.c vmm/root/vm_watch.c vmm/root/vm_resume.c vmm/root/vm_throttle.c vmm/root/driver_link.c vmm/root/drivers.c vmm/root/child.c vmm/root/pool.c */
/* sources: vmm/root/place.c vmm/root/json.c vmm/root/look.c vmm/root/sample.c vmm/root/top.c vmm/root/policy.c vmm/rt/fmt.c vmm/rt/event.c tests/fake/root_fake.c */
/* The management shell: what it answers, and when it gives the prompt back. */
#include <root/shell.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <root/command.h>
#include <root/network.h>
#include <root/root.h>
#include <root/serial.h>
#include <root/system.h>
#include <root/vms.h>
#include <root_fake.h>

static struct vm *web;
static char screen[65536];
static enum system_end finished;
static bool finished_by_force;
static unsigned driver_restarts, switch_restarts;

bool network_named(const char *word) { return strcmp(word, "lan") == 0 || strcmp(word, "web") == 0; }
void network_show(const char *name) { shell_print("network %s: fine", name); }

void network_restart(const char *name)
{
	assert_string_equal(name, "lan");
	switch_restarts++;
}

void system_finish(enum system_end end, bool force)
{
	finished = end;
	finished_by_force = force;
}

void serial_restart(void) { driver_restarts++; }
void serial_status(char *buf, size_t size) { strncpy(buf, "running", size); }

enum tv_err sys_domain_info(uint64_t domain, struct sys_domain_info *info)
{
	(void)domain;
	*info = (struct sys_domain_info){ .quota = 1024 * KIB, .used = 256 * KIB, .peak = 300 * KIB };
	return TV_OK;
}

static const char kernel_log[] = "first line\nsecond line, longer than one message of the kernel\n";

enum tv_err sys_log_read(uint64_t log, uint64_t *pos, uint64_t text[4])
{
	if (log != TV_SEL_LOG || *pos >= sizeof(kernel_log) - 1)
		return TV_EAGAIN;
	memset(text, 0, 32);
	memcpy(text, kernel_log + *pos, min_u64(32, sizeof(kernel_log) - 1 - *pos));
	*pos += min_u64(32, sizeof(kernel_log) - 1 - *pos);
	return TV_OK;
}

static int setup(void **state)
{
	static char ring[65536];
	static const char *const names[] = { "web", "db" };

	(void)state;
	root_fake_reset();
	event_init(&root.loop, ROOT_SEL_NTFN);
	console_init(&root.console, 1, ring, sizeof(ring));
	root.config.vm_count = 2;
	for (unsigned i = 0; i < 2; i++) {
		root.config.vm[i] = (struct config_vm){ .memory = 4 * MIB, .cpus = 1, .monitor = CONFIG_MONITOR, .priority = 100, .autostart = 1 };
		strcpy(root.config.vm[i].name, names[i]);
		strcpy(root.config.vm[i].kernel, "linux");
	}
	vms_init();
	web = vms_get(0);
	shell_init();
	shell_shown();
	finished = SYSTEM_RUNS;
	driver_restarts = 0;
	return 0;
}

/* What the terminal got since the last call. */
static const char *seen(void)
{
	size_t length = console_pull(&root.console, screen, sizeof(screen) - 1);

	screen[length] = 0;
	return screen;
}

/* Type a line; returns what followed its echo. */
static const char *command(const char *text)
{
	const char *answer;

	seen();
	for (const char *c = text; *c; c++)
		shell_input((uint8_t)*c);
	shell_input('\r');
	answer = seen();
	assert_memory_equal(answer, text, strlen(text));
	assert_memory_equal(answer + strlen(text), "\r\n", 2);
	return answer + strlen(text) + 2;
}

static void it_begins_with_a_prompt(void **state)
{
	(void)state;
	assert_string_equal(seen(), "trivet> ");
	assert_string_equal(command(""), "trivet> ");
}

static void every_command_is_in_the_help_and_ends_with_a_prompt(void **state)
{
	const char *help = command("help");

	(void)state;
	for (unsigned i = 0; i < command_count; i++)
		assert_non_null(strstr(help, commands[i].name));
	assert_string_equal(help + strlen(help) - 10, "\r\ntrivet> ");
}

static void wrong_input_gets_one_line(void **state)
{
	static const struct { const char *line, *answer; } rows[] = {
		{ "frobnicate", "frobnicate: no such command (help: all commands)\r\ntrivet> " },
		{ "lsit", "lsit: no such command; did you mean \"list\"? (help: all commands)\r\ntrivet> " },
		{ "status", "usage: status VM [--json]\r\ntrivet> " },
		{ "list all", "all: expected --json or nothing\r\ntrivet> " },
		{ "stop a b c", "usage: stop VM [--force]\r\ntrivet> " },
		{ "status wbe", "wbe: no such VM; did you mean \"web\"?\r\ntrivet> " },
		{ "console 3", "3: no such VM (list: all VMs)\r\ntrivet> " },
		{ "status 0", "0: no such VM (list: all VMs)\r\ntrivet> " },
		{ "stop web", "web: cannot be stopped: it does not run\r\ntrivet> " },
		{ "stop web force", "force: expected --force or nothing\r\ntrivet> " },
		{ "poweroff now", "now: expected --force or nothing\r\ntrivet> " },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		assert_string_equal(command(rows[i].line), rows[i].answer);
	assert_int_equal(finished, SYSTEM_RUNS);
}

static void start_and_stop_hold_the_prompt_back_until_they_are_done(void **state)
{
	(void)state;
	assert_string_equal(command("start web"), "");
	root_fake_run(1);
	assert_string_equal(seen(), "web: running\r\ntrivet> ");
	assert_non_null(strstr(command("list"), " 1  web             running"));
	assert_string_equal(command("stop web"), "");
	shell_input('x');				/* nobody listens */
	root_fake_run(5);
	assert_string_equal(seen(), "");
	root_fake_thread_stops(child_thread_sel(&web->child, 0), TV_THREAD_EXITED, VM_EXIT_POWEROFF);
	root_fake_signal(BIT(ROOT_BIT_VM_END));
	root_fake_run(1);
	assert_string_equal(seen(), "web: stopped\r\ntrivet> ");
	assert_string_equal(command(""), "trivet> ");
}

static void a_start_that_fails_gives_the_prompt_back(void **state)
{
	(void)state;
	root_fake_fail_at(3);
	assert_string_equal(command("start web"), "");
	root_fake_run(1);
	assert_string_equal(seen(), "web: stopped\r\ntrivet> ");
	assert_non_null(strstr(command("status web"), "last end        it cannot be run: "));
}

static void restart_waits_for_the_new_run(void **state)
{
	(void)state;
	command("start web");
	root_fake_run(1);
	assert_string_equal(command("restart web --force"), "");
	root_fake_run(1);
	assert_string_equal(seen(), "web: running\r\ntrivet> ");
	assert_int_equal(web->starts, 2);
}

static void control_c_gives_the_prompt_back(void **state)
{
	(void)state;
	command("start web");
	root_fake_run(1);
	command("stop web");
	shell_input(3);
	assert_string_equal(seen(), "^C\r\ntrivet> ");
	assert_non_null(strstr(command("list"), "stopping"));
}

static void status_shows_what_the_monitor_counts(void **state)
{
	const char *status;

	(void)state;
	command("start web");
	root_fake_run(1);
	atomic_store(&web->shared->status.cpu[0].exits[TV_EXIT_CPUID], 42);
	status = command("status 1");
	assert_non_null(strstr(status, "memory          4M\r\n"));
	assert_non_null(strstr(status, "kernel memory   256 of 1024 KiB, peak 300\r\n"));
	assert_non_null(strstr(status, "exits cpuid     42\r\n"));
	assert_non_null(strstr(status, "there: 11 timer interrupts, 12 of devices, 13 messages, 14 switches, idle 0.00 s\r\n"));
	assert_non_null(strstr(command("status web --json"), "\"timer\":11,\"device\":12,\"message\":13,\"switches\":14}"));
}

static void logs_are_shown_in_printable_lines(void **state)
{
	static const char text[] = "one\ntwo\033[2J\n";

	(void)state;
	assert_string_equal(command("log"), "first line\r\nsecond line, longer than one message of the kernel\r\ntrivet> ");
	command("start web");
	root_fake_run(1);
	ring_put(&web->log, text, sizeof(text) - 1);
	seen();
	assert_string_equal(command("log web"), "one\r\ntwo?[2J\r\ntrivet> ");
}

static void a_long_log_shows_its_end(void **state)
{
	(void)state;
	command("start web");
	root_fake_run(1);
	for (unsigned i = 0; i < 3000; i++) {
		ring_put(&web->log, i == 2999 ? "the last\n" : "a line.\n", i == 2999 ? 9 : 8);
		vm_drain(web);
	}
	command("log web");
	assert_non_null(strstr(screen, "a line.\r\nthe last\r\ntrivet> "));
	assert_in_range(strlen(screen), VM_LOG_KEPT, VM_LOG_KEPT * 5 / 4);
}

static void a_line_from_elsewhere_does_not_disturb_what_is_typed(void **state)
{
	(void)state;
	seen();
	shell_input('l');
	shell_input('i');
	shell_note("driver serial: hello");
	assert_string_equal(seen(), "li\r\033[Kdriver serial: hello\r\ntrivet> li");
	shell_text("kernel sa", 9);
	assert_string_equal(seen(), "\r\033[Kkernel sa");
	shell_text("ys\n", 3);
	assert_string_equal(seen(), "ys\r\ntrivet> li");
}

static void in_the_background_there_is_no_prompt(void **state)
{
	(void)state;
	console_show(&root.console, 1, false);
	shell_note("hello");
	console_show(&root.console, 0, false);
	assert_null(strstr(seen(), "hello\r\ntrivet> "));
	shell_shown();
	assert_string_equal(seen(), "trivet> ");
}

static void console_brings_a_vm_to_the_front(void **state)
{
	(void)state;
	seen();
	for (const char *c = "console db\r"; *c; c++)
		shell_input((uint8_t)*c);
	assert_int_equal(root.console.front, 2);
	assert_string_equal(seen(), "\r\n[trivet: console of db]\r\n");
	console_show(&root.console, 0, false);
	shell_shown();
	assert_string_equal(seen(), "console db\r\ntrivet> ");
}

static void the_end_of_the_system_is_asked_for_as_it_is_typed(void **state)
{
	(void)state;
	command("poweroff");
	assert_int_equal(finished, SYSTEM_POWER_OFF);
	assert_false(finished_by_force);
	command("reboot --force");
	assert_int_equal(finished, SYSTEM_REBOOT);
	assert_true(finished_by_force);
}

static void the_version_is_that_of_the_info_page(void **state)
{
	(void)state;
	assert_string_equal(command("version"), "Trivet 0.1, ABI 1\r\nfree memory 64M, free kernel memory 768 of 1024 KiB\r\ntrivet> ");
}

static void the_driver_has_a_status_and_can_be_restarted(void **state)
{
	(void)state;
	assert_string_equal(command("status serial"), "driver serial: running\r\ntrivet> ");
	command("restart serial");
	assert_int_equal(driver_restarts, 1);
}

static void a_network_has_a_status_and_its_switch_can_be_restarted(void **state)
{
	(void)state;
	switch_restarts = 0;
	assert_string_equal(command("status lan"), "network lan: fine\r\ntrivet> ");
	command("restart lan");
	assert_int_equal(switch_restarts, 1);
	assert_null(strstr(command("status web"), "fine"));	/* a VM of the same name goes first */
}

static void scripts_get_json_a_line_for_each_object(void **state)
{
	(void)state;
	assert_string_equal(command("list --json"),
		"{\"name\":\"web\",\"number\":1,\"state\":\"stopped\",\"memory\":4194304,\"cpus\":1,\"starts\":0,\"cpu_time_us\":0}\r\n"
		"{\"name\":\"db\",\"number\":2,\"state\":\"stopped\",\"memory\":4194304,\"cpus\":1,\"starts\":0,\"cpu_time_us\":0}\r\n"
		"trivet> ");
	strcpy(root.config.vm[0].cmdline, "a=\"\\\"");
	assert_non_null(strstr(command("status --json web"), ",\"cmdline\":\"a=\\u0022\\u005c\\u0022\","));
}

static void top_shows_what_happened_between_two_looks(void **state)
{
	struct vm_cpu_status *cpu = &web->shared->status.cpu[0];
	const char *answer;

	(void)state;
	command("start web");
	root_fake_run(1);
	seen();
	atomic_store(&cpu->exits[TV_EXIT_CPUID], 1000);
	assert_string_equal(command("top 1 --json"), "");
	root_fake_run(0);
	root_fake_run(1);				/* the first look */
	assert_true(atomic_load(&web->shared->request) & VM_REQUEST_BEAT);
	root_fake_consumed(child_sched_sel(&web->child, 0), ROOT_FAKE_HZ / 4);
	atomic_store(&cpu->halted, ROOT_FAKE_HZ / 2);
	atomic_store(&cpu->exits[TV_EXIT_CPUID], 1100);
	atomic_store(&cpu->exits[TV_EXIT_HLT], 50);
	atomic_store(&cpu->injected, 7);
	root_fake_run(1);
	answer = seen();
	assert_non_null(strstr(answer, "\"run_permille\":249,\"steal_permille\":249,\"halt_permille\":499,\"interrupts\":7,"
				       "\"exits\":{\"cpuid\":100,\"hlt\":50}"));
	assert_string_equal(answer + strlen(answer) - 10, "\r\ntrivet> ");
}

static void counters_of_a_monitor_that_lies_spoil_nothing_but_its_own_line(void **state)
{
	struct vm_cpu_status *cpu = &web->shared->status.cpu[0];

	(void)state;
	command("start web");
	root_fake_run(1);
	seen();
	atomic_store(&cpu->exits[TV_EXIT_CPUID], 1000);
	atomic_store(&cpu->halted, UINT64_MAX);
	command("top 1 --json");
	root_fake_run(1);
	atomic_store(&cpu->exits[TV_EXIT_CPUID], 5);		/* backwards */
	atomic_store(&cpu->exits[TV_EXIT_HLT], UINT64_MAX);
	atomic_store(&cpu->halted, 0);
	root_fake_run(1);
	assert_non_null(strstr(seen(), "\"halt_permille\":0,\"interrupts\":0,\"exits\":{\"hlt\":"));
}

static void top_runs_until_a_key_and_gives_the_prompt_back(void **state)
{
	(void)state;
	assert_string_equal(command("top"), "");
	root_fake_run(5);
	assert_non_null(strstr(seen(), "\033[H\033[J2 CPUs, "));
	shell_input('x');				/* not this one */
	root_fake_run(2);
	assert_non_null(strstr(seen(), " 1  web"));
	shell_input('q');
	assert_string_equal(seen(), "trivet> ");
	root_fake_run(5);
	assert_string_equal(seen(), "");
	assert_string_equal(command("top x"), "x: expected the number of samples, --json or nothing\r\ntrivet> ");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(it_begins_with_a_prompt, setup),
		cmocka_unit_test_setup(every_command_is_in_the_help_and_ends_with_a_prompt, setup),
		cmocka_unit_test_setup(wrong_input_gets_one_line, setup),
		cmocka_unit_test_setup(start_and_stop_hold_the_prompt_back_until_they_are_done, setup),
		cmocka_unit_test_setup(a_start_that_fails_gives_the_prompt_back, setup),
		cmocka_unit_test_setup(restart_waits_for_the_new_run, setup),
		cmocka_unit_test_setup(control_c_gives_the_prompt_back, setup),
		cmocka_unit_test_setup(status_shows_what_the_monitor_counts, setup),
		cmocka_unit_test_setup(logs_are_shown_in_printable_lines, setup),
		cmocka_unit_test_setup(a_long_log_shows_its_end, setup),
		cmocka_unit_test_setup(a_line_from_elsewhere_does_not_disturb_what_is_typed, setup),
		cmocka_unit_test_setup(in_the_background_there_is_no_prompt, setup),
		cmocka_unit_test_setup(console_brings_a_vm_to_the_front, setup),
		cmocka_unit_test_setup(the_end_of_the_system_is_asked_for_as_it_is_typed, setup),
		cmocka_unit_test_setup(the_version_is_that_of_the_info_page, setup),
		cmocka_unit_test_setup(the_driver_has_a_status_and_can_be_restarted, setup),
		cmocka_unit_test_setup(a_network_has_a_status_and_its_switch_can_be_restarted, setup),
		cmocka_unit_test_setup(scripts_get_json_a_line_for_each_object, setup),
		cmocka_unit_test_setup(top_shows_what_happened_between_two_looks, setup),
		cmocka_unit_test_setup(counters_of_a_monitor_that_lies_spoil_nothing_but_its_own_line, setup),
		cmocka_unit_test_setup(top_runs_until_a_key_and_gives_the_prompt_back, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
