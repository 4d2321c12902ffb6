/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The vCPU state page: what the kernel and a monitor tell each other about one virtual CPU.  It is vendor-neutral; no
 * VMX or SVM number ever stands in it.  The kernel trusts no word of it: what the monitor marks as dirty is checked before
 * it reaches the hardware.
 */
#ifndef ABI_EXIT_H
#define ABI_EXIT_H

#include <stddef.h>
#include <stdint.h>

#define TV_EXIT_PAGE_VERSION	1u

/* General-purpose registers in the order of their encoding. */
enum tv_gpr {
	TV_RAX, TV_RCX, TV_RDX, TV_RBX, TV_RSP, TV_RBP, TV_RSI, TV_RDI,
	TV_R8, TV_R9, TV_R10, TV_R11, TV_R12, TV_R13, TV_R14, TV_R15,
	TV_GPRS
};

/*
 * Register groups.  GPRs other than RSP need no group: they are always exchanged.  RIP is fetched on every exit.
 * A group that the monitor neither asked for (want[]) nor sees in @valid holds old values; it may still write the group
 * as a whole and mark it dirty.
 */
#define TV_REGS_RIP	(1u << 0)	/* rip, rflags, gpr[TV_RSP], shadow                                 */
#define TV_REGS_CR	(1u << 1)	/* cr0, cr2, cr3, cr4, cr8, efer                                    */
#define TV_REGS_SEG	(1u << 2)	/* seg[], gdtr, idtr, cpl                                           */
#define TV_REGS_DR	(1u << 3)	/* dr[0..3], dr6, dr7                                               */
#define TV_REGS_MSR	(1u << 4)	/* star ... pat, tsc_aux                                            */
#define TV_REGS_XCR	(1u << 5)	/* xcr0, xss                                                        */
#define TV_REGS_PDPTE	(1u << 6)	/* pdpte[]: PAE paging; only needed when the monitor emulated a CR load */
#define TV_REGS_TSC	(1u << 7)	/* tsc_offset                                                       */
#define TV_REGS_ALL	0xffu
#define TV_REGS_CODE	(1u << 8)	/* cr3, seg[TV_CS], cpl: what it takes to find an instruction; only in want[] and @valid */

/* seg[] index, in the order of their encoding in instructions; then the two system segments. */
enum tv_seg { TV_ES, TV_CS, TV_SS, TV_DS, TV_FS, TV_GS, TV_LDTR, TV_TR, TV_SEGS };

/* A segment register.  Attribute bits: 3:0 type, 4 S, 6:5 DPL, 7 P, 8 AVL, 9 L, 10 D/B, 11 G, 12 unusable. */
struct tv_segment {
	uint16_t sel;
	uint16_t attr;
	uint32_t limit;		/* in bytes, granularity already applied */
	uint64_t base;
};
_Static_assert(sizeof(struct tv_segment) == 16, "ABI");
#define TV_SEG_UNUSABLE		(1u << 12)
#define TV_SEG_ATTR		0x1fffu

struct tv_table {		/* GDTR, IDTR */
	uint64_t base;
	uint32_t limit;
	uint32_t reserved;
};

/* Interruptibility, @shadow. */
#define TV_SHADOW_STI		(1u << 0)	/* blocking by STI                     */
#define TV_SHADOW_MOVSS		(1u << 1)	/* blocking by MOV SS or POP SS        */
#define TV_SHADOW_NMI		(1u << 2)	/* an NMI handler runs: NMIs blocked   */
#define TV_SHADOW_ALL		0x7u

/*
 * An event: bits 7:0 vector, 10:8 type, 11 error code valid, 31 valid, 63:32 error code.  For SOFT_INT, SOFT_EXC and
 * PRIV_EXC the length of the instruction goes to @inject_len.
 */
enum tv_event_type {
	TV_EVENT_EXTINT   = 0,	/* external interrupt                            */
	TV_EVENT_NMI      = 2,
	TV_EVENT_EXC      = 3,	/* hardware exception                            */
	TV_EVENT_SOFT_INT = 4,	/* INT n                                         */
	TV_EVENT_PRIV_EXC = 5,	/* ICEBP (#DB)                                   */
	TV_EVENT_SOFT_EXC = 6,	/* INT3 (#BP), INTO (#OF)                        */
};
#define TV_EVENT_VALID		(1ull << 31)
#define TV_EVENT_HAS_ERROR	(1ull << 11)
#define TV_EVENT_VECTOR(e)	((unsigned)((e) & 0xff))
#define TV_EVENT_TYPE(e)	((unsigned)((e) >> 8 & 7))
#define TV_EVENT_ERROR(e)	((uint32_t)((e) >> 32))
#define TV_EVENT(type, vec)	(TV_EVENT_VALID | (uint64_t)(type) << 8 | (uint64_t)(vec))
#define TV_EVENT_RESERVED	0x7ffff000ull

