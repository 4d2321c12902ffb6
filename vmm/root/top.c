/* SPDX-License-Identifier: Apache-2.0 */
/*
 * top: for each VM and each of its CPUs the time run, stolen and halted, exits by kind, interrupts.
 *
 * Each second the monitors are asked for their counters; a little later these are read and compared with those of the second
 * before.
 */
#include "top.h"

#include <rt/fmt.h>
#include <rt/string.h>
#include <rt/sys.h>
#include <rt/time.h>

#include "command.h"
#include "look.h"
#include "mem.h"
#include "root.h"
#include "sample.h"
#include "term.h"
#include "vms.h"
#include "word.h"

#define PERIOD_MS	1000u
#define ANSWER_MS	20u	/* for the monitors to write their counters down */
#define KINDS_SHOWN	4u	/* the most frequent ones                        */

static struct event_timer timer;
static struct sample before[CONFIG_VMS];
static bool asked, json, first;
static unsigned left;		/* samples to show; 0: until a key comes */

static void top_end(void)
{
	event_timer_cancel(&timer);
	shell_release();
	term_run();
}

static void top_key(uint8_t byte)
{
	if (byte == 'q' || byte == ('c' & 0x1f))
		top_end();
}

/* --- for scripts --- */

static void json_cpu(struct json *j, const struct sample_cpu *c, uint64_t ticks)
{
	uint64_t rate[TV_EXIT_KINDS];

	for (unsigned kind = 0; kind < TV_EXIT_KINDS; kind++)
		rate[kind] = sample_per_second(c->exits[kind], ticks, root.tsc_hz);
	json_number(j, "run_permille", sample_permille(c->run, ticks));
	json_number(j, "steal_permille", sample_permille(c->steal, ticks));
	json_number(j, "halt_permille", sample_permille(c->halt, ticks));
	json_number(j, "interrupts", sample_per_second(c->interrupts, ticks, root.tsc_hz));
	look_json_exits(j, rate);
}

static void json_vm(struct json *j, const struct vm *v, const struct sample *d)
{
	struct sample_cpu sum = sample_sum(d);

	json_object(j, NULL);
	look_json_vm(j, v);
	json_cpu(j, &sum, d->tsc);
	json_array(j, "cpu");
	for (unsigned i = 0; i < d->cpus; i++) {
		json_object(j, NULL);
		json_number(j, "on", v->cpu[i]);
		json_cpu(j, &d->cpu[i], d->tsc);
		json_object_end(j);
	}
	json_array_end(j);
	json_object_end(j);
}

/* --- for people --- */

/* "hlt 230, pio 12 ...": the exits that come most often, to @buf. */
static void kinds_text(const struct sample_cpu *c, uint64_t ticks, char *buf, size_t size)
{
	uint64_t exits[TV_EXIT_KINDS];
	size_t length = 0;

	memcpy(exits, c->exits, sizeof(exits));
	buf[0] = 0;
	for (unsigned n = 0; n < KINDS_SHOWN; n++) {
		unsigned most = 0;

		for (unsigned kind = 1; kind < TV_EXIT_KINDS; kind++)
			if (exits[kind] > exits[most])
				most = kind;
		if (!exits[most])
			return;
		length += fmt_buf(buf + length, size - length, "%s%s %lu", n ? ", " : "", vm_kind_text(most),
				  sample_per_second(exits[most], ticks, root.tsc_hz));
		exits[most] = 0;
	}
}

static void cpu_line(const char *name, const char *state, const char *memory, const struct sample_cpu *c, uint64_t ticks)
{
	uint64_t run = sample_permille(c->run, ticks), steal = sample_permille(c->steal, ticks), halt = sample_permille(c->halt, ticks);
	char kinds[96];

	kinds_text(c, ticks, kinds, sizeof(kinds));
	shell_print("%-19s %-10s %5lu.%lu %5lu.%lu %5lu.%lu %8lu %8lu %7s  %s", name, state, run / 10, run % 10, steal / 10,
		    steal % 10, halt / 10, halt % 10, sample_per_second(sample_exits(c), ticks, root.tsc_hz),
		    sample_per_second(c->interrupts, ticks, root.tsc_hz), memory, kinds);
}

static void vm_lines(const struct vm *v, const struct sample *d)
{
	struct sample_cpu sum = sample_sum(d);
	char name[WORD_SIZE], size[WORD_SIZE];

	fmt_buf(name, sizeof(name), "%2u  %s", v->index + 1, v->config->name);
	word_size(v->config->memory, size);
	cpu_line(name, vm_phase_text(v), size, &sum, d->tsc);
	for (unsigned i = 0; d->cpus > 1 && i < d->cpus; i++) {
		fmt_buf(name, sizeof(name), "      CPU %u on %u", i, v->cpu[i]);
		cpu_line(name, "", "", &d->cpu[i], d->tsc);
	}
}

static void heading(void)
{
	char size[WORD_SIZE];

	shell_put("\033[H\033[J", 6);
	shell_print("%u CPUs, %s of memory free; q ends this", rt_info()->cpu_count,
		    word_size(align_down(mem_free_bytes(), MIB), size));
	shell_print("%-19s %-10s %7s %7s %7s %8s %8s %7s  %s", "", "", "run %", "steal %", "halt %", "exits/s", "irqs/s", "memory",
		    "most frequent exits");
}

/* --- once a second --- */

static void show(void)
{
	static struct sample now, d;
	bool visible = json || left || root.console.front == CONSOLE_SHELL;
	struct json j = look_json();

	if (json && !first) {
		json_object(&j, NULL);
		json_array(&j, "vm");
	} else if (visible && !first) {
		heading();
	}
	for (unsigned i = 0; i < vms_count(); i++) {
		const struct vm *v = vms_get(i);

		sample_take(v, &now);
		sample_between(&before[i], &now, &d);
		before[i] = now;
		if (!first && json)
			json_vm(&j, v, &d);
		else if (!first && visible)
			vm_lines(v, &d);
	}
	if (json && !first) {
		json_array_end(&j);
		json_number(&j, "memory_free", mem_free_bytes());
		json_object_end(&j);
		shell_print("%s", "");
	}
}

/* Ask, then look. */
static void top_tick(void *arg)
{
	bool last;

	(void)arg;
	if (!asked) {
		for (unsigned i = 0; i < vms_count(); i++)
			sample_request(vms_get(i));
		asked = true;
		event_timer_set(&root.loop, &timer, root_after_ms(ANSWER_MS));
		return;
	}
	show();
	last = !first && left == 1;
	if (!first && left)
		left--;
	asked = first = false;
	event_timer_set(&root.loop, &timer, root_after_ms(PERIOD_MS - ANSWER_MS));
	if (last)
		top_end();
	else
		term_run();
}

void top_start(unsigned count, bool as_json)
{
	left = count;
	json = as_json;
	asked = false;
	first = true;
	event_timer_init(&timer, top_tick, NULL);
	event_timer_set(&root.loop, &timer, clock_now());
	shell_hold(top_key);
}
