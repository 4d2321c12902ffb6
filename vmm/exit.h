/* SPDX-License-Identifier: Apache-2.0 */
/* From the neutral record of an exit to behaviour: one table, one handler for each kind. */
#ifndef VMM_EXIT_H
#define VMM_EXIT_H

#include <lib/base.h>

struct vcpu;

/* What comes after an exit was handled. */
enum vm_next {
	VM_NEXT_RUN,		/* enter the guest                                          */
	VM_NEXT_HALT,		/* wait until an interrupt can be delivered, then enter     */
	VM_NEXT_STOP,		/* vm_stop() was called                                     */
};

/* Handle the exit in the state page of @v.  An unknown kind stops the VM. */
enum vm_next exit_handle(struct vcpu *v);

/* Groups that the handler of exit @kind always needs; @decode: what it takes to find out an instruction's length. */
uint32_t exit_want(uint32_t kind, uint32_t decode);

/* The handlers that do not live in exit.c. */
enum vm_next exit_cpuid(struct vcpu *v);		/* exit_cpu.c */
enum vm_next exit_hlt(struct vcpu *v);
enum vm_next exit_hypercall(struct vcpu *v);
enum vm_next exit_xsetbv(struct vcpu *v);
enum vm_next exit_insn(struct vcpu *v);
enum vm_next exit_exception(struct vcpu *v);
enum vm_next exit_rdmsr(struct vcpu *v);		/* msr.c      */
enum vm_next exit_wrmsr(struct vcpu *v);
enum vm_next exit_cr(struct vcpu *v);			/* cr.c       */
enum vm_next exit_dr(struct vcpu *v);
enum vm_next exit_pio(struct vcpu *v);			/* pio.c      */
enum vm_next exit_mmio(struct vcpu *v);			/* mmio.c     */

#endif
