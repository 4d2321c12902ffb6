/* SPDX-License-Identifier: Apache-2.0 */
/* Guest-virtual to guest-physical: a walk of the guest's own page tables, in every paging mode. */
#ifndef VMM_GWALK_H
#define VMM_GWALK_H

#include <abi/exit.h>
#include <lib/base.h>
#include <x86/seg.h>

/* An access: bits of the page-fault error code it would give (x86/seg.h), and one more. */
#define GWALK_WRITE	PF_WRITE
#define GWALK_USER	PF_USER		/* made at CPL 3; never for what the CPU does implicitly */
#define GWALK_FETCH	PF_FETCH
#define GWALK_IMPLICIT	BIT(8)		/* to a descriptor table or TSS: EFLAGS.AC does not lift SMAP */

/* What the walker has to know about the VM; the same for all its CPUs and constant. */
struct gwalk_vm {
	/*
	 * A pointer to @len bytes of guest RAM at @gpa, readable and, if @write, writable by the guest; NULL if any of them is
	 * something else.  @len is at most 16 and the range does not cross a page.
	 */
	void *(*ram)(void *opaque, gpa_t gpa, uint64_t len, bool write);
	void *opaque;			/* first argument of @ram */
	uint8_t phys_bits;		/* guest-physical address width, CPUID 8000_0008: 32 .. 52 */
	bool gib_pages;			/* 1 GiB pages offered, CPUID 8000_0001 */
};

enum gwalk_status {
	GWALK_OK,
	GWALK_FAULT,		/* raise #PF with result.error */
	GWALK_NO_TABLE,		/* a page-table entry does not lie in RAM: the hardware's walk would have exited */
	GWALK_RETRY,		/* another CPU keeps changing the entries: run the guest, it tries again */
};

struct gwalk_result {
	gpa_t gpa;		/* on GWALK_OK: of the very byte asked for          */
	uint8_t page_shift;	/* on GWALK_OK: 12, 21, 22, 30, or 32 without paging */
	uint32_t error;		/* on GWALK_FAULT: page-fault error code, PF_*      */
};

enum gwalk_status gwalk(const struct gwalk_vm *vm, const struct tv_exit_page *st, gva_t gva, uint64_t access,
			struct gwalk_result *result) MUST_USE;

#define GWALK_NOTED	4u		/* levels of tables that a note has room for */

/* The page-table entries that a walk went through; what it did not need holds always.  All 0: holds nothing, do not ask. */
struct gwalk_note {
	unsigned entries;
	struct {
		const uint64_t *at;	/* in guest RAM, which stays where it is */
		uint64_t value;
	} entry[GWALK_NOTED];
};

/*
 * The same, and note in *@note what the result depended on beside CR0, CR3, CR4, EFER, EFLAGS.AC and @access.  Of a walk with more
 * levels than a note has room for, the first ones are there and @entries counts all.
 */
enum gwalk_status gwalk_noted(const struct gwalk_vm *vm, const struct tv_exit_page *st, gva_t gva, uint64_t access,
			      struct gwalk_note *note, struct gwalk_result *result) MUST_USE;

/* 0: the page tables still say what they said when *@note was made. */
static inline uint64_t gwalk_note_differs(const struct gwalk_note *note)
{
	return (note->entry[0].value ^ __atomic_load_n(note->entry[0].at, __ATOMIC_RELAXED)) |
	       (note->entry[1].value ^ __atomic_load_n(note->entry[1].at, __ATOMIC_RELAXED)) |
	       (note->entry[2].value ^ __atomic_load_n(note->entry[2].at, __ATOMIC_RELAXED)) |
	       (note->entry[3].value ^ __atomic_load_n(note->entry[3].at, __ATOMIC_RELAXED));
}

#endif
