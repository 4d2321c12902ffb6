/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rings that root shares with a monitor.  The monitor is not trusted: whatever its indices say, each call here moves at most
 * one ring's worth of bytes and then lets others have their turn.
 */
#include <rt/sys.h>

#include "root.h"
#include "term.h"
#include "vms.h"

#define IO_CHUNK	256u

static void vm_signal(struct vm *v)
{
	if (v->child.alive)
		(void)sys_ntfn_signal(child_ntfn(&v->child), VM_SIGNAL_ROOT);
}

static void drain_log(struct vm *v)
{
	for (uint32_t left = ring_used(&v->log); left; left--) {
		v->log_text[v->log_end++ % VM_LOG_KEPT] = (char)ring_peek(&v->log, 0);
		ring_skip(&v->log, 1);
	}
	if (!ring_sleep_data(&v->log))
		term_again();
}

static void drain_output(struct vm *v)
{
	unsigned source = v->index + 1;
	uint32_t left = VM_OUTPUT_SIZE;
	char chunk[IO_CHUNK];

	while (left) {
		uint32_t n = (uint32_t)min_u64(console_room(&root.console, source), min_u64(left, IO_CHUNK));

		if (!n)
			return;			/* the terminal is slow; term_run() comes here again when it has taken some */
		n = ring_get(&v->output, chunk, n);
		if (!n)
			break;
		console_put(&root.console, source, chunk, n);
		left -= n;
	}
	if (!ring_sleep_data(&v->output))
		term_again();
}

bool vm_is_broken(const struct vm *v)
{
	return ring_broken(&v->input) || ring_broken(&v->output) || ring_broken(&v->log);
}

void vm_drain(struct vm *v)
{
	if (v->phase == VM_RUNNING && vm_is_broken(v)) {	/* vm_signalled() ends it; until then nothing of it is believed */
		(void)sys_ntfn_signal(ROOT_SEL_NTFN, BIT(ROOT_BIT_VM + v->index));
		return;
	}
	drain_log(v);
	drain_output(v);
	if (ring_wake_putter(&v->output))
		vm_signal(v);
}

/* When it does not run nobody is there to read it: then everything is taken, and forgotten. */
bool vm_takes_input(struct vm *v)
{
	return v->phase != VM_RUNNING || ring_space(&v->input) || !ring_sleep_space(&v->input);
}

void vm_input(struct vm *v, uint8_t byte)
{
	if (v->phase != VM_RUNNING)
		return;
	ring_put(&v->input, &byte, 1);
	if (ring_wake_getter(&v->input))
		vm_signal(v);
}

void vm_request(struct vm *v, uint32_t request)
{
	atomic_fetch_or(&v->shared->request, request);
	vm_signal(v);
}
