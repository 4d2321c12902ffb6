/* SPDX-License-Identifier: Apache-2.0 */
/* The format of host page tables, and the memory types that their entries select. */
#include <mm/kmap.h>
#include <mm/pt.h>
#include <x86/insn.h>
#include <x86/msr.h>
#include <x86/pte.h>

#include "features.h"
#include "machine.h"

/* SDM, "4-Level Paging": writable implies readable, and only kmap's own code maps a page executable and writable never. */
static struct pt_format pt_x86 = {
	.name = "x86",
	.levels = 4,
	.max_leaf_level = 1,
	.present = PTE_P,
	.leaf_mask = PTE_PS,
	.leaf_val = PTE_PS,
	.table = PTE_P | PTE_W | PTE_U | PTE_A,	/* the leaf alone decides */
	.perm = {
		[PT_R] = PTE_P | PTE_NX,
		[PT_W] = PTE_P | PTE_W | PTE_NX,
		[PT_R | PT_W] = PTE_P | PTE_W | PTE_NX,
		[PT_X] = PTE_P,
		[PT_R | PT_X] = PTE_P,
		[PT_W | PT_X] = PTE_P | PTE_W,
		[PT_R | PT_W | PT_X] = PTE_P | PTE_W,
	},
	.user = PTE_U,
	.global = PTE_G,
	.type = { PTE_TYPE_WB, PTE_TYPE_UC, PTE_TYPE_WC, PTE_TYPE_UC },
	.type_large = { PTE_TYPE_WB, PTE_TYPE_UC, PTE_TYPE_WC, PTE_TYPE_UC },
	.accessed = PTE_A,
	.dirty = PTE_D,
};

const struct pt_format *kmap_format(void)
{
	return &pt_x86;
}

void pt_x86_init(void)
{
	pt_x86.max_leaf_level = cpu_has(FEATURE_1G_PAGES) ? 2 : 1;
}

/* Nothing but entry 0 (WB, as after reset) is in use while this runs. */
void pat_init(void)
{
	const uint64_t half = PAT_WB | PAT_WC << 8 | PAT_UC_MINUS << 16 | PAT_UC << 24;

	wrmsr(MSR_IA32_PAT, half | half << 32);
}
