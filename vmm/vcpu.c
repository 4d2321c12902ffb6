/* SPDX-License-Identifier: Apache-2.0 */
/* A virtual CPU's thread: enter, handle the exit, decide what is injected, sleep while the guest halts or is not started. */
#include "vcpu.h"

#include <load/load.h>
#include <rt/sys.h>
#include <rt/time.h>
#include <x86/cr.h>
#include <x86/msr.h>

#include "emulate.h"
#include "inject.h"
#include "upcall.h"
#include "vm.h"

/* Segment attributes of struct tv_segment. */
#define SEG_CODE	0x9bu		/* present, code, readable, accessed */
#define SEG_DATA	0x93u		/* present, data, writable, accessed */
#define SEG_LDT		0x82u
#define SEG_TSS_BUSY	0x8bu
#define SEG_L		0x200u
#define SEG_DB		0x400u
#define SEG_G		0x800u
#define PAT_RESET	0x0007040600070406ull

/* What firmware leaves in the local APIC: enabled, the PIC behind LINT0, NMI on LINT1. */
enum { APIC_SVR = 0xf0, APIC_LVT_LINT0 = 0x350, APIC_LVT_LINT1 = 0x360 };
#define SVR_FIRMWARE	0x1ffu
#define LINT0_EXTINT	0x700u
#define LINT1_NMI	0x400u

#define WAKE_MAX_HZ	50000u		/* see wake_learn() */

bool vcpu_init(struct vcpu *v, struct vm *vm, unsigned index, struct tv_exit_page *page)
{
	const struct lapic_config apic = {
		.id = index, .bsp = index == 0, .x2apic = vm->cpuid.x2apic, .tsc_deadline = vm->cpuid.tsc_deadline, .directed_eoi = true,
		.phys_bits = vm->cpuid.phys_bits, .tsc_hz = vm->tsc_hz,
	};

	v->page = page;
	v->vm = vm;
	v->index = index;
	v->decode_groups = vm->features & TV_FEAT_NEXT_RIP ? 0 : TV_REGS_CODE;
	for (uint32_t kind = 0; kind < TV_EXIT_KINDS; kind++)
		page->want[kind] = exit_want(kind, v->decode_groups);
	/* The task priority lives in the local APIC; CR8 in the hardware stays 0. */
	page->intercept = TV_ICPT_CR8;
	emulate_init(v);
	v->s.mp = index ? MP_WAIT_SIPI : MP_RUNNING;
	atomic_store(&v->notified, 1);
	vm->vcpu[index] = v;
	vm->cpu_count = index + 1;
	return lapic_init(&v->lapic, &vm->board.chip, v, &apic);
}

/* CD and NW stay as they were; what the state page has of CR0 is as old as the last exit that fetched it. */
void vcpu_init_registers(struct vcpu *v)
{
	const struct cpuid_cpu cpu = { .apic_id = v->lapic.s.id };
	struct tv_exit_page *p = v->page;

	for (unsigned i = 0; i < TV_GPRS; i++)
		p->gpr[i] = 0;
	p->gpr[TV_RDX] = cpuid_query(&v->vm->cpuid, &cpu, 1, 0).eax;	/* family, model, stepping */
	p->rip = 0xfff0;
	p->rflags = RFLAGS_ONE;
	p->shadow = 0;
	p->cr0 = (p->cr0 & (CR0_CD | CR0_NW)) | CR0_ET;
	p->cr2 = p->cr3 = p->cr4 = p->cr8 = p->efer = 0;
	for (unsigned i = 0; i < TV_SEGS; i++)
		p->seg[i] = (struct tv_segment){ 0, SEG_DATA, 0xffff, 0 };
	p->seg[TV_CS] = (struct tv_segment){ 0xf000, SEG_CODE, 0xffff, 0xffff0000 };
	p->seg[TV_LDTR].attr = SEG_LDT;
	p->seg[TV_TR].attr = SEG_TSS_BUSY;
	p->gdtr = p->idtr = (struct tv_table){ 0, 0xffff, 0 };
	p->cpl = 0;
	for (unsigned i = 0; i < ARRAY_LEN(p->dr); i++)
		p->dr[i] = 0;
	p->dr6 = DR6_INIT;
	p->dr7 = DR7_INIT;
	p->inject = p->pending = 0;
	p->window = 0;
	p->dirty |= TV_REGS_RIP | TV_REGS_CR | TV_REGS_SEG | TV_REGS_DR;
	v->s.halted = 0;
	msr_init(v);
}

