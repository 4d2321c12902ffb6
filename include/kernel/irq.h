/* SPDX-License-Identifier: Apache-2.0 */
/* Device interrupts as signals. */
#ifndef KERNEL_IRQ_H
#define KERNEL_IRQ_H

#include <arch/irq.h>
#include <kernel/cap.h>
#include <kernel/notify.h>
#include <lib/base.h>
#include <mm/quota.h>

struct irq_binding {
	struct node node;		/* below the IRQS capability it was made from  */
	struct notify_hook hook;
	struct quota *quota;		/* paid for it                                 */
	uint32_t number;
};

/*
 * Route interrupt @number, which exists, and signal @bits of @target for each from now on, as derived from @source.  @q pays.  *@message
 * is what its device shall send, all 0 for a line.  TV_EBUSY: bound already; TV_EQUOTA; TV_EUNSUP: no vector left.
 */
struct irq_request {
	uint32_t number, flags;		/* TV_IRQ_* */
	struct notification *target;
	uint64_t bits;
};
enum tv_err irq_bind(const struct irq_request *r, struct quota *q, struct cap *source, struct irq_message *message) MUST_USE;
/* Mask and unroute the interrupt; @b goes to limbo, which frees it. */
void irq_unbind(struct irq_binding *b);
void irq_binding_free(struct irq_binding *b);
/*
 * End the bindings that @q, the quota of a domain that ends, has paid for.  They outlive the domain's capabilities when a revocation
 * in an ancestor's table has removed those and then stopped.  false: @w ran out, call again.
 */
bool irqs_end(const struct quota *q, struct work *w) MUST_USE;
/* Does the machine have interrupt @number? */
bool irq_exists(uint64_t number);
/* Is @number bound to a notification that still exists? */
bool irq_is_bound(uint64_t number);
/* Let it come (again), or not.  A message is masked at its device, if at all. */
void irq_enable(unsigned number, bool on);

#endif
