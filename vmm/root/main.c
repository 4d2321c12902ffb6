/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Root, the first user program: reads the configuration, starts drivers and monitors, and owns the console.  One thread, which
 * waits for signals and deadlines.
 *
 * libfdt, as Debian compiles it, keeps its stack canary at %fs:0x28.  The kernel starts the first thread without an FS base;
 * so that thread only creates a second one which has one, and ends.
 */
#include <rt/fmt.h>
#include <rt/log.h>
#include <rt/start.h>
#include <rt/string.h>
#include <rt/sys.h>
#include <rt/time.h>

#include "clock.h"
#include "drivers.h"
#include "mem.h"
#include "network.h"
#include "power.h"
#include "root.h"
#include "serial.h"
#include "shell.h"
#include "system.h"
#include "term.h"
#include "vms.h"

#define MAIN_STACK	(64 * KIB)
#define CANARY_WORD	5u		/* %fs:0x28 */
#define LINE_MAX	256u

struct root root;

static uint8_t main_stack[MAIN_STACK] __attribute__((aligned(16)));
static uint64_t thread_block[8];	/* what FS points at */

/* Called by libfdt when it has overrun its stack. */
NORETURN void __stack_chk_fail(void);
NORETURN void __stack_chk_fail(void)
{
	rt_panic("a stack frame was overrun");
}

static void kernel_log(const char *text, size_t length)
{
	while (length) {
		uint64_t word[5] = { 0 };
		size_t n = (size_t)min_u64(length, sizeof(word));

		memcpy(word, text, n);
		(void)sys_log_write(TV_SEL_LOG, word);
		text += n;
		length -= n;
	}
}

uint64_t root_after_ms(uint64_t ms)
{
	return clock_now() + root.tsc_hz / 1000 * ms;
}

void root_say(const char *fmt, ...)
{
	char line[LINE_MAX];
	va_list args;

	va_start(args, fmt);
	size_t length = fmt_vbuf(line, sizeof(line) - 1, fmt, args);
	va_end(args);
	if (!term_is_ours()) {
		kernel_log("trivet: ", 8);
		kernel_log(line, length);
		kernel_log("\n", 1);
		return;
	}
	shell_note(line);
	if (root.console.front != CONSOLE_SHELL)
		console_notice(&root.console, "\r\n[trivet: %s]", line);
	term_again();
}

void root_note(const char *fmt, ...)
{
	char line[LINE_MAX];
	va_list args;

	va_start(args, fmt);
	fmt_vbuf(line, sizeof(line), fmt, args);
	va_end(args);
	shell_note(line);
	term_again();
}

NORETURN void root_cannot_run(const char *line)
{
	uint64_t bits;

	kernel_log("trivet: cannot run: ", 20);
	kernel_log(line, strlen(line));
	kernel_log("\n", 1);
	for (;;)
		(void)sys_ntfn_wait(ROOT_SEL_NTFN, TV_NEVER, &bits);
}

static void config_complain(const char *line)
{
	kernel_log("trivet: ", 8);
	kernel_log(line, strlen(line));
	kernel_log("\n", 1);
}

static char config_last[LINE_MAX];

/* The last complaint is the one that makes a configuration useless. */
static void config_error(const char *line)
{
	if (config_last[0])
		config_complain(config_last);
	str_copy(config_last, sizeof(config_last), line);
}

static void config_load(void)
{
	const struct tv_root_module *m = mem_module("config", NULL);
	const void *blob = m ? mem_module_map(m) : NULL;

	if (!m)
		root_cannot_run("config: there is no boot module \"config\"");
	if (!blob)
		root_cannot_run("config: the boot module is empty");
	if (!config_read(&root.config, blob, m->size, config_error))
		root_cannot_run(config_last);
	if (config_last[0])
		config_complain(config_last);
}

/* The console in front at boot. */
static void front_choose(void)
{
	for (unsigned i = 0; i < root.config.vm_count; i++)
		if (str_equal(root.config.vm[i].name, root.config.front))
			console_show(&root.console, i + 1, false);
	if (root.console.front == CONSOLE_SHELL)
		shell_shown();
}

static NORETURN void root_main(void)
{
	rt_log_to(kernel_log);
	root.info = (const struct tv_rootinfo *)TV_ROOT_INFO_ADDR;
	root.tsc_hz = rt_info()->tsc_hz;
	if (sys_ntfn_create(ROOT_SEL_NTFN) != TV_OK)
		rt_panic("root: no notification");
	if (root.info->version != TV_ABI_VERSION)
		root_cannot_run("root: the kernel speaks another version of the ABI");
	event_init(&root.loop, ROOT_SEL_NTFN);
	mem_init();
	config_load();
	power_init();
	clock_init();
	system_init();
	term_init();
	vms_init();
	shell_init();
	front_choose();
	serial_init();
	drivers_init();
	networks_init();
	vms_autostart();
	for (;;)
		event_run(&root.loop);
}

uint64_t rt_main(const struct tv_start *start)
{
	uint64_t top = (uint64_t)main_stack + MAIN_STACK - 8;	/* as if root_main() had been called */
	enum tv_err err;

	if (start)
		return RT_EXIT_START;
	rt_log_to(kernel_log);
	thread_block[0] = (uint64_t)thread_block;
	thread_block[CANARY_WORD] = clock_now() * 0x9e3779b97f4a7c15ull & ~0xffull;	/* a NUL in it stops string functions */
	err = sys_thread_create(ROOT_SEL_THREAD, TV_SEL_DOMAIN, (uint64_t)root_main, top, 0, (uint64_t)thread_block);
	if (err == TV_OK)
		err = sys_sched_create(ROOT_SEL_SCHED, TV_SEL_SCHED, 0, ROOT_PRIORITY, 0, 0);
	if (err == TV_OK)
		err = sys_sched_bind(ROOT_SEL_SCHED, ROOT_SEL_THREAD);
	if (err == TV_OK)
		err = sys_thread_start(ROOT_SEL_THREAD);
	if (err != TV_OK)
		rt_panic("root: cannot start its main thread: status %d", err);
	return 0;
}
