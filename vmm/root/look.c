/* SPDX-License-Identifier: Apache-2.0 */
/* list and status. */
#include "look.h"

#include <rt/fmt.h>
#include <rt/sys.h>
#include <rt/time.h>

#include "command.h"
#include "root.h"
#include "sample.h"
#include "word.h"

static const char *const restart_text[] = { "never", "on-failure", "always" };

/* Seconds and hundredths of @ticks, as "12.34 s". */
static const char *seconds(uint64_t ticks, char *buf)
{
	uint64_t hundredths = ticks / (root.tsc_hz / 100);

	fmt_buf(buf, WORD_SIZE, "%lu.%02lu s", hundredths / 100, hundredths % 100);
	return buf;
}

static uint64_t microseconds(uint64_t ticks)
{
	return ticks / (root.tsc_hz / 1000000);
}

static uint64_t word(const _Atomic uint64_t *w)
{
	return atomic_load_explicit(w, memory_order_relaxed);
}

/* --- for scripts --- */

struct json look_json(void)
{
	return (struct json){ .put = shell_put };
}

void look_json_vm(struct json *j, const struct vm *v)
{
	json_text(j, "name", v->config->name);
	json_number(j, "number", v->index + 1);
	json_text(j, "state", vm_phase_text(v));
	json_number(j, "memory", v->config->memory);
}

void look_json_exits(struct json *j, const uint64_t *exits)
{
	json_object(j, "exits");
	for (unsigned kind = 0; kind < TV_EXIT_KINDS; kind++)
		if (exits[kind])
			json_number(j, vm_kind_text(kind), exits[kind]);
	json_object_end(j);
}

static void list_json(const struct vm *v)
{
	struct json j = look_json();

	json_object(&j, NULL);
	look_json_vm(&j, v);
	json_number(&j, "cpus", v->config->cpus);
	json_number(&j, "starts", v->starts);
	json_number(&j, "cpu_time_us", microseconds(vm_consumed(v)));
	json_object_end(&j);
	shell_print("%s", "");
}

/* What has happened on the machine's CPU that virtual CPU @i has, since boot: a partition alone on its CPU can see that it is. */
static void json_machine_cpu(struct json *j, const struct vm *v, unsigned i)
{
	struct sys_cpu_info n;

	if (sys_cpu_info(child_sched_sel(&v->child, i), &n) != TV_OK)
		return;
	json_object(j, "machine");
	json_number(j, "idle_us", microseconds(n.idle));
	json_number(j, "timer", n.timer);
	json_number(j, "device", n.device);
	json_number(j, "message", n.message);
	json_number(j, "switches", n.switches);
	json_object_end(j);
}

/* What exists only while it runs. */
static void status_json_run(struct json *j, const struct vm *v)
{
	struct sys_domain_info info;
	static struct sample s;

	sample_take(v, &s);
	json_number(j, "runs_since_us", microseconds(clock_now() - v->started));
	if (sys_domain_info(child_domain(&v->child), &info) == TV_OK) {
		json_object(j, "kernel_memory");
		json_number(j, "quota", info.quota);
		json_number(j, "used", info.used);
		json_number(j, "peak", info.peak);
		json_object_end(j);
	}
	json_number(j, "unclaimed", word(&v->shared->status.unclaimed));
	json_array(j, "cpu");
	for (unsigned i = 0; i < s.cpus; i++) {
		json_object(j, NULL);
		json_number(j, "on", v->cpu[i]);
		json_number(j, "run_us", microseconds(s.cpu[i].run));
		json_number(j, "halt_us", microseconds(s.cpu[i].halt));
		json_number(j, "interrupts", s.cpu[i].interrupts);
		look_json_exits(j, s.cpu[i].exits);
		json_machine_cpu(j, v, i);
		json_object_end(j);
	}
	json_array_end(j);
}

static void status_json(const struct vm *v)
{
	const struct config_vm *c = v->config;
	struct json j = look_json();

	json_object(&j, NULL);
	look_json_vm(&j, v);
	json_number(&j, "cpus", c->cpus);
	json_number(&j, "priority", c->priority);
	json_number(&j, "budget_us", c->budget_us);
	json_number(&j, "period_us", c->period_us);
	json_bool(&j, "exclusive", c->exclusive != 0);
	json_number(&j, "watchdog_ms", c->watchdog_ms);
	json_text(&j, "kernel", c->kernel);
	json_text(&j, "firmware", c->firmware);
	json_array(&j, "modules");
	for (unsigned i = 0; i < c->module_count; i++)
		json_text(&j, NULL, c->module[i].image);
	json_array_end(&j);
	json_text(&j, "cmdline", c->cmdline);
	json_text(&j, "restart", restart_text[c->restart]);
	json_number(&j, "starts", v->starts);
	json_number(&j, "monitor_restarts", v->resumed);
	json_number(&j, "throttled", v->throttled);
	json_number(&j, "cpu_time_us", microseconds(vm_consumed(v)));
	if (v->phase == VM_RUNNING)
		status_json_run(&j, v);
	if (v->ended) {
		json_text(&j, "last_end", vm_exit_text(v->last_exit));
		json_text(&j, "last_reason", v->last_reason);
	}
	json_object_end(&j);
	shell_print("%s", "");
}

