/* SPDX-License-Identifier: Apache-2.0 */
/* Named CPU models, and what a VM's description of its CPU makes of them. */
#include "cpu_model.h"

#include <rt/fmt.h>
#include <rt/string.h>

#define HOST		"host"
#define CANNOT_OFFER	"the host cannot offer: "

/*
 * The levels of the x86-64 psABI say what compilers may assume and nothing about who made the CPU.  The CPUs of a maker have
 * what the first of their line had, as far as a guest can have it.  Every model contains what the monitor provides by itself.
 */
static const struct cpu_model models[] = {
	{ "x86-64-v1", NULL, CPUID_OTHER, 0, "Trivet x86-64-v1 CPU",
	  "fpu de pse tsc msr pae mce cx8 sep pge cmov pat pse36 clflush mmx fxsr sse sse2 syscall nx lm" },
	{ "x86-64-v2", "x86-64-v1", CPUID_OTHER, 0, "Trivet x86-64-v2 CPU",
	  "cx16 lahf_lm popcnt sse3 ssse3 sse4_1 sse4_2" },
	{ "x86-64-v3", "x86-64-v2", CPUID_OTHER, 0, "Trivet x86-64-v3 CPU",
	  "abm avx avx2 bmi1 bmi2 f16c fma movbe xsave" },
	{ "x86-64-v4", "x86-64-v3", CPUID_OTHER, 0, "Trivet x86-64-v4 CPU",
	  "avx512f avx512bw avx512cd avx512dq avx512vl" },
	{ "nehalem", "x86-64-v2", CPUID_INTEL, 0x000106a5, "Intel Core (Nehalem)",
	  "vme ss rdtscp" },
	{ "haswell", "x86-64-v3", CPUID_INTEL, 0x000306c3, "Intel Core (Haswell)",
	  "vme ss rdtscp aes pclmulqdq pcid invpcid rdrand fsgsbase smep erms pdpe1gb xsaveopt" },
	{ "skylake-server", "haswell", CPUID_INTEL, 0x00050654, "Intel Xeon (Skylake)",
	  "3dnowprefetch adx avx512f avx512bw avx512cd avx512dq avx512vl clflushopt clwb rdseed smap xsavec xgetbv1" },
	{ "icelake-server", "skylake-server", CPUID_INTEL, 0x000606a6, "Intel Xeon (Ice Lake)",
	  "avx512_bitalg avx512_vbmi2 avx512_vnni avx512_vpopcntdq avx512ifma avx512vbmi fsrm gfni rdpid sha_ni umip vaes "
	  "vpclmulqdq wbnoinvd" },
	{ "epyc", "x86-64-v3", CPUID_AMD, 0x00800f12, "AMD EPYC",
	  "vme rdtscp aes pclmulqdq rdrand fsgsbase smep pdpe1gb xsaveopt 3dnowprefetch adx clflushopt rdseed smap xsavec xgetbv1 "
	  "cr8_legacy fxsr_opt misalignsse mmxext sha_ni sse4a" },
	{ "epyc-rome", "epyc", CPUID_AMD, 0x00830f10, "AMD EPYC (Rome)",
	  "clwb rdpid umip wbnoinvd" },
	{ "epyc-milan", "epyc-rome", CPUID_AMD, 0x00a00f11, "AMD EPYC (Milan)",
	  "erms fsrm pcid invpcid vaes vpclmulqdq" },
};

static char message[160];

unsigned cpu_model_count(void)
{
	return ARRAY_LEN(models);
}

const struct cpu_model *cpu_model(unsigned i)
{
	return &models[i];
}

static const struct cpu_model *model_find(const char *name, size_t length)
{
	for (unsigned i = 0; i < ARRAY_LEN(models); i++)
		if (strlen(models[i].name) == length && !memcmp(models[i].name, name, length))
			return &models[i];
	return NULL;
}

/* The next word of *@text, its length in *@length; NULL at the end. */
static const char *next_word(const char **text, size_t *length)
{
	const char *word, *end;

	for (word = *text; *word == ' '; word++)
		;
	for (end = word; *end && *end != ' '; end++)
		;
	*text = end;
	*length = (size_t)(end - word);
	return *length ? word : NULL;
}

struct cpu_set cpu_model_features(const struct cpu_model *m)
{
	struct cpu_set s = { { 0 } };
	const char *text, *word;
	size_t length;

	for (unsigned i = 0; i < cpu_feature_count(); i++)
		cpu_set_put(&s, i, cpu_feature(i)->own);
	for (; m; m = m->base ? model_find(m->base, strlen(m->base)) : NULL)
		for (text = m->features; (word = next_word(&text, &length));) {
			int n = cpu_feature_find(word, length);

			if (n >= 0)
				cpu_set_put(&s, (unsigned)n, true);
		}
	return s;
}

/* +NAME and -NAME; what was asked for by name is in @asked. */
static const char *change(const char *word, size_t length, struct cpu_set *set, struct cpu_set *asked)
{
	int n = length > 1 && (*word == '+' || *word == '-') ? cpu_feature_find(word + 1, length - 1) : -1;

	if (n < 0) {
		fmt_buf(message, sizeof(message), "\"%.*s\" is no feature of CPUs that can be switched", (int)length, word);
		return message;
	}
	cpu_set_put(set, (unsigned)n, *word == '+');
	cpu_set_put(asked, (unsigned)n, *word == '+');
	return NULL;
}

/* What is in @wanted and not in @there. */
static const char *missing(const struct cpu_set *wanted, const struct cpu_set *there, const char *why)
{
	size_t used = 0;

	for (unsigned i = 0; i < cpu_feature_count(); i++)
		if (cpu_set_has(wanted, i) && !cpu_set_has(there, i))
			used += fmt_buf(message + used, sizeof(message) - used, "%s%s", used ? " " : why, cpu_feature(i)->name);
	return used ? message : NULL;
}

const char *cpu_select(const char *words, enum cpuid_vendor vendor, const struct cpu_set *offered, struct cpu_set *set,
		       const struct cpu_model **m)
{
	struct cpu_set asked = { { 0 } };
	const char *word, *wrong;
	size_t length;

	*m = NULL;
	*set = *offered;
	word = next_word(&words, &length);
	if (word && !(length == strlen(HOST) && !memcmp(word, HOST, length))) {
		*m = model_find(word, length);
		if (!*m) {
			fmt_buf(message, sizeof(message), "there is no model \"%.*s\"", (int)length, word);
			return message;
		}
		if ((*m)->vendor != CPUID_OTHER && (*m)->vendor != vendor) {
			fmt_buf(message, sizeof(message), "%s is one of %s, and the host's is not", (*m)->name,
				(*m)->vendor == CPUID_INTEL ? "Intel" : "AMD");
			return message;
		}
		*set = cpu_model_features(*m);
	}
	while ((word = next_word(&words, &length))) {
		wrong = change(word, length, set, &asked);
		if (wrong)
			return wrong;
	}
	wrong = missing(&asked, offered, CANNOT_OFFER);
	if (wrong)
		return wrong;
	/* What needs a feature that was switched off goes with it, unless it was asked for. */
	cpu_set_close(set);
	wrong = missing(&asked, set, "something that these need is left out: ");
	return wrong ? wrong : missing(set, offered, CANNOT_OFFER);
}
