/* SPDX-License-Identifier: Apache-2.0 */
/* CPU features that the machine layer uses when they are there.  "off=NAME" on the command line hides one. */
#ifndef ARCH_X86_FEATURES_H
#define ARCH_X86_FEATURES_H

#include <lib/base.h>

enum cpu_feature {
	FEATURE_PGE, FEATURE_X2APIC, FEATURE_TSC_DEADLINE, FEATURE_PCID, FEATURE_SMEP, FEATURE_SMAP, FEATURE_UMIP,
	FEATURE_SHSTK, FEATURE_IBT, FEATURE_XSAVE, FEATURE_XSAVEOPT,
	FEATURE_XSAVES, FEATURE_AVX, FEATURE_INVPCID, FEATURE_1G_PAGES, FEATURE_INVARIANT_TSC,
	FEATURE_HYPERVISOR, FEATURE_MCA, FEATURE_VMX, FEATURE_SVM, FEATURE_COUNT
};

/* Read CPUID once.  Ends in cannot_run() when the CPU lacks what every 64-bit CPU has. */
void features_init(void);
/* In use: the CPU has it, and it is not switched off.  false before features_init(). */
extern uint64_t features_in_use;	/* a bit for each */
static inline bool cpu_has(enum cpu_feature f) { return features_in_use & BIT(f); }
/* Do without @f, which this CPU has but not as the manual says.  On the boot CPU, before the others start. */
void features_drop(enum cpu_feature f);
/* What the boot CPU uses and the CPU that executes this lacks; NULL: nothing. */
const char *features_missing(void);
/* enum tv_cpu_kind of the CPU that executes this. */
uint32_t cpu_kind(void);
/* One line of the features in use, in the log. */
void features_print(void);

#endif
