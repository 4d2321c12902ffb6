/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The paravirtual interface of Hyper-V, for guests such as Windows that look for it: identity, a reference clock (as register
 * and as page), hypercall page, virtual processor index, APIC registers, synthetic interrupt controller and timers, crash report.
 * There is no VMBus, so no call that sends messages or signals events.
 *
 * Microsoft, "Hypervisor Top Level Functional Specification".
 */
#ifndef VMM_HYPERV_H
#define VMM_HYPERV_H

#include <lib/base.h>

#define HV_SINTS	16u
#define HV_TIMERS	4u
#define HV_TIME_HZ	10000000u	/* reference time counts 100 ns from the VM's start */

/* Bits of CPUID 0x40000003: what the partition may do (EAX), and which features there are (EDX). */
#define HV_PRIVILEGES	((uint32_t)(MASK(7, 1) | BIT(9) | BIT(11)))	/* clock, synic, timers, APIC, call, index, reset */
#define HV_FEATURES	(1u << 8 | 1u << 10 | 1u << 19)		/* frequency and crash registers, direct timers */
#define HV_RECOMMENDED	(1u << 5 | 1u << 9)			/* relaxed timing; no automatic EOI */

struct vm;
struct vcpu;

/* Registers that all CPUs share; plain words that any thread reads and writes. */
struct hv_vm {
	_Atomic uint64_t guest_os, hypercall, reference_tsc;
	_Atomic uint64_t crash[5];
};

struct hv_timer {
	uint64_t config, count;		/* as the guest sees them                             */
	uint64_t due;			/* reference time of the next expiration, 0: never    */
	uint64_t waits;			/* reference time of one whose message found no room, 0: none */
};

/* Registers of one CPU. */
struct hv_cpu {
	uint64_t vp_assist, scontrol, siefp, simp;
	uint64_t sint[HV_SINTS];
	struct hv_timer timer[HV_TIMERS];
	uint64_t next;			/* host TSC of the earliest expiration, TIMER_NEVER   */
	uint64_t auto_eoi;		/* not 0: some interrupt source has automatic EOI     */
};

/* Reference time at host TSC @tsc. */
uint64_t hv_time(const struct vm *vm, uint64_t tsc);

/* RDMSR and WRMSR of the interface's registers, and those of them that synic.c has.  False: #GP. */
bool hyperv_get(struct vcpu *v, uint32_t msr, uint64_t *val) MUST_USE;
bool hyperv_set(struct vcpu *v, uint32_t msr, uint64_t val) MUST_USE;
bool synic_get(const struct vcpu *v, uint32_t msr, uint64_t *val) MUST_USE;
bool synic_set(struct vcpu *v, uint32_t msr, uint64_t val) MUST_USE;

/* VMCALL or VMMCALL with input @input; what the guest gets as result. */
uint64_t hyperv_call(struct vcpu *v, uint64_t input);

/* An EOI to the local APIC. */
void hyperv_eoi(struct vcpu *v);

/* The TSC of @v was changed: the page that all CPUs compute the time from is no longer right. */
void hyperv_tsc_changed(struct vcpu *v);

/* After power-up or INIT; after a new monitor has taken over the registers. */
void synic_reset(struct vcpu *v);
void synic_restored(struct vcpu *v);

/* Timers of @v that are due at @now fire; by its thread. */
void synic_timers_run(struct vcpu *v, uint64_t now);

/* Does the interrupt @vector, which was just accepted, need no EOI? */
bool synic_auto_eoi(const struct vcpu *v, unsigned vector);

/* RECORD_HYPERV: the shared registers, into @dev, a struct vm. */
bool hyperv_restore(void *dev, const void *state) MUST_USE;

#endif
