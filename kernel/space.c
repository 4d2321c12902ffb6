/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Address spaces: what is mapped, and from which capability.
 *
 * The page tables say where an address leads; the mapping nodes say why.  No leaf of the page tables ever spans two mappings, so
 * that a mapping can be removed (when its capability is revoked) without memory for splitting a leaf.
 */
#include <arch/cpu.h>
#include <arch/machine.h>
#include <arch/virt.h>
#include <kernel/cpu.h>
#include <kernel/cross.h>
#include <kernel/domain.h>
#include <kernel/doorbell.h>
#include <kernel/space.h>
#include <kernel/vcpu.h>
#include <mm/frame.h>
#include <mm/kmap.h>

enum tv_err space_init(struct space *s, enum space_kind kind, struct quota *q)
{
	const struct pt_format *fmt = kind == SPACE_HOST ? kmap_format() : virt->pt();
	uint64_t *root = quota_frame_alloc(q);

	if (!root)
		return TV_EQUOTA;
	s->kind = (uint8_t)kind;
	s->dying = false;
	s->pt = (struct pt){ .fmt = fmt, .root = root };
	s->quota = q;
	s->mappings.root = NULL;
	s->flush_generation = 0;
	list_init(&s->vcpus);
	if (kind == SPACE_HOST) {
		kmap_space_init(root);
		s->limit = TV_USER_MAX;
	} else {
		s->limit = 1ull << min_u64(machine_guest_phys_bits(), PAGE_SHIFT + 9u * fmt->levels);
	}
	return TV_OK;
}

struct shootdown {
	struct space *space;
	uint64_t va, size;
};

/* On a CPU that may know translations of a host space. */
static void flush_host(void *arg)
{
	const struct shootdown *s = arg;
	struct cpu *c = cpu_self();

	if (c->loaded && &c->loaded->space == s->space) {
		cpu_flush_range(s->va, s->size);
	} else {
		cpu_drop_space(frame_pa(s->space->pt.root));
		cpu_set_remove(&s->space->cpus, c->arch.id);
	}
}

/* On a CPU that runs a guest: the exit that led here is all, because the loop of vcpu_run looks at the generation before each entry. */
static void flush_guest(void *arg)
{
	(void)arg;
}

void space_shootdown(struct space *s, uint64_t va, uint64_t size)
{
	struct shootdown what = { s, va, size };
	struct cpu_set cpus = { { 0 } };

	if (s->kind == SPACE_HOST) {
		cross_call_set(&s->cpus, flush_host, &what);
		return;
	}
	__atomic_store_n(&s->flush_generation, s->flush_generation + 1, __ATOMIC_SEQ_CST);
	list_for_each(it, &s->vcpus) {
		const struct vcpu *v = list_entry(it, struct vcpu, in_space);

		if (v->owner)
			cpu_set_add(&cpus, v->owner->cpu);
	}
	cross_call_set(&cpus, flush_guest, NULL);
}

/* The tables of a host space, whose threads are gone, are about to be freed: on a CPU that may have loaded them. */
static void unload_host(void *space)
{
	struct space *s = space;
	struct cpu *c = cpu_self();

	if (c->loaded && &c->loaded->space == s) {
		cpu_load_space(kmap_root());
		cpu_load_ports(NULL, 0, 0);
		c->ports = NULL;
		c->loaded = NULL;
	}
	cpu_drop_space(frame_pa(s->pt.root));
}

/* Take [@va, @va + @size) out of the page tables and every TLB. */
static void space_drop(struct space *s, uint64_t va, uint64_t size)
{
	struct pt_dead dead = { 0 };

	pt_unmap(&s->pt, va, size, s->quota, &dead);
	space_shootdown(s, va, size);
	pt_free_dead(&dead, s->quota);
}

struct mapping *space_find(const struct space *s, uint64_t va)
{
	struct tree_node *n = tree_floor(&s->mappings, va);
	struct mapping *m = n ? tree_entry(n, struct mapping, at) : NULL;

	return m && va - m->at.key < m->size ? m : NULL;
}

struct mapping *space_find_from(const struct space *s, uint64_t va)
{
	struct mapping *m = space_find(s, va);
	struct tree_node *n = m ? NULL : tree_ceil(&s->mappings, va);

	return n ? tree_entry(n, struct mapping, at) : m;
}

/* The largest leaf that may translate @va to @pa when @size bytes are left. */
static uint64_t leaf_fit(const struct pt_format *fmt, uint64_t va, uint64_t pa, uint64_t size)
{
	for (unsigned level = fmt->max_leaf_level; level > 0; level--) {
		uint64_t leaf = PAGE_SIZE << (9 * level);

		if (leaf <= size && is_aligned(va | pa, leaf))
			return leaf;
	}
	return PAGE_SIZE;
}

uint64_t space_leaf(const struct space *s, uint64_t va)
{
	hpa_t pa;
	uint32_t attr;
	uint64_t leaf;

	return pt_lookup(&s->pt, va, &pa, &attr, &leaf) ? leaf : PAGE_SIZE;
}

