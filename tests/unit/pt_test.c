/* SPDX-License-Identifier: Apache-2.0 */
/* sources: mm/pt.c */
/*
 * The walker against a flat array that says for each page where it goes and with which attributes, over several formats and
 * random operations.
 */
#include <mm/pt.h>

#include <mm/frame.h>
#include <mm/quota.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <kernel/panic.h>

#define M(n)	((n) * MIB)
#define NX	BIT(63)

static const struct pt_format host = {
	.name = "host", .levels = 4, .max_leaf_level = 2, .present = 1, .leaf_mask = 0x80, .leaf_val = 0x80, .table = 0x27,
	.perm = { 0, 1 | NX, 3 | NX, 3 | NX, 1, 1, 3, 3 }, .user = 4, .global = 0x100,
	.type = { 0, 0x18, 8, 0x18 }, .type_large = { 0, 0x18, 8, 0x18 }, .accessed = 0x20, .dirty = 0x40,
};
static const struct pt_format host_2m = {
	.name = "host without 1 GiB pages", .levels = 4, .max_leaf_level = 1, .present = 1, .leaf_mask = 0x80, .leaf_val = 0x80,
	.table = 0x27, .perm = { 0, 1 | NX, 3 | NX, 3 | NX, 1, 1, 3, 3 }, .user = 4, .global = 0x100,
	.type = { 0, 0x18, 8, 0x18 }, .type_large = { 0, 0x18, 8, 0x18 }, .accessed = 0x20, .dirty = 0x40,
};
/* Rights bit by bit, a memory-type field that is never 0, and the large-page attribute elsewhere. */
static const struct pt_format extended = {
	.name = "extended", .levels = 4, .max_leaf_level = 2, .present = 7, .leaf_mask = 0x80, .leaf_val = 0x80, .table = 7,
	.perm = { 0, 1, 2, 3, 4, 5, 6, 7 }, .type = { 0x30, 0, 8, 0 }, .type_large = { 0x30, 0, 8, 0 }, .accessed = 0x100,
	.dirty = 0x200,
};
static const struct pt_format small_only = {
	.name = "4 KiB pages only", .levels = 3, .max_leaf_level = 0, .present = 1, .leaf_mask = 0, .leaf_val = 1,
	.table = 1, .perm = { 0, 1 | NX, 3 | NX, 3 | NX, 1, 1, 3, 3 }, .user = 4,
};
static const struct pt_format *const formats[] = { &host, &host_2m, &extended, &small_only };

/* --- frames and quota, counted --- */

static long tables, taken;
static bool may_take = true;
static struct quota some_quota;

void panic(const char *fmt, ...)
{
	(void)fmt;
	abort();
}

void *frame_alloc(void)
{
	void *p = aligned_alloc(PAGE_SIZE, PAGE_SIZE);

	tables++;
	return memset(p, 0, PAGE_SIZE);
}

void frame_free(void *page)
{
	tables--;
	free(page);
}

void *quota_frame_take(struct quota *q)
{
	assert_ptr_equal(q, &some_quota);
	assert_true(may_take);
	taken++;
	return frame_alloc();
}

void quota_frame_free(struct quota *q, void *page)
{
	assert_ptr_equal(q, &some_quota);
	frame_free(page);
}

/* --- the model --- */

#define BASE	(510 * GIB)		/* crosses a top-level boundary of 512 GiB */
#define PAGES	(3 * GIB / PAGE_SIZE)

static uint64_t model_pa[PAGES];	/* 0: not mapped */
static uint8_t model_attr[PAGES];
static struct pt pt;

static uint64_t base_of(void)
{
	return pt.fmt->levels == 3 ? 400 * GIB : BASE;
}

/* Attributes as the format can express them. */
static uint32_t expressible(uint32_t attr)
{
	if (pt.fmt->perm[PT_W] == pt.fmt->perm[PT_R | PT_W])
		attr |= PT_R;
	if (!pt.fmt->user)
		attr &= ~PT_USER;
	if (!pt.fmt->global)
		attr &= ~PT_GLOBAL;
	if (pt.fmt->type[1] == pt.fmt->type[0])
		attr &= ~PT_TYPE;
	return attr;
}

static void check_page(uint64_t page)
{
	uint64_t va = base_of() + page * PAGE_SIZE, size = 0;
	uint32_t attr = 0;
	hpa_t pa = { 0 };

	if (!pt_lookup(&pt, va + 5, &pa, &attr, &size)) {
		assert_int_equal(model_pa[page], 0);
		return;
	}
	assert_int_equal(pa.v, model_pa[page] + 5);
	assert_int_equal(attr, model_attr[page]);
	assert_true(size == PAGE_SIZE || (size == M(2) && pt.fmt->max_leaf_level >= 1) ||
		    (size == GIB && pt.fmt->max_leaf_level >= 2));
}

static void check_all(void)
{
	for (uint64_t page = 0; page < PAGES; page++)
		check_page(page);
}

