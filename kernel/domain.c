/* SPDX-License-Identifier: Apache-2.0 */
/* Protection domains: their beginning and their end. */
#include <kernel/domain.h>
#include <kernel/irq.h>
#include <kernel/limbo.h>
#include <kernel/panic.h>
#include <kernel/port.h>
#include <kernel/thread.h>

hpa_t domain_info_page;

bool domain_is_inside(const struct domain *d, const struct domain *other)
{
	while (d != other && d->object.payer != d)
		d = d->object.payer;
	return d == other;
}

/* The page with struct tv_info, which belongs to the kernel and is in no mapping node. */
static enum tv_err domain_map_info(struct domain *d)
{
	uint64_t pages = pt_tables_needed(&d->space.pt, TV_INFO_ADDR, domain_info_page.v, PAGE_SIZE), before;

	if (!quota_reserve(&d->quota, pages))
		return TV_EQUOTA;
	before = d->quota.reserved;
	pt_map(&d->space.pt, TV_INFO_ADDR, domain_info_page, PAGE_SIZE, PT_USER | PT_R | PT_WB, &d->quota);
	quota_unreserve(&d->quota, pages - (before - d->quota.reserved));
	return TV_OK;
}

enum tv_err domain_init(struct domain *d, struct domain *creator, uint64_t pages)
{
	struct work w = { WORK_CHUNK };
	enum tv_err err;

	quota_init(&d->quota, creator ? 0 : pages);
	list_init(&d->threads);
	list_init(&d->grants);
	d->port_first = 1;
	d->level = creator ? (uint8_t)(creator->level + 1) : 0;
	if (creator && !quota_give(&creator->quota, &d->quota, pages))
		return TV_EQUOTA;
	err = space_init(&d->space, SPACE_HOST, &d->quota);
	if (!err)
		err = domain_map_info(d);
	if (!err)
		return TV_OK;
	CHECK(space_fini(&d->space, &w));
	CHECK(!creator || quota_return(&d->quota, &creator->quota, pages));
	return err;
}

enum tv_err domain_get(const struct cap_table *table, uint64_t sel, uint32_t need, struct domain **out)
{
	struct cap *c;
	enum tv_err err = cap_get(table, sel, TV_CAP_DOMAIN, need, &c);

	if (err)
		return err;
	if (cap_domain(c)->dying)
		return TV_EDEAD;
	*out = cap_domain(c);
	return TV_OK;
}

/* The first capability that is left in the table of @d, which gets no new ones any more; NULL: none. */
static struct cap *domain_next_cap(struct domain *d)
{
	for (; d->scan < TV_SEL_MAX; d->scan++) {
		struct cap *page = d->table.page[d->scan / CAP_PAGE_SLOTS];

		if (!page)
			d->scan |= CAP_PAGE_SLOTS - 1;
		else if (page[d->scan % CAP_PAGE_SLOTS].type != TV_CAP_NONE && page[d->scan % CAP_PAGE_SLOTS].type != CAP_GONE)
			return &page[d->scan % CAP_PAGE_SLOTS];
	}
	return NULL;
}

/* The domain, created through @c, that has to be emptied before @c can go; NULL: none. */
static struct domain *cap_full_domain(const struct cap *c)
{
	if ((c->type & ~CAP_DYING) != TV_CAP_DOMAIN || !(c->flags & CAP_ORIGINAL) || cap_domain(c)->empty)
		return NULL;
	return cap_domain(c);
}

/* One domain alone, up to a domain that it created and that is still full: that one goes to *@inner.  false: call again. */
static bool domain_empty_one(struct domain *d, struct domain **inner, struct work *w)
{
	struct cap *c;

	d->dying = true;
	d->space.dying = true;
	while (!list_empty(&d->threads))
		if (!work_left(w) || !cap_delete(list_first(&d->threads, struct thread, in_domain)->object.original, w))
			return false;
	while ((c = domain_next_cap(d)) != NULL) {
		*inner = cap_full_domain(c);
		if (*inner)
			return true;
		if (!work_left(w) || !cap_delete(c, w))
			return false;
	}
	d->empty = irqs_end(&d->quota, w) && grants_end(&d->grants, w) && space_fini(&d->space, w);
	return d->empty;
}

bool domain_empty(struct domain *top, struct work *w)
{
	struct domain *d = top;

	while (!top->empty) {
		struct domain *inner = NULL;

		if (!work_left(w) || !domain_empty_one(d, &inner, w))
			return false;
		d = inner ? inner : d->object.payer;
	}
	return true;
}

void domain_destroy(struct domain *d)
{
	struct quota *payer = &d->object.payer->quota;

	hook_clear(&d->watch);
	limbo_free();			/* what it held */
	CHECK(d->quota.used == 0);
	CHECK(quota_return(&d->quota, payer, d->quota.limit));
}
