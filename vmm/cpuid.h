/* SPDX-License-Identifier: Apache-2.0 */
/* What CPU the guest sees: the CPUID model, built once from the host's CPUID and a table of what Trivet virtualises. */
#ifndef VMM_CPUID_H
#define VMM_CPUID_H

#include <lib/base.h>
#include <svc/vm.h>
#include <x86/cr.h>
#include <x86/insn.h>

#include "cpu_model.h"

#define CPUID_ROWS	80

struct cpuid_row {
	uint32_t leaf, sub;
	struct cpuid_regs r;
	bool subleaves;				/* the leaf looks at ECX */
	bool varies;				/* some fields follow the state of the CPU */
} __attribute__((aligned(32)));
#define CPUID_INDEX	64			/* a power of two */

/* Constant once built; the same for all CPUs of a VM. */
struct cpuid_model {
	struct cpuid_row row[CPUID_ROWS];	/* sorted by leaf and sub-leaf; what is not here reads as zeros */
	unsigned count;
	uint8_t index[CPUID_INDEX];		/* by cpuid_hash(): where a row of the leaf is, or any other row */
	uint32_t max_basic;
	enum cpuid_vendor vendor;
	/* What follows from it for registers. */
	uint64_t cr4_mask, efer_mask, xcr0_mask;	/* bits that a guest can set */
	uint8_t phys_bits;
	uint8_t linear_bits;
	bool gib_pages;
	enum vm_paravirt paravirt;
	bool tsc_aux;			/* RDTSCP or RDPID: the MSR exists */
	bool x2apic, tsc_deadline, tsc_adjust;
};

struct cpuid_config {
	unsigned cpu_count;
	uint64_t tsc_hz;
	uint64_t apic_bus_hz;		/* input clock of the local APIC's timer */
	uint64_t xcr0_mask;		/* XCR0 bits that the kernel switches */
	uint8_t guest_phys_bits;
	bool gib_pages;			/* the nested page tables do not stand against it */
	enum vm_paravirt paravirt;
	const char *cpu;		/* what CPU the VM shall have: words of cpu_model.h; NULL: the host's */
};

/*
 * Make @m out of the CPUID of @host.  NULL, or why the host cannot have such a CPU, good until the next call; then @m is not
 * usable.
 */
const char *cpuid_build(struct cpuid_model *m, const struct cpuid_config *cfg,
			struct cpuid_regs (*host)(uint32_t leaf, uint32_t sub)) MUST_USE;

/* The state of a virtual CPU that shows in its CPUID. */
struct cpuid_cpu {
	uint32_t apic_id;
	bool apic_enabled;		/* IA32_APIC_BASE */
	uint64_t cr4, xcr0;
};

/* CPUID as executed on @cpu. */
struct cpuid_regs cpuid_query(const struct cpuid_model *m, const struct cpuid_cpu *cpu, uint32_t leaf, uint32_t sub);

/* Leaves begin at 0, 4000_0000, 4000_0100 and 8000_0000. */
static inline unsigned cpuid_hash(uint32_t leaf)
{
	return (leaf ^ leaf >> 26 ^ leaf >> 3) % CPUID_INDEX;
}

/* The answer as far as it is the same for every CPU, if it is found at once: else NULL, and cpuid_query() knows. */
static inline const struct cpuid_row *cpuid_find(const struct cpuid_model *m, uint32_t leaf, uint32_t sub)
{
	const struct cpuid_row *row = &m->row[m->index[cpuid_hash(leaf)]];

	return likely(row->leaf == leaf && (!row->subleaves || row->sub == sub)) ? row : NULL;
}

/* The fields of leaf 1 that follow the state of the CPU. */
static inline void cpuid_fill_in_1(struct cpuid_regs *r, uint32_t apic_id, bool apic_enabled, uint64_t cr4)
{
	r->ebx |= apic_id << 24;
	if (cr4 & CR4_OSXSAVE)
		r->ecx |= 1u << 27;
	if (unlikely(!apic_enabled))
		r->edx &= ~(1u << 9);
}

/* Is feature bit @bit of register @reg (0 EAX ... 3 EDX) of @leaf, sub-leaf 0, offered? */
bool cpuid_has(const struct cpuid_model *m, uint32_t leaf, unsigned reg, unsigned bit);

/* May the guest load @xcr0?  SDM, "XCR0": x87 always, AVX needs SSE, AVX-512 as a whole needs AVX, ... */
bool cpuid_xcr0_valid(const struct cpuid_model *m, uint64_t xcr0);

#endif