/* A random range of the window, often aligned, of any order of size. */
static void random_range(uint64_t *page, uint64_t *count)
{
	static const uint64_t aligns[] = { 1, 1, 512, 512, 512 * 512 };
	uint64_t align = aligns[(unsigned)rand() % ARRAY_LEN(aligns)];

	*page = ((uint64_t)rand() % PAGES) / align * align;
	*count = (1 + (uint64_t)rand() % 3) * align + ((unsigned)rand() % 4 ? 0 : (uint64_t)rand() % 700);
	*count = min_u64(*count, PAGES - *page);
}

static uint32_t random_rights(void)
{
	static const uint32_t rights[] = { PT_R, PT_R | PT_W, PT_R | PT_X, PT_RWX };

	return rights[(unsigned)rand() % ARRAY_LEN(rights)];
}

static void random_map(void)
{
	uint64_t page, count, n = 0, pa;
	uint32_t attr = random_rights() | ((unsigned)rand() % 3 * PT_UC) | ((unsigned)rand() % 2 ? PT_USER : PT_GLOBAL);

	random_range(&page, &count);
	while (n < count && !model_pa[page + n])
		n++;
	if (n == 0)
		return;
	pa = GIB * 5 + page * PAGE_SIZE + ((unsigned)rand() % 4 ? 0 : (unsigned)rand() % 3 * PAGE_SIZE + (unsigned)rand() % 2 * M(2));
	uint64_t need = pt_tables_needed(&pt, base_of() + page * PAGE_SIZE, pa, n * PAGE_SIZE);

	taken = 0;
	pt_map(&pt, base_of() + page * PAGE_SIZE, (hpa_t){ pa }, n * PAGE_SIZE, attr, &some_quota);
	assert_true((uint64_t)taken <= need);
	for (uint64_t i = 0; i < n; i++) {
		model_pa[page + i] = pa + i * PAGE_SIZE;
		model_attr[page + i] = (uint8_t)expressible(attr);
	}
}

static void random_change(bool unmap)
{
	struct pt_dead dead = { NULL, 0 };
	uint32_t rights = random_rights();
	uint64_t page, count;
	long before = tables;

	random_range(&page, &count);
	taken = 0;
	if (unmap)
		pt_unmap(&pt, base_of() + page * PAGE_SIZE, count * PAGE_SIZE, &some_quota, &dead);
	else
		pt_protect(&pt, base_of() + page * PAGE_SIZE, count * PAGE_SIZE, rights, &some_quota, &dead);
	assert_true(taken <= 2 * (pt.fmt->levels - 1));
	pt_free_dead(&dead, &some_quota);
	assert_int_equal(dead.count, 0);
	assert_true(tables <= before + taken);
	for (uint64_t i = page; i < page + count; i++) {
		if (unmap)
			model_pa[i] = 0;
		else if (model_pa[i])
			model_attr[i] = (uint8_t)((model_attr[i] & ~PT_RWX) | expressible(rights));
	}
}

static void start(const struct pt_format *fmt)
{
	memset(model_pa, 0, sizeof(model_pa));
	tables = 0;
	pt = (struct pt){ .fmt = fmt, .root = frame_alloc() };
}

static void finish(void)
{
	frame_free(pt.root);
	assert_int_equal(tables, 0);
}

static void random_operations_agree_with_a_flat_table(void **state)
{
	struct pt_dead dead = { NULL, 0 };

	(void)state;
	srand(7);
	for (unsigned f = 0; f < ARRAY_LEN(formats); f++) {
		start(formats[f]);
		for (unsigned step = 0; step < 400; step++) {
			unsigned what = (unsigned)rand() % 8;

			if (what < 4)
				random_map();
			else
				random_change(what < 6);
			for (unsigned i = 0; i < 200; i++)
				check_page((uint64_t)rand() % PAGES);
			if (step % 40 == 0)
				check_all();
		}
		check_all();
		pt_unmap(&pt, base_of(), PAGES * PAGE_SIZE, &some_quota, &dead);
		pt_free_dead(&dead, &some_quota);
		assert_int_equal(tables, 1);		/* nothing mapped, no table left */
		for (unsigned i = 0; i < 512; i++)
			assert_int_equal(pt.root[i], 0);
		finish();
	}
}

static uint64_t leaf_size(uint64_t va)
{
	uint64_t size = 0;
	uint32_t attr;
	hpa_t pa;

	return pt_lookup(&pt, va, &pa, &attr, &size) ? size : 0;
}

