/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The format of extended page tables.  SDM, "The Extended Page Table Mechanism (EPT)".
 *
 *   63        52 51                                  12 11  10   9   8   7   6   5    3   2   1   0
 *   | reserved   | address                              |       | D | A |PS |IPAT| type | X | W | R |
 *
 * The memory type of a leaf and the guest's own PAT combine as MTRRs and PAT do, so that a guest can make its memory slower, but
 * never cache what must not be cached.  Execute-only leaves are not assumed to exist, write-only ones never do.
 */
#include "vmx.h"

#include <mm/pt.h>

#define EPT_R		BIT(0)
#define EPT_W		BIT(1)
#define EPT_X		BIT(2)
#define EPT_TYPE(t)	((uint64_t)(t) << 3)
#define EPT_PS		BIT(7)
#define EPT_A		BIT(8)
#define EPT_D		BIT(9)

/* SDM, "Memory Types That Can Be Encoded in PAT". */
#define TYPE_UC		0u
#define TYPE_WC		1u
#define TYPE_WB		6u

static struct pt_format ept_format = {
	.name = "ept",
	.levels = 4,
	.max_leaf_level = 0,
	.present = EPT_R | EPT_W | EPT_X,
	.leaf_mask = EPT_PS,
	.leaf_val = EPT_PS,
	.table = EPT_R | EPT_W | EPT_X,
	.perm = {
		[PT_R] = EPT_R,
		[PT_W] = EPT_R | EPT_W,
		[PT_R | PT_W] = EPT_R | EPT_W,
		[PT_X] = EPT_R | EPT_X,
		[PT_R | PT_X] = EPT_R | EPT_X,
		[PT_W | PT_X] = EPT_R | EPT_W | EPT_X,
		[PT_RWX] = EPT_R | EPT_W | EPT_X,
	},
	.type = {
		[PT_WB >> 5] = EPT_TYPE(TYPE_WB),
		[PT_UC >> 5] = EPT_TYPE(TYPE_UC),
		[PT_WC >> 5] = EPT_TYPE(TYPE_WC),
	},
	.type_large = {
		[PT_WB >> 5] = EPT_TYPE(TYPE_WB),
		[PT_UC >> 5] = EPT_TYPE(TYPE_UC),
		[PT_WC >> 5] = EPT_TYPE(TYPE_WC),
	},
};
_Static_assert(PT_TYPE == 3u << 5, "index of .type");

/* Large leaves and the bits of accesses as far as the CPU has them and the command line left them on. */
void vmx_pt_init(void)
{
	ept_format.max_leaf_level = vmx.ept_1g ? 2 : vmx.ept_2m ? 1 : 0;
	ept_format.accessed = vmx.ept_ad ? EPT_A : 0;
	ept_format.dirty = vmx.ept_ad ? EPT_D : 0;
}

/* Format of guest spaces' page tables. */
const struct pt_format *vmx_pt(void)
{
	return &ept_format;
}
