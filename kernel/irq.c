/* SPDX-License-Identifier: Apache-2.0 */
/* Device interrupts: from a global system interrupt to a signal. */
#include <arch/cpu.h>
#include <arch/irq.h>
#include <kernel/cpu.h>
#include <kernel/irq.h>
#include <kernel/limbo.h>
#include <kernel/upcall.h>

static struct irq_binding *bindings[IRQ_MAX];

/* May be called without the tree lock: what is found stays until this CPU answers others. */
static const struct irq_binding *binding_of(uint64_t gsi)
{
	const struct irq_binding *b = gsi < IRQ_MAX ? READ_ONCE(bindings[index_nospec(gsi, IRQ_MAX)]) : NULL;

	return b && b->hook.target ? b : NULL;
}

bool irq_is_bound(uint64_t gsi)
{
	return binding_of(gsi) != NULL;
}

enum tv_err irq_bind(const struct irq_request *r, struct quota *q, struct cap *source)
{
	struct irq_binding *b, *old;
	enum tv_err err;

	if (r->gsi >= IRQ_MAX)
		return TV_EUNSUP;
	if (irq_is_bound(r->gsi))
		return TV_EBUSY;
	b = quota_alloc(q, sizeof(*b));
	if (!b)
		return TV_EQUOTA;
	old = bindings[r->gsi];
	/* Its notification is gone: it only keeps the interrupt from being used. */
	if (old)
		irq_unbind(old);
	err = irq_route(r->gsi, r->flags);
	if (err) {
		quota_free(q, b, sizeof(*b));
		return err;
	}
	b->quota = q;
	b->gsi = r->gsi;
	hook_set(&b->hook, r->target, r->bits);
	node_insert(&b->node, &source->node, NODE_IRQ);
	__atomic_store_n(&bindings[r->gsi], b, __ATOMIC_RELEASE);
	irq_unmask(r->gsi);
	return TV_OK;
}

void irq_unbind(struct irq_binding *b)
{
	irq_unroute(b->gsi);
	WRITE_ONCE(bindings[b->gsi], NULL);
	hook_clear(&b->hook);
	node_unlink(&b->node);
	limbo_add(&b->node);
}

void irq_binding_free(struct irq_binding *b)
{
	quota_free(b->quota, b, sizeof(*b));
}

bool irqs_end(const struct quota *q, struct work *w)
{
	for (unsigned i = 0; i < IRQ_MAX; i++) {
		if (!bindings[i] || bindings[i]->quota != q)
			continue;
		if (!work_left(w))
			return false;
		irq_unbind(bindings[i]);
		work_spend(w, WORK_NODE);
	}
	return true;
}

void kernel_irq(unsigned gsi)
{
	const struct irq_binding *b = binding_of(gsi);

	cpu_self()->count.device++;
	if (b)
		hook_signal(&b->hook);
	else
		irq_mask(gsi);
}
