/* SPDX-License-Identifier: Apache-2.0 */
/* Page-table entries of 4-level paging.  SDM, "4-Level Paging and 5-Level Paging". */
#ifndef X86_PTE_H
#define X86_PTE_H

#include <lib/base.h>

#define PTE_P		BIT(0)
#define PTE_W		BIT(1)
#define PTE_U		BIT(2)
#define PTE_PWT		BIT(3)
#define PTE_PCD		BIT(4)
#define PTE_A		BIT(5)
#define PTE_D		BIT(6)
#define PTE_PS		BIT(7)		/* in a page-directory or PDPT entry: a large page */
#define PTE_G		BIT(8)
#define PTE_NX		BIT(63)

/*
 * The host's IA32_PAT, as cpu_init() programs it: entry = PAT << 2 | PCD << 1 | PWT, and the upper half repeats the lower,
 * so that the PAT bit, whose place depends on the page size, is never needed.  Nested paging of AMD uses the same register.
 */
#define PTE_TYPE_WB	0ull
#define PTE_TYPE_WC	PTE_PWT
#define PTE_TYPE_UC_MINUS PTE_PCD
#define PTE_TYPE_UC	(PTE_PCD | PTE_PWT)

#endif
