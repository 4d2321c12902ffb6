/* SPDX-License-Identifier: Apache-2.0 */
/* The walk of guest page tables in all paging modes: addresses, rights, error codes, accessed and dirty bits, races. */
/* sources: vmm/gwalk.c */
#include "gwalk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <x86/cr.h>
#include <x86/msr.h>
#include <x86/pte.h>

#define RAM_PAGES	16u
#define ROOT		0x1000ull
#define ALL		(PTE_P | PTE_W | PTE_U)

/* A guest with 64 KiB of RAM at 0; page n holds the table of the n-th level from the root. */
struct world {
	struct tv_exit_page st;
	struct gwalk_vm vm;
	struct gwalk_result result;
	unsigned reads;			/* calls of ram() */
	unsigned races;			/* entries that another CPU changes just before the compare-exchange */
	_Alignas(8) uint8_t ram[RAM_PAGES * PAGE_SIZE];
};

static void *world_ram(void *opaque, gpa_t gpa, uint64_t len, bool write)
{
	struct world *w = opaque;

	w->reads++;
	if (!range_inside(gpa.v, len, sizeof(w->ram)))
		return NULL;
	if (write && w->races) {
		w->races--;
		w->ram[gpa.v + 1] ^= 0x02;	/* bit 9: available to software */
	}
	return &w->ram[gpa.v];
}

static void put64(struct world *w, uint64_t table, uint64_t index, uint64_t entry)
{
	memcpy(&w->ram[table + index * 8], &entry, 8);
}

static void put32(struct world *w, uint64_t table, uint64_t index, uint32_t entry)
{
	memcpy(&w->ram[table + index * 4], &entry, 4);
}

static uint64_t get64(const struct world *w, uint64_t table, uint64_t index)
{
	uint64_t entry;

	memcpy(&entry, &w->ram[table + index * 8], 8);
	return entry;
}

static int setup(void **state)
{
	struct world *w = test_calloc(1, sizeof(*w));

	w->vm = (struct gwalk_vm){ .ram = world_ram, .opaque = w, .phys_bits = 40, .gib_pages = true };
	w->st.cr0 = CR0_PE | CR0_PG | CR0_WP;
	w->st.cr3 = ROOT;
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	test_free(*state);
	return 0;
}

/* 64-bit paging with tables at 0x1000, 0x2000 ... down to one page-table entry for the addresses below. */
#define GVA		0x0000123456789abcull
#define INDEX(level)	(GVA >> (12 + 9 * ((level) - 1)) & 511)

static void long_mode(struct world *w)
{
	w->st.cr4 |= CR4_PAE;
	w->st.efer = EFER_LME | EFER_LMA | EFER_NXE;
	put64(w, 0x1000, INDEX(4), 0x2000 | ALL);
	put64(w, 0x2000, INDEX(3), 0x3000 | ALL);
	put64(w, 0x3000, INDEX(2), 0x4000 | ALL);
	put64(w, 0x4000, INDEX(1), 0x77777000 | ALL);
}

static enum gwalk_status walk(struct world *w, uint64_t gva, uint64_t access)
{
	w->result = (struct gwalk_result){ .error = 0xdead };
	w->reads = 0;
	return gwalk(&w->vm, &w->st, (gva_t){ gva }, access, &w->result);
}

#define assert_maps(w, gva, to, shift) do {					\
	assert_int_equal(walk(w, gva, 0), GWALK_OK);				\
	assert_int_equal((w)->result.gpa.v, to);				\
	assert_int_equal((w)->result.page_shift, shift);			\
} while (0)

#define assert_faults(w, gva, access, code) do {				\
	assert_int_equal(walk(w, gva, access), GWALK_FAULT);			\
	assert_int_equal((w)->result.error, code);				\
} while (0)

static void without_paging_an_address_is_its_own_low_half(void **state)
{
	struct world *w = *state;

	w->st.cr0 = CR0_PE;
	assert_maps(w, 0x1234567812345678, 0x12345678, 32);
	assert_int_equal(w->reads, 0);
}

static void four_levels_translate_each_page_size(void **state)
{
	struct world *w = *state;

	long_mode(w);
	assert_maps(w, GVA, 0x77777abc, 12);
	put64(w, 0x3000, INDEX(2), 0x40000000 | ALL | PTE_PS | BIT(12));	/* with PAT */
	assert_maps(w, GVA, 0x40000000 | (GVA & 0x1fffff), 21);
	put64(w, 0x2000, INDEX(3), 0x8040000000 | ALL | PTE_PS);
	assert_maps(w, GVA, 0x8040000000 | (GVA & 0x3fffffff), 30);
}

