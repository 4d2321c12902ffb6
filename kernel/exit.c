/* SPDX-License-Identifier: Apache-2.0 */
/* Exits on their way to the monitor: only the register groups that it asked for are fetched. */
#include <arch/virt.h>
#include <kernel/exit.h>
#include <kernel/vcpu.h>

/* The state page of a new vCPU: version and size.  The back-end has filled in the registers. */
void exit_page_init(struct tv_exit_page *p)
{
	p->version = TV_EXIT_PAGE_VERSION;
	p->size = sizeof(*p);
	p->valid = TV_REGS_ALL;
}

/*
 * Complete the record of an exit of @kind: the register groups that the monitor wants for it, and RIP always.  A group that the
 * monitor has changed and that was not loaded yet (the call ended before) keeps the monitor's values: they are the truth.
 */
void exit_deliver(struct vcpu *v, uint32_t kind)
{
	struct tv_exit_page *p = v->page;
	uint32_t groups = (READ_ONCE(p->want[kind]) & TV_REGS_ALL) | TV_REGS_RIP;

	virt->pull(v, groups & ~READ_ONCE(p->dirty));
	p->kind = kind;
	p->valid = groups;
	p->exits++;
}
