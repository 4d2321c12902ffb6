/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The watchdog: does every thread of a monitor still come round to its loop?
 *
 * Root asks with a beat (svc/vm.h) four times within the configured time, and each thread answers for its virtual CPU.  A thread
 * that is silent for that long has failed, but only if it could have answered: one that is ready and gets no CPU time is starved
 * by others, which is not its fault.  A monitor can answer without doing its work; it harms its own VM by that.
 */
#include <rt/fmt.h>
#include <rt/sys.h>
#include <rt/time.h>

#include "root.h"
#include "term.h"
#include "vms.h"

#define BEATS		4u		/* within the configured time                          */
#define STARVED_PART	64u		/* who got less than this part of the time was starved */

void vm_beat(struct vm *v)
{
	atomic_store(&v->shared->beat, ++v->beat);
	vm_request(v, VM_REQUEST_BEAT);
}

/* Thread @i of @v is silent: has it had the chance to answer? */
static bool had_time(const struct vm *v, unsigned i, uint64_t silence)
{
	struct sys_sched_info sched;
	struct sys_thread_info thread;

	if (sys_sched_info(child_sched_sel(&v->child, i), &sched) != TV_OK ||
	    sys_thread_info(child_thread_sel(&v->child, i), &thread) != TV_OK)
		return true;
	return thread.state != TV_THREAD_RUNNABLE || sched.consumed - v->watch[i].consumed >= silence / STARVED_PART;
}

static void note(struct vm *v, unsigned i, uint32_t beat, uint64_t now)
{
	struct sys_sched_info sched = { .consumed = 0 };

	(void)sys_sched_info(child_sched_sel(&v->child, i), &sched);
	v->watch[i] = (struct vm_watch){ beat, now, sched.consumed };
}

void vm_watch_start(struct vm *v)
{
	if (!v->config->watchdog_ms)
		return;
	for (unsigned i = 0; i < v->child.thread_count; i++)
		note(v, i, 0, clock_now());
	event_timer_set(&root.loop, &v->watchdog, root_after_ms(v->config->watchdog_ms / BEATS));
}

/* Look at all threads; false: the VM has been ended. */
static bool watch(struct vm *v)
{
	uint64_t now = clock_now(), limit = root.tsc_hz / 1000 * v->config->watchdog_ms;
	char reason[VM_REASON];

	for (unsigned i = 0; i < v->child.thread_count; i++) {
		uint32_t beat = atomic_load_explicit(&v->shared->status.cpu[i].beat, memory_order_relaxed);
		uint64_t silence = now - v->watch[i].since;

		if (beat != v->watch[i].beat || (silence >= limit && !had_time(v, i, silence))) {
			note(v, i, beat, now);
			continue;
		}
		if (silence < limit)
			continue;
		fmt_buf(reason, sizeof(reason), "watchdog: CPU %u has shown no sign of life for %u ms", i, v->config->watchdog_ms);
		vm_monitor_failed(v, reason);
		term_run();
		return false;
	}
	return true;
}

void vm_watchdog(void *arg)
{
	struct vm *v = arg;

	/* Before the guest runs the threads load it, and those of further CPUs are not there yet. */
	if (!v->ran)
		vm_watch_start(v);
	else if (!watch(v))
		return;
	vm_beat(v);
	event_timer_set(&root.loop, &v->watchdog, root_after_ms(v->config->watchdog_ms / BEATS));
}
