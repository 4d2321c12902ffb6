/* SPDX-License-Identifier: Apache-2.0 */
/* Exits of accesses to guest-physical addresses that are no memory: device registers, and nothing at all. */
#include "emulate.h"
#include "vcpu.h"
#include "vm.h"

/* An access that no instruction of the guest makes on its own account; there is no way to go on. */
static enum vm_next impossible(struct vcpu *v, const char *what)
{
	return vm_stop(v->vm, VM_EXIT_CRASH, "%s at 0x%llx, where there is no memory (rip 0x%llx)", what,
		       (unsigned long long)v->page->arg0, (unsigned long long)v->page->rip);
}

enum vm_next exit_mmio(struct vcpu *v)
{
	struct tv_exit_page *p = v->page;
	enum vm_next next;

	if (p->pending & TV_EVENT_VALID)
		return impossible(v, "an interrupt or exception needs its table or stack");
	if (p->arg1 & TV_MMIO_EXEC)
		return impossible(v, "the guest executes");
	if (p->arg1 & TV_MMIO_WALK)
		return impossible(v, "the guest has a page table");
	/* The CPU has just walked the tables for the operand: no need to do it again. */
	v->insn.hint_valid = true;
	v->insn.hint_write = p->arg1 & TV_MMIO_WRITE;
	v->insn.hint.v = p->arg0;
	next = emulate(v);
	v->insn.hint_valid = false;
	return next;
}