uint64_t space_leaves(const struct space *s, uint64_t va, uint64_t end, struct work *w)
{
	uint64_t at = va;

	do {
		uint64_t leaf = space_leaf(s, at), entries = 1;

		/* Below one table all leaves are alike: no need to look at each. */
		if (leaf == PAGE_SIZE)
			entries = (min_u64(end, align_down(at, 2 * MIB) + 2 * MIB) - at) / PAGE_SIZE;
		entries = min_u64(entries, work_left(w) ? (uint64_t)w->left : 1);
		at += entries * leaf;
		work_spend(w, (unsigned)entries);
	} while (at < end && work_left(w));
	return at;
}

/* Enter the next part of @m into the page tables. */
static void mapping_fill(struct mapping *m, struct work *w)
{
	struct space *s = m->space;
	uint64_t va = m->at.key + m->done, pa = m->pa.v + m->done, left = m->size - m->done;
	uint64_t before = s->quota->reserved, bytes = 0;

	do {
		bytes += leaf_fit(s->pt.fmt, va + bytes, pa + bytes, left - bytes);
		work_spend(w, 1);
	} while (bytes < left && work_left(w));
	pt_map(&s->pt, va, (hpa_t){ pa }, bytes, m->attr, s->quota);
	m->done += bytes;
	m->reserved -= before - s->quota->reserved;
	if (m->done == m->size) {
		quota_unreserve(s->quota, m->reserved);
		m->reserved = 0;
	}
}

/* Decode half of a map call: the address range is free, and everything that it can need is set aside. */
static enum tv_err mapping_create(struct space *s, const struct map_request *r, struct mapping **out)
{
	uint64_t pages = pt_tables_needed(&s->pt, r->va, r->pa.v, r->size);
	struct mapping *m = space_find_from(s, r->va);

	if (m && m->at.key < r->va + r->size)
		return TV_EEXIST;
	if (!quota_reserve(s->quota, pages))
		return TV_EQUOTA;
	m = quota_alloc(s->quota, sizeof(*m));
	if (!m) {
		quota_unreserve(s->quota, pages);
		return TV_EQUOTA;
	}
	m->space = s;
	m->size = r->size;
	m->reserved = pages;
	m->pa = r->pa;
	m->attr = r->attr;
	m->max = r->max;
	m->at.key = r->va;
	tree_insert(&s->mappings, &m->at);
	node_insert(&m->node, r->source, NODE_MAPPING);
	*out = m;
	return TV_OK;
}

enum tv_err space_map(struct space *s, const struct map_request *r, struct work *w, bool *done)
{
	struct mapping *m = space_find(s, r->va);
	enum tv_err err = TV_OK;

	if (s->dying)
		return TV_EDEAD;
	/* An unfinished mapping that says the same is this call's own, which goes on. */
	if (!m || m->done == m->size || m->at.key != r->va || m->size != r->size || m->pa.v != r->pa.v || m->attr != r->attr)
		err = mapping_create(s, r, &m);
	if (err)
		return err;
	mapping_fill(m, w);
	*done = m->done == m->size;
	return TV_OK;
}

enum tv_err space_map_page(struct space *s, uint64_t va, struct cap *c, hpa_t pa, uint32_t rights)
{
	struct map_request r = { .va = va, .size = PAGE_SIZE, .pa = pa, .attr = PT_USER | rights | PT_WB, .max = rights,
				 .source = c ? &c->node : NULL };
	struct work w = { WORK_CHUNK };
	bool done;

	if (!is_aligned(va, PAGE_SIZE) || va < TV_USER_MIN || va >= s->limit)
		return TV_EINVAL;
	return space_map(s, &r, &w, &done);
}

void mapping_free(struct mapping *m)
{
	quota_unreserve(m->space->quota, m->reserved);
	tree_remove(&m->space->mappings, &m->at);
	node_unlink(&m->node);
	quota_free(m->space->quota, m, sizeof(*m));
}

/* From the front, so that what is left stays one range. */
bool mapping_destroy(struct mapping *m, struct work *w)
{
	uint64_t bytes = 0;

	if (m->done) {
		bytes = space_leaves(m->space, m->at.key, m->at.key + m->done, w) - m->at.key;
		space_drop(m->space, m->at.key, bytes);
	}
	if (bytes < m->done) {
		mapping_shrink_front(m, bytes);
		return false;
	}
	mapping_free(m);
	return true;
}

void mapping_shrink_front(struct mapping *m, uint64_t bytes)
{
	m->at.key += bytes;
	m->pa.v += bytes;
	m->size -= bytes;
	m->done -= bytes;
}

/* All mappings, then the tables. */
bool space_fini(struct space *s, struct work *w)
{
	struct tree_node *n;

	s->dying = true;
	doorbells_end(s);
	while ((n = tree_first(&s->mappings)) != NULL) {
		if (!work_left(w) || !mapping_destroy(tree_entry(n, struct mapping, at), w))
			return false;
		work_spend(w, WORK_NODE);
	}
	if (s->pt.root) {
		if (s->kind == SPACE_HOST)
			cross_call_set(&s->cpus, unload_host, s);
		pt_free_tables(&s->pt, 0, s->kind == SPACE_HOST ? 255 : 511, s->quota);
		quota_frame_free(s->quota, s->pt.root);
		s->pt.root = NULL;
	}
	return true;
}

bool space_destroy(struct space *s, struct work *w)
{
	s->dying = true;
	while (!list_empty(&s->vcpus)) {
		vcpu_space_gone(list_first(&s->vcpus, struct vcpu, in_space));
		work_spend(w, WORK_NODE);
		if (!work_left(w))
			return false;
	}
	return space_fini(s, w);
}
