/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The format of nested page tables: that of host tables, used differently.  APM volume 2, "Nested Paging".
 *
 * The nested walker's accesses, including those to the guest's own tables, count as user accesses: U is set at every level.
 * The guest's memory type is the stronger one of its own PAT's and of what stands here, read through the host's PAT, which
 * arch/x86 programs so that PWT and PCD alone say it (x86/pte.h).
 */
#include "svm.h"

#include <mm/pt.h>
#include <x86/pte.h>

#define LEAF	(PTE_P | PTE_U)

static struct pt_format svm_format = {
	.name = "npt",
	.levels = 4,
	.max_leaf_level = 0,
	.present = PTE_P,
	.leaf_mask = PTE_PS,
	.leaf_val = PTE_PS,
	.table = PTE_P | PTE_W | PTE_U,
	.perm = {
		[PT_R] = LEAF | PTE_NX,
		[PT_W] = LEAF | PTE_W | PTE_NX,		/* there is no write-only */
		[PT_R | PT_W] = LEAF | PTE_W | PTE_NX,
		[PT_X] = LEAF,				/* nor execute-only       */
		[PT_R | PT_X] = LEAF,
		[PT_W | PT_X] = LEAF | PTE_W,
		[PT_RWX] = LEAF | PTE_W,
	},
	.type = {
		[PT_WB >> 5] = PTE_TYPE_WB,
		[PT_UC >> 5] = PTE_TYPE_UC,
		[PT_WC >> 5] = PTE_TYPE_WC,
	},
	.type_large = {
		[PT_WB >> 5] = PTE_TYPE_WB,
		[PT_UC >> 5] = PTE_TYPE_UC,
		[PT_WC >> 5] = PTE_TYPE_WC,
	},
	.accessed = PTE_A,
	.dirty = PTE_D,
};
_Static_assert(PT_TYPE == 3u << 5, "index of .type");

/* Large leaves as far as the CPU has them and the command line left them on. */
void svm_pt_init(void)
{
	svm_format.max_leaf_level = svm.npt_1g ? 2 : svm.npt_2m ? 1 : 0;
}

/* Format of guest spaces' page tables. */
const struct pt_format *svm_pt(void)
{
	return &svm_format;
}
