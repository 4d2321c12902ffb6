/* SPDX-License-Identifier: Apache-2.0 */
/* Hypercalls on interrupts, I/O ports and MSRs. */
#include <arch/irq.h>
#include <kernel/domain.h>
#include <kernel/doorbell.h>
#include <kernel/hypercall.h>
#include <kernel/irq.h>
#include <kernel/notify.h>
#include <kernel/port.h>
#include <kernel/space.h>
#include <kernel/thread.h>
#include <kernel/vcpu.h>

/* Decode "irqs, number": the capability covers the interrupt, and the machine has it. */
static enum tv_err irqs_get(const struct thread *t, uint64_t sel, uint64_t number, struct cap **out)
{
	enum tv_err err = cap_get(&t->domain->table, sel, TV_CAP_IRQS, TV_RIGHT_USE, out);

	if (err)
		return err;
	if (number < (*out)->base || number - (*out)->base >= (*out)->size)
		return TV_ERANGE;
	return irq_exists(number) ? TV_OK : TV_EINVAL;
}

static bool irq_flags_valid(uint64_t flags)
{
	if (flags & ~(uint64_t)TV_IRQ_FLAGS || (flags & TV_IRQ_LEVEL && flags & TV_IRQ_EDGE))
		return false;
	/* A polarity alone would leave the trigger mode to the firmware's word for another polarity. */
	return !(flags & TV_IRQ_LOW) || flags & (TV_IRQ_LEVEL | TV_IRQ_EDGE);
}

/* irq_bind: arg0 = irqs, arg1 = number, arg2 = notification, arg3 = bits, arg4 = TV_IRQ_*. */
enum tv_err hc_irq_bind(struct thread *t, struct user_frame *f)
{
	struct irq_request r = { .bits = frame_arg(f, 3), .flags = (uint32_t)frame_arg(f, 4) };
	struct irq_message message;
	struct cap *irqs;
	enum tv_err err = irqs_get(t, frame_arg(f, 0), frame_arg(f, 1), &irqs);

	if (err)
		return err;
	err = notify_get(&t->domain->table, frame_arg(f, 2), r.bits, &r.target);
	if (err)
		return err;
	r.number = (uint32_t)frame_arg(f, 1);
	if (!irq_flags_valid(frame_arg(f, 4)) || (r.number >= TV_IRQ_MESSAGE && r.flags))
		return TV_EINVAL;
	err = irq_bind(&r, &t->domain->quota, irqs, &message);
	if (err)
		return err;
	frame_set_word(f, 0, message.address);
	frame_set_word(f, 1, message.data);
	return TV_OK;
}

/* irq_ack: arg0 = irqs, arg1 = number. */
enum tv_err hc_irq_ack(struct thread *t, struct user_frame *f)
{
	struct cap *irqs;
	enum tv_err err = irqs_get(t, frame_arg(f, 0), frame_arg(f, 1), &irqs);

	if (err)
		return err;
	if (!irq_is_bound(frame_arg(f, 1)))
		return TV_EDEAD;
	irq_enable((unsigned)frame_arg(f, 1), true);
	return TV_OK;
}

/* irq_mask: arg0 = irqs, arg1 = number. */
enum tv_err hc_irq_mask(struct thread *t, struct user_frame *f)
{
	struct cap *irqs;
	enum tv_err err = irqs_get(t, frame_arg(f, 0), frame_arg(f, 1), &irqs);

	if (err)
		return err;
	if (!irq_is_bound(frame_arg(f, 1)))
		return TV_EDEAD;
	irq_enable((unsigned)frame_arg(f, 1), false);
	return TV_OK;
}

/* The receiver of a grant: a DOMAIN with TV_RIGHT_GRANT (ports only), or a VCPU with TV_RIGHT_CONTROL. */
static enum tv_err receiver_get(const struct thread *t, uint64_t sel, struct grant *g)
{
	struct cap *c;
	enum tv_err err = cap_get(&t->domain->table, sel, TV_CAP_VCPU, TV_RIGHT_CONTROL, &c);

	if (!err) {
		g->vcpu = cap_vcpu(c);
		g->quota = &g->vcpu->object.payer->quota;
	} else if (err == TV_ETYPE && !g->msrs) {
		err = domain_get(&t->domain->table, sel, TV_RIGHT_GRANT, &g->domain);
		if (!err)
			g->quota = &g->domain->quota;
	}
	return err;
}

static enum tv_err grant(const struct thread *t, const struct user_frame *f, enum tv_cap_type type)
{
	struct grant g = { .msrs = type == TV_CAP_MSRS };
	struct cap *source;
	enum tv_err err = receiver_get(t, frame_arg(f, 0), &g);

	if (err)
		return err;
	err = cap_get(&t->domain->table, frame_arg(f, 1), type, TV_RIGHT_USE, &source);
	if (err)
		return err;
	/* The permission maps of processors know far fewer MSRs than there are numbers. */
	if (source->size > GRANT_MAX_COUNT)
		return TV_EUNSUP;
	g.base = (uint32_t)source->base;
	g.count = (uint32_t)source->size;
	return grant_create(&g, source);
}

/* port_grant: arg0 = domain or vCPU, arg1 = ports. */
enum tv_err hc_port_grant(struct thread *t, struct user_frame *f)
{
	return grant(t, f, TV_CAP_PORTS);
}

/* msr_grant: arg0 = vCPU, arg1 = MSRs. */
enum tv_err hc_msr_grant(struct thread *t, struct user_frame *f)
{
	return grant(t, f, TV_CAP_MSRS);
}

/* doorbell_bind: arg0 = guest space, arg1 = port, arg2 = notification or 0, arg3 = bits. */
enum tv_err hc_doorbell_bind(struct thread *t, struct user_frame *f)
{
	uint64_t port = frame_arg(f, 1), ntfn = frame_arg(f, 2), bits = frame_arg(f, 3);
	struct notification *n = NULL;
	struct cap *space;
	enum tv_err err = cap_get(&t->domain->table, frame_arg(f, 0), TV_CAP_SPACE, TV_RIGHT_MAP, &space);

	if (!err && ntfn)
		err = notify_get(&t->domain->table, ntfn, bits, &n);
	if (err)
		return err;
	if (port > UINT16_MAX || (!ntfn && bits))
		return TV_EINVAL;
	return doorbell_bind(cap_space(space), (uint16_t)port, n, bits);
}
