/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A new monitor for a guest that goes on.
 *
 * The domain of the old one stays, with its capabilities, the guest's space and virtual CPUs in it, and so do its threads, which
 * keep the guest's FPU state; its program is loaded anew, into new memory.  The new program finds in the record where the old one
 * kept the state of devices, and reads it there (svc/record.h).  What it makes of it is its own affair: it gets no power that the
 * old one did not have.
 */
#include <rt/string.h>
#include <rt/time.h>

#include "mem.h"
#include "root.h"
#include "shell.h"
#include "term.h"
#include "vms.h"

#define RESUMES		3u		/* within POLICY_WINDOW_S; after that its VM ends */

void vm_record_init(struct vm *v)
{
	v->record = mem_keep(sizeof(*v->record), &v->record_extent);
}

void vm_record_renew(struct vm *v)
{
	memset(v->record, 0, sizeof(*v->record));
	v->generation = 0;
	vm_record_forget(v);
}

void vm_record_forget(struct vm *v)
{
	if (v->old.size)
		mem_give_back(&v->old);
	v->old.size = 0;
}

/* Console input that the old monitor has not taken stays; everything else that it said is void. */
static void shared_renew(struct vm *v)
{
	struct ring_shared *in = &v->shared->input;
	uint32_t tail = atomic_load(&in->tail), head = atomic_load(&in->head), beat = v->beat;

	memset(v->shared, 0, offsetof(struct vm_shared, input_data));
	ring_init(in);
	ring_init(&v->shared->output);
	ring_init(&v->shared->log);
	if (tail - head <= VM_INPUT_SIZE) {
		atomic_store(&in->tail, tail);
		atomic_store(&in->head, head);
	}
	atomic_store(&v->shared->beat, beat);
}

/*
 * Of the monitor that has just ended and the one before: whose memory and record belong together?  It ended before it had gone on
 * with the guest if its record is not there yet.
 */
static bool old_choose(struct vm *v, const struct extent *memory, uint64_t addr)
{
	if (v->record->magic == RECORD_MAGIC && v->record->generation == v->generation) {
		vm_record_forget(v);
		v->old = *memory;
		v->old_addr = addr;
	} else {
		mem_give_back(memory);
	}
	return v->old.size != 0;
}

/* What only firmware and test guests look at keeps no record. */
static bool resume_wanted(struct vm *v)
{
	uint64_t start, now = clock_now();

	return v->config->resume && !v->config->firmware[0] && !(v->config->devices & VM_DEVICE_TEST) && v->ran &&
	       !v->stopping && !v->again &&
	       policy_ended(&v->resumes, CONFIG_RESTART_ALWAYS, RESUMES, VM_EXIT_MONITOR, now, root.tsc_hz, &start) == POLICY_RESTART;
}

/* False: v->child.wrong says why not. */
static bool resume(struct vm *v)
{
	struct extent memory = { .size = 0 };
	uint64_t addr;

	event_timer_cancel(&v->throttle);
	vm_drain(v);
	if (!child_unload(&v->child, &memory, &addr) || !old_choose(v, &memory, addr)) {
		if (!v->child.wrong)
			v->child.wrong = "it has left no record";
		return false;
	}
	v->generation++;
	shared_renew(v);
	return vm_respawn(v);
}

void vm_monitor_restart(struct vm *v)
{
	v->resumes.count = 0;
	vm_monitor_failed(v, "restarted by hand");
}

void vm_monitor_failed(struct vm *v, const char *reason)
{
	if (!resume_wanted(v)) {
		vm_ended(v, VM_EXIT_MONITOR, reason);
		return;
	}
	if (!resume(v)) {
		root_say("%s: its guest cannot go on: %s", v->config->name, v->child.wrong);
		vm_ended(v, VM_EXIT_MONITOR, reason);
		return;
	}
	v->resumed++;
	root_say("%s: its monitor has failed: %s; a new one goes on with the guest", v->config->name, reason);
	vm_drain(v);			/* arms the rings */
	vm_watch_start(v);
	shell_vm_changed(v);
	term_again();
}
