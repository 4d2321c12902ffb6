/* SPDX-License-Identifier: Apache-2.0 */
/* The virtual machine control block.  APM volume 2, "Layout of VMCB". */
#ifndef SVM_VMCB_H
#define SVM_VMCB_H

#include <lib/base.h>

/* A segment register; attribute bits 11:0 are those of struct tv_segment (abi/exit.h). */
struct vmcb_seg {
	uint16_t sel, attr;
	uint32_t limit;
	uint64_t base;
};

struct vmcb {
	/* Control area. */
	uint32_t icpt_cr;		/* bits 15:0 reads of CR0 to CR15, 31:16 writes      */
	uint32_t icpt_dr;		/* the same for DR0 to DR15                          */
	uint32_t icpt_exc;		/* exception vectors                                 */
	uint32_t icpt_misc1;		/* ICPT1_*                                           */
	uint32_t icpt_misc2;		/* ICPT2_*                                           */
	uint32_t icpt_misc3;		/* ICPT3_*                                           */
	uint8_t  reserved0[0x03c - 0x018];
	uint16_t pause_threshold;
	uint16_t pause_count;
	uint64_t iopm_pa;
	uint64_t msrpm_pa;
	uint64_t tsc_offset;
	uint32_t asid;
	uint32_t tlb_control;		/* TLB_*                                             */
	uint64_t v_intr;		/* VINTR_*                                           */
	uint64_t int_state;		/* INT_SHADOW                                        */
	uint64_t exit_code;
	uint64_t exit_info1, exit_info2;
	uint64_t exit_int_info;		/* EVENT_*                                           */
	uint64_t np_control;		/* NP_ENABLE                                         */
	uint64_t avic_bar;
	uint64_t ghcb_pa;
	uint64_t event_inj;		/* EVENT_*                                           */
	uint64_t n_cr3;
	uint64_t lbr_control;
	uint32_t clean, reserved1;	/* CLEAN_*                                           */
	uint64_t next_rip;
	uint8_t  insn_count;
	uint8_t  insn[15];
	uint8_t  reserved2[0x400 - 0x0e0];

	/* State save area. */
	struct vmcb_seg es, cs, ss, ds, fs, gs, gdtr, ldtr, idtr, tr;
	uint8_t  reserved3[0x4cb - 0x4a0];
	uint8_t  cpl;
	uint32_t reserved4;
	uint64_t efer;
	uint8_t  reserved5[0x548 - 0x4d8];
	uint64_t cr4, cr3, cr0, dr7, dr6, rflags, rip;
	uint8_t  reserved6[0x5d8 - 0x580];
	uint64_t rsp;
	uint64_t s_cet, ssp, isst_addr;
	uint64_t rax;
	uint64_t star, lstar, cstar, sfmask, kernel_gs_base;
	uint64_t sysenter_cs, sysenter_esp, sysenter_eip;
	uint64_t cr2;
	uint8_t  reserved7[0x668 - 0x648];
	uint64_t g_pat;
	uint64_t dbgctl;
	uint8_t  reserved8[0x1000 - 0x678];
};
_Static_assert(sizeof(struct vmcb_seg) == 16, "VMCB");
_Static_assert(sizeof(struct vmcb) == 4096, "VMCB");