static void leaves_are_as_large_as_alignment_and_format_allow(void **state)
{
	(void)state;
	start(&host);
	pt_map(&pt, GIB - PAGE_SIZE, (hpa_t){ 7 * GIB - PAGE_SIZE }, 2 * GIB + 2 * PAGE_SIZE, PT_R, &some_quota);
	assert_int_equal(leaf_size(GIB - 1), PAGE_SIZE);
	assert_int_equal(leaf_size(GIB), GIB);
	assert_int_equal(leaf_size(3 * GIB - 1), GIB);
	assert_int_equal(leaf_size(3 * GIB), PAGE_SIZE);
	pt_map(&pt, 8 * GIB, (hpa_t){ GIB + M(2) }, GIB, PT_R, &some_quota);	/* congruent for 2 MiB only */
	assert_int_equal(leaf_size(8 * GIB), M(2));
	pt_map(&pt, 16 * GIB, (hpa_t){ GIB + PAGE_SIZE }, M(4), PT_R, &some_quota);
	assert_int_equal(leaf_size(16 * GIB), PAGE_SIZE);
	pt_free_tables(&pt, 0, 511, &some_quota);
	finish();

	start(&host_2m);
	pt_map(&pt, GIB, (hpa_t){ GIB }, GIB, PT_R, &some_quota);
	assert_int_equal(leaf_size(GIB), M(2));
	pt_free_tables(&pt, 0, 511, &some_quota);
	finish();
}

static void splitting_and_protecting_back_merges_to_the_same_leaf(void **state)
{
	struct pt_dead dead = { NULL, 0 };

	(void)state;
	start(&extended);
	pt_map(&pt, GIB, (hpa_t){ 3 * GIB }, GIB, PT_R | PT_W, &some_quota);
	assert_int_equal(tables, 2);
	pt_protect(&pt, GIB + M(6) + PAGE_SIZE, PAGE_SIZE, PT_R, &some_quota, &dead);
	assert_int_equal(tables, 4);
	assert_int_equal(leaf_size(GIB + M(6)), PAGE_SIZE);
	assert_int_equal(leaf_size(GIB), M(2));
	assert_int_equal(dead.count, 0);
	pt_protect(&pt, GIB + M(6), M(2), PT_R | PT_W, &some_quota, &dead);
	assert_int_equal(dead.count, 1);
	assert_int_equal(leaf_size(GIB + M(6)), M(2));		/* merged, but not beyond the range */
	pt_protect(&pt, GIB, GIB, PT_R | PT_W, &some_quota, &dead);
	assert_int_equal(dead.count, 2);
	pt_free_dead(&dead, &some_quota);
	assert_int_equal(tables, 2);
	assert_int_equal(leaf_size(GIB + M(6)), GIB);
	pt_free_tables(&pt, 0, 511, &some_quota);
	finish();
}

static void accessed_and_dirty_survive_splits_and_merges(void **state)
{
	struct pt_dead dead = { NULL, 0 };
	uint64_t *pdpt;

	(void)state;
	start(&host);
	pt_map(&pt, GIB, (hpa_t){ 3 * GIB }, GIB, PT_R | PT_W, &some_quota);
	pdpt = frame_va((hpa_t){ pt.root[0] & PT_ADDR });
	pdpt[1] |= host.accessed | host.dirty;
	pt_protect(&pt, GIB, PAGE_SIZE, PT_R, &some_quota, &dead);
	pt_protect(&pt, GIB, GIB, PT_R | PT_W, &some_quota, &dead);
	assert_int_equal(pdpt[1] & (host.accessed | host.dirty), host.accessed | host.dirty);
	assert_int_equal(leaf_size(GIB), GIB);
	pt_free_dead(&dead, &some_quota);
	pt_free_tables(&pt, 0, 511, &some_quota);
	finish();
}

static void the_last_pages_of_the_address_space_can_be_mapped(void **state)
{
	uint64_t top = 0xffffffff80000000ull;

	(void)state;
	start(&host);
	pt_map(&pt, top, (hpa_t){ 0 }, GIB, PT_R, &some_quota);
	assert_int_equal(leaf_size(top + 5), GIB);
	assert_int_equal(leaf_size(top + GIB), 0);
	assert_true(pt.root[511] & 1);
	pt_free_tables(&pt, 511, 511, &some_quota);
	assert_int_equal(pt.root[511], 0);
	finish();
}

static void unmapping_whole_leaves_needs_no_memory(void **state)
{
	struct pt_dead dead = { NULL, 0 };

	(void)state;
	start(&host);
	pt_map(&pt, M(4), (hpa_t){ M(8) }, M(2), PT_R, &some_quota);
	may_take = false;
	pt_unmap(&pt, M(4), M(2), &some_quota, &dead);
	may_take = true;
	assert_int_equal(dead.count, 2);
	/* A dead table may still be walked: its link must read as an entry that is not in use, in every format. */
	for (void *t = dead.first; t; t = *(void **)t)
		assert_int_equal(*(uint64_t *)t & 0xfff, 0);
	pt_free_dead(&dead, &some_quota);
	finish();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_operations_agree_with_a_flat_table),
		cmocka_unit_test(leaves_are_as_large_as_alignment_and_format_allow),
		cmocka_unit_test(splitting_and_protecting_back_merges_to_the_same_leaf),
		cmocka_unit_test(accessed_and_dirty_survive_splits_and_merges),
		cmocka_unit_test(the_last_pages_of_the_address_space_can_be_mapped),
		cmocka_unit_test(unmapping_whole_leaves_needs_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
