/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a guest's registers may hold, whichever back-end loads them: the rules of the instructions that load these registers, and
 * whatever would make one of the host's own instructions fault.
 *
 * The state page can be written by its monitor at any time.  The functions that read a group read each word of it once, check
 * it, and put what is good into a struct of the kernel's own; after "false" that is undefined and nothing of it may be used.
 */
#ifndef ARCH_GUEST_STATE_H
#define ARCH_GUEST_STATE_H

#include <abi/exit.h>
#include <lib/base.h>
#include <x86/cr.h>

/* Segment attributes, as in struct tv_segment. */
#define SEG_TYPE		MASK(3, 0)
#define SEG_ACCESSED		BIT(0)
#define SEG_CODE		BIT(3)
#define SEG_S			BIT(4)		/* code or data, not system */
#define SEG_DPL			MASK(6, 5)
#define SEG_P			BIT(7)
#define SEG_L			BIT(9)
#define SEG_DB			BIT(10)
#define SEG_G			BIT(11)
#define SEG_TYPE_LDT		2u
#define SEG_TYPE_TSS_BUSY	BIT(1)		/* types 3 and 11 are busy TSSs of 16 and of 32 or 64 bits */

#define GUEST_CR0_CACHE		(CR0_CD | CR0_NW)	/* the host's, because the caches are: a guest only sees its own values */
#define GUEST_RFLAGS_VALID	(MASK(21, 16) | MASK(14, 6) | RFLAGS_AF | RFLAGS_PF | RFLAGS_ONE | RFLAGS_CF)

/* What a guest may set on this machine. */
struct guest_limits {
	uint64_t cr3, cr4, efer;	/* bits                                               */
	uint64_t xcr0;			/* of the host, the most a guest may set; 0: no XSAVE */
	bool tsc_aux;			/* the MSR exists                                     */
};

struct guest_cr {
	uint64_t cr0, cr2, cr3, cr4, cr8, efer;
};

struct guest_segs {
	struct tv_segment seg[TV_SEGS];
	struct tv_table gdtr, idtr;
	uint32_t cpl;			/* that of SS, also when SS is unusable */
};

struct guest_dr {
	uint64_t dr[4], dr6, dr7;
};

struct guest_msrs {
	uint64_t star, lstar, cstar, fmask, kernel_gs_base;
	uint64_t sysenter_cs, sysenter_esp, sysenter_eip;
	uint64_t pat, tsc_aux;
};

/* From the host's XCR0 and address width, and from CPUID: leaf 1 ECX, leaf 7 EBX and ECX, leaf 8000_0001 EDX. */
void guest_limits_init(struct guest_limits *l, uint32_t leaf1_ecx, uint32_t leaf7_ebx, uint32_t leaf7_ecx, uint32_t ext_edx);
/* Can a guest that was started within @have run on a CPU with @here? */
bool guest_limits_cover(const struct guest_limits *here, const struct guest_limits *have);

static inline bool guest_canonical(uint64_t va)
{
	return (uint64_t)((int64_t)(va << 16) >> 16) == va;
}

/*
 * The CPUs look at bits 63:48 only: an instruction that ends at the last canonical address leaves RIP right behind it, and it is
 * the fetch of the next one that faults.  SDM, "Checks on Guest RIP, RFLAGS, and SSP".
 */
static inline bool guest_rip_enterable(uint64_t rip)
{
	return rip >> 48 == 0 || rip >> 48 == 0xffff;
}

/* Group RIP.  Whether RFLAGS.VM may be set depends on the mode, which the caller knows. */
static inline bool guest_rip_ok(uint64_t rip, uint64_t rflags)
{
	return guest_rip_enterable(rip) && (rflags & (~GUEST_RFLAGS_VALID | RFLAGS_ONE)) == RFLAGS_ONE;
}

/* An STI that did not set IF blocks nothing, and the two kinds of blocking exclude each other. */
static inline bool guest_shadow_ok(uint32_t shadow, uint64_t rflags)
{
	return !(shadow & ~TV_SHADOW_ALL) &&
	       !(shadow & TV_SHADOW_STI && (shadow & TV_SHADOW_MOVSS || !(rflags & RFLAGS_IF)));
}

/* Group CR, which is right or not in the light of CS and of the mode: @cs_attr is that of CS, @vm86 says that RFLAGS.VM stays set. */
void guest_cr_read(const struct tv_exit_page *p, struct guest_cr *g);
bool guest_cr_ok(const struct guest_cr *g, const struct guest_limits *l, uint32_t cs_attr, bool vm86) MUST_USE;
/* Groups SEG, DR, MSR, and XCR0 of group XCR. */
bool guest_segs_read(const struct tv_exit_page *p, struct guest_segs *g) MUST_USE;
bool guest_dr_read(const struct tv_exit_page *p, struct guest_dr *g) MUST_USE;
bool guest_msrs_read(const struct tv_exit_page *p, const struct guest_limits *l, struct guest_msrs *g) MUST_USE;
bool guest_xcr0_read(const struct tv_exit_page *p, const struct guest_limits *l, uint64_t *xcr0) MUST_USE;

#endif