#define VMCB_AT(field, offset) _Static_assert(offsetof(struct vmcb, field) == (offset), "VMCB " #field)
VMCB_AT(icpt_misc1, 0x00c);
VMCB_AT(pause_threshold, 0x03c);
VMCB_AT(iopm_pa, 0x040);
VMCB_AT(msrpm_pa, 0x048);
VMCB_AT(tsc_offset, 0x050);
VMCB_AT(asid, 0x058);
VMCB_AT(tlb_control, 0x05c);
VMCB_AT(v_intr, 0x060);
VMCB_AT(int_state, 0x068);
VMCB_AT(exit_code, 0x070);
VMCB_AT(exit_info1, 0x078);
VMCB_AT(exit_info2, 0x080);
VMCB_AT(exit_int_info, 0x088);
VMCB_AT(np_control, 0x090);
VMCB_AT(event_inj, 0x0a8);
VMCB_AT(n_cr3, 0x0b0);
VMCB_AT(lbr_control, 0x0b8);
VMCB_AT(clean, 0x0c0);
VMCB_AT(next_rip, 0x0c8);
VMCB_AT(insn_count, 0x0d0);
VMCB_AT(es, 0x400);
VMCB_AT(gdtr, 0x460);
VMCB_AT(tr, 0x490);
VMCB_AT(cpl, 0x4cb);
VMCB_AT(efer, 0x4d0);
VMCB_AT(cr4, 0x548);
VMCB_AT(rip, 0x578);
VMCB_AT(rsp, 0x5d8);
VMCB_AT(rax, 0x5f8);
VMCB_AT(star, 0x600);
VMCB_AT(kernel_gs_base, 0x620);
VMCB_AT(cr2, 0x640);
VMCB_AT(g_pat, 0x668);
VMCB_AT(dbgctl, 0x670);

#define ICPT_READ(n)		(1u << (n))		/* icpt_cr, icpt_dr */
#define ICPT_WRITE(n)		(1u << (16 + (n)))

#define ICPT1_INTR		(1u << 0)
#define ICPT1_NMI		(1u << 1)
#define ICPT1_SMI		(1u << 2)
#define ICPT1_INIT		(1u << 3)
#define ICPT1_VINTR		(1u << 4)
#define ICPT1_CR0_SEL_WRITE	(1u << 5)
#define ICPT1_RDTSC		(1u << 14)
#define ICPT1_RDPMC		(1u << 15)
#define ICPT1_CPUID		(1u << 18)
#define ICPT1_RSM		(1u << 19)
#define ICPT1_IRET		(1u << 20)
#define ICPT1_INVD		(1u << 22)
#define ICPT1_PAUSE		(1u << 23)
#define ICPT1_HLT		(1u << 24)
#define ICPT1_INVLPG		(1u << 25)
#define ICPT1_INVLPGA		(1u << 26)
#define ICPT1_IOIO		(1u << 27)
#define ICPT1_MSR		(1u << 28)
#define ICPT1_TASK_SWITCH	(1u << 29)
#define ICPT1_FERR_FREEZE	(1u << 30)
#define ICPT1_SHUTDOWN		(1u << 31)

#define ICPT2_VMRUN		(1u << 0)
#define ICPT2_VMMCALL		(1u << 1)
#define ICPT2_VMLOAD		(1u << 2)
#define ICPT2_VMSAVE		(1u << 3)
#define ICPT2_STGI		(1u << 4)
#define ICPT2_CLGI		(1u << 5)
#define ICPT2_SKINIT		(1u << 6)
#define ICPT2_RDTSCP		(1u << 7)
#define ICPT2_WBINVD		(1u << 9)
#define ICPT2_MONITOR		(1u << 10)
#define ICPT2_MWAIT		(1u << 11)
#define ICPT2_XSETBV		(1u << 13)
#define ICPT2_RDPRU		(1u << 14)

#define ICPT3_INVLPGB		(1u << 0)
#define ICPT3_INVLPGB_ILLEGAL	(1u << 1)
#define ICPT3_INVPCID		(1u << 2)
#define ICPT3_MCOMMIT		(1u << 3)
#define ICPT3_TLBSYNC		(1u << 4)

#define TLB_KEEP		0u
#define TLB_FLUSH_ALL		1u
#define TLB_FLUSH_ASID		3u

#define VINTR_TPR		MASK(7, 0)
#define VINTR_IRQ		BIT(8)
#define VINTR_PRIORITY_MAX	MASK(19, 16)
#define VINTR_IGNORE_TPR	BIT(20)
#define VINTR_MASKING		BIT(24)
#define VINTR_VECTOR		MASK(39, 32)