/* Windows the monitor asks for, @window: an exit TV_EXIT_WINDOW as soon as such an event could be delivered. */
#define TV_WINDOW_INTR		(1u << 0)
#define TV_WINDOW_NMI		(1u << 1)
#define TV_WINDOW_ALL		0x3u

/* Why vcpu_run returned. */
enum tv_exit_kind {
	TV_EXIT_NONE      = 0,	/* never delivered                                                                  */
	TV_EXIT_KICK      = 1,	/* the bound notification has signals (not consumed), or vcpu_kick                  */
	TV_EXIT_DEADLINE  = 2,
	TV_EXIT_WINDOW    = 3,	/* arg0: TV_WINDOW_* that opened                                                    */
	TV_EXIT_CPUID     = 4,
	TV_EXIT_HLT       = 5,
	TV_EXIT_PIO       = 6,	/* arg0: port; arg1: TV_PIO_*; value of OUT in RAX                                  */
	TV_EXIT_MMIO      = 7,	/* arg0: guest-physical address; arg1: TV_MMIO_*; no translation or rights missing  */
	TV_EXIT_RDMSR     = 8,	/* MSR number in RCX                                                                */
	TV_EXIT_WRMSR     = 9,
	TV_EXIT_CR        = 10,	/* arg0: control register; arg1: TV_CR_*                                            */
	TV_EXIT_DR        = 11,	/* arg0: debug register; arg1: as TV_CR_* without LMSW, CLTS, SMSW                  */
	TV_EXIT_EXC       = 12,	/* arg0: the intercepted exception as an event word; arg1: address of #PF, or DR6 bits of #DB */
	TV_EXIT_HYPERCALL = 13,	/* VMCALL or VMMCALL                                                                */
	TV_EXIT_XSETBV    = 14,
	TV_EXIT_INSN      = 15,	/* another intercepted instruction; arg0: enum tv_insn                              */
	TV_EXIT_SHUTDOWN  = 16,	/* triple fault                                                                     */
	TV_EXIT_INIT      = 17,
	TV_EXIT_TASK      = 18,	/* task switch; arg0: selector, arg1: TV_TASK_*                                      */
	TV_EXIT_FAIL      = 19,	/* entry failed or the exit is unknown; arg0: TV_FAIL_*; arg1: raw code, for the record only */
	TV_EXIT_KINDS
};

#define TV_PIO_IN		(1u << 0)
#define TV_PIO_STRING		(1u << 1)
#define TV_PIO_REP		(1u << 2)
#define TV_PIO_SIZE(a)		((unsigned)((a) >> 8 & 0xf))	/* 1, 2, 4 */
#define TV_PIO_MK_SIZE(s)	((uint64_t)(s) << 8)

#define TV_MMIO_WRITE		(1u << 0)
#define TV_MMIO_EXEC		(1u << 1)
#define TV_MMIO_WALK		(1u << 2)	/* the access was the guest's page walk, not the instruction's own */
#define TV_MMIO_USER		(1u << 3)

#define TV_CR_WRITE		(1u << 0)
#define TV_CR_GPR_VALID		(1u << 1)	/* bits 11:8 name the register operand            */
#define TV_CR_GPR(a)		((unsigned)((a) >> 8 & 0xf))
#define TV_CR_MK_GPR(g)		((uint64_t)(g) << 8)
#define TV_CR_LMSW		(1u << 2)
#define TV_CR_CLTS		(1u << 3)

#define TV_TASK_CALL		0u		/* bits 1:0: what caused it */
#define TV_TASK_IRET		1u
#define TV_TASK_JMP		2u
#define TV_TASK_GATE		3u		/* an interrupt or exception through a task gate; it is not in @pending */
#define TV_TASK_HAS_ERROR	(1u << 2)	/* bits 63:32 hold the error code to push                               */
#define TV_TASK_SOFT		(1u << 3)	/* of TV_TASK_GATE: by INT n, INT3 or INTO                              */

enum tv_insn {
	TV_INSN_INVD = 1, TV_INSN_WBINVD, TV_INSN_INVLPG, TV_INSN_INVPCID, TV_INSN_RDTSC, TV_INSN_RDTSCP, TV_INSN_RDPMC,
	TV_INSN_MONITOR, TV_INSN_MWAIT, TV_INSN_PAUSE, TV_INSN_RSM, TV_INSN_GETSEC, TV_INSN_VIRT /* any VMX or SVM one */,
	TV_INSN_DT /* LGDT SGDT LIDT SIDT */, TV_INSN_TR /* LLDT SLDT LTR STR */, TV_INSN_RDPRU, TV_INSN_ENCLS, TV_INSN_OTHER,
};

#define TV_FAIL_ENTRY		1u	/* the CPU refused the guest state  */
#define TV_FAIL_UNKNOWN		2u	/* an exit that the kernel cannot name */
#define TV_FAIL_MACHINE		3u	/* machine check during entry       */

