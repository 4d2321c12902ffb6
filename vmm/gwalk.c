/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Walk of the guest's page tables.  One loop serves 32-bit, PAE, 4-level and 5-level paging; what distinguishes them is a
 * row of data.
 *
 * SDM, "Paging"; APM, "Page Translation and Protection".  Protection keys are not known here: the CPUID policy must not offer
 * them.  The four PDPTEs of PAE paging are read from memory, as AMD does it with nested paging.
 *
 * Other CPUs of the guest may change the tables during the walk.  Each entry is read once; accessed and dirty bits are set
 * with a compare-exchange; when the entry is no longer the one that was checked, the walk starts again.
 */
#include "gwalk.h"

#include <x86/cr.h>
#include <x86/msr.h>
#include <x86/pte.h>

#define MAX_TRIES	8u

/* What distinguishes the paging modes. */
struct format {
	uint64_t root_mask;		/* address bits of CR3 */
	uint64_t table_mask;		/* address bits of an entry */
	uint64_t reserved;		/* bits that no entry may have, beside those above the physical address width */
	uint8_t levels;
	uint8_t index_bits;
	uint8_t entry_size;
	uint8_t pdpte_level;		/* 3 in PAE paging, where these entries have no rights, else 0 */
};

static const struct format two_levels   = { MASK(31, 12), MASK(31, 12), 0, 2, 10, 4, 0 };
static const struct format three_levels = { MASK(31, 5), MASK(51, 12), MASK(62, 52), 3, 9, 8, 3 };
static const struct format four_levels  = { MASK(51, 12), MASK(51, 12), 0, 4, 9, 8, 0 };
static const struct format five_levels  = { MASK(51, 12), MASK(51, 12), 0, 5, 9, 8, 0 };

struct walk {
	const struct gwalk_vm *vm;
	const struct tv_exit_page *st;
	const struct format *fmt;
	uint64_t access;
	uint64_t reserved;		/* bits that no entry may have, whatever it is */
	struct gwalk_note *note;	/* or NULL */
};

/* An entry as it was read, and where. */
struct entry {
	gpa_t slot;
	uint64_t value;
};

static const struct format *paging_mode(const struct tv_exit_page *st)
{
	if (st->efer & EFER_LMA)
		return st->cr4 & CR4_LA57 ? &five_levels : &four_levels;
	return st->cr4 & CR4_PAE ? &three_levels : &two_levels;
}

static uint64_t reserved_always(const struct walk *w)
{
	uint64_t bits = w->fmt->reserved | MASK(51, w->vm->phys_bits);

	if (w->fmt->entry_size == 4)
		return 0;
	return w->st->efer & EFER_NXE ? bits : bits | PTE_NX;
}

/* Is @entry, at @level above 1 (the page table), a large page? */
static bool is_large(const struct walk *w, unsigned level, uint64_t entry)
{
	if (!(entry & PTE_PS))
		return false;
	if (level == 2)
		return w->fmt->entry_size == 8 || w->st->cr4 & CR4_PSE;
	return level == 3 && !w->fmt->pdpte_level && w->vm->gib_pages;
}

/* The bits that must be 0 in a present entry that is a large page, has PTE_PS where there is none, or is a PDPTE of PAE. */
static uint64_t reserved_special(const struct walk *w, unsigned level, unsigned shift, bool large)
{
	unsigned phys = w->vm->phys_bits;

	if (level == w->fmt->pdpte_level)
		return MASK(2, 1) | MASK(8, 5) | MASK(63, phys);
	if (!large)
		return w->fmt->entry_size == 8 ? w->reserved | PTE_PS : 0;
	if (w->fmt->entry_size == 8)
		return w->reserved | MASK(shift - 1, 13);	/* bit 12 is PAT */
	/* PSE-36: bits 20:13 hold address bits 39:32 */
	return phys < 40 ? MASK(21, 13 + (phys - 32)) : BIT(21);
}

static enum gwalk_status fault(const struct walk *w, struct gwalk_result *result, uint64_t error)
{
	bool nx = w->fmt->entry_size == 8 && w->st->efer & EFER_NXE;

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

/* The only place where a walk reads guest page tables: e->slot, once. */
static bool read_entry(const struct walk *w, struct entry *e)
{
	const void *p = w->vm->ram(w->vm->opaque, e->slot, w->fmt->entry_size, false);
	struct gwalk_note *note = w->note;

	if (!p)
		return false;
	/* A note compares eight bytes: of a small entry, its neighbour's too. */
	e->value = __atomic_load_n((const uint64_t *)((uintptr_t)p & ~7ull), __ATOMIC_RELAXED);
	if (note && note->entries++ < GWALK_NOTED) {
		note->entry[note->entries - 1].at = (const uint64_t *)((uintptr_t)p & ~7ull);
		note->entry[note->entries - 1].value = e->value;
	}
	if (w->fmt->entry_size == 4)
		e->value = (uint32_t)(e->value >> ((uintptr_t)p & 4) * 8);
	return true;
}

/* Set @bits in an entry if it is still what the walk saw. */
static enum gwalk_status mark_entry(const struct walk *w, const struct entry *e, uint64_t bits)
{
	uint64_t old = e->value;
	uint32_t old32 = (uint32_t)old;
	bool done;
	void *p;

