/* SPDX-License-Identifier: Apache-2.0 */
/* The commands of the management shell. */
#include "command.h"

#include <rt/fmt.h>
#include <rt/string.h>
#include <rt/sys.h>
#include <rt/time.h>

#include "mem.h"
#include "root.h"
#include "serial.h"
#include "system.h"
#include "word.h"

#define VERSION		"Trivet 0.1"
#define LOG_LINE	128u
#define STATUS_LINE	128u
#define DRIVER_SERIAL	"serial"

static void cmd_help(unsigned count, char **word);

/* --- looking --- */

static unsigned long kib(uint64_t bytes)
{
	return bytes >> 10;
}

/* Seconds and hundredths of @ticks, as "12.34 s". */
static const char *seconds(uint64_t ticks, char *buf)
{
	uint64_t hundredths = ticks / (root.tsc_hz / 100);

	fmt_buf(buf, WORD_SIZE, "%lu.%02lu s", hundredths / 100, hundredths % 100);
	return buf;
}

static void cmd_list(unsigned count, char **word)
{
	(void)count;
	(void)word;
	shell_print("%2s  %-15s %-18s %8s %4s %8s %12s", "", "name", "state", "memory", "cpus", "starts", "CPU time");
	for (unsigned i = 0; i < vms_count(); i++) {
		const struct vm *v = vms_get(i);
		char size[WORD_SIZE], time[WORD_SIZE];

		shell_print("%2u  %-15s %-18s %8s %4u %8u %12s", i + 1, v->config->name, vm_phase_text(v),
			    word_size(v->config->memory, size), v->config->cpus, v->starts, seconds(vm_consumed(v), time));
	}
}

static void status_exits(const struct vm *v)
{
	for (unsigned i = 0; i < TV_EXIT_KINDS; i++) {
		uint64_t n = atomic_load_explicit(&v->shared->status.exits[i], memory_order_relaxed);

		if (n)
			shell_print("  exits %-9s %lu", vm_kind_text(i), n);
	}
	shell_print("  interrupts      %lu injected", atomic_load(&v->shared->status.irqs_injected));
	shell_print("  unclaimed       %lu accesses to addresses of no device", atomic_load(&v->shared->status.unclaimed));
}

/* Does @word name the serial driver, and no VM? */
static bool is_driver(const char *word)
{
	return str_equal(word, DRIVER_SERIAL) && !vms_find(word);
}

static void status_driver(void)
{
	char line[STATUS_LINE];

	serial_status(line, sizeof(line));
	shell_print("driver " DRIVER_SERIAL ": %s", line);
}

static void status_vm(const struct vm *v)
{
	static const char *const restart[] = { "never", "on-failure", "always" };
	struct sys_domain_info info;
	char buf[WORD_SIZE];

	shell_print("%s: %s", v->config->name, vm_phase_text(v));
	shell_print("  memory          %s", word_size(v->config->memory, buf));
	shell_print("  cpus            %u, priority %u", v->config->cpus, v->config->priority);
	if (v->config->budget_us)
		shell_print("  budget          %u us of each %u us", v->config->budget_us, v->config->period_us);
	shell_print("  kernel          %s%s%s", v->config->kernel, v->config->initrd[0] ? ", initrd " : "", v->config->initrd);
	shell_print("  command line    %s", v->config->cmdline);
	shell_print("  restart         %s; starts so far: %u", restart[v->config->restart], v->starts);
	shell_print("  CPU time        %s", seconds(vm_consumed(v), buf));
	if (v->phase == VM_RUNNING) {
		shell_print("  runs since      %s", seconds(clock_now() - v->started, buf));
		if (sys_domain_info(child_domain(&v->child), &info) == TV_OK)
			shell_print("  kernel memory   %lu of %lu KiB, peak %lu", kib(info.used), kib(info.quota), kib(info.peak));
		status_exits(v);
	}
	if (v->ended)
		shell_print("  last end        %s%s%s", vm_exit_text(v->last_exit), v->last_reason[0] ? ": " : "", v->last_reason);
}

static void cmd_status(unsigned count, char **word)
{
	const struct vm *v;

	(void)count;
	if (is_driver(word[1])) {
		status_driver();
		return;
	}
	v = shell_vm(word[1]);
	if (v)
		status_vm(v);
}

/* Makes lines of bytes. */
struct log_reader {
	char line[LOG_LINE + 1];
	unsigned length;
};

static void log_byte(struct log_reader *r, char c)
{
	if (c != '\n' && c != '\r' && (c < ' ' || c > '~'))
		c = '?';
	if (c != '\n' && c != '\r')
		r->line[r->length++] = c;
	if ((c == '\n' && r->length) || r->length == LOG_LINE) {
		r->line[r->length] = 0;
		shell_print("%s", r->line);
		r->length = 0;
	}
}

static void log_vm(struct vm *v)
{
	struct log_reader r = { .length = 0 };
	uint64_t at = v->log_end > VM_LOG_KEPT ? v->log_end - VM_LOG_KEPT : 0;

	vm_drain(v);
	for (; at < v->log_end; at++)
		log_byte(&r, v->log_text[at % VM_LOG_KEPT]);
	log_byte(&r, '\n');
}

