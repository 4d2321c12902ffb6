/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Address space identifiers, the tags of guest translations in a CPU's TLB.
 *
 * Each CPU hands its ASIDs out once a generation; when they are used up, the generation ends and the next entry flushes them
 * all.  A vCPU keeps its ASID while its generation is the CPU's current one.  Generations of different CPUs differ, so a vCPU
 * that moved has none, also when it comes back: what was flushed elsewhere meanwhile is never found again.
 */
#include "svm.h"

/* Give @s a fresh ASID on CPU @c.  The caller enters the guest right after. */
void svm_asid_assign(struct svm_vcpu *s, struct svm_cpu *c)
{
	s->vmcb->tlb_control = TLB_KEEP;
	if (c->asid_next >= svm.asid_count) {
		c->asid_generation++;
		c->asid_next = 1;	/* 0 is the host's */
		s->vmcb->tlb_control = TLB_FLUSH_ALL;
	}
	s->vmcb->asid = c->asid_next++;
	s->asid_generation = c->asid_generation;
	/* A VMCB that ran on another CPU may be unknown to this one, or known as it was long ago. */
	s->vmcb->clean = 0;
}

/*
 * An entry on CPU @c was refused, and with it what it was to flush: the next ASID begins a generation, whose first entry flushes
 * all.  The refused vCPU itself keeps none.
 */
void svm_asid_lost(struct svm_vcpu *s, struct svm_cpu *c)
{
	s->asid_generation = 0;
	c->asid_next = svm.asid_count;
}

/* No translation that the guest of @v has used so far may be used from its next entry on. */
void svm_flush(struct vcpu *v)
{
	struct svm_vcpu *s = svm_of(v);

	if (svm.flush_asid)
		s->vmcb->tlb_control = TLB_FLUSH_ASID;
	else
		s->asid_generation = 0;
}
