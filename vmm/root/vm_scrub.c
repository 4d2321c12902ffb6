/* SPDX-License-Identifier: Apache-2.0 */
/* Cleaning guest memory in steps, so that everything else goes on in between. */
#include <rt/log.h>
#include <rt/time.h>

#include "drivers.h"
#include "mem.h"
#include "network.h"
#include "root.h"
#include "vms.h"

#define WAIT_MS	5u		/* for drivers to let go of memory */

static struct event_timer timer;

/* Nobody else may touch the memory any more; when the last one lets go, vm_scrub() is called again. */
static bool scrubs(const struct vm *v)
{
	return (v->phase == VM_PREPARING || v->phase == VM_CLEANING) && network_released(v);
}

/* One window; true when all memory of @v is clean. */
static bool scrub_step(struct vm *v)
{
	const struct extent *e = &v->ram[v->scrub_piece];
	uint64_t size;
	void *window;

	if (v->scrub_piece == v->ram_count)
		return true;
	size = min_u64(MEM_WINDOW, e->size - v->scrub_offset);
	window = mem_window(e, v->scrub_offset, size);
	if (!window)
		rt_panic("no kernel memory left to map guest memory into root");
	mem_scrub(window, size);
	mem_window_close();
	v->scrub_offset += size;
	if (v->scrub_offset == e->size) {
		v->scrub_piece++;
		v->scrub_offset = 0;
	}
	return v->scrub_piece == v->ram_count;
}

/* One step for each VM that needs it.  While others run, half of the time is theirs. */
static void scrub_run(void *arg)
{
	uint64_t begin = clock_now(), end;
	bool more = false, waits = false, others = false;

	(void)arg;
	for (unsigned i = 0; i < vms_count(); i++) {
		struct vm *v = vms_get(i);

		if (scrubs(v) && !vm_links_ended(v)) {
			waits = true;
			continue;
		}
		if (scrubs(v) && scrub_step(v))
			vm_scrubbed(v);
		more |= scrubs(v);
		others |= v->phase == VM_RUNNING;
	}
	end = clock_now();
	if (more)
		event_timer_set(&root.loop, &timer, others ? end + (end - begin) : end);
	else if (waits)
		event_timer_set(&root.loop, &timer, root_after_ms(WAIT_MS));
}

void vm_scrub_init(void)
{
	event_timer_init(&timer, scrub_run, NULL);
}

void vm_scrub(struct vm *v, enum vm_phase phase)
{
	v->phase = phase;
	v->scrub_piece = 0;
	v->scrub_offset = 0;
	if (!event_timer_armed(&timer))
		event_timer_set(&root.loop, &timer, clock_now());
}