static void cmd_log(unsigned count, char **word)
{
	struct log_reader r = { .length = 0 };
	uint64_t position = 0, text[4];
	struct vm *v;

	if (count > 1) {
		v = shell_vm(word[1]);
		if (v)
			log_vm(v);
		return;
	}
	while (sys_log_read(TV_SEL_LOG, &position, text) == TV_OK)
		for (size_t i = 0; i < sizeof(text) && ((const char *)text)[i]; i++)
			log_byte(&r, ((const char *)text)[i]);
	log_byte(&r, '\n');
}

static void cmd_dump(unsigned count, char **word)
{
	struct vm *v = shell_vm(word[1]);

	(void)count;
	if (v && v->phase != VM_RUNNING)
		shell_print("%s: it does not run", v->config->name);
	else if (v)
		vm_request(v, VM_REQUEST_DUMP);
}

static void cmd_version(unsigned count, char **word)
{
	struct sys_domain_info info = { .quota = 0 };
	char size[WORD_SIZE];

	(void)count;
	(void)word;
	(void)sys_domain_info(TV_SEL_DOMAIN, &info);
	shell_print(VERSION ", ABI %u", rt_info()->abi_version);
	shell_print("free memory %s, free kernel memory %lu of %lu KiB", word_size(align_down(mem_free_bytes(), KIB), size),
		    kib(info.quota - info.used), kib(info.quota));
}

/* --- doing --- */

static void cmd_console(unsigned count, char **word)
{
	const struct vm *v = shell_vm(word[1]);

	(void)count;
	if (v)
		console_show(&root.console, v->index + 1, true);
}

static void cmd_start(unsigned count, char **word)
{
	struct vm *v = shell_vm(word[1]);
	const char *wrong = v ? vm_start(v) : NULL;

	(void)count;
	if (wrong)
		shell_print("%s: cannot be started: %s", v->config->name, wrong);
	else if (v)
		shell_wait(v, VM_RUNNING);
}

/* "VM [--force]"; NULL after a line that says what is wrong. */
static struct vm *vm_and_force(unsigned count, char **word, bool *force)
{
	*force = count > 2;
	if (*force && !str_equal(word[2], "--force")) {
		shell_print("%s: expected --force or nothing", word[2]);
		return NULL;
	}
	return shell_vm(word[1]);
}

static void cmd_stop(unsigned count, char **word)
{
	bool force;
	struct vm *v = vm_and_force(count, word, &force);
	const char *wrong = v ? vm_stop(v, force, false) : NULL;

	if (wrong)
		shell_print("%s: cannot be stopped: %s", v->config->name, wrong);
	else if (v && v->phase != VM_STOPPED)
		shell_wait(v, VM_STOPPED);
}

static void cmd_restart(unsigned count, char **word)
{
	bool force;
	struct vm *v;
	const char *wrong;

	if (is_driver(word[1])) {
		serial_restart();
		return;
	}
	v = vm_and_force(count, word, &force);
	if (!v)
		return;
	wrong = v->phase == VM_STOPPED ? vm_start(v) : vm_stop(v, force, true);
	if (wrong)
		shell_print("%s: cannot be restarted: %s", v->config->name, wrong);
	else
		shell_wait(v, VM_RUNNING);
}

static void finish(unsigned count, char **word, enum system_end end)
{
	if (count > 1 && !str_equal(word[1], "--force"))
		shell_print("%s: expected --force or nothing", word[1]);
	else
		system_finish(end, count > 1);
}

static void cmd_poweroff(unsigned count, char **word)
{
	finish(count, word, SYSTEM_POWER_OFF);
}

static void cmd_reboot(unsigned count, char **word)
{
	finish(count, word, SYSTEM_REBOOT);
}

const struct command commands[] = {
	{ "help",     "",             "show this list",                                          0, 0, cmd_help },
	{ "list",     "",             "show all VMs",                                            0, 0, cmd_list },
	{ "status",   "VM",           "show everything about one VM",                            1, 1, cmd_status },
	{ "console",  "VM",           "bring the console of a VM to the front",                  1, 1, cmd_console },
	{ "stop",     "VM [--force]", "press its power button; --force: destroy it at once",     1, 2, cmd_stop },
	{ "start",    "VM",           "start a VM that has stopped",                             1, 1, cmd_start },
	{ "restart",  "VM [--force]", "stop it and start it again",                              1, 2, cmd_restart },
	{ "log",      "[VM]",         "show the log of the kernel, or of a VM's monitor",        0, 1, cmd_log },
	{ "dump",     "VM",           "write the guest's registers to its monitor's log",        1, 1, cmd_dump },
	{ "poweroff", "[--force]",    "stop all VMs and switch the machine off",                 0, 1, cmd_poweroff },
	{ "reboot",   "[--force]",    "stop all VMs and reset the machine",                      0, 1, cmd_reboot },
	{ "version",  "",             "show version and free memory",                            0, 0, cmd_version },
};
const unsigned command_count = ARRAY_LEN(commands);

static void cmd_help(unsigned count, char **word)
{
	char key[8];

	(void)count;
	(void)word;
	for (unsigned i = 0; i < command_count; i++)
		shell_print("  %-9s%-13s  %s", commands[i].name, commands[i].args, commands[i].help);
	shell_print("A VM is given by its name or number; status and restart also know the driver " DRIVER_SERIAL ".");
	shell_print("%s h lists the keys of the console.", console_key(&root.console, key));
}
