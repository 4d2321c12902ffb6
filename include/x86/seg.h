/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host's segment selectors, exception vectors and descriptor bits.  SDM, "Segment Descriptors" and "Exception and
 * Interrupt Vectors".
 *
 * The order of the user selectors is SYSRET's: SS is STAR[63:48] + 8, CS is + 16.
 */
#ifndef X86_SEG_H
#define X86_SEG_H

#include <lib/base.h>

#define SEL_KERNEL_CS		0x08u
#define SEL_KERNEL_SS		0x10u
#define SEL_SYSRET_BASE		0x1bu	/* entry 3 is empty: no 32-bit code segment exists */
#define SEL_USER_SS		0x23u
#define SEL_USER_CS		0x2bu
#define SEL_TSS			0x30u	/* two entries */
#define GDT_ENTRIES		8u

/* Descriptors as 64-bit words. */
#define DESC_A			BIT(40)		/* accessed: so that the CPU need not write the table */
#define DESC_RW			BIT(41)
#define DESC_CODE		BIT(43)
#define DESC_S			BIT(44)		/* code or data, not system */
#define DESC_DPL3		MASK(46, 45)
#define DESC_P			BIT(47)
#define DESC_L			BIT(53)		/* 64-bit code */
#define DESC_TYPE_TSS		(9ull << 40)	/* 64-bit TSS, available */
#define DESC_TSS_BUSY		BIT(41)

/* IDT gates, second 32 bits. */
#define GATE_INTERRUPT		(0xeull << 40)	/* clears IF on entry */
#define GATE_DPL3		MASK(46, 45)
#define GATE_P			BIT(47)

enum x86_exception {
	EXC_DE = 0, EXC_DB = 1, EXC_NMI = 2, EXC_BP = 3, EXC_OF = 4, EXC_BR = 5, EXC_UD = 6, EXC_NM = 7, EXC_DF = 8,
	EXC_TS = 10, EXC_NP = 11, EXC_SS = 12, EXC_GP = 13, EXC_PF = 14, EXC_MF = 16, EXC_AC = 17, EXC_MC = 18,
	EXC_XM = 19, EXC_VE = 20, EXC_CP = 21,
	EXC_COUNT = 32,
};
/* Exceptions that push an error code, one bit a vector. */
#define EXC_WITH_ERROR_CODE	0x20227d00u	/* 8, 10 to 14, 17, 21, 29; 30 is AMD's #SX, never raised without SVM INIT redirection */

/* Page-fault error code. */
#define PF_PRESENT		BIT(0)
#define PF_WRITE		BIT(1)
#define PF_USER			BIT(2)
#define PF_RSVD			BIT(3)
#define PF_FETCH		BIT(4)

#endif
