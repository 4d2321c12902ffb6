/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Walk of the guest's page tables.  One loop serves 32-bit, PAE, 4-level and 5-level paging: they differ in the number of
 * levels, the bits of an index, the size of an entry, and in which bits are reserved.
 *
 * SDM, "Paging"; APM, "Page Translation and Protection".  Protection keys are not known here: the CPUID policy must not offer
 * them.  The four PDPTEs of PAE paging are read from memory, as AMD does it with nested paging.
 *
 * Other CPUs of the guest may change the tables during the walk.  Each entry is read once; accessed and dirty bits are set
 * with a compare-exchange that starts the walk again when an entry is no longer the one that was checked.
 */
#include "gwalk.h"

#include <x86/cr.h>
#include <x86/msr.h>
#include <x86/pte.h>

#define MAX_LEVELS	5u
#define MAX_TRIES	8u

struct walk {
	const struct gwalk_vm *vm;
	const struct tv_exit_page *st;
	uint64_t access;
	bool long_mode, pae;		/* neither: 32-bit paging */
	uint8_t levels;
	uint8_t index_bits;
	uint8_t entry_size;
	uint8_t depth;			/* entries in @step */
	struct {
		gpa_t slot;
		uint64_t entry;
	} step[MAX_LEVELS];		/* from the root down, as read */
};

/* Fill in what depends on the paging mode only.  The guest has paging on. */
static void walk_init(struct walk *w, const struct gwalk_vm *vm, const struct tv_exit_page *st, uint64_t access)
{
	w->vm = vm;
	w->st = st;
	w->access = access;
	w->long_mode = st->efer & EFER_LMA;
	w->pae = !w->long_mode && st->cr4 & CR4_PAE;
	w->levels = w->long_mode ? (st->cr4 & CR4_LA57 ? 5 : 4) : w->pae ? 3 : 2;
	w->entry_size = w->long_mode || w->pae ? 8 : 4;
	w->index_bits = w->entry_size == 8 ? 9 : 10;
}

static bool is_pdpte(const struct walk *w, unsigned level)
{
	return w->pae && level == 3;
}

/* Is @entry, at @level (1 = page table), the last one of the walk? */
static bool is_leaf(const struct walk *w, unsigned level, uint64_t entry)
{
	if (level == 1)
		return true;
	if (!(entry & PTE_PS))
		return false;
	if (level == 2)
		return w->entry_size == 8 || w->st->cr4 & CR4_PSE;
	return w->long_mode && level == 3 && w->vm->gib_pages;
}

/* The bits that must be 0 in a present entry. */
static uint64_t reserved_bits(const struct walk *w, unsigned level, bool leaf)
{
	unsigned phys = w->vm->phys_bits, shift = 12 + w->index_bits * (level - 1u);
	uint64_t bits;

	if (w->entry_size == 4) {
		if (level == 1 || !leaf)
			return 0;
		/* PSE-36: bits 20:13 hold address bits 39:32 */
		return phys < 40 ? MASK(21, 13 + (phys - 32)) : BIT(21);
	}
	if (is_pdpte(w, level))
		return MASK(2, 1) | MASK(8, 5) | MASK(63, phys);
	bits = w->long_mode ? MASK(51, phys) : MASK(62, phys);
	if (!(w->st->efer & EFER_NXE))
		bits |= PTE_NX;
	if (leaf && level > 1)
		bits |= MASK(shift - 1, 13);		/* bit 12 is PAT */
	else if (level > 2)
		bits |= PTE_PS;
	return bits;
}

static enum gwalk_status fault(const struct walk *w, struct gwalk_result *result, uint64_t error)
{
	bool nx = w->entry_size == 8 && w->st->efer & EFER_NXE;

	error |= w->access & (GWALK_WRITE | GWALK_USER);
	if (w->access & GWALK_FETCH && (nx || w->st->cr4 & CR4_SMEP))
		error |= PF_FETCH;
	result->error = (uint32_t)error;
	return GWALK_FAULT;
}

/* May @access happen, given the AND of U and W and the OR of NX over all levels?  SDM, "Access Rights". */
static bool permitted(const struct walk *w, uint64_t allow, uint64_t nx)
{
	const struct tv_exit_page *st = w->st;
	uint64_t access = w->access;

	if (access & GWALK_FETCH && nx)
		return false;
	if (access & GWALK_USER)
		return allow & PTE_U && (!(access & GWALK_WRITE) || allow & PTE_W);
	if (access & GWALK_WRITE && !(allow & PTE_W) && st->cr0 & CR0_WP)
		return false;
	if (!(allow & PTE_U))
		return true;
	if (access & GWALK_FETCH)
		return !(st->cr4 & CR4_SMEP);
	return !(st->cr4 & CR4_SMAP) || (st->rflags & RFLAGS_AC && !(access & GWALK_IMPLICIT));
}

