/* SPDX-License-Identifier: Apache-2.0 */
/* Device interrupts: from a line or a message to a signal. */
#include <arch/cpu.h>
#include <arch/irq.h>
#include <kernel/cpu.h>
#include <kernel/irq.h>
#include <kernel/limbo.h>
#include <kernel/upcall.h>

static struct irq_binding *bindings[TV_IRQ_MAX];

/* May be called without the tree lock: what is found stays until this CPU answers others. */
static const struct irq_binding *binding_of(uint64_t number)
{
	const struct irq_binding *b = number < TV_IRQ_MAX ? READ_ONCE(bindings[index_nospec(number, TV_IRQ_MAX)]) : NULL;

	return b && b->hook.target ? b : NULL;
}

bool irq_is_bound(uint64_t number)
{
	return binding_of(number) != NULL;
}

bool irq_exists(uint64_t number)
{
	return number < TV_IRQ_MESSAGE ? number < irq_count() : number < TV_IRQ_MAX;
}

void irq_enable(unsigned number, bool on)
{
	if (number >= TV_IRQ_MESSAGE)
		return;
	if (on)
		irq_unmask(number);
	else
		irq_mask(number);
}

static enum tv_err route(const struct irq_request *r, struct irq_message *message)
{
	*message = (struct irq_message){ 0, 0 };
	if (r->number >= TV_IRQ_MESSAGE)
		return irq_message(r->number - TV_IRQ_MESSAGE, message);
	return irq_route(r->number, r->flags);
}

enum tv_err irq_bind(const struct irq_request *r, struct quota *q, struct cap *source, struct irq_message *message)
{
	struct irq_binding *b, *old;
	enum tv_err err;

	if (irq_is_bound(r->number))
		return TV_EBUSY;
	b = quota_alloc(q, sizeof(*b));
	if (!b)
		return TV_EQUOTA;
	old = bindings[r->number];
	/* Its notification is gone: it only keeps the interrupt from being used. */
	if (old)
		irq_unbind(old);
	err = route(r, message);
	if (err) {
		quota_free(q, b, sizeof(*b));
		return err;
	}
	b->quota = q;
	b->number = r->number;
	hook_set(&b->hook, r->target, r->bits);
	node_insert(&b->node, &source->node, NODE_IRQ);
	__atomic_store_n(&bindings[r->number], b, __ATOMIC_RELEASE);
	irq_enable(r->number, true);
	return TV_OK;
}

void irq_unbind(struct irq_binding *b)
{
	if (b->number < TV_IRQ_MESSAGE)
		irq_unroute(b->number);
	WRITE_ONCE(bindings[b->number], NULL);
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
	for (unsigned i = 0; i < TV_IRQ_MAX; i++) {
		if (!bindings[i] || bindings[i]->quota != q)
			continue;
		if (!work_left(w))
			return false;
		irq_unbind(bindings[i]);
		work_spend(w, WORK_NODE);
	}
	return true;
}

void kernel_irq(unsigned number)
{
	const struct irq_binding *b = binding_of(number);

	cpu_self()->count.device++;
	if (b)
		hook_signal(&b->hook);
	else
		irq_enable(number, false);
}
