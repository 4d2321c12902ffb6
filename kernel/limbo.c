/* SPDX-License-Identifier: Apache-2.0 */
/* Between withdrawn and freed; include/kernel/limbo.h says why. */
#include <kernel/cross.h>
#include <kernel/domain.h>
#include <kernel/irq.h>
#include <kernel/limbo.h>
#include <kernel/object.h>

/* A chain through node.next, oldest first: the last slot of a page takes the page with it. */
static struct node *first, *last;

void limbo_add(struct node *n)
{
	n->next = NULL;
	if (first)
		last->next = n;
	else
		first = n;
	last = n;
}

static void cap_free(struct cap *c)
{
	struct domain *d = c->domain;
	bool page = c->flags & CAP_LAST;

	if (c->flags & CAP_ORIGINAL)
		object_free(c);
	*c = (struct cap){ .type = TV_CAP_NONE };
	if (page)
		quota_frame_free(&d->quota, (void *)align_down((uintptr_t)c, PAGE_SIZE));
}

void limbo_free(void)
{
	struct node *n = first;

	if (likely(!n))
		return;
	first = NULL;
	cross_sync();
	while (n) {
		struct node *next = n->next;

		if (n->kind == NODE_CAP)
			cap_free(container_of(n, struct cap, node));
		else
			irq_binding_free(container_of(n, struct irq_binding, node));
		n = next;
	}
}