/* The time-stamp counters of all CPUs begin with the VM, and count alike. */
void vcpu_reset_registers(struct vcpu *v)
{
	struct tv_exit_page *p = v->page;

	p->cr0 = CR0_CD | CR0_NW;
	p->star = p->lstar = p->cstar = p->fmask = p->kernel_gs_base = 0;
	p->sysenter_cs = p->sysenter_esp = p->sysenter_eip = p->tsc_aux = 0;
	p->pat = PAT_RESET;
	p->xcr0 = XCR0_X87;
	p->xss = 0;
	p->dirty = TV_REGS_MSR | TV_REGS_XCR;
	msr_reset(v, -v->vm->start.tsc);
	vcpu_init_registers(v);
}

void vcpu_start(struct vcpu *v, uint8_t vector)
{
	struct tv_exit_page *p = v->page;

	p->rip = 0;
	p->seg[TV_CS].sel = (uint16_t)(vector << 8);
	p->seg[TV_CS].base = (uint64_t)vector << 12;
	p->dirty |= TV_REGS_RIP | TV_REGS_SEG;
}

void vcpu_virtual_wire(struct vcpu *v)
{
	lapic_mmio_write(&v->lapic, APIC_SVR, 4, SVR_FIRMWARE);
	lapic_mmio_write(&v->lapic, APIC_LVT_LINT0, 4, LINT0_EXTINT);
	lapic_mmio_write(&v->lapic, APIC_LVT_LINT1, 4, LINT1_NMI);
}

void vcpu_enter_kernel(struct vcpu *v, const struct load_entry *e)
{
	const struct tv_segment data = { e->ds, SEG_DATA | SEG_DB | SEG_G, UINT32_MAX, 0 };
	struct tv_exit_page *p = v->page;

	p->rip = e->rip;
	p->gpr[TV_RAX] = e->rax;
	p->gpr[TV_RBX] = e->rbx;
	p->gpr[TV_RSI] = e->rsi;
	p->gpr[TV_RSP] = e->rsp;
	p->gpr[TV_RDX] = 0;
	p->cr0 = CR0_PE | CR0_ET;
	if (e->long_mode) {
		p->cr0 |= CR0_PG | CR0_WP | CR0_NE;
		p->cr3 = e->cr3;
		p->cr4 = CR4_PAE;
		p->efer = EFER_LME | EFER_LMA;
	}
	for (unsigned i = TV_ES; i <= TV_GS; i++)
		p->seg[i] = data;
	p->seg[TV_CS] = (struct tv_segment){ e->cs, SEG_CODE | (e->long_mode ? SEG_L : SEG_DB) | SEG_G, UINT32_MAX, 0 };
	p->gdtr = (struct tv_table){ e->gdt_base, e->gdt_limit, 0 };
	p->idtr = (struct tv_table){ 0, 0, 0 };
	vcpu_virtual_wire(v);
}

void vcpu_boost(struct vcpu *v, uint32_t groups)
{
	struct tv_exit_page *p = v->page;

	v->boosted = p->kind;
	v->boosted_want = exit_want(p->kind, v->decode_groups);
	p->want[p->kind] |= p->valid | groups;
}

void vcpu_timers_run(struct vcpu *v, uint64_t now)
{
	if (lapic_deadline(&v->lapic) <= now)
		lapic_timer_run(&v->lapic, now);
	if (unlikely(v->msr.hv.next <= now))
		synic_timers_run(v, now);
	if (v->index == 0 && atomic_load_explicit(&v->vm->timer_next, memory_order_relaxed) <= now)
		vm_timers_run(v->vm, now);
	steal_update(v, now);
}

/* When this thread must be back at the latest. */
static uint64_t next_deadline(const struct vcpu *v)
{
	uint64_t deadline = min_u64(lapic_deadline(&v->lapic), v->msr.hv.next);

	if (v->index == 0)
		deadline = min_u64(deadline, atomic_load_explicit(&v->vm->timer_next, memory_order_relaxed));
	return deadline;
}

/* The other half of vcpu_notify().  False: something came in the meantime, do not go. */
static bool go_away(struct vcpu *v)
{
	atomic_store_explicit(&v->where, VCPU_AWAY, memory_order_relaxed);
	atomic_thread_fence(memory_order_seq_cst);
	if (likely(!atomic_load_explicit(&v->notified, memory_order_relaxed)))
		return true;
	atomic_store_explicit(&v->where, VCPU_IN_MONITOR, memory_order_relaxed);
	return false;
}

/*
 * From the end of a wait to the guest it takes its time, so for the local APIC's timer the kernel is asked to wake the thread as much
 * earlier as it took lately; what is left is waited out right before the guest is entered.
 */
static void wake_learn(struct vcpu *v, uint64_t took)
{
	if (took < v->wake_cost)
		v->wake_cost = took;
	/* Longer than 20 us: not the way back, but another thread on the CPU. */
	else if (took <= v->vm->tsc_hz / WAKE_MAX_HZ)
		v->wake_cost += (took - v->wake_cost + 7) / 8;
}