static void five_levels_use_bits_56_to_48(void **state)
{
	struct world *w = *state;

	long_mode(w);
	w->st.cr4 |= CR4_LA57;
	w->st.cr3 = 0x5000 | 0x123;			/* the PCID is not part of the address */
	put64(w, 0x5000, 0x1a5, 0x1000 | ALL);
	assert_maps(w, 0xffa5000000000000ull | GVA, 0x77777abc, 12);
}

static void pae_has_four_pdptes_without_rights(void **state)
{
	struct world *w = *state;

	w->st.cr4 = CR4_PAE;
	w->st.efer = EFER_NXE;
	w->st.cr3 = 0x1fe0;				/* 32-byte aligned */
	put64(w, 0x1fe0, 3, 0x2000 | PTE_P);
	put64(w, 0x2000, 1, 0x3000 | ALL);
	put64(w, 0x3000, 2, 0xfe00005000 | ALL | PTE_NX);
	put64(w, 0x2000, 2, 0xfe00400000 | ALL | PTE_PS);
	assert_int_equal(walk(w, 0xc0202123, GWALK_WRITE | GWALK_USER), GWALK_OK);
	assert_int_equal(w->result.gpa.v, 0xfe00005123);
	assert_int_equal(get64(w, 0x1fe0, 3), 0x2000 | PTE_P);	/* no accessed bit there */
	assert_int_equal(get64(w, 0x3000, 2), 0xfe00005000 | ALL | PTE_NX | PTE_A | PTE_D);
	assert_maps(w, 0x99999999c0456789, 0xfe00456789, 21);
	assert_faults(w, 0xc0202123, GWALK_FETCH, PF_PRESENT | PF_FETCH);
	for (unsigned bit = 0; bit < 64; bit++) {
		bool reserved = bit == 1 || bit == 2 || (bit >= 5 && bit <= 8) || bit >= 40;

		put64(w, 0x1fe0, 3, 0x2000 | PTE_P | BIT(bit));
		assert_int_equal(walk(w, 0xc0202123, 0) == GWALK_FAULT && w->result.error == (PF_PRESENT | PF_RSVD), reserved);
	}
}

static void two_levels_with_4_mib_pages_reach_40_bits(void **state)
{
	struct world *w = *state;

	put32(w, 0x1000, 0x100, 0x2000 | ALL);
	put32(w, 0x2000, 0x321, 0xfedcb000 | ALL);
	assert_maps(w, 0x40321456, 0xfedcb456, 12);
	put32(w, 0x1000, 0x100, 0x00c00000 | ALL | (uint32_t)PTE_PS | 0xab << 13);
	assert_int_equal(walk(w, 0x40321456, 0), GWALK_NO_TABLE);	/* without CR4.PSE it is a table, elsewhere */
	w->st.cr4 = CR4_PSE;
	assert_maps(w, 0x40321456, 0xab00f21456, 22);
	w->vm.phys_bits = 36;
	assert_faults(w, 0x40321456, 0, PF_PRESENT | PF_RSVD);
	put32(w, 0x1000, 0x100, 0x00c00000 | ALL | (uint32_t)PTE_PS | 1 << 21);
	assert_faults(w, 0x40321456, GWALK_USER, PF_PRESENT | PF_RSVD | PF_USER);
}

static void a_missing_entry_faults_without_present_bit_at_every_level(void **state)
{
	struct world *w = *state;

	for (uint64_t level = 1; level <= 4; level++) {
		long_mode(w);
		put64(w, 0x5000 - 0x1000 * level, INDEX(level), (0x5000 - 0x1000 * level + 0x1000) | PTE_W | PTE_U);
		assert_faults(w, GVA, 0, 0);
		assert_faults(w, GVA, GWALK_WRITE, PF_WRITE);
		assert_int_equal(w->reads, 5 - level);
		assert_faults(w, GVA, GWALK_WRITE | GWALK_USER, PF_WRITE | PF_USER);
		assert_faults(w, GVA, GWALK_FETCH | GWALK_USER, PF_FETCH | PF_USER);
		assert_faults(w, GVA, GWALK_IMPLICIT, 0);
	}
	w->st.efer &= ~EFER_NXE;
	assert_faults(w, GVA, GWALK_FETCH, 0);		/* the bit is only reported with NXE or SMEP */
	w->st.cr4 |= CR4_SMEP;
	assert_faults(w, GVA, GWALK_FETCH, PF_FETCH);
}