/*
 * Intercepts that the monitor may turn on beyond the mandatory ones, @intercept; and those that save it exits.
 */
#define TV_ICPT_RDTSC		(1u << 0)
#define TV_ICPT_CR3		(1u << 1)
#define TV_ICPT_INVLPG		(1u << 2)
#define TV_ICPT_PAUSE		(1u << 3)
#define TV_ICPT_DR		(1u << 4)
#define TV_ICPT_CR8		(1u << 5)
#define TV_ICPT_ALL		0x3fu

/*
 * Directions: K = written by the kernel on an exit, M = written by the monitor before an entry, B = both.
 * In the fields without group (inject, pending, window, intercept, exc_intercept, want) the kernel reads what the
 * monitor left there, at every entry.
 */
struct tv_exit_page {
	uint32_t version;		/* K  TV_EXIT_PAGE_VERSION                                         */
	uint32_t size;			/* K  sizeof(struct tv_exit_page)                                  */
	uint32_t kind;			/* K  enum tv_exit_kind                                            */
	uint32_t insn_len;		/* K  of the instruction that exited; 0: unknown, decode it        */
	uint64_t arg0;			/* K  by kind                                                      */
	uint64_t arg1;			/* K  by kind                                                      */
	uint32_t valid;			/* K  TV_REGS_*: groups fetched by this exit                       */
	uint32_t dirty;			/* B  TV_REGS_*: groups to load; the kernel clears it when accepted */
	uint64_t inject;		/* B  event to deliver; the kernel clears it when accepted         */
	uint64_t pending;		/* B  K: event whose delivery the exit interrupted; the kernel delivers it again first
					      unless the monitor clears it                                 */
	uint32_t inject_len;		/* M  instruction length of a software @inject                     */
	uint32_t pending_len;		/* B  the same for @pending                                        */
	uint32_t window;		/* M  TV_WINDOW_*                                                  */
	uint32_t intercept;		/* M  TV_ICPT_*                                                    */
	uint32_t exc_intercept;		/* M  exception vectors to intercept beside #DB, #AC and #MC        */
	uint32_t shadow;		/* B  TV_SHADOW_*, in group RIP                                    */
	uint8_t insn_count;		/* K  valid bytes in insn[]; 0: fetch them yourself                */
	uint8_t insn[15];		/* K  instruction bytes, if the CPU delivered them                 */

	uint64_t gpr[TV_GPRS];		/* B  always, but RSP: group RIP                                   */
	uint64_t rip, rflags;		/* B  group RIP                                                    */

	uint64_t cr0, cr2, cr3, cr4;	/* B  group CR, as the guest sees them                             */
	uint64_t cr8, efer;
	struct tv_segment seg[TV_SEGS];	/* B  group SEG                                                    */
	struct tv_table gdtr, idtr;
	uint32_t cpl, reserved0;
	uint64_t dr[4], dr6, dr7;	/* B  group DR                                                     */
	uint64_t star, lstar, cstar, fmask, kernel_gs_base;	/* B  group MSR                            */
	uint64_t sysenter_cs, sysenter_esp, sysenter_eip;
	uint64_t pat, tsc_aux;
	uint64_t xcr0, xss;		/* B  group XCR                                                    */
	uint64_t pdpte[4];		/* M  group PDPTE                                                  */
	uint64_t tsc_offset;		/* M  group TSC: guest TSC = host TSC + offset                     */

	uint32_t want[32];		/* M  by exit kind: groups to fetch                                */
	uint64_t exits;			/* K  exits so far that reached the monitor                        */
	uint64_t entries;		/* K  hardware entries so far                                      */
};
_Static_assert(offsetof(struct tv_exit_page, arg0) == 16, "ABI");
_Static_assert(offsetof(struct tv_exit_page, inject) == 40, "ABI");
_Static_assert(offsetof(struct tv_exit_page, insn_count) == 80, "ABI");
_Static_assert(offsetof(struct tv_exit_page, gpr) == 96, "ABI");
_Static_assert(offsetof(struct tv_exit_page, rip) == 224, "ABI");
_Static_assert(offsetof(struct tv_exit_page, cr0) == 240, "ABI");
_Static_assert(offsetof(struct tv_exit_page, seg) == 288, "ABI");
_Static_assert(offsetof(struct tv_exit_page, dr) == 456, "ABI");
_Static_assert(offsetof(struct tv_exit_page, star) == 504, "ABI");
_Static_assert(offsetof(struct tv_exit_page, xcr0) == 584, "ABI");
_Static_assert(offsetof(struct tv_exit_page, want) == 640, "ABI");
_Static_assert(sizeof(struct tv_exit_page) == 784, "ABI");
_Static_assert(TV_EXIT_KINDS <= 32, "want[] has a word for every kind");

#endif
