/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A virtual CPU: its state page, its local APIC, and the thread that runs it.
 *
 *	exit -> handler (exit.c's table) -> inject_prepare() if something became pending -> entry
 *
 * Everything of a vCPU belongs to its thread; others reach it through what is atomic here, and through its local APIC.
 */
#ifndef VMM_VCPU_H
#define VMM_VCPU_H

#include <stdatomic.h>

#include <abi/exit.h>
#include <dev/lapic.h>
#include <lib/base.h>

#include "exit.h"
#include "insn_exec.h"
#include "mp.h"
#include "msr.h"
#include "resume.h"
#include "steal.h"
#include "trace.h"

struct vm;

/* Where the vCPU's thread is, for those who want to know whether a signal must reach it. */
enum vcpu_where {
	VCPU_IN_MONITOR,	/* it will look at @notified before it enters or sleeps     */
	VCPU_AWAY,		/* in the guest or asleep, or about to be                   */
};

struct vcpu {
	struct tv_exit_page *page;
	struct vm *vm;
	unsigned index;
	uint64_t sel;			/* VCPU capability                                           */
	uint64_t ntfn;			/* bound to its thread                                       */
	_Atomic uint32_t notified;	/* inject_prepare() must run before the next entry           */
	_Atomic uint32_t where;		/* enum vcpu_where                                           */
	uint64_t sched;			/* SCHED: its thread's, to read                              */
	_Atomic uint64_t woken;		/* TSC of the first signal since it went away, 0: none       */
	_Atomic uint32_t dump;		/* write the registers into the log when there is time       */
	_Atomic uint32_t wakes_by;	/* LAPIC_EV_*: see mp.c                                      */
	_Atomic uint32_t suspended;	/* value of vm->suspends when it was powered down last       */
	bool rests;			/* counted in vm->resting                                    */
	struct vcpu_state s;		/* @halted: HLT, and nothing has been delivered since        */
	uint32_t decode_groups;		/* register groups needed to find out an instruction's length, 0: exits tell it */
	uint32_t boosted;		/* exit kind whose want[] was extended for one exit, 0: none */
	uint32_t boosted_want;		/* its usual value                                           */
	uint64_t wake_cost;		/* TSC ticks from the deadline of a wait to the guest's next entry; learnt */
	uint64_t asked;			/* deadline of the last wait                                         */
	uint64_t hold;			/* TSC before which the guest is not entered, not far ahead; 0: none */
	uint32_t mismatches;		/* exits in a row whose instruction was not found            */
	struct lapic lapic;
	struct insn_ctx insn;
	struct msr_state msr;
	struct steal steal;
	struct trace trace;
};

/* Prepare everything of @v but what only the guest loader knows.  @page: its state page, already mapped. */
bool vcpu_init(struct vcpu *v, struct vm *vm, unsigned index, struct tv_exit_page *page) MUST_USE;

/* The register state after power-up, and after an INIT.  SDM, "Processor State After Reset". */
void vcpu_reset_registers(struct vcpu *v);
void vcpu_init_registers(struct vcpu *v);

/* A SIPI: real mode, at the first byte of page @vector. */
void vcpu_start(struct vcpu *v, uint8_t vector);

/* The local APIC as firmware leaves it, and as some firmware expects it: the PIC's interrupts reach the CPU through it. */
void vcpu_virtual_wire(struct vcpu *v);

struct load_entry;
/* The register state in which a kernel's boot protocol enters it; call after vcpu_reset_registers(). */
void vcpu_enter_kernel(struct vcpu *v, const struct load_entry *e);

/* Run until the VM stops. */
void vcpu_run_loop(struct vcpu *v);

/* The next exit of this kind shall deliver @groups as well. */
void vcpu_boost(struct vcpu *v, uint32_t groups);

/*
 * Did this exit deliver the register groups @groups?  If not, the handler must return VM_NEXT_RUN without having changed
 * anything: the guest repeats the exit, and then they are there.
 */
static inline MUST_USE bool vcpu_need(struct vcpu *v, uint32_t groups)
{
	if (likely(!(groups & ~v->page->valid)))
		return true;
	vcpu_boost(v, groups);
	return false;
}

/* The same for what an instruction takes to be found, group CODE: it comes with CR and SEG as well. */
static inline MUST_USE bool vcpu_need_code(struct vcpu *v)
{
	return likely(v->page->valid & TV_REGS_CODE) || !(~v->page->valid & (TV_REGS_CR | TV_REGS_SEG)) ||
	       vcpu_need(v, TV_REGS_CODE);
}

/* Run what is due: the timer of its local APIC, and on the first CPU those of the devices. */
void vcpu_timers_run(struct vcpu *v, uint64_t now);

#endif