static void reserved_bits_fault_before_rights_are_looked_at(void **state)
{
	struct world *w = *state;
	static const struct { uint64_t table, level, entry, must_be_zero; } rows[] = {
		{ 0x1000, 4, 0x2000 | PTE_P, PTE_PS | MASK(51, 40) },
		{ 0x2000, 3, 0x3000 | PTE_P, MASK(51, 40) },
		{ 0x2000, 3, 0x40000000 | PTE_P | PTE_PS, MASK(29, 13) | MASK(51, 40) },
		{ 0x3000, 2, 0x4000 | PTE_P, MASK(51, 40) },
		{ 0x3000, 2, 0x400000 | PTE_P | PTE_PS, MASK(20, 13) | MASK(51, 40) },
		{ 0x4000, 1, 0x5000 | PTE_P, MASK(51, 40) },
	};

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		long_mode(w);
		for (unsigned bit = 13; bit < 63; bit++) {
			if (bit < 40 && !(rows[i].must_be_zero & BIT(bit)))
				continue;		/* that would be another address */
			put64(w, rows[i].table, INDEX(rows[i].level), rows[i].entry | BIT(bit));
			assert_faults(w, GVA, GWALK_USER,
				      PF_PRESENT | PF_USER | (rows[i].must_be_zero & BIT(bit) ? PF_RSVD : 0));
		}
	}
	long_mode(w);
	put64(w, 0x1000, INDEX(4), 0x2000 | ALL | PTE_PS);
	assert_faults(w, GVA, 0, PF_PRESENT | PF_RSVD);
}

static void nx_is_reserved_without_nxe_and_1_gib_pages_if_not_offered(void **state)
{
	struct world *w = *state;

	long_mode(w);
	put64(w, 0x3000, INDEX(2), 0x4000 | ALL | PTE_NX);
	assert_int_equal(walk(w, GVA, 0), GWALK_OK);
	assert_faults(w, GVA, GWALK_FETCH, PF_PRESENT | PF_FETCH);
	w->st.efer &= ~EFER_NXE;
	assert_faults(w, GVA, 0, PF_PRESENT | PF_RSVD);
	long_mode(w);
	put64(w, 0x2000, INDEX(3), 0x40000000 | ALL | PTE_PS);
	assert_int_equal(walk(w, GVA, 0), GWALK_OK);
	w->vm.gib_pages = false;
	assert_faults(w, GVA, 0, PF_PRESENT | PF_RSVD);
}

/* The rules of the manual once more, in another form: may this access happen to a page with these rights? */
static bool oracle(uint64_t access, bool user, bool writable, bool nx, bool wp, bool smep, bool smap, bool ac)
{
	bool as_user = access & GWALK_USER;

	if (access & GWALK_FETCH) {
		if (nx || (as_user && !user) || (!as_user && user && smep))
			return false;
		return true;
	}
	if (as_user)
		return user && (writable || !(access & GWALK_WRITE));
	if (user && smap && (!ac || access & GWALK_IMPLICIT))
		return false;
	return writable || !wp || !(access & GWALK_WRITE);
}

static void rights_are_those_of_the_manual_in_all_combinations(void **state)
{
	static const uint64_t accesses[] = {
		0, GWALK_WRITE, GWALK_FETCH, GWALK_USER, GWALK_USER | GWALK_WRITE, GWALK_USER | GWALK_FETCH,
		GWALK_IMPLICIT, GWALK_IMPLICIT | GWALK_WRITE,
	};
	struct world *w = *state;

	for (unsigned bits = 0; bits < 256; bits++) {
		bool user = bits & 1, writable = bits & 2, nx = bits & 4, wp = bits & 8;
		bool smep = bits & 16, smap = bits & 32, ac = bits & 64, upper = bits & 128;
		uint64_t strict = PTE_P | (user ? PTE_U : 0) | (writable ? PTE_W : 0) | (nx ? PTE_NX : 0);

		long_mode(w);
		/* The rights are the intersection: it does not matter which level withholds one. */
		put64(w, 0x2000, INDEX(3), 0x3000 | (upper ? strict : ALL));
		put64(w, 0x4000, INDEX(1), 0x5000 | (upper ? ALL : strict));
		w->st.cr0 = CR0_PE | CR0_PG | (wp ? CR0_WP : 0);
		w->st.cr4 = CR4_PAE | (smep ? CR4_SMEP : 0) | (smap ? CR4_SMAP : 0);
		w->st.rflags = ac ? RFLAGS_AC : 0;
		for (unsigned i = 0; i < sizeof(accesses) / sizeof(accesses[0]); i++) {
			uint64_t a = accesses[i];

			if (oracle(a, user, writable, nx, wp, smep, smap, ac))
				assert_int_equal(walk(w, GVA, a), GWALK_OK);
			else
				assert_faults(w, GVA, a, PF_PRESENT | (a & (PF_WRITE | PF_USER | PF_FETCH)));
		}
	}
}