/*
 * Wait for a signal or the next deadline; *@bits: the signals.  The guest sleeps until one of them comes: what passes from then on
 * until the thread runs again is not its will.  Returns the time up to which timers are due, which may be a moment ahead.
 */
static uint64_t wait(struct vcpu *v, uint64_t *bits)
{
	uint64_t since = clock_now(), due = next_deadline(v), asked = due, until, woken, now;
	enum tv_err err;

	if (due == lapic_deadline(&v->lapic) && due != TV_NEVER)
		asked -= v->wake_cost;
	err = sys_ntfn_wait(v->ntfn, asked, bits);
	now = clock_now();
	until = min_u64(now, asked);
	woken = atomic_load_explicit(&v->woken, memory_order_relaxed);
	if (woken)
		until = min_u64(until, woken);
	if (until > since)
		v->trace.halted += until - since;
	if (err != TV_ETIMEOUT || asked <= since)
		return now;
	v->asked = asked;
	v->hold = due;
	return max_u64(now, due);
}

/* The first entry after a wait that has timed out: an interrupt that was let out a moment ahead of its time arrives in time. */
static NOINLINE void hold(struct vcpu *v)
{
	uint64_t now = clock_now();

	wake_learn(v, now - v->asked);
	while (now < v->hold) {
		__builtin_ia32_pause();
		now = clock_now();
	}
	v->hold = 0;
}

/* The CPU halts, or waits to be started. */
static void sleep(struct vcpu *v)
{
	uint64_t bits = 0, now;

	vm_console_idle(v->vm);
	trace_publish_lazily(v);
	trace_count(&v->trace.sleeps);
	atomic_store_explicit(&v->woken, 0, memory_order_relaxed);
	if (!go_away(v))
		return;
	if (likely(mp_rest(v))) {
		now = wait(v, &bits);
		mp_wake(v);
	} else {
		now = clock_now();
		(void)vm_stop(v->vm, VM_EXIT_CRASH, "halted for ever: HLT with interrupts off at 0x%llx",
			      (unsigned long long)v->page->rip);
	}
	atomic_store_explicit(&v->where, VCPU_IN_MONITOR, memory_order_relaxed);
	vm_signals(v->vm, bits);
	vcpu_timers_run(v, now);
}

/* Look at what became pending.  True: the guest can be entered; false: it still halts, or waits to be started. */
static bool prepare(struct vcpu *v)
{
	bool event;

	/* The flag first, then what it stands for. */
	(void)atomic_exchange(&v->notified, 0);
	if (unlikely(atomic_load_explicit(&v->dump, memory_order_relaxed)) && atomic_exchange(&v->dump, 0))
		trace_dump(v);
	trace_beat(v);
	if (!mp_events(v))
		return false;
	event = inject_prepare(v);
	v->s.halted = v->s.halted && !event && !mp_unhalted(v);
	return !v->s.halted;
}

/* What the kernel said no to. */
static void refused(struct vcpu *v, enum tv_err err, uint64_t group)
{
	struct vm *vm = v->vm;

	if (err == TV_ESTATE)
		(void)vm_stop(vm, VM_EXIT_CRASH, "CPU %u: register group 0x%llx refused at rip 0x%llx", v->index,
			      (unsigned long long)group, (unsigned long long)v->page->rip);
	else
		(void)vm_stop(vm, VM_EXIT_MONITOR, "CPU %u: vcpu_run failed with status %d", v->index, (int)err);
}

/* One entry and its exit. */
static void enter(struct vcpu *v)
{
	uint64_t group;
	enum tv_err err;

	if (unlikely(v->page->dirty & TV_REGS_CR))
		insn_modes_changed(&v->insn);
	if (unlikely(v->hold))
		hold(v);
	if (!go_away(v))
		return;
	err = sys_vcpu_run(v->sel, next_deadline(v), &group);
	atomic_store_explicit(&v->where, VCPU_IN_MONITOR, memory_order_relaxed);
	if (unlikely(err != TV_OK)) {
		refused(v, err, group);
		return;
	}
	if (exit_handle(v) == VM_NEXT_HALT)
		v->s.halted = 1;
}

void vcpu_run_loop(struct vcpu *v)
{
	struct vm *vm = v->vm;

	while (!vm_stopped(vm)) {
		if (atomic_load_explicit(&v->notified, memory_order_relaxed) || v->s.halted || v->s.mp != MP_RUNNING) {
			if (!prepare(v)) {
				if (!vm_stopped(vm))
					sleep(v);
				continue;
			}
		}
		enter(v);
	}
	if (vm_exit_code(vm) == VM_EXIT_CRASH)
		trace_dump(v);
	vm_cpu_ended(v);
}
