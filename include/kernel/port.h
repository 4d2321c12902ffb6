/* SPDX-License-Identifier: Apache-2.0 */
/* Grants of I/O ports and MSRs, to domains and vCPUs. */
#ifndef KERNEL_PORT_H
#define KERNEL_PORT_H

#include <kernel/cap.h>
#include <lib/base.h>
#include <lib/list.h>
#include <mm/quota.h>

struct vcpu;

struct grant {
	struct node node;		/* below the PORTS or MSRS capability it was made from   */
	struct list link;		/* domain.grants or vcpu.grants                          */
	struct domain *domain;		/* who got it: either this ...                           */
	struct vcpu *vcpu;		/* ... or this                                           */
	struct quota *quota;		/* paid for it: the domain's, or that of the vCPU        */
	uint32_t base, count;
	bool msrs;			/* MSRs; otherwise ports                                 */
};

/* Take the ports or MSRs away again and free @g. */
void grant_end(struct grant *g);
/* The same with all in @list (of a domain or vCPU that ends); false: @w ran out, call again. */
bool grants_end(struct list *list, struct work *w) MUST_USE;

#endif