static void accessed_is_set_on_the_way_and_dirty_only_by_a_write_at_the_leaf(void **state)
{
	struct world *w = *state;

	long_mode(w);
	assert_int_equal(walk(w, GVA, 0), GWALK_OK);
	assert_int_equal(get64(w, 0x1000, INDEX(4)), 0x2000 | ALL | PTE_A);
	assert_int_equal(get64(w, 0x2000, INDEX(3)), 0x3000 | ALL | PTE_A);
	assert_int_equal(get64(w, 0x3000, INDEX(2)), 0x4000 | ALL | PTE_A);
	assert_int_equal(get64(w, 0x4000, INDEX(1)), 0x77777000 | ALL | PTE_A);
	assert_int_equal(walk(w, GVA, GWALK_WRITE), GWALK_OK);
	assert_int_equal(get64(w, 0x3000, INDEX(2)), 0x4000 | ALL | PTE_A);
	assert_int_equal(get64(w, 0x4000, INDEX(1)), 0x77777000 | ALL | PTE_A | PTE_D);
	assert_int_equal(walk(w, GVA, GWALK_WRITE), GWALK_OK);
	assert_int_equal(w->reads, 4);			/* nothing left to set: each entry was looked up once */
}

static void a_walk_that_faults_leaves_its_last_entry_alone(void **state)
{
	struct world *w = *state;

	long_mode(w);
	put64(w, 0x4000, INDEX(1), 0x77777000 | PTE_P);
	assert_faults(w, GVA, GWALK_USER | GWALK_WRITE, PF_PRESENT | PF_USER | PF_WRITE);
	assert_int_equal(get64(w, 0x4000, INDEX(1)), 0x77777000 | PTE_P);
	assert_int_equal(get64(w, 0x3000, INDEX(2)), 0x4000 | ALL | PTE_A);	/* was used */
}

static void an_entry_that_changes_during_the_walk_is_read_again(void **state)
{
	struct world *w = *state;

	long_mode(w);
	w->races = 3;
	assert_int_equal(walk(w, GVA, GWALK_WRITE), GWALK_OK);
	assert_int_equal(w->races, 0);
	assert_int_equal(get64(w, 0x1000, INDEX(4)), 0x2000 | ALL | PTE_A | BIT(9));
}

static void a_guest_that_never_stops_changing_an_entry_cannot_hold_the_walker(void **state)
{
	struct world *w = *state;

	long_mode(w);
	w->races = 1000000;
	assert_int_equal(walk(w, GVA, 0), GWALK_RETRY);
	assert_true(w->races > 999900);
	w->races = 0;
	put32(w, 0x1000, 0, 0x2000 | ALL);
	put32(w, 0x2000, 0, 0x5000 | ALL);
	w->st.cr4 = w->st.efer = 0;
	w->races = 1;
	assert_maps(w, 0x123, 0x5123, 12);
}

static void tables_outside_ram_are_not_walked(void **state)
{
	struct world *w = *state;

	long_mode(w);
	w->st.cr3 = 0xfee00000;
	assert_int_equal(walk(w, GVA, 0), GWALK_NO_TABLE);
	w->st.cr3 = ROOT;
	put64(w, 0x3000, INDEX(2), 0xfffffff000 | ALL);
	assert_int_equal(walk(w, GVA, 0), GWALK_NO_TABLE);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(without_paging_an_address_is_its_own_low_half),
		TEST(four_levels_translate_each_page_size),
		TEST(five_levels_use_bits_56_to_48),
		TEST(pae_has_four_pdptes_without_rights),
		TEST(two_levels_with_4_mib_pages_reach_40_bits),
		TEST(a_missing_entry_faults_without_present_bit_at_every_level),
		TEST(reserved_bits_fault_before_rights_are_looked_at),
		TEST(nx_is_reserved_without_nxe_and_1_gib_pages_if_not_offered),
		TEST(rights_are_those_of_the_manual_in_all_combinations),
		TEST(accessed_is_set_on_the_way_and_dirty_only_by_a_write_at_the_leaf),
		TEST(a_walk_that_faults_leaves_its_last_entry_alone),
		TEST(an_entry_that_changes_during_the_walk_is_read_again),
		TEST(a_guest_that_never_stops_changing_an_entry_cannot_hold_the_walker),
		TEST(tables_outside_ram_are_not_walked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
