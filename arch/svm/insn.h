/* SPDX-License-Identifier: Apache-2.0 */
/* Everything of the back-end that is an instruction.  Host tests shadow this header with tests/fake/svm/insn.h. */
#ifndef SVM_INSN_H
#define SVM_INSN_H

#include <arch/cpu.h>
#include <lib/base.h>
#include <x86/insn.h>

/*
 * Enter the guest whose VMCB is at physical address @vmcb and come back after #VMEXIT (enter.asm).  @gpr: its registers in
 * TV_GPR order; RAX and RSP are not touched, they live in the VMCB.  @host: physical address of a page that takes the host
 * state that VMLOAD and VMSAVE switch.  Interrupts are off before and after; a pending NMI has been taken when it returns.
 */
static inline void svm_enter(uint64_t *gpr, uint64_t vmcb, uint64_t host)
{
	__asm__ volatile("call svm_enter_asm" : "+D"(gpr), "+S"(vmcb), "+d"(host)
			 : : "rax", "rcx", "r8", "r9", "r10", "r11", "r13", "r14", "r15", "cc", "memory");
}

static inline uint64_t svm_xgetbv(void)
{
	uint32_t lo, hi;

	__asm__ volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
	return (uint64_t)hi << 32 | lo;
}

static inline void svm_load_dr(const uint64_t dr[4])
{
	__asm__ volatile("mov %0, %%db0; mov %1, %%db1; mov %2, %%db2; mov %3, %%db3"
			 : : "r"(dr[0]), "r"(dr[1]), "r"(dr[2]), "r"(dr[3]));
}

static inline void svm_save_dr(uint64_t dr[4])
{
	__asm__ volatile("mov %%db0, %0; mov %%db1, %1; mov %%db2, %2; mov %%db3, %3"
			 : "=r"(dr[0]), "=r"(dr[1]), "=r"(dr[2]), "=r"(dr[3]));
}

/* A machine check that hit the guest was consumed by its intercept: let the host's handler see it. */
static inline void svm_host_machine_check(void) { __asm__ volatile("int $18" : : : "memory"); }

/* The back-end's data of this CPU. */
static inline void *svm_percpu(void) { return arch_cpu()->virt; }
static inline void svm_set_percpu(void *data) { arch_cpu()->virt = data; }
static inline uint32_t svm_cpu_id(void) { return arch_cpu()->id; }

#endif
