/* SPDX-License-Identifier: Apache-2.0 */
/* CPU features, read once from CPUID. */
#include <abi/info.h>
#include <arch/machine.h>
#include <kernel/boot_info.h>
#include <kernel/fmt.h>
#include <kernel/log.h>
#include <kernel/panic.h>
#include <x86/cpuid.h>
#include <x86/insn.h>

#include "features.h"
#include "machine.h"

enum cpuid_reg { EAX, EBX, ECX, EDX };

struct feature_row {
	const char *name;
	uint32_t leaf, sub;
	enum cpuid_reg reg;
	unsigned bit;
};

static const struct feature_row rows[] = {
	[FEATURE_PGE]           = { "pge",          CPUID_FEATURES,     0, EDX, 13 },
	[FEATURE_X2APIC]        = { "x2apic",       CPUID_FEATURES,     0, ECX, 21 },
	[FEATURE_TSC_DEADLINE]  = { "tsc-deadline", CPUID_FEATURES,     0, ECX, 24 },
	[FEATURE_PCID]          = { "pcid",         CPUID_FEATURES,     0, ECX, 17 },
	[FEATURE_SMEP]          = { "smep",         CPUID_EXT_FEATURES, 0, EBX, 7 },
	[FEATURE_SMAP]          = { "smap",         CPUID_EXT_FEATURES, 0, EBX, 20 },
	[FEATURE_UMIP]          = { "umip",         CPUID_EXT_FEATURES, 0, ECX, 2 },
	[FEATURE_SHSTK]         = { "shstk",        CPUID_EXT_FEATURES, 0, ECX, 7 },
	[FEATURE_IBT]           = { "ibt",          CPUID_EXT_FEATURES, 0, EDX, 20 },
	[FEATURE_XSAVE]         = { "xsave",        CPUID_FEATURES,     0, ECX, 26 },
	[FEATURE_XSAVEOPT]      = { "xsaveopt",     CPUID_XSAVE,        1, EAX, 0 },
	[FEATURE_XSAVES]        = { "xsaves",       CPUID_XSAVE,        1, EAX, 3 },
	[FEATURE_AVX]           = { "avx",          CPUID_FEATURES,     0, ECX, 28 },
	[FEATURE_INVPCID]       = { "invpcid",      CPUID_EXT_FEATURES, 0, EBX, 10 },
	[FEATURE_1G_PAGES]      = { "1g-pages",     CPUID_EXT_AMD,      0, EDX, 26 },
	[FEATURE_INVARIANT_TSC] = { "invtsc",       CPUID_POWER,        0, EDX, 8 },
	[FEATURE_HYPERVISOR]    = { "hypervisor",   CPUID_FEATURES,     0, ECX, 31 },
	[FEATURE_MCA]           = { "mca",          CPUID_FEATURES,     0, EDX, 14 },
	[FEATURE_VMX]           = { "vmx",          CPUID_FEATURES,     0, ECX, 5 },
	[FEATURE_SVM]           = { "svm",          CPUID_EXT_AMD,      0, ECX, 2 },
};
_Static_assert(ARRAY_LEN(rows) == FEATURE_COUNT, "every feature has a row");

uint64_t features_in_use;
static unsigned phys_bits, guest_phys_bits;

void features_drop(enum cpu_feature f)
{
	features_in_use &= ~BIT(f);
}

unsigned machine_phys_bits(void)
{
	return phys_bits;
}

unsigned machine_guest_phys_bits(void)
{
	return guest_phys_bits;
}

static bool supported(const struct feature_row *row)
{
	struct cpuid_regs r;
	uint32_t v;

	if (row->leaf > cpuid(row->leaf & CPUID_EXTENDED, 0).eax)
		return false;
	r = cpuid(row->leaf, row->sub);
	v = row->reg == EAX ? r.eax : row->reg == EBX ? r.ebx : row->reg == ECX ? r.ecx : r.edx;
	return v >> row->bit & 1;
}

static uint32_t address_sizes(void)
{
	if (cpuid(CPUID_EXTENDED, 0).eax >= CPUID_ADDRESS_SIZES)
		return cpuid(CPUID_ADDRESS_SIZES, 0).eax;
	return 36;			/* what the manuals say for CPUs without the leaf */
}

static void read_address_sizes(void)
{
	uint32_t sizes = address_sizes();

	/* 52 bits is the architectural limit; the direct map covers 46 and more is never installed as RAM here. */
	phys_bits = (unsigned)min_u64(CPUID_SIZES_PHYS(sizes), 52);
	guest_phys_bits = CPUID_SIZES_GUEST(sizes) ? CPUID_SIZES_GUEST(sizes) : phys_bits;
}

void features_init(void)
{
	/* FXSR, SSE2, APIC, MSR, TSC, PAT, CX8: in every CPU with long mode, but emulators let one remove them. */
	static const struct feature_row needed[] = {
		{ "tsc", CPUID_FEATURES, 0, EDX, 4 },	{ "msr", CPUID_FEATURES, 0, EDX, 5 },
		{ "apic", CPUID_FEATURES, 0, EDX, 9 },	{ "pat", CPUID_FEATURES, 0, EDX, 16 },
		{ "fxsr", CPUID_FEATURES, 0, EDX, 24 },	{ "sse2", CPUID_FEATURES, 0, EDX, 26 },
		{ "syscall", CPUID_EXT_AMD, 0, EDX, 11 },
	};

	for (unsigned i = 0; i < ARRAY_LEN(needed); i++)
		if (!supported(&needed[i]))
			cannot_run("this CPU lacks %s (CPUID %08x bit %u)", needed[i].name, needed[i].leaf, needed[i].bit);
	features_in_use = 0;
	for (unsigned i = 0; i < FEATURE_COUNT; i++)
		if (supported(&rows[i]) && !boot_option_has("off", rows[i].name))
			features_in_use |= BIT(i);
	/* VMRUN and #VMEXIT have rules of their own for shadow stacks, which no machine at hand implements. */
	if (cpu_has(FEATURE_SVM))
		features_drop(FEATURE_SHSTK);
	if (!cpu_has(FEATURE_XSAVE))
		features_in_use &= ~(BIT(FEATURE_XSAVEOPT) | BIT(FEATURE_XSAVES) | BIT(FEATURE_AVX));
	read_address_sizes();
}

const char *features_missing(void)
{
	for (unsigned i = 0; i < FEATURE_COUNT; i++)
		if (features_in_use & BIT(i) && !supported(&rows[i]))
			return rows[i].name;
	if (min_u64(CPUID_SIZES_PHYS(address_sizes()), 52) != phys_bits)
		return "the address width";
	return fpu_suits() ? NULL : "the register sets of XSAVE";
}

uint32_t cpu_kind(void)
{
	uint32_t type;

	if (cpuid(CPUID_BASIC, 0).eax < CPUID_HYBRID)
		return TV_CPU_ANY;
	type = CPUID_HYBRID_TYPE(cpuid(CPUID_HYBRID, 0).eax);
	return type == CPUID_HYBRID_CORE ? TV_CPU_FAST : type == CPUID_HYBRID_ATOM ? TV_CPU_SMALL : TV_CPU_ANY;
}

void features_print(void)
{
	char line[192];
	size_t n = 0;

	for (unsigned i = 0; i < FEATURE_COUNT; i++)
		if (features_in_use & BIT(i))
			n += fmt_text(line + n, sizeof(line) - n, " %s", rows[i].name);
	line[n] = '\0';
	log_info("CPU:%s; %u-bit physical addresses", line, phys_bits);
}
