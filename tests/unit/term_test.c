/* SPDX-License-Identifier: Apache-2.0 */
/* sources: vmm/root/term.c vmm/root/console.c vmm/rt/fmt.c vmm/rt/event.c */
/* The terminal between the serial driver's rings, the multiplexer, the shell and one VM. */
#include <root/term.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <root/mem.h>
#include <root/root.h>
#include <root/serial.h>
#include <root/shell.h>
#include <root/system.h>
#include <root/vms.h>
#include <rt/log.h>
#include <rt/sys.h>
#include <svc/serial.h>

#define HZ	1000000ull

struct root root;
uint64_t fake_now;

static struct serial_shared shared;
static struct ring rx, tx;
static bool driver, drained;
static unsigned driver_wakes, restarts;

bool serial_expected(void) { return driver; }
bool serial_ready(void) { return driver; }
struct ring *serial_tx(void) { return &tx; }
struct ring *serial_rx(void) { return &rx; }
bool serial_was_broken(void)
{
	if (!ring_broken(&rx))
		return false;
	ring_init(&shared.rx);
	restarts++;
	return true;
}

bool serial_drained(void) { return drained; }

void serial_wake(void)
{
	driver_wakes += ring_wake_getter(&tx) + ring_wake_putter(&rx);
}

/* One VM: what it was given, and what it wants to print. */
static char given[256], to_print[32768];
static size_t print_at;
static bool takes = true;
static struct vm vm;

unsigned vms_count(void) { return 1; }
struct vm *vms_get(unsigned index) { return index ? NULL : &vm; }
bool vm_takes_input(struct vm *v) { (void)v; return takes; }

void vm_input(struct vm *v, uint8_t byte)
{
	(void)v;
	if (takes)
		strncat(given, (const char[]){ (char)byte, 0 }, 1);
}

void vm_drain(struct vm *v)
{
	(void)v;
	print_at += console_put(&root.console, 1, to_print + print_at, strlen(to_print + print_at));
}

static char shell_given[256], shell_got[256];
static unsigned shown;

void shell_input(uint8_t byte) { strncat(shell_given, (const char[]){ (char)byte, 0 }, 1); }
void shell_shown(void) { shown++; }
void shell_text(const char *text, size_t length) { strncat(shell_got, text, length); }

static enum system_end finished;

void system_finish(enum system_end end, bool force)
{
	(void)force;
	finished = end;
}

static char klog[256], klog_written[256];
static uint64_t pending;

enum tv_err sys_log_read(uint64_t log, uint64_t *pos, uint64_t text[4])
{
	size_t n = strlen(klog + *pos);

	assert_int_equal(log, TV_SEL_LOG);
	if (!n)
		return TV_EAGAIN;
	n = n > 32 ? 32 : n;
	memset(text, 0, 32);
	memcpy(text, klog + *pos, n);
	*pos += n;
	return TV_OK;
}

enum tv_err sys_log_write(uint64_t log, const uint64_t text[5])
{
	assert_int_equal(log, TV_SEL_LOG);
	strncat(klog_written, (const char *)text, 40);
	return TV_OK;
}

enum tv_err sys_log_bind(uint64_t log, uint64_t ntfn, uint64_t bits)
{
	assert_int_equal(log, TV_SEL_LOG);
	assert_int_equal(ntfn, ROOT_SEL_NTFN);
	pending |= bits;
	return TV_OK;
}

enum tv_err sys_ntfn_signal(uint64_t ntfn, uint64_t bits)
{
	assert_int_equal(ntfn, ROOT_SEL_NTFN);
	pending |= bits;
	return TV_OK;
}

static bool idle;

enum tv_err sys_ntfn_wait(uint64_t ntfn, uint64_t deadline, uint64_t *bits)
{
	(void)ntfn;
	*bits = pending;
	pending = 0;
	if (*bits)
		return TV_OK;
	idle = deadline > fake_now;
	return TV_ETIMEOUT;
}

/* Everything that is due now. */
static void run(void)
{
	do {
		event_run(&root.loop);
	} while (!idle);
}

uint64_t root_after_ms(uint64_t ms) { return fake_now + ms * (HZ / 1000); }

void rt_panic(const char *fmt, ...)
{
	(void)fmt;
	abort();
}

static char shell_ring[64 * KIB], vm_ring[4096];

void *mem_keep(uint64_t size, struct extent *e)
{
	(void)e;
	assert_int_equal(size, sizeof(shell_ring));
	return shell_ring;
}

static int setup(void **state)
{
	(void)state;
	memset(&root, 0, sizeof(root));
	root.tsc_hz = HZ;
	root.config.prefix = 1;
	fake_now = 1000;
	pending = 0;
	event_init(&root.loop, ROOT_SEL_NTFN);
	ring_init(&shared.rx);
	ring_init(&shared.tx);
	rx = serial_ring_rx(&shared);
	tx = serial_ring_tx(&shared);
	driver = drained = takes = true;
	driver_wakes = shown = 0;
	given[0] = to_print[0] = shell_given[0] = shell_got[0] = klog[0] = klog_written[0] = 0;
	print_at = 0;
	finished = SYSTEM_RUNS;
	term_init();
	console_add(&root.console, "web", vm_ring, sizeof(vm_ring));
	return 0;
}

