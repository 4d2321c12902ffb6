/* SPDX-License-Identifier: Apache-2.0 */
/* Saving and loading FPU state: XSAVES or XSAVE where the CPU has it, FXSAVE else.  include/arch/fpu.h holds the rules. */
#include <arch/fpu.h>
#include <kernel/log.h>
#include <x86/cpuid.h>
#include <x86/cr.h>
#include <x86/insn.h>
#include <x86/msr.h>

#include "features.h"
#include "machine.h"

/* SDM, "x87 FPU Control Word" and "MXCSR Control and Status Register": all exceptions masked. */
#define FCW_RESET	0x037fu
#define MXCSR_RESET	0x1f80u
#define AREA_FCW	0u
#define AREA_MXCSR	24u
/* SDM, "XSAVE Header" and "Extended Region of an XSAVE Area": in the compacted form components follow each other from here on. */
#define AREA_XSTATE_BV	512u
#define AREA_XCOMP_BV	520u
#define AREA_EXTENDED	576u
#define XCOMP_BV_COMPACT BIT(63)

/*
 * Components that any thread may use.  AMX tiles are not among them: they alone need more than a page.  Nor are protection keys, which
 * no monitor offers: a guest that switches on all it is offered then has the host's XCR0, and no exit changes the register.
 */
#define XCR0_WANTED	(XCR0_X87 | XCR0_SSE | XCR0_AVX | XCR0_AVX512)

static uint64_t xcr0;
/* What every register holds after reset; loaded for threads that may not use the FPU. */
static uint8_t reset_area[PAGE_SIZE] __attribute__((aligned(64)));

uint64_t fpu_xcr0(void)
{
	return xcr0;
}

void fpu_area_init(void *page)
{
	uint16_t fcw = FCW_RESET;
	uint32_t mxcsr = MXCSR_RESET;
	uint64_t xcomp_bv = cpu_has(FEATURE_XSAVES) ? XCOMP_BV_COMPACT | xcr0 : 0;

	/* XSTATE_BV stays zero: no component is in the area, so XRSTOR resets them all.  XRSTORS takes the compacted form only. */
	__builtin_memcpy((uint8_t *)page + AREA_FCW, &fcw, sizeof(fcw));
	__builtin_memcpy((uint8_t *)page + AREA_MXCSR, &mxcsr, sizeof(mxcsr));
	__builtin_memcpy((uint8_t *)page + AREA_XCOMP_BV, &xcomp_bv, sizeof(xcomp_bv));
}

/*
 * XSAVES and XSAVEOPT leave out what has not changed since the last load, if that was from @area: nothing but save() may have written
 * to it since, which holds because an area is initialised before it is first loaded, and dropped by user_forget(), which loads another.
 */
static void save(void *area)
{
	uint32_t lo = (uint32_t)xcr0, hi = (uint32_t)(xcr0 >> 32);

	if (cpu_has(FEATURE_XSAVES))
		__asm__ volatile("xsaves64 (%0)" : : "r"(area), "a"(lo), "d"(hi) : "memory");
	else if (cpu_has(FEATURE_XSAVEOPT))
		__asm__ volatile("xsaveopt64 (%0)" : : "r"(area), "a"(lo), "d"(hi) : "memory");
	else if (cpu_has(FEATURE_XSAVE))
		__asm__ volatile("xsave64 (%0)" : : "r"(area), "a"(lo), "d"(hi) : "memory");
	else
		__asm__ volatile("fxsave64 (%0)" : : "r"(area) : "memory");
}

static void xrstor(const void *area)
{
	__asm__ volatile("xrstor64 (%0)" : : "r"(area), "a"((uint32_t)xcr0), "d"((uint32_t)(xcr0 >> 32)) : "memory");
}

static void load(const void *area)
{
	if (cpu_has(FEATURE_XSAVES))
		__asm__ volatile("xrstors64 (%0)" : : "r"(area), "a"((uint32_t)xcr0), "d"((uint32_t)(xcr0 >> 32)) : "memory");
	else if (cpu_has(FEATURE_XSAVE))
		xrstor(area);
	else
		__asm__ volatile("fxrstor64 (%0)" : : "r"(area) : "memory");
}

