/* SPDX-License-Identifier: Apache-2.0 */
/* The commands of the management shell. */
#include "command.h"

#include <rt/fmt.h>
#include <rt/string.h>
#include <rt/sys.h>
#include <rt/time.h>

#include "drivers.h"
#include "look.h"
#include "mem.h"
#include "network.h"
#include "root.h"
#include "serial.h"
#include "system.h"
#include "top.h"
#include "word.h"

#define VERSION		"Trivet 0.1"
#define LOG_LINE	128u
#define STATUS_LINE	128u
#define DRIVER_SERIAL	"serial"

static void cmd_help(unsigned count, char **word);

/* --- looking --- */

/* Take "--json" out of the words; true: it was there. */
static bool take_json(unsigned *count, char **word)
{
	for (unsigned i = 1; i < *count; i++)
		if (str_equal(word[i], "--json")) {
			for (; i + 1 < *count; i++)
				word[i] = word[i + 1];
			--*count;
			return true;
		}
	return false;
}

static void cmd_list(unsigned count, char **word)
{
	bool json = take_json(&count, word);

	if (count > 1)
		shell_print("%s: expected --json or nothing", word[1]);
	else
		look_list(json);
}

/* Does @word name the serial driver, and no VM? */
static bool is_driver(const char *word)
{
	return str_equal(word, DRIVER_SERIAL) && !vms_find(word);
}

static bool is_network(const char *word)
{
	return network_named(word) && !vms_find(word);
}

static struct driver_child *device_driver(const char *word)
{
	return vms_find(word) ? NULL : driver_find(word);
}

static void status_driver(const char *name)
{
	char line[STATUS_LINE];

	if (device_driver(name))
		driver_status(device_driver(name), line, sizeof(line));
	else
		serial_status(line, sizeof(line));
	shell_print("driver %s: %s", name, line);
}

static void cmd_status(unsigned count, char **word)
{
	bool json = take_json(&count, word);
	const struct vm *v;

	if (count != 2) {
		shell_print("usage: status VM [--json]");
	} else if (is_driver(word[1]) || device_driver(word[1])) {
		status_driver(word[1]);
	} else if (is_network(word[1])) {
		network_show(word[1]);
	} else {
		v = shell_vm(word[1]);
		if (v)
			look_status(v, json);
	}
}

static void cmd_top(unsigned count, char **word)
{
	bool json = take_json(&count, word);
	unsigned samples = 0;

	if (count > 2 || (count == 2 && !(word_number(word[1], &samples) && samples)))
		shell_print("%s: expected the number of samples, --json or nothing", word[count > 2 ? 2 : 1]);
	else
		top_start(samples, json);
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
		    (info.quota - info.used) >> 10, info.quota >> 10);
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
	if (device_driver(word[1])) {
		driver_restart(device_driver(word[1]));
		return;
	}
	if (is_network(word[1])) {
		network_restart(word[1]);
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

/* As if the monitor had failed. */
static void cmd_restart_monitor(unsigned count, char **word)
{
	struct vm *v = shell_vm(word[1]);

	(void)count;
	if (v && v->phase != VM_RUNNING)
		shell_print("%s: it does not run", v->config->name);
	else if (v)
		vm_monitor_restart(v);
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
	{ "list",     "[--json]",     "show all VMs",                                            0, 1, cmd_list },
	{ "status",   "VM [--json]",  "show everything about one VM",                            1, 2, cmd_status },
	{ "top",      "[N] [--json]", "show what the VMs do, once a second, N times",            0, 2, cmd_top },
	{ "console",  "VM",           "bring the console of a VM to the front",                  1, 1, cmd_console },
	{ "stop",     "VM [--force]", "press its power button; --force: destroy it at once",     1, 2, cmd_stop },
	{ "start",    "VM",           "start a VM that has stopped",                             1, 1, cmd_start },
	{ "restart",  "VM [--force]", "stop it and start it again",                              1, 2, cmd_restart },
	{ "restart-monitor", "VM",   "start its monitor anew; the guest goes on",                1, 1, cmd_restart_monitor },
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
		shell_print("  %-16s%-13s %s", commands[i].name, commands[i].args, commands[i].help);
	shell_print("A VM is given by its name or number; status and restart also know networks and drivers, such as " DRIVER_SERIAL ".");
	shell_print("%s h lists the keys of the console.", console_key(&root.console, key));
}
