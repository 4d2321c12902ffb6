/* SPDX-License-Identifier: Apache-2.0 */
/* Doorbells of guests: see kernel/doorbell.h. */
#include <arch/virt.h>
#include <kernel/cross.h>
#include <kernel/doorbell.h>

#define RFLAGS_TF	BIT(8)

_Static_assert(sizeof(struct doorbells) <= 2048, "quota_alloc()");

/* The entry of @port, else a free one, else NULL.  *@found: it is the port's. */
static struct notify_hook *entry_of(struct doorbells *d, uint16_t port, bool *found)
{
	struct notify_hook *free = NULL;

	for (uint32_t i = 0; i < DOORBELLS; i++) {
		bool used = i < d->count && d->hook[i].target;

		*found = used && d->port[i] == port;
		if (*found)
			return &d->hook[i];
		if (!used && !free)
			free = &d->hook[i];
	}
	return free;
}

enum tv_err doorbell_bind(struct space *s, uint16_t port, struct notification *n, uint64_t bits)
{
	struct doorbells *d = s->doorbells;
	struct notify_hook *h;
	bool found;

	if (s->dying)
		return TV_EDEAD;
	if (!d && !n)
		return TV_OK;
	if (!d)
		d = quota_alloc(s->quota, sizeof(*d));
	if (!d)
		return TV_EQUOTA;
	__atomic_store_n(&s->doorbells, d, __ATOMIC_RELEASE);
	h = entry_of(d, port, &found);
	if (!n && found) {
		hook_clear(h);
		cross_sync();		/* nobody takes the port for a doorbell any more */
	}
	if (!n)
		return TV_OK;
	if (!h)
		return TV_EBUSY;
	d->port[h - d->hook] = port;
	hook_set(h, n, bits);
	if (d->count <= h - d->hook)
		__atomic_store_n(&d->count, (uint32_t)(h - d->hook) + 1, __ATOMIC_RELEASE);
	return TV_OK;
}

/* RIP behind the instruction, as far as that needs no decoding: the monitor knows about single steps and short addresses. */
static bool retire(struct vcpu *v)
{
	struct tv_exit_page *p = v->page;
	uint32_t length = READ_ONCE(p->insn_len);
	uint64_t next;

	virt->pull(v, TV_REGS_RIP);
	next = p->rip + length;
	if (!length || p->rflags & RFLAGS_TF || next >> 32 != p->rip >> 32)
		return false;
	p->rip = next;
	p->shadow &= ~(uint32_t)(TV_SHADOW_STI | TV_SHADOW_MOVSS);
	return virt->push(v, TV_REGS_RIP) == 0;
}

/* As everything on the way from an exit, without a lock: entries stay where they are until the space ends. */
bool doorbell_ring(struct vcpu *v)
{
	const struct doorbells *d = __atomic_load_n(&v->space->doorbells, __ATOMIC_ACQUIRE);
	uint64_t port = READ_ONCE(v->page->arg0);
	uint32_t count = d ? __atomic_load_n(&d->count, __ATOMIC_ACQUIRE) : 0;

	for (uint32_t i = 0; i < count; i++) {
		if (READ_ONCE(d->port[i]) != port || !READ_ONCE(d->hook[i].target))
			continue;
		if (!retire(v))
			return false;
		hook_signal(&d->hook[i]);
		return true;
	}
	return false;
}

void doorbells_end(struct space *s)
{
	struct doorbells *d = s->doorbells;

	if (!d)
		return;
	s->doorbells = NULL;
	for (uint32_t i = 0; i < d->count; i++)
		hook_clear(&d->hook[i]);
	cross_sync();
	quota_free(s->quota, d, sizeof(*d));
}