/* The components to use, fewest first dropped, so that the area fits into a page.  The boot CPU chooses for all. */
static void choose_components(void)
{
	struct cpuid_regs r = cpuid(CPUID_XSAVE, 0);

	xcr0 = ((uint64_t)r.edx << 32 | r.eax) & XCR0_WANTED;
	if (!cpu_has(FEATURE_AVX))
		xcr0 &= XCR0_X87 | XCR0_SSE;
	if ((xcr0 & XCR0_AVX512) != XCR0_AVX512 || !(xcr0 & XCR0_AVX))
		xcr0 &= ~XCR0_AVX512;
	xsetbv(0, xcr0);
	if (cpuid(CPUID_XSAVE, 0).ebx > PAGE_SIZE) {	/* EBX: size for what XCR0 has now */
		xcr0 &= XCR0_X87 | XCR0_SSE | XCR0_AVX;
		xsetbv(0, xcr0);
	}
}

/*
 * Does XSAVES put the first component after SSE where XRSTORS, and the manual, look for it?  Bochs 2.7 does not: it begins 160 bytes
 * too early, over the header, so that registers are lost and the next XRSTORS may fault.  @area: zeroed, and zeroed again on return.
 */
static bool xsaves_works(uint8_t *area)
{
	static const uint32_t pattern = 0x5a17c3e9;
	uint64_t extended = xcr0 & ~(XCR0_X87 | XCR0_SSE), component = extended & -extended;
	bool same;

	if (!extended)
		return true;
	__builtin_memcpy(area + AREA_XSTATE_BV, &component, sizeof(component));
	__builtin_memcpy(area + cpuid(CPUID_XSAVE, (uint32_t)__builtin_ctzll(component)).ebx, &pattern, sizeof(pattern));
	xrstor(area);
	__builtin_memset(area, 0, PAGE_SIZE);
	save(area);
	same = !__builtin_memcmp(area + AREA_EXTENDED, &pattern, sizeof(pattern));
	__builtin_memset(area, 0, PAGE_SIZE);
	return same;
}

bool fpu_suits(void)
{
	struct cpuid_regs r = cpuid(CPUID_XSAVE, 0);

	return !cpu_has(FEATURE_XSAVE) || !(xcr0 & ~((uint64_t)r.edx << 32 | r.eax));
}

void fpu_init(void)
{
	if (cpu_has(FEATURE_XSAVE)) {
		if (cpuid(CPUID_XSAVE, 1).eax & BIT(3))		/* XSAVES exists: no supervisor component is on */
			wrmsr(MSR_IA32_XSS, 0);
		if (!xcr0) {
			choose_components();
			if (cpu_has(FEATURE_XSAVES) && !xsaves_works(reset_area)) {
				log_info("CPU: XSAVES loses registers and is not used");
				features_drop(FEATURE_XSAVES);
			}
		}
		xsetbv(0, xcr0);
	}
	__asm__ volatile("fninit");
	fpu_area_init(reset_area);
	load(reset_area);
	write_cr0(read_cr0() | CR0_TS);
}

/* Hand the registers over from their owner to @next. */
void fpu_switch(struct arch_thread *next)
{
	struct arch_cpu *cpu = arch_cpu();
	struct arch_thread *owner = cpu->fpu_owner, *heir = next && next->fpu ? next : NULL;

	if (owner == heir)
		return;
	clts();
	if (owner)
		save(owner->fpu);
	load(heir ? heir->fpu : reset_area);
	if (!heir)
		write_cr0(read_cr0() | CR0_TS);
	cpu->fpu_owner = heir;
}

void user_leave(struct arch_thread *t)
{
	if (arch_cpu()->fpu_owner == t)
		fpu_switch(NULL);
}

/* Its state must not stay in the registers either: whoever runs next without an area could find it by speculation. */
void user_forget(struct arch_thread *t)
{
	struct arch_cpu *cpu = arch_cpu();

	if (cpu->fpu_owner != t)
		return;
	load(reset_area);
	write_cr0(read_cr0() | CR0_TS);
	cpu->fpu_owner = NULL;
}
