/* SPDX-License-Identifier: Apache-2.0 */
/* The privileged instructions of the SVM back-end as accesses to one struct, for host tests. */
#ifndef SVM_INSN_H
#define SVM_INSN_H

#include <lib/base.h>

struct cpuid_regs {
	uint32_t eax, ebx, ecx, edx;
};

#define FAKE_CPUID_LEAVES	16

struct fake_svm {
	struct { uint32_t leaf; struct cpuid_regs regs; } cpuid[FAKE_CPUID_LEAVES];
	struct { uint32_t msr; uint64_t value; } msr[16];
	unsigned msr_writes;
	uint64_t cr4, xcr0, host_xcr0;
	unsigned xcr0_writes;
	uint64_t dr[4];
	uint32_t cpu_id;
	void *percpu;
	void (*guest)(uint64_t *gpr);	/* what svm_enter() does                     */
	unsigned entries, machine_checks, interrupts, self_ipis;
	unsigned fail_alloc;		/* the n-th allocation from now on fails; 0: none */
	unsigned allocated;		/* allocations that were not given back      */
	unsigned phys_bits;
	const char *off;		/* value of the option "off"                 */
	char log[256];			/* the last line                             */
};
extern struct fake_svm fake;

/* Everything zero, but for a CPU with SVM and nested paging. */
void fake_reset(void);
struct cpuid_regs *fake_cpuid(uint32_t leaf);

uint64_t rdmsr(uint32_t msr);
void wrmsr(uint32_t msr, uint64_t value);
struct cpuid_regs cpuid(uint32_t leaf, uint32_t sub);
void svm_enter(uint64_t *gpr, uint64_t vmcb, uint64_t host);

static inline uint64_t read_cr4(void) { return fake.cr4; }
static inline uint64_t svm_xgetbv(void) { return fake.xcr0; }
static inline void xsetbv(uint32_t reg, uint64_t v)
{
	(void)reg;
	fake.xcr0 = v;
	fake.xcr0_writes++;
}
static inline void svm_load_dr(const uint64_t dr[4]) { __builtin_memcpy(fake.dr, dr, sizeof(fake.dr)); }
static inline void svm_save_dr(uint64_t dr[4]) { __builtin_memcpy(dr, fake.dr, sizeof(fake.dr)); }
static inline void svm_host_machine_check(void) { fake.machine_checks++; }
static inline void *svm_percpu(void) { return fake.percpu; }
static inline void svm_set_percpu(void *data) { fake.percpu = data; }
static inline uint32_t svm_cpu_id(void) { return fake.cpu_id; }

#endif