#define INT_SHADOW		BIT(0)

#define NP_ENABLE		BIT(0)

/* EVENTINJ and EXITINTINFO: bits 7:0 vector, 10:8 type, 63:32 error code. */
#define EVENT_INTR		0u
#define EVENT_NMI		2u
#define EVENT_EXCEPTION		3u
#define EVENT_SOFT_INT		4u
#define EVENT_TYPE		MASK(10, 8)
#define EVENT_ERROR_VALID	BIT(11)
#define EVENT_VALID		BIT(31)
#define EVENT_DEFINED		(MASK(63, 31) | MASK(11, 0))

/* State that the CPU may keep from the last VMRUN of the same VMCB. */
#define CLEAN_INTERCEPTS	(1u << 0)	/* and TSC offset */
#define CLEAN_IOPM		(1u << 1)	/* and MSRPM      */
#define CLEAN_ASID		(1u << 2)
#define CLEAN_TPR		(1u << 3)	/* v_intr         */
#define CLEAN_NP		(1u << 4)	/* and guest PAT  */
#define CLEAN_CR		(1u << 5)	/* and EFER       */
#define CLEAN_DR		(1u << 6)
#define CLEAN_DT		(1u << 7)
#define CLEAN_SEG		(1u << 8)	/* ES CS SS DS, CPL */
#define CLEAN_CR2		(1u << 9)
#define CLEAN_ALL		0x3ffu

/* APM volume 2, "SVM Intercept Codes". */
enum svm_exit_code {
	SVM_EXIT_CR_READ = 0x00, SVM_EXIT_CR_WRITE = 0x10,	/* + register */
	SVM_EXIT_DR_READ = 0x20, SVM_EXIT_DR_WRITE = 0x30,
	SVM_EXIT_EXC = 0x40,					/* + vector   */
	SVM_EXIT_INTR = 0x60, SVM_EXIT_NMI, SVM_EXIT_SMI, SVM_EXIT_INIT, SVM_EXIT_VINTR, SVM_EXIT_CR0_SEL_WRITE,
	SVM_EXIT_RDTSC = 0x6e, SVM_EXIT_RDPMC,
	SVM_EXIT_CPUID = 0x72, SVM_EXIT_RSM, SVM_EXIT_IRET,
	SVM_EXIT_INVD = 0x76, SVM_EXIT_PAUSE, SVM_EXIT_HLT, SVM_EXIT_INVLPG, SVM_EXIT_INVLPGA, SVM_EXIT_IOIO, SVM_EXIT_MSR,
	SVM_EXIT_TASK_SWITCH, SVM_EXIT_FERR_FREEZE, SVM_EXIT_SHUTDOWN,
	SVM_EXIT_VMRUN = 0x80, SVM_EXIT_VMMCALL, SVM_EXIT_VMLOAD, SVM_EXIT_VMSAVE, SVM_EXIT_STGI, SVM_EXIT_CLGI,
	SVM_EXIT_SKINIT, SVM_EXIT_RDTSCP, SVM_EXIT_ICEBP, SVM_EXIT_WBINVD, SVM_EXIT_MONITOR, SVM_EXIT_MWAIT,
	SVM_EXIT_MWAIT_ARMED, SVM_EXIT_XSETBV, SVM_EXIT_RDPRU,
	SVM_EXIT_INVLPGB = 0xa0, SVM_EXIT_INVLPGB_ILLEGAL, SVM_EXIT_INVPCID, SVM_EXIT_MCOMMIT, SVM_EXIT_TLBSYNC,
	SVM_EXIT_TABLE,						/* codes from here on are not contiguous */
	SVM_EXIT_NPF = 0x400,
};
#define SVM_EXIT_INVALID	0xffffffffu	/* low half of -1: some CPUs store 32 bits only */

#endif