	p = w->vm->ram(w->vm->opaque, e->slot, w->fmt->entry_size, true);
	if (!p)
		return GWALK_NO_TABLE;
	if (w->fmt->entry_size == 8)
		done = __atomic_compare_exchange_n((uint64_t *)p, &old, old | bits, false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
	else
		done = __atomic_compare_exchange_n((uint32_t *)p, &old32, old32 | (uint32_t)bits, false,
						   __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
	return done ? GWALK_OK : GWALK_RETRY;
}

/* Address of the page of 1 << @shift bytes that the leaf @entry points to. */
static uint64_t leaf_address(const struct walk *w, uint64_t entry, unsigned shift)
{
	uint64_t address = entry & w->fmt->table_mask & ~MASK(shift - 1, 0);

	if (w->fmt->entry_size == 4 && shift > 12)
		address |= (entry >> 13 & 0xff) << 32;
	return address;
}

static enum gwalk_status walk_once(const struct walk *w, uint64_t gva, struct gwalk_result *result)
{
	const struct format *fmt = w->fmt;
	uint64_t table = w->st->cr3 & fmt->root_mask, index_mask = MASK(fmt->index_bits - 1u, 0), all = ~0ull, any = 0;
	unsigned shift = 12u + fmt->index_bits * fmt->levels;
	enum gwalk_status status;
	struct entry e;
	uint64_t dirty;

	for (unsigned level = fmt->levels;; level--) {
		bool leaf = level == 1;

		shift -= fmt->index_bits;
		e.slot.v = table + (gva >> shift & index_mask) * fmt->entry_size;
		if (!read_entry(w, &e))
			return GWALK_NO_TABLE;
		if (!(e.value & PTE_P))
			return fault(w, result, 0);
		if (!leaf && (e.value & PTE_PS || level == fmt->pdpte_level)) {
			leaf = is_large(w, level, e.value);
			if (e.value & reserved_special(w, level, shift, leaf))
				return fault(w, result, PF_PRESENT | PF_RSVD);
		} else if (e.value & w->reserved) {
			return fault(w, result, PF_PRESENT | PF_RSVD);
		}
		table = e.value & fmt->table_mask;
		if (level == fmt->pdpte_level)
			continue;
		all &= e.value;
		any |= e.value;
		if (leaf)
			break;
		status = e.value & PTE_A ? GWALK_OK : mark_entry(w, &e, PTE_A);
		if (status)
			return status;
	}
	if (!permitted(w, all, fmt->entry_size == 8 ? any & PTE_NX : 0))
		return fault(w, result, PF_PRESENT);
	result->page_shift = (uint8_t)shift;
	result->gpa.v = leaf_address(w, e.value, shift) | (gva & MASK(shift - 1, 0));
	dirty = w->access & GWALK_WRITE ? PTE_A | PTE_D : PTE_A;
	return (e.value & dirty) == dirty ? GWALK_OK : mark_entry(w, &e, dirty);
}

static void note_begin(struct gwalk_note *note)
{
	static const uint64_t nothing;

	note->entries = 0;
	for (unsigned i = 0; i < GWALK_NOTED; i++) {
		note->entry[i].at = &nothing;
		note->entry[i].value = 0;
	}
}

enum gwalk_status gwalk_noted(const struct gwalk_vm *vm, const struct tv_exit_page *st, gva_t gva, uint64_t access,
			      struct gwalk_note *note, struct gwalk_result *result)
{
	struct walk w = { .vm = vm, .st = st, .access = access, .note = note };
	enum gwalk_status status;

	if (note)
		note_begin(note);
	if (!(st->efer & EFER_LMA))
		gva.v &= MASK(31, 0);
	if (!(st->cr0 & CR0_PG)) {
		result->gpa.v = gva.v;
		result->page_shift = 32;
		return GWALK_OK;
	}
	w.fmt = paging_mode(st);
	w.reserved = reserved_always(&w);
	for (unsigned try = 0; try < MAX_TRIES; try++) {
		if (note)
			note_begin(note);
		status = walk_once(&w, gva.v, result);
		if (status != GWALK_RETRY)
			return status;
	}
	return GWALK_RETRY;
}

/*
 * Translate @gva (canonical in 64-bit mode; only its low 32 bits count outside) for @access, GWALK_*, with the control registers,
 * EFER and RFLAGS of @st.  Sets accessed and dirty bits as the CPU does: on the way down in every table entry that is used, in the
 * leaf only if the access is permitted.  On GWALK_OK, result.gpa and page_shift are set, on GWALK_FAULT result.error.
 */
enum gwalk_status gwalk(const struct gwalk_vm *vm, const struct tv_exit_page *st, gva_t gva, uint64_t access,
			struct gwalk_result *result)
{
	return gwalk_noted(vm, st, gva, access, NULL, result);
}
