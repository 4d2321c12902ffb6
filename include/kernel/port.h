/* SPDX-License-Identifier: Apache-2.0 */
/* Grants of I/O ports and MSRs, to domains and vCPUs. */
#ifndef KERNEL_PORT_H
#define KERNEL_PORT_H

#include <kernel/cap.h>
#include <lib/base.h>
#include <lib/list.h>
#include <mm/quota.h>

struct vcpu;

/* Grants that one domain or vCPU can have: bounds every walk of a list of grants. */
#define GRANTS_MAX	256u
/* Ports or MSRs that one grant can have: all ports there are. */
#define GRANT_MAX_COUNT	65536u

struct grant {
	struct node node;		/* below the PORTS or MSRS capability it was made from   */
	struct list link;		/* domain.grants or vcpu.grants                          */
	struct domain *domain;		/* who got it: either this ...                           */
	struct vcpu *vcpu;		/* ... or this                                           */
	struct quota *quota;		/* paid for it: the domain's, or that of the vCPU        */
	uint32_t base, count;		/* @count is at least 1                                   */
	bool msrs;			/* MSRs; otherwise ports                                 */
};

/*
 * Grant what @value says (receiver, payer, range), as derived from @source.  TV_EEXIST: the receiver has some of them already;
 * TV_EBUSY: it has GRANTS_MAX grants; TV_EQUOTA; TV_EUNSUP: an MSR that cannot be granted.
 */
enum tv_err grant_create(const struct grant *value, struct cap *source) MUST_USE;
/* Take the ports or MSRs away again and free @g. */
void grant_end(struct grant *g);
/* The same with all in @list (of a domain or vCPU that ends); false: @w ran out, call again. */
bool grants_end(struct list *list, struct work *w) MUST_USE;

#endif
