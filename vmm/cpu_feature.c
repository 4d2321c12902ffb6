/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The features that a guest may see, one row for each bit of CPUID; the names are those of Linux' /proc/cpuinfo where it has one.
 *
 * A feature is in the table only if everything it stands for works in a guest: the state is switched, the instruction does not
 * exit or is emulated, the MSRs are in the MSR policy.  Left out on purpose: VMX, SVM (no nesting), MONITOR (HLT is the idle
 * state), PMU and IBS (host-wide counters), SGX, SEV, MPX, AMX, CET, PT, RDT, TSX, WAITPKG (it could sleep on the host's CPU),
 * SPEC_CTRL and its kin (the MSR is not switched), LA57 (guest state is checked for 48-bit canonical addresses), PKU (gwalk.c does
 * not know protection keys), XSAVES (no supervisor state).
 */
#include "cpu_model.h"

#include <rt/string.h>

#define EXT	0x80000001u

static const struct cpu_feature features[] = {
	{ "sse3", 1, 0, ECX, 0, false, "sse2" },
	{ "pclmulqdq", 1, 0, ECX, 1, false, "sse2" },
	{ "ssse3", 1, 0, ECX, 9, false, "sse3" },
	{ "fma", 1, 0, ECX, 12, false, "avx" },
	{ "cx16", 1, 0, ECX, 13, false, NULL },
	{ "pcid", 1, 0, ECX, 17, false, NULL },
	{ "sse4_1", 1, 0, ECX, 19, false, "ssse3" },
	{ "sse4_2", 1, 0, ECX, 20, false, "sse4_1" },
	{ "x2apic", 1, 0, ECX, 21, true, NULL },
	{ "movbe", 1, 0, ECX, 22, false, NULL },
	{ "popcnt", 1, 0, ECX, 23, false, NULL },
	{ "tsc_deadline", 1, 0, ECX, 24, true, NULL },
	{ "aes", 1, 0, ECX, 25, false, "sse2" },
	{ "xsave", 1, 0, ECX, 26, false, "fxsr" },
	{ "avx", 1, 0, ECX, 28, false, "xsave" },
	{ "f16c", 1, 0, ECX, 29, false, "avx" },
	{ "rdrand", 1, 0, ECX, 30, false, NULL },
	{ "hypervisor", 1, 0, ECX, 31, true, NULL },

	{ "fpu", 1, 0, EDX, 0, false, NULL },
	{ "vme", 1, 0, EDX, 1, false, NULL },
	{ "de", 1, 0, EDX, 2, false, NULL },
	{ "pse", 1, 0, EDX, 3, false, NULL },
	{ "tsc", 1, 0, EDX, 4, false, NULL },
	{ "msr", 1, 0, EDX, 5, false, NULL },
	{ "pae", 1, 0, EDX, 6, false, NULL },
	{ "mce", 1, 0, EDX, 7, false, NULL },
	{ "cx8", 1, 0, EDX, 8, false, NULL },
	{ "sep", 1, 0, EDX, 11, false, NULL },
	{ "pge", 1, 0, EDX, 13, false, NULL },
	{ "cmov", 1, 0, EDX, 15, false, NULL },
	{ "pat", 1, 0, EDX, 16, false, NULL },
	{ "pse36", 1, 0, EDX, 17, false, NULL },
	{ "clflush", 1, 0, EDX, 19, false, NULL },
	{ "mmx", 1, 0, EDX, 23, false, "fpu" },
	{ "fxsr", 1, 0, EDX, 24, false, "fpu" },
	{ "sse", 1, 0, EDX, 25, false, "fxsr" },
	{ "sse2", 1, 0, EDX, 26, false, "sse" },
	{ "ss", 1, 0, EDX, 27, false, NULL },

	{ "fsgsbase", 7, 0, EBX, 0, false, "lm" },
	{ "tsc_adjust", 7, 0, EBX, 1, true, NULL },
	{ "bmi1", 7, 0, EBX, 3, false, NULL },
	{ "avx2", 7, 0, EBX, 5, false, "avx" },
	{ "smep", 7, 0, EBX, 7, false, NULL },
	{ "bmi2", 7, 0, EBX, 8, false, NULL },
	{ "erms", 7, 0, EBX, 9, false, NULL },
	{ "invpcid", 7, 0, EBX, 10, false, "pcid" },
	{ "avx512f", 7, 0, EBX, 16, false, "avx2" },
	{ "avx512dq", 7, 0, EBX, 17, false, "avx512f" },
	{ "rdseed", 7, 0, EBX, 18, false, NULL },
	{ "adx", 7, 0, EBX, 19, false, NULL },
	{ "smap", 7, 0, EBX, 20, false, NULL },
	{ "avx512ifma", 7, 0, EBX, 21, false, "avx512f" },
	{ "clflushopt", 7, 0, EBX, 23, false, NULL },
	{ "clwb", 7, 0, EBX, 24, false, NULL },
	{ "avx512pf", 7, 0, EBX, 26, false, "avx512f" },
	{ "avx512er", 7, 0, EBX, 27, false, "avx512f" },
	{ "avx512cd", 7, 0, EBX, 28, false, "avx512f" },
	{ "sha_ni", 7, 0, EBX, 29, false, "sse2" },
	{ "avx512bw", 7, 0, EBX, 30, false, "avx512f" },
	{ "avx512vl", 7, 0, EBX, 31, false, "avx512f" },

	{ "prefetchwt1", 7, 0, ECX, 0, false, NULL },
	{ "avx512vbmi", 7, 0, ECX, 1, false, "avx512bw" },
	{ "umip", 7, 0, ECX, 2, false, NULL },
	{ "avx512_vbmi2", 7, 0, ECX, 6, false, "avx512bw" },
	{ "gfni", 7, 0, ECX, 8, false, "sse2" },
	{ "vaes", 7, 0, ECX, 9, false, "avx" },
	{ "vpclmulqdq", 7, 0, ECX, 10, false, "avx" },
	{ "avx512_vnni", 7, 0, ECX, 11, false, "avx512f" },
	{ "avx512_bitalg", 7, 0, ECX, 12, false, "avx512bw" },
	{ "avx512_vpopcntdq", 7, 0, ECX, 14, false, "avx512f" },
	{ "rdpid", 7, 0, ECX, 22, false, NULL },
	{ "cldemote", 7, 0, ECX, 25, false, NULL },
	{ "movdiri", 7, 0, ECX, 27, false, NULL },
	{ "movdir64b", 7, 0, ECX, 28, false, NULL },

	{ "avx512_4vnniw", 7, 0, EDX, 2, false, "avx512f" },
	{ "avx512_4fmaps", 7, 0, EDX, 3, false, "avx512f" },
	{ "fsrm", 7, 0, EDX, 4, false, NULL },
	{ "avx512_vp2intersect", 7, 0, EDX, 8, false, "avx512f" },
	{ "serialize", 7, 0, EDX, 14, false, NULL },
	{ "avx512_fp16", 7, 0, EDX, 23, false, "avx512bw" },
	{ "avx_vnni", 7, 1, EAX, 4, false, "avx2" },
	{ "avx512_bf16", 7, 1, EAX, 5, false, "avx512bw" },
	{ "fzrm", 7, 1, EAX, 10, false, NULL },
	{ "fsrs", 7, 1, EAX, 11, false, NULL },
	{ "fsrc", 7, 1, EAX, 12, false, NULL },

	{ "xsaveopt", 0xd, 1, EAX, 0, false, "xsave" },
	{ "xsavec", 0xd, 1, EAX, 1, false, "xsave" },
	{ "xgetbv1", 0xd, 1, EAX, 2, false, "xsave" },

	{ "lahf_lm", EXT, 0, ECX, 0, false, "lm" },
	{ "cr8_legacy", EXT, 0, ECX, 4, false, NULL },
	{ "abm", EXT, 0, ECX, 5, false, NULL },
	{ "sse4a", EXT, 0, ECX, 6, false, "sse3" },
	{ "misalignsse", EXT, 0, ECX, 7, false, "sse2" },
	{ "3dnowprefetch", EXT, 0, ECX, 8, false, NULL },
	{ "xop", EXT, 0, ECX, 11, false, "avx" },
	{ "fma4", EXT, 0, ECX, 16, false, "avx" },
	{ "tbm", EXT, 0, ECX, 21, false, NULL },
	{ "topoext", EXT, 0, ECX, 22, false, NULL },

	{ "syscall", EXT, 0, EDX, 11, false, NULL },
	{ "nx", EXT, 0, EDX, 20, false, NULL },
	{ "mmxext", EXT, 0, EDX, 22, false, "mmx" },
	{ "fxsr_opt", EXT, 0, EDX, 25, false, "fxsr" },
	{ "pdpe1gb", EXT, 0, EDX, 26, false, "lm" },
	{ "rdtscp", EXT, 0, EDX, 27, false, "tsc" },
	{ "lm", EXT, 0, EDX, 29, false, "pae" },
	{ "3dnowext", EXT, 0, EDX, 30, false, "3dnow" },
	{ "3dnow", EXT, 0, EDX, 31, false, "mmx" },

	{ "clzero", 0x80000008, 0, EBX, 0, false, NULL },
	{ "wbnoinvd", 0x80000008, 0, EBX, 9, false, NULL },
};
_Static_assert(ARRAY_LEN(features) <= CPU_FEATURES, "a set has a bit for every feature");

unsigned cpu_feature_count(void)
{
	return ARRAY_LEN(features);
}

const struct cpu_feature *cpu_feature(unsigned i)
{
	return &features[i];
}

int cpu_feature_find(const char *name, size_t length)
{
	for (unsigned i = 0; i < ARRAY_LEN(features); i++)
		if (strlen(features[i].name) == length && !memcmp(features[i].name, name, length))
			return (int)i;
	return -1;
}

void cpu_set_close(struct cpu_set *s)
{
	bool changed;

	do {
		changed = false;
		for (unsigned i = 0; i < ARRAY_LEN(features); i++) {
			const char *needs = features[i].needs;
			int n = needs && cpu_set_has(s, i) ? cpu_feature_find(needs, strlen(needs)) : -1;

			if (n >= 0 && !cpu_set_has(s, (unsigned)n)) {
				cpu_set_put(s, i, false);
				changed = true;
			}
		}
	} while (changed);
}