/* --- for people --- */

void look_list(bool json)
{
	if (!json)
		shell_print("%2s  %-15s %-18s %8s %4s %8s %12s", "", "name", "state", "memory", "cpus", "starts", "CPU time");
	for (unsigned i = 0; i < vms_count(); i++) {
		const struct vm *v = vms_get(i);
		char size[WORD_SIZE], time[WORD_SIZE];

		if (json)
			list_json(v);
		else
			shell_print("%2u  %-15s %-18s %8s %4u %8u %12s", i + 1, v->config->name, vm_phase_text(v),
				    word_size(v->config->memory, size), v->config->cpus, v->starts,
				    seconds(vm_consumed(v), time));
	}
}

static void status_cpu(const struct vm *v, unsigned i, uint64_t run)
{
	struct sys_cpu_info n;
	char buf[WORD_SIZE];

	shell_print("  CPU %u           on CPU %u of the machine, has run %s", i, v->cpu[i], seconds(run, buf));
	if (sys_cpu_info(child_sched_sel(&v->child, i), &n) == TV_OK)
		shell_print("                  there: %lu timer interrupts, %lu of devices, %lu messages, %lu switches, idle %s",
			    n.timer, n.device, n.message, n.switches, seconds(n.idle, buf));
}

static void status_run(const struct vm *v)
{
	struct sys_domain_info info;
	static struct sample s;
	struct sample_cpu sum;
	char buf[WORD_SIZE];

	sample_take(v, &s);
	sum = sample_sum(&s);
	shell_print("  runs since      %s", seconds(clock_now() - v->started, buf));
	for (unsigned i = 0; i < s.cpus; i++)
		status_cpu(v, i, s.cpu[i].run);
	if (sys_domain_info(child_domain(&v->child), &info) == TV_OK)
		shell_print("  kernel memory   %lu of %lu KiB, peak %lu", info.used >> 10, info.quota >> 10, info.peak >> 10);
	for (unsigned i = 0; i < TV_EXIT_KINDS; i++)
		if (sum.exits[i])
			shell_print("  exits %-9s %lu", vm_kind_text(i), sum.exits[i]);
	shell_print("  interrupts      %lu injected", sum.interrupts);
	if (atomic_load(&v->shared->status.panics))
		shell_print("  panics          %u reported by the guest", atomic_load(&v->shared->status.panics));
	shell_print("  unclaimed       %lu accesses to addresses of no device", word(&v->shared->status.unclaimed));
}

void look_status(const struct vm *v, bool json)
{
	const struct config_vm *c = v->config;
	char buf[WORD_SIZE];

	if (json) {
		status_json(v);
		return;
	}
	shell_print("%s: %s", c->name, vm_phase_text(v));
	shell_print("  memory          %s", word_size(c->memory, buf));
	shell_print("  cpus            %u, priority %u%s", c->cpus, c->priority, c->exclusive ? ", its alone" : "");
	if (c->budget_us)
		shell_print("  budget          %u us of each %u us", c->budget_us, c->period_us);
	if (c->firmware[0])
		shell_print("  firmware        %s", c->firmware);
	if (c->kernel[0])
		shell_print("  kernel          %s", c->kernel);
	for (unsigned i = 0; i < c->module_count; i++)
		shell_print("  module          %s %s", c->module[i].image, c->module[i].args);
	shell_print("  command line    %s", c->cmdline);
	shell_print("  restart         %s; starts so far: %u", restart_text[c->restart], v->starts);
	if (c->watchdog_ms)
		shell_print("  watchdog        %u ms", c->watchdog_ms);
	if (v->throttled)
		shell_print("  throttled       %u times: its monitor has signalled too often", v->throttled);
	if (v->resumed)
		shell_print("  monitor         restarted %u times without the guest", v->resumed);
	shell_print("  CPU time        %s", seconds(vm_consumed(v), buf));
	if (v->phase == VM_RUNNING)
		status_run(v);
	if (v->ended)
		shell_print("  last end        %s%s%s", vm_exit_text(v->last_exit), v->last_reason[0] ? ": " : "", v->last_reason);
}
