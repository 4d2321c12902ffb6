/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Exit dispatch: one row for each kind, with its handler and the register groups it always needs.  A handler that finds it
 * needs more asks with vcpu_need() and gets the same exit again.
 */
#include "exit.h"

#include <rt/sys.h>
#include <rt/time.h>

#include "task.h"
#include "vcpu.h"
#include "vm.h"

#define INSN	BIT(31)		/* the length of the instruction is needed, too */

/* The bound notification was signalled.  Its bits besides those of root and servers only say "look again". */
static enum vm_next on_kick(struct vcpu *v)
{
	uint64_t bits;

	if (sys_ntfn_poll(v->ntfn, &bits) == TV_OK)
		vm_signals(v->vm, bits);
	return VM_NEXT_RUN;
}

static enum vm_next on_deadline(struct vcpu *v)
{
	vcpu_timers_run(v, clock_now());
	return VM_NEXT_RUN;
}

/* What waited for the window is looked at before the next entry. */
static enum vm_next on_window(struct vcpu *v)
{
	v->page->window = 0;
	atomic_store_explicit(&v->notified, 1, memory_order_relaxed);
	return VM_NEXT_RUN;
}

static enum vm_next on_shutdown(struct vcpu *v)
{
	return vm_stop(v->vm, VM_EXIT_CRASH, "triple fault on CPU %u (rip 0x%llx, cr3 0x%llx)", v->index,
		       (unsigned long long)v->page->rip, (unsigned long long)v->page->cr3);
}

/* Nothing sensible can follow: the record goes into the log, and this VM ends. */
static enum vm_next on_fail(struct vcpu *v)
{
	static const char *const why[] = {
		[TV_FAIL_ENTRY] = "the CPU refused the guest's state", [TV_FAIL_UNKNOWN] = "unknown exit",
		[TV_FAIL_MACHINE] = "machine check",
	};
	const struct tv_exit_page *p = v->page;
	bool known = p->kind == TV_EXIT_FAIL && p->arg0 >= TV_FAIL_ENTRY && p->arg0 <= TV_FAIL_MACHINE;

	return vm_stop(v->vm, VM_EXIT_CRASH, "%s on CPU %u (kind %u, code 0x%llx, rip 0x%llx)",
		       known ? why[p->arg0] : "unexpected exit", v->index, p->kind, (unsigned long long)p->arg1,
		       (unsigned long long)p->rip);
}

static const struct {
	enum vm_next (*handle)(struct vcpu *v);
	uint32_t want;
} on_exit[] = {
	[TV_EXIT_NONE]	    = { on_fail, 0 },
	[TV_EXIT_KICK]	    = { on_kick, 0 },
	[TV_EXIT_DEADLINE]  = { on_deadline, 0 },
	[TV_EXIT_WINDOW]    = { on_window, 0 },
	[TV_EXIT_CPUID]	    = { exit_cpuid, INSN },
	[TV_EXIT_HLT]	    = { exit_hlt, INSN },
	[TV_EXIT_PIO]	    = { exit_pio, INSN },
	[TV_EXIT_MMIO]	    = { exit_mmio, TV_REGS_CODE },
	[TV_EXIT_RDMSR]	    = { exit_rdmsr, INSN },
	[TV_EXIT_WRMSR]	    = { exit_wrmsr, INSN },
	[TV_EXIT_CR]	    = { exit_cr, TV_REGS_CR | TV_REGS_SEG },
	[TV_EXIT_DR]	    = { exit_dr, TV_REGS_CR | TV_REGS_SEG | TV_REGS_DR },
	[TV_EXIT_EXC]	    = { exit_exception, TV_REGS_CR | TV_REGS_SEG | TV_REGS_DR },
	[TV_EXIT_HYPERCALL] = { exit_hypercall, TV_REGS_CODE | INSN },
	[TV_EXIT_XSETBV]    = { exit_xsetbv, TV_REGS_CR | TV_REGS_SEG | TV_REGS_XCR },
	[TV_EXIT_INSN]	    = { exit_insn, TV_REGS_CR | TV_REGS_SEG },
	[TV_EXIT_SHUTDOWN]  = { on_shutdown, TV_REGS_ALL },
	[TV_EXIT_INIT]	    = { on_fail, TV_REGS_ALL },
	[TV_EXIT_TASK]	    = { exit_task, TV_REGS_ALL },
	[TV_EXIT_FAIL]	    = { on_fail, TV_REGS_ALL },
};
_Static_assert(ARRAY_LEN(on_exit) == TV_EXIT_KINDS, "every exit kind needs a handler");

uint32_t exit_want(uint32_t kind, uint32_t decode)
{
	uint32_t want = kind < TV_EXIT_KINDS ? on_exit[kind].want : 0;

	/* An I/O exit tells its length on every CPU. */
	if (want & INSN && kind != TV_EXIT_PIO)
		want |= decode;
	return want & (TV_REGS_ALL | TV_REGS_CODE);
}

enum vm_next exit_handle(struct vcpu *v)
{
	struct tv_exit_page *p = v->page;
	uint32_t kind = p->kind;

	if (unlikely(v->boosted)) {
		p->want[v->boosted] = v->boosted_want;
		v->boosted = 0;
	}
	if (unlikely(kind >= TV_EXIT_KINDS))
		return on_fail(v);
	trace_exit(&v->trace, p);
	return on_exit[kind].handle(v);
}