static void type(const char *text)
{
	assert_int_equal(ring_put(&rx, text, (uint32_t)strlen(text)), strlen(text));
	term_run();
	run();
}

static char wire[65536];

/* What the driver takes from its ring. */
static size_t take(uint32_t max)
{
	uint32_t n = ring_get(&tx, wire, max);

	wire[n] = 0;
	return n;
}

static void what_is_typed_goes_to_what_is_in_front(void **state)
{
	(void)state;
	type("list\r");
	assert_string_equal(shell_given, "list\r");
	type("\0011hello\001\001");
	assert_string_equal(given, "hello\001");
	type("\0010x");
	assert_string_equal(shell_given, "list\rx");
	assert_int_equal(shown, 1);
}

static void a_vm_that_takes_nothing_holds_its_input_back_but_not_its_user(void **state)
{
	(void)state;
	type("\0011");
	takes = false;
	type("abc");
	assert_int_equal(ring_used(&rx), 3);		/* it waits, in the driver's ring */
	takes = true;
	term_run();
	assert_string_equal(given, "abc");
	takes = false;
	type("def\0010");
	assert_int_equal(ring_used(&rx), 5);
	fake_now += 2 * HZ;
	run();
	assert_int_equal(ring_used(&rx), 0);
	assert_int_equal(root.console.front, CONSOLE_SHELL);
	assert_string_equal(given, "abc");
}

static void output_waits_for_the_wire_and_none_of_it_is_lost(void **state)
{
	size_t got = 0;

	(void)state;
	console_show(&root.console, 1, false);
	for (size_t i = 0; i < sizeof(to_print) - 1; i++)
		to_print[i] = (char)('a' + i % 23);
	to_print[sizeof(to_print) - 1] = 0;
	term_run();
	assert_int_equal(ring_space(&tx), 0);
	assert_int_equal(driver_wakes, 1);
	while (got < sizeof(to_print) - 1) {
		size_t n = take(100);

		assert_true(n > 0);
		assert_memory_equal(wire, to_print + got, n);
		got += n;
		if (ring_wake_putter(&tx))
			term_run();			/* the driver's signal */
	}
	assert_int_equal(take(1), 0);
	assert_true(term_flushed());
}

static void the_kernel_log_appears_on_the_shell_once_the_terminal_is_ours(void **state)
{
	(void)state;
	strcpy(klog, "printed by the kernel, which is longer than one read\n");
	term_ready();
	run();
	assert_string_equal(shell_got, "");
	strcat(klog, "later\n");
	pending = BIT(ROOT_BIT_LOG);
	run();
	assert_string_equal(shell_got, "later\n");
	term_ready();					/* a driver that was restarted */
	run();
	assert_string_equal(shell_got, "later\n");
}

static void without_a_driver_the_kernel_prints(void **state)
{
	(void)state;
	driver = false;
	console_put(&root.console, CONSOLE_SHELL, "a line that is longer than one message to the kernel\r\n", 54);
	term_run();
	assert_string_equal(klog_written, "a line that is longer than one message to the kernel\r\n");
	assert_true(term_flushed());
}

static void flushed_means_that_the_wire_is_idle(void **state)
{
	(void)state;
	drained = false;
	assert_false(term_flushed());
	drained = true;
	assert_true(term_flushed());
	console_put(&root.console, CONSOLE_SHELL, "x", 1);
	assert_false(term_flushed());
	term_run();
	assert_true(term_flushed());
}

static void switching_off_is_asked_for_by_two_keys(void **state)
{
	(void)state;
	type("\001xn");
	assert_int_equal(finished, SYSTEM_RUNS);
	type("\001xy");
	assert_int_equal(finished, SYSTEM_POWER_OFF);
}

static void a_driver_that_pretends_endless_input_does_not_stop_the_loop(void **state)
{
	(void)state;
	atomic_store(&shared.rx.tail, 0x80000000u);
	term_run();
	run();
	assert_int_equal(restarts, 1);
	assert_string_equal(shell_given, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(what_is_typed_goes_to_what_is_in_front, setup),
		cmocka_unit_test_setup(a_vm_that_takes_nothing_holds_its_input_back_but_not_its_user, setup),
		cmocka_unit_test_setup(output_waits_for_the_wire_and_none_of_it_is_lost, setup),
		cmocka_unit_test_setup(the_kernel_log_appears_on_the_shell_once_the_terminal_is_ours, setup),
		cmocka_unit_test_setup(without_a_driver_the_kernel_prints, setup),
		cmocka_unit_test_setup(flushed_means_that_the_wire_is_idle, setup),
		cmocka_unit_test_setup(switching_off_is_asked_for_by_two_keys, setup),
		cmocka_unit_test_setup(a_driver_that_pretends_endless_input_does_not_stop_the_loop, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