/* The only place that reads guest page tables: @slot, once. */
static bool read_entry(const struct walk *w, gpa_t slot, uint64_t *entry)
{
	const void *p = w->vm->ram(w->vm->opaque, slot, w->entry_size, false);

	if (!p)
		return false;
	if (w->entry_size == 8)
		*entry = __atomic_load_n((const uint64_t *)p, __ATOMIC_RELAXED);
	else
		*entry = __atomic_load_n((const uint32_t *)p, __ATOMIC_RELAXED);
	return true;
}

/* Set @bits in the entry of step @i if it is still what the walk saw. */
static enum gwalk_status mark_entry(struct walk *w, unsigned i, uint64_t bits)
{
	uint64_t old = w->step[i].entry;
	uint32_t old32 = (uint32_t)old;
	bool done;
	void *p;

	if ((old & bits) == bits)
		return GWALK_OK;
	p = w->vm->ram(w->vm->opaque, w->step[i].slot, w->entry_size, true);
	if (!p)
		return GWALK_NO_TABLE;
	if (w->entry_size == 8)
		done = __atomic_compare_exchange_n((uint64_t *)p, &old, old | bits, false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
	else
		done = __atomic_compare_exchange_n((uint32_t *)p, &old32, old32 | (uint32_t)bits, false,
						   __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
	return done ? GWALK_OK : GWALK_RETRY;
}

/* Accessed bits on the way, dirty bit of the leaf for a write. */
static enum gwalk_status mark(struct walk *w)
{
	enum gwalk_status status = GWALK_OK;

	for (unsigned i = 0; i < w->depth && !status; i++) {
		uint64_t bits = PTE_A;

		if (i == w->depth - 1u && w->access & GWALK_WRITE)
			bits |= PTE_D;
		if (!is_pdpte(w, w->levels - i))
			status = mark_entry(w, i, bits);
	}
	return status;
}

/* Address of the frame or table that @entry points to; a leaf's address keeps no bit below its page size. */
static uint64_t entry_address(const struct walk *w, uint64_t entry, unsigned shift)
{
	uint64_t address;

	if (w->entry_size == 8)
		return entry & MASK(51, shift);
	address = entry & MASK(31, shift);
	if (shift > 12)
		address |= (entry >> 13 & 0xff) << 32;
	return address;
}

static enum gwalk_status walk_once(struct walk *w, uint64_t gva, struct gwalk_result *result)
{
	uint64_t table = w->st->cr3 & (w->long_mode ? MASK(51, 12) : w->pae ? MASK(31, 5) : MASK(31, 12));
	uint64_t allow = PTE_W | PTE_U, nx = 0, entry;

	w->depth = 0;
	for (unsigned level = w->levels;; level--) {
		unsigned shift = 12 + w->index_bits * (level - 1u);
		gpa_t slot = { table + (gva >> shift & MASK(w->index_bits - 1u, 0)) * w->entry_size };
		bool leaf;

		if (!read_entry(w, slot, &entry))
			return GWALK_NO_TABLE;
		if (!(entry & PTE_P))
			return fault(w, result, 0);
		leaf = is_leaf(w, level, entry);
		if (entry & reserved_bits(w, level, leaf))
			return fault(w, result, PF_PRESENT | PF_RSVD);
		w->step[w->depth].slot = slot;
		w->step[w->depth++].entry = entry;
		if (!is_pdpte(w, level)) {
			allow &= entry;
			nx |= w->entry_size == 8 ? entry & PTE_NX : 0;
		}
		if (leaf) {
			result->page_shift = (uint8_t)shift;
			result->gpa.v = entry_address(w, entry, shift) | (gva & MASK(shift - 1, 0));
			break;
		}
		table = entry_address(w, entry, 12);
	}
	if (!permitted(w, allow, nx))
		return fault(w, result, PF_PRESENT);
	return mark(w);
}

/*
 * Translate @gva (canonical in 64-bit mode; only its low 32 bits count outside) for @access, GWALK_*, with the control registers,
 * EFER and RFLAGS of @st.  Checks rights and sets accessed and dirty bits as the CPU does; a walk that faults sets none.
 * On GWALK_OK, result.gpa and page_shift are set, on GWALK_FAULT result.error.  The translation holds for the page only.
 */
enum gwalk_status gwalk(const struct gwalk_vm *vm, const struct tv_exit_page *st, gva_t gva, uint64_t access,
			struct gwalk_result *result)
{
	enum gwalk_status status;
	struct walk w;

	if (!(st->efer & EFER_LMA))
		gva.v &= MASK(31, 0);
	if (!(st->cr0 & CR0_PG)) {
		result->gpa.v = gva.v;
		result->page_shift = 32;
		return GWALK_OK;
	}
	walk_init(&w, vm, st, access);
	for (unsigned try = 0; try < MAX_TRIES; try++) {
		status = walk_once(&w, gva.v, result);
		if (status != GWALK_RETRY)
			return status;
	}
	return GWALK_RETRY;
}
