/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A monitor that signals root all the time would have root, which runs before all others, do nothing else.  More signals within a
 * window, or more of root's time, than honest work can need, and the threads of that monitor stand still until the window is
 * over: what it costs the others is that much, whatever it does.
 */
#include <rt/sys.h>
#include <rt/time.h>

#include "root.h"
#include "vms.h"

#define WINDOW_MS	20u
#define SIGNALS		40u	/* within a window; console output at full speed needs a quarter of it */
#define TIME_PART	10u	/* of the window, which root spends on them                            */

static void go_on(void *arg)
{
	struct vm *v = arg;

	for (unsigned i = 0; v->phase == VM_RUNNING && i < v->child.thread_count; i++) {
		struct sys_thread_info info;

		/* A thread that has not been started yet waits for its monitor to do that. */
		if (v->stopped >> i & 1 && sys_thread_info(child_thread_sel(&v->child, i), &info) == TV_OK &&
		    info.state == TV_THREAD_SUSPENDED)
			(void)sys_thread_start(child_thread_sel(&v->child, i));
	}
	v->signals = 0;
	v->signals_time = 0;
}

void vm_throttle_init(struct vm *v)
{
	event_timer_init(&v->throttle, go_on, v);
}

void vm_throttle(struct vm *v, uint64_t since)
{
	uint64_t now = clock_now(), window = root.tsc_hz / 1000 * WINDOW_MS;
	struct sys_thread_info info;

	if (v->phase != VM_RUNNING || event_timer_armed(&v->throttle))
		return;
	if (now - v->signals_since >= window) {
		v->signals_since = now;
		v->signals = 0;
		v->signals_time = 0;
	}
	v->signals_time += now - since;
	if (++v->signals <= SIGNALS && v->signals_time <= window / TIME_PART)
		return;
	v->stopped = 0;
	for (unsigned i = 0; i < v->child.thread_count; i++) {
		uint64_t sel = child_thread_sel(&v->child, i);

		if (sys_thread_info(sel, &info) != TV_OK || info.state == TV_THREAD_SUSPENDED)
			continue;
		v->stopped |= (uint32_t)BIT(i);
		(void)sys_thread_suspend(sel);
	}
	v->throttled++;
	event_timer_set(&root.loop, &v->throttle, max_u64(v->signals_since + window, now + v->signals_time * (TIME_PART - 1)));
}
