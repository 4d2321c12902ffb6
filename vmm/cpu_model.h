/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CPU models by name: which of the features that the host and Trivet can offer a guest sees.  The tables of cpu_feature.c and
 * cpu_model.c are read by the monitor and by tools/trivet, which takes the names out of them.
 *
 * A VM's CPU is described by words: the name of a model, then features with + or -, such as "x86-64-v2 +aes -pcid".  Without a
 * word it is "host": every feature that works here.
 */
#ifndef VMM_CPU_MODEL_H
#define VMM_CPU_MODEL_H

#include <lib/base.h>

enum cpuid_vendor { CPUID_OTHER, CPUID_INTEL, CPUID_AMD };	/* AMD: Hygon too */
enum cpuid_reg { EAX, EBX, ECX, EDX };

/* One bit of CPUID.  The host's is shown to guests, unless @own: then the monitor provides the feature on every host. */
struct cpu_feature {
	const char *name;
	uint32_t leaf, sub;
	uint8_t reg, bit;
	bool own;
	const char *needs;		/* a feature without which this one cannot be, or NULL */
};

#define CPU_FEATURES	128u		/* room in a set */

struct cpu_set {
	uint64_t word[CPU_FEATURES / 64];
};

static inline bool cpu_set_has(const struct cpu_set *s, unsigned i)
{
	return (s->word[i / 64] >> i % 64 & 1) != 0;
}

static inline void cpu_set_put(struct cpu_set *s, unsigned i, bool there)
{
	s->word[i / 64] = (s->word[i / 64] & ~BIT(i % 64)) | (uint64_t)there << i % 64;
}

/* The table of all features that a guest may see. */
unsigned cpu_feature_count(void);
const struct cpu_feature *cpu_feature(unsigned i);

/* Number of the feature whose name is the @length characters at @name, or -1. */
int cpu_feature_find(const char *name, size_t length);

/* Take out of @s what needs something that is not in it. */
void cpu_set_close(struct cpu_set *s);

struct cpu_model {
	const char *name;
	const char *base;		/* the model that it adds to, or NULL              */
	enum cpuid_vendor vendor;	/* CPUID_OTHER: any                                */
	uint32_t signature;		/* leaf 1 EAX: family, model, stepping; 0: the host's */
	const char *brand;		/* at most 47 characters; NULL: the host's         */
	const char *features;		/* names with a blank between them                 */
};

/* The named models; "host" is not one of them. */
unsigned cpu_model_count(void);
const struct cpu_model *cpu_model(unsigned i);

/* The features of @m and of those that it is based on. */
struct cpu_set cpu_model_features(const struct cpu_model *m);

/*
 * What the CPU that @words describe has on a host of @vendor, of which @offered can be shown to guests.  NULL: it is in *@set, and *@m
 * is the model, NULL for the host's own.  Else what is wrong, for people, good until the next call.
 */
const char *cpu_select(const char *words, enum cpuid_vendor vendor, const struct cpu_set *offered, struct cpu_set *set,
		       const struct cpu_model **m) MUST_USE;

#endif
