/* SPDX-License-Identifier: Apache-2.0 */
/* Saving and loading FPU state: XSAVE where the CPU has it, FXSAVE else.  include/arch/fpu.h holds the rules. */
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

/* Components that any thread may use.  AMX tiles are not among them: they alone need more than a page. */
#define XCR0_WANTED	(XCR0_X87 | XCR0_SSE | XCR0_AVX | XCR0_AVX512 | XCR0_PKRU)

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

	/* The XSAVE header stays zero: no component is in the area, so XRSTOR resets them all. */
	__builtin_memcpy((uint8_t *)page + AREA_FCW, &fcw, sizeof(fcw));
	__builtin_memcpy((uint8_t *)page + AREA_MXCSR, &mxcsr, sizeof(mxcsr));
}

static void save(void *area)
{
	uint32_t lo = (uint32_t)xcr0, hi = (uint32_t)(xcr0 >> 32);

	if (cpu_has(FEATURE_XSAVEOPT))
		__asm__ volatile("xsaveopt64 (%0)" : : "r"(area), "a"(lo), "d"(hi) : "memory");
	else if (cpu_has(FEATURE_XSAVE))
		__asm__ volatile("xsave64 (%0)" : : "r"(area), "a"(lo), "d"(hi) : "memory");
	else
		__asm__ volatile("fxsave64 (%0)" : : "r"(area) : "memory");
}

static void load(const void *area)
{
	uint32_t lo = (uint32_t)xcr0, hi = (uint32_t)(xcr0 >> 32);

	if (cpu_has(FEATURE_XSAVE))
		__asm__ volatile("xrstor64 (%0)" : : "r"(area), "a"(lo), "d"(hi) : "memory");
	else
		__asm__ volatile("fxrstor64 (%0)" : : "r"(area) : "memory");
}

/* The components to use, fewest first dropped, so that the area fits into a page.  The boot CPU chooses for all. */
static void choose_components(void)
{
	struct cpuid_regs r = cpuid(CPUID_XSAVE, 0);

	xcr0 = ((uint64_t)r.edx << 32 | r.eax) & XCR0_WANTED;
	if ((xcr0 & XCR0_AVX512) != XCR0_AVX512 || !(xcr0 & XCR0_AVX))
		xcr0 &= ~XCR0_AVX512;
	xsetbv(0, xcr0);
	if (cpuid(CPUID_XSAVE, 0).ebx > PAGE_SIZE) {	/* EBX: size for what XCR0 has now */
		xcr0 &= XCR0_X87 | XCR0_SSE | XCR0_AVX;
		xsetbv(0, xcr0);
	}
}

bool fpu_suits(void)
{
	struct cpuid_regs r = cpuid(CPUID_XSAVE, 0);

	return !cpu_has(FEATURE_XSAVE) || !(xcr0 & ~((uint64_t)r.edx << 32 | r.eax));
}

void fpu_init(void)
{
	if (cpu_has(FEATURE_XSAVE)) {
		if (!xcr0)
			choose_components();
		xsetbv(0, xcr0);
		if (cpuid(CPUID_XSAVE, 1).eax & BIT(3))		/* XSAVES exists: no supervisor component is on */
			wrmsr(MSR_IA32_XSS, 0);
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
