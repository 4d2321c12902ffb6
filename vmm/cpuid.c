/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The CPUID model.  SDM, "CPUID - CPU Identification"; APM, "CPUID Instruction".
 *
 * Features are bits that cpu_feature.c lists; which of those that the host has are shown, the VM's CPU model says.  All else
 * comes by the rows of policy[], which say which bits of the host's answer a guest may see and which are always set because the
 * monitor itself provides them.  What has no row reads as zeros, so a feature of a future CPU is hidden until someone has
 * thought about it.
 */
#include "cpuid.h"

#include <rt/string.h>
#include <x86/cr.h>
#include <x86/msr.h>

#include "hyperv.h"
#include "pvcall.h"
#include "pvclock.h"
#include "steal.h"

#define ALL		0xffffffffu
#define B(n)		(1u << (n))
#define BITS(hi, lo)	((uint32_t)MASK(hi, lo))

#define LEAF_MAX_BASIC	0x1fu		/* the last one that this model fills */
#define LEAF_HYP	0x40000000u
#define LEAF_HYP_TIMING	0x40000010u
#define LEAF_KVM	0x40000100u
#define LEAF_EXT	0x80000000u
#define LEAF_EXT_MAX	0x80000021u
#define CACHE_SUBS	8u		/* more caches than this no CPU describes */
#define XSAVE_COMPONENTS 64u
#define XSAVE_LEGACY	576u		/* bytes of the legacy area and the header */
#define LINEAR_BITS	48u
#define XCR0_AVX_FAMILY	(XCR0_AVX | XCR0_AVX512)

/* Leaf 1 EDX, of which AMD repeats a part in leaf 0x80000001. */
#define EDX1_COMMON	(BITS(9, 0) | BITS(17, 12) | BITS(24, 23))
#define EDX1_SET	(B(9) | B(12) | B(14))			/* APIC, MTRR, MCA */

static const struct policy {
	uint32_t leaf, sub;
	uint32_t pass[4], set[4];
} policy[] = {
	{ 0x01, 0, { ALL, BITS(15, 8), 0, 0 }, { 0, 0, 0, EDX1_SET } },	/* signature; the line that CLFLUSH flushes */
	{ 0x02, 0, { ALL, ALL, ALL, ALL }, { 0 } },
	{ 0x06, 0, { 0 }, { B(2) } },					/* the APIC timer never stops */
	{ 0x07, 0, { 0, B(6) | B(13), 0, 0 }, { 0 } },			/* what the FPU does no longer: FDP, FCS and FDS */
	{ 0x07, 1, { 0 }, { 0 } },
	{ 0x0d, 1, { 0 }, { 0 } },
	{ 0x80000001, 0, { ALL, BITS(31, 28), 0, 0 }, { 0 } },
	{ 0x80000002, 0, { ALL, ALL, ALL, ALL }, { 0 } },		/* brand string */
	{ 0x80000003, 0, { ALL, ALL, ALL, ALL }, { 0 } },
	{ 0x80000004, 0, { ALL, ALL, ALL, ALL }, { 0 } },
	{ 0x80000005, 0, { ALL, ALL, ALL, ALL }, { 0 } },		/* AMD: L1 caches and TLBs */
	{ 0x80000006, 0, { ALL, ALL, ALL, ALL }, { 0 } },		/* L2 */
	{ 0x80000007, 0, { 0 }, { 0, 0, 0, B(8) } },			/* invariant TSC: Trivet's clock rests on it */
	{ 0x80000008, 0, { 0, B(2), 0, 0 }, { LINEAR_BITS << 8, 0, 0, 0 } }, /* FXRSTOR restores error pointers */
	{ 0x80000019, 0, { ALL, ALL, 0, 0 }, { 0 } },			/* AMD: 1 GiB TLBs */
	{ 0x8000001a, 0, { ALL, 0, 0, 0 }, { 0 } },
	{ 0x80000021, 0, { B(0) | B(2) | B(6), 0, 0, 0 }, { 0 } },	/* LFENCE serialises; null selector clears base */
};

/* The CPU below, and the last leaves that it has. */
struct host {
	struct cpuid_regs (*cpuid)(uint32_t leaf, uint32_t sub);
	uint32_t max_basic, max_ext;
};

static struct cpuid_row *row_find(struct cpuid_model *m, uint32_t leaf, uint32_t sub)
{
	for (unsigned i = 0; i < m->count; i++)
		if (m->row[i].leaf == leaf && m->row[i].sub == sub)
			return &m->row[i];
	return NULL;
}

/* Insert in order.  CPUID_ROWS is larger than anything that cpuid_build() can add. */
static void row_add(struct cpuid_model *m, uint32_t leaf, uint32_t sub, struct cpuid_regs r)
{
	unsigned i = m->count;

	if (m->count == CPUID_ROWS)
		return;
	for (; i && (m->row[i - 1].leaf > leaf || (m->row[i - 1].leaf == leaf && m->row[i - 1].sub > sub)); i--)
		m->row[i] = m->row[i - 1];
	m->row[i] = (struct cpuid_row){ .leaf = leaf, .sub = sub, .r = r };
	m->count++;
}

static bool is_signature(const struct cpuid_regs *r, const char text[12])
{
	const uint32_t word[3] = { r->ebx, r->edx, r->ecx };

	return !__builtin_memcmp(word, text, 12);
}

static struct cpuid_regs signature(uint32_t eax, const char text[12])
{
	struct cpuid_regs r = { .eax = eax };

	__builtin_memcpy(&r.ebx, text, 4);
	__builtin_memcpy(&r.ecx, text + 4, 4);
	__builtin_memcpy(&r.edx, text + 8, 4);
	return r;
}

/* Bits of an APIC ID that number @count CPUs. */
static unsigned id_bits(unsigned count)
{
	unsigned bits = 0;

	while ((1u << bits) < count)
		bits++;
	return bits;
}

/* Caches: leaf 4 (Intel) or 0x8000001d (AMD).  As far as a guest's CPUs go, only the last level is shared. */
static void caches_add(struct cpuid_model *m, const struct cpuid_config *cfg, uint32_t leaf,
		       struct cpuid_regs (*host)(uint32_t, uint32_t))
{
	for (uint32_t sub = 0; sub < CACHE_SUBS; sub++) {
		struct cpuid_regs r = host(leaf, sub);
		unsigned type = r.eax & 0x1f, level = r.eax >> 5 & 7;

		if (!type)
			return;
		r.eax &= BITS(9, 0);
		if (level >= 3)
			r.eax |= (cfg->cpu_count - 1) << 14;
		if (m->vendor != CPUID_AMD)
			r.eax |= (uint32_t)(BIT(id_bits(cfg->cpu_count)) - 1) << 26;
		row_add(m, leaf, sub, r);
	}
}

/* Topology: one package, one thread in each core. */
static void topology_add(struct cpuid_model *m, const struct cpuid_config *cfg, uint32_t leaf)
{
	enum { TYPE_SMT = 1, TYPE_CORE = 2 };

	row_add(m, leaf, 0, (struct cpuid_regs){ 0, 1, TYPE_SMT << 8, 0 });
	row_add(m, leaf, 1, (struct cpuid_regs){ id_bits(cfg->cpu_count), cfg->cpu_count, TYPE_CORE << 8 | 1, 0 });
}

/* XSAVE: the host's layout of those components that a guest may enable. */
static void xsave_add(struct cpuid_model *m, struct cpuid_regs (*host)(uint32_t, uint32_t))
{
	uint32_t size = XSAVE_LEGACY;

	if (!m->xcr0_mask)
		return;
	for (uint32_t i = 2; i < XSAVE_COMPONENTS - 1; i++) {
		struct cpuid_regs r = host(0xd, i);

		if (!(m->xcr0_mask & BIT(i)))
			continue;
		row_add(m, 0xd, i, r);
		if (r.eax + r.ebx > size)
			size = r.eax + r.ebx;
	}
	row_add(m, 0xd, 0, (struct cpuid_regs){ (uint32_t)m->xcr0_mask, 0, size, (uint32_t)(m->xcr0_mask >> 32) });
}

/*
 * The closest fraction to @value / @unit with a numerator of at most @max, by continued fraction.  Leaf 0x15 needs a small
 * one: Linux multiplies the numerator by the crystal's kHz in 32 bits.
 */
static void fraction(uint64_t value, uint64_t unit, uint32_t max, uint32_t *num, uint32_t *den)
{
	uint64_t n0 = 0, d0 = 1, n1 = 1, d1 = 0;

	while (unit) {
		uint64_t q = value / unit, n2 = q * n1 + n0, d2 = q * d1 + d0, rest = value % unit;

		if (n2 > max || d2 > UINT32_MAX)
			break;
		n0 = n1, d0 = d1, n1 = n2, d1 = d2;
		value = unit;
		unit = rest;
	}
	*num = (uint32_t)n1;
	*den = (uint32_t)d1;
}

/* What tells the frequencies: leaves 0x15 and 0x16 as on Intel's CPUs, 0x40000010 as other hypervisors have it. */
static void timing_add(struct cpuid_model *m, const struct cpuid_config *cfg)
{
	uint32_t tsc_khz = (uint32_t)(cfg->tsc_hz / 1000), bus_khz = (uint32_t)(cfg->apic_bus_hz / 1000), num, den;

	if (m->vendor == CPUID_INTEL && bus_khz) {
		fraction(cfg->tsc_hz, cfg->apic_bus_hz, UINT32_MAX / bus_khz, &num, &den);
		if (num && den)
			row_add(m, 0x15, 0, (struct cpuid_regs){ den, num, (uint32_t)cfg->apic_bus_hz, 0 });
		row_add(m, 0x16, 0, (struct cpuid_regs){ tsc_khz / 1000, tsc_khz / 1000, 100, 0 });
	}
	if (m->paravirt != VM_PARAVIRT_HYPERV)
		row_add(m, LEAF_HYP_TIMING, 0, (struct cpuid_regs){ tsc_khz, bus_khz, 0, 0 });
}

/*
 * Hypervisor leaves, as far as a guest is told that it has one.  At 0x40000100, where Linux also searches, stands KVM's signature.  Under it Linux uses x2APIC without
 * interrupt remapping, which saves the decoding of every APIC access, takes the TSC's frequency from the clock of
 * pvclock.h instead of measuring it, and does not delay after port accesses.  With several CPUs, who waits for a lock sleeps.
 */
static void kvm_add(struct cpuid_model *m)
{
	row_add(m, LEAF_HYP, 0, signature(LEAF_HYP_TIMING, "TrivetTrivet"));
	row_add(m, LEAF_KVM, 0, signature(LEAF_KVM + 1, "KVMKVMKVM\0\0\0"));
	row_add(m, LEAF_KVM + 1, 0, (struct cpuid_regs){ .eax = (uint32_t)(PV_FEATURE_NO_IO_DELAY | PV_FEATURE_CLOCK |
									PV_FEATURE_STEAL_TIME | PV_FEATURE_UNHALT |
									PV_FEATURE_CLOCK_STABLE) });
}

/* TLFS, "Hypervisor CPUID Leaves".  The version is that of Windows Server 2016, which is old enough to promise little. */
static void hyperv_add(struct cpuid_model *m)
{
	row_add(m, LEAF_HYP, 0, signature(LEAF_HYP + 6, "Microsoft Hv"));
	row_add(m, LEAF_HYP + 1, 0, (struct cpuid_regs){ .eax = 0x31237648 });	/* "Hv#1" */
	row_add(m, LEAF_HYP + 2, 0, (struct cpuid_regs){ 14393, 10u << 16, 0, 0 });
	row_add(m, LEAF_HYP + 3, 0, (struct cpuid_regs){ HV_PRIVILEGES, 0, 0, HV_FEATURES });
	row_add(m, LEAF_HYP + 4, 0, (struct cpuid_regs){ HV_RECOMMENDED, UINT32_MAX, 0, 0 });	/* spin for ever */
	row_add(m, LEAF_HYP + 5, 0, (struct cpuid_regs){ VM_CPUS, VM_CPUS, 0, 0 });
}

static void hypervisor_add(struct cpuid_model *m)
{
	switch (m->paravirt) {
	case VM_PARAVIRT_KVM:
		kvm_add(m);
		break;
	case VM_PARAVIRT_HYPERV:
		hyperv_add(m);
		break;
	default:
		row_add(m, LEAF_HYP, 0, signature(LEAF_HYP_TIMING, "TrivetTrivet"));
	}
}

static bool leaf_there(const struct host *h, uint32_t leaf)
{
	return leaf <= (leaf >= LEAF_EXT ? h->max_ext : h->max_basic);
}

static void policy_add(struct cpuid_model *m, const struct host *host)
{
	for (unsigned i = 0; i < ARRAY_LEN(policy); i++) {
		const struct policy *p = &policy[i];
		struct cpuid_regs h = leaf_there(host, p->leaf) ? host->cpuid(p->leaf, p->sub) : (struct cpuid_regs){ 0, 0, 0, 0 };
		struct cpuid_regs r = {
			(h.eax & p->pass[EAX]) | p->set[EAX], (h.ebx & p->pass[EBX]) | p->set[EBX],
			(h.ecx & p->pass[ECX]) | p->set[ECX], (h.edx & p->pass[EDX]) | p->set[EDX],
		};

		row_add(m, p->leaf, p->sub, r);
	}
}

/* Take @name out of @s unless @there. */
static void feature_keep(struct cpu_set *s, const char *name, bool there)
{
	int n = cpu_feature_find(name, strlen(name));

	if (n >= 0 && !there)
		cpu_set_put(s, (unsigned)n, false);
}

static bool feature_there(const struct cpu_set *s, const char *name)
{
	int n = cpu_feature_find(name, strlen(name));

	return n >= 0 && cpu_set_has(s, (unsigned)n);
}

static uint32_t *reg_of(struct cpuid_regs *r, unsigned reg)
{
	return reg == EAX ? &r->eax : reg == EBX ? &r->ebx : reg == ECX ? &r->ecx : &r->edx;
}

/* Which of its features the host can offer to a guest: the kernel switches the state components of @xcr0. */
static struct cpu_set offer(const struct host *h, enum cpuid_vendor vendor, uint64_t xcr0, bool gib_pages)
{
	/* Of leaf 0x80000001, Intel's CPUs have only these. */
	static const uint32_t intel[] = { [ECX] = B(0) | B(5) | B(8), [EDX] = B(11) | B(20) | BITS(27, 26) | B(29) };
	struct cpu_set s = { { 0 } };

	for (unsigned i = 0; i < cpu_feature_count(); i++) {
		const struct cpu_feature *f = cpu_feature(i);
		struct cpuid_regs r = leaf_there(h, f->leaf) ? h->cpuid(f->leaf, f->sub) : (struct cpuid_regs){ 0, 0, 0, 0 };

		if (f->leaf != 0x80000001 || vendor == CPUID_AMD || intel[f->reg] >> f->bit & 1)
			cpu_set_put(&s, i, f->own || *reg_of(&r, f->reg) >> f->bit & 1);
	}
	feature_keep(&s, "xsave", (xcr0 & (XCR0_X87 | XCR0_SSE)) == (XCR0_X87 | XCR0_SSE));
	feature_keep(&s, "avx", xcr0 & XCR0_AVX);
	feature_keep(&s, "avx512f", (xcr0 & XCR0_AVX512) == XCR0_AVX512);
	feature_keep(&s, "pdpe1gb", gib_pages);
	cpu_set_close(&s);
	return s;
}

/* State components that belong to no feature of @s cannot be enabled. */
static uint64_t usable_components(const struct cpu_set *s, uint64_t xcr0)
{
	if (!feature_there(s, "xsave"))
		return 0;
	if (!feature_there(s, "avx"))
		xcr0 &= ~XCR0_AVX;
	return feature_there(s, "avx512f") ? xcr0 : xcr0 & ~XCR0_AVX512;
}

static void features_add(struct cpuid_model *m, const struct cpu_set *s)
{
	for (unsigned i = 0; i < cpu_feature_count(); i++) {
		const struct cpu_feature *f = cpu_feature(i);

		if (cpu_set_has(s, i))
			*reg_of(&row_find(m, f->leaf, f->sub)->r, f->reg) |= B(f->bit);
	}
}

/* What a named model is called: Intel's family, model and stepping stand in leaf 1, AMD's in 0x80000001 as well. */
static void identify(struct cpuid_model *m, const struct cpu_model *named)
{
	uint32_t text[12] = { 0 };

	if (named->signature) {
		row_find(m, 1, 0)->r.eax = named->signature;
		row_find(m, 0x80000001, 0)->r.eax = m->vendor == CPUID_AMD ? named->signature : 0;
	}
	memcpy(text, named->brand, min_u64(strlen(named->brand), sizeof(text) - 1));
	for (uint32_t i = 0; i < 3; i++)
		row_find(m, 0x80000002 + i, 0)->r = (struct cpuid_regs){ text[4 * i], text[4 * i + 1], text[4 * i + 2], text[4 * i + 3] };
}

/* Counts and widths that are the VM's own. */
static void fix_up(struct cpuid_model *m, const struct cpuid_config *cfg)
{
	struct cpuid_row *l1 = row_find(m, 1, 0), *ext1 = row_find(m, 0x80000001, 0), *ext8 = row_find(m, 0x80000008, 0);
	unsigned bits = id_bits(cfg->cpu_count);

	l1->r.ebx |= cfg->cpu_count << 16;
	if (cfg->cpu_count > 1)
		l1->r.edx |= B(28);
	if (m->vendor == CPUID_AMD) {
		ext1->r.ecx |= B(9);					/* OSVW: the monitor answers */
		ext1->r.edx |= l1->r.edx & EDX1_COMMON;
		if (cfg->cpu_count > 1)
			ext1->r.ecx |= B(1);				/* CMP_LEGACY: the threads are cores */
		ext8->r.ecx = bits << 12 | (cfg->cpu_count - 1);
		if (ext1->r.ecx & B(22))
			row_add(m, 0x8000001e, 0, (struct cpuid_regs){ 0, 0, 0, 0 });
	}
	ext8->r.eax |= cfg->guest_phys_bits;
}

/* The register bits that go with the features. */
static void derive(struct cpuid_model *m)
{
	static const struct { uint32_t leaf; uint8_t reg, bit; uint64_t cr4; } feature[] = {
		{ 1, EDX, 1, CR4_VME | CR4_PVI }, { 1, EDX, 2, CR4_DE }, { 1, EDX, 3, CR4_PSE }, { 1, EDX, 4, CR4_TSD },
		{ 1, EDX, 6, CR4_PAE }, { 1, EDX, 7, CR4_MCE }, { 1, EDX, 13, CR4_PGE }, { 1, EDX, 24, CR4_OSFXSR },
		{ 1, EDX, 25, CR4_OSXMMEXCPT }, { 1, ECX, 17, CR4_PCIDE }, { 1, ECX, 26, CR4_OSXSAVE },
		{ 7, EBX, 0, CR4_FSGSBASE }, { 7, EBX, 7, CR4_SMEP }, { 7, EBX, 20, CR4_SMAP }, { 7, ECX, 2, CR4_UMIP },
	};

	m->cr4_mask = CR4_PCE;		/* allowed everywhere; RDPMC fails all the same */
	for (unsigned i = 0; i < ARRAY_LEN(feature); i++)
		if (cpuid_has(m, feature[i].leaf, feature[i].reg, feature[i].bit))
			m->cr4_mask |= feature[i].cr4;
	m->efer_mask = 0;
	if (cpuid_has(m, 0x80000001, EDX, 11))
		m->efer_mask |= EFER_SCE;
	if (cpuid_has(m, 0x80000001, EDX, 29))
		m->efer_mask |= EFER_LME;
	if (cpuid_has(m, 0x80000001, EDX, 20))
		m->efer_mask |= EFER_NXE;
	if (cpuid_has(m, 0x80000001, EDX, 25))
		m->efer_mask |= EFER_FFXSR;
	m->gib_pages = cpuid_has(m, 0x80000001, EDX, 26);
	m->tsc_aux = cpuid_has(m, 0x80000001, EDX, 27) || cpuid_has(m, 7, ECX, 22);
	m->x2apic = cpuid_has(m, 1, ECX, 21);
	m->tsc_deadline = cpuid_has(m, 1, ECX, 24);
	m->tsc_adjust = cpuid_has(m, 7, EBX, 1);
}

/* Does @leaf look at ECX?  The others have one row and answer the same for every sub-leaf. */
static bool has_subleaves(uint32_t leaf)
{
	return leaf == 4 || leaf == 7 || leaf == 0xb || leaf == 0xd || leaf == 0x1f || leaf == 0x8000001d;
}

/* Does fill_in() change anything in the rows of @leaf? */
static bool has_varying_fields(uint32_t leaf)
{
	return leaf == 1 || leaf == 0xb || leaf == 0xd || leaf == 0x1f || leaf == 0x80000001 || leaf == 0x8000001e;
}

/* The rows are complete: how to find them, and what to do with them, fast.  The first row of a leaf has sub-leaf 0. */
static void index_rows(struct cpuid_model *m)
{
	for (unsigned i = m->count; i-- > 0;) {
		struct cpuid_row *row = &m->row[i];

		row->subleaves = has_subleaves(row->leaf);
		row->varies = has_varying_fields(row->leaf);
		m->index[cpuid_hash(row->leaf)] = (uint8_t)i;
	}
}

const char *cpuid_build(struct cpuid_model *m, const struct cpuid_config *cfg, struct cpuid_regs (*host)(uint32_t, uint32_t))
{
	struct cpuid_regs base = host(0, 0);
	const struct host h = { host, base.eax, host(LEAF_EXT, 0).eax };
	uint64_t xcr0 = cfg->xcr0_mask & ~XCR0_PKRU;
	const struct cpu_model *named;
	struct cpu_set offered, set;
	const char *wrong;

	*m = (struct cpuid_model){ .phys_bits = cfg->guest_phys_bits, .linear_bits = LINEAR_BITS, .paravirt = cfg->paravirt };
	m->vendor = is_signature(&base, "GenuineIntel") ? CPUID_INTEL :
		    is_signature(&base, "AuthenticAMD") || is_signature(&base, "HygonGenuine") ? CPUID_AMD : CPUID_OTHER;
	if (leaf_there(&h, 0xd)) {
		struct cpuid_regs components = host(0xd, 0);

		xcr0 &= (uint64_t)components.edx << 32 | components.eax;
	} else {
		xcr0 = 0;
	}
	offered = offer(&h, m->vendor, xcr0, cfg->gib_pages);
	wrong = cpu_select(cfg->cpu ? cfg->cpu : "", m->vendor, &offered, &set, &named);
	if (wrong)
		return wrong;

	m->xcr0_mask = usable_components(&set, xcr0);
	policy_add(m, &h);
	features_add(m, &set);
	if (named)
		identify(m, named);
	xsave_add(m, host);
	if (m->vendor == CPUID_AMD && feature_there(&set, "topoext"))
		caches_add(m, cfg, 0x8000001d, host);
	if (m->vendor != CPUID_AMD)
		caches_add(m, cfg, 4, host);
	topology_add(m, cfg, 0xb);
	if (m->vendor == CPUID_INTEL)
		topology_add(m, cfg, 0x1f);
	timing_add(m, cfg);
	hypervisor_add(m);
	fix_up(m, cfg);

	m->max_basic = m->vendor == CPUID_INTEL ? LEAF_MAX_BASIC : 0xd;
	row_add(m, 0, 0, (struct cpuid_regs){ m->max_basic, base.ebx, base.ecx, base.edx });
	row_add(m, LEAF_EXT, 0, (struct cpuid_regs){ (uint32_t)min_u64(max_u64(h.max_ext, 0x80000008), LEAF_EXT_MAX),
						     base.ebx, base.ecx, base.edx });
	index_rows(m);
	derive(m);
	return NULL;
}

/* Mostly where the index says, else a binary search; NULL if there is no such row. */
static const struct cpuid_row *row_search(const struct cpuid_model *m, uint32_t leaf, uint32_t sub)
{
	const struct cpuid_row *first = &m->row[m->index[cpuid_hash(leaf)]];
	uint64_t key = (uint64_t)leaf << 32 | sub;
	unsigned lo = 0, hi = m->count;

	if (likely(first->leaf == leaf && first->sub == sub))
		return first;

	while (lo < hi) {
		unsigned mid = (lo + hi) / 2;
		const struct cpuid_row *r = &m->row[mid];
		uint64_t k = (uint64_t)r->leaf << 32 | r->sub;

		if (k == key)
			return r;
		if (k < key)
			lo = mid + 1;
		else
			hi = mid;
	}
	return NULL;
}

bool cpuid_has(const struct cpuid_model *m, uint32_t leaf, unsigned reg, unsigned bit)
{
	const struct cpuid_row *r = row_search(m, leaf, 0);
	const uint32_t word[4] = { r ? r->r.eax : 0, r ? r->r.ebx : 0, r ? r->r.ecx : 0, r ? r->r.edx : 0 };

	return (word[reg & 3] >> bit & 1) != 0;
}

/* Bytes of an XSAVE area for the components @xcr0; @compact: in the compacted format. */
static uint32_t xsave_size(const struct cpuid_model *m, uint64_t xcr0, bool compact)
{
	uint32_t size = XSAVE_LEGACY;

	for (uint32_t i = 2; i < XSAVE_COMPONENTS - 1 && xcr0 >> i; i++) {
		const struct cpuid_row *r = xcr0 >> i & 1 ? row_search(m, 0xd, i) : NULL;

		if (!r)
			continue;
		if (compact)
			size = (r->r.ecx & B(1) ? (uint32_t)align_up(size, 64) : size) + r->r.eax;
		else if (r->r.eax + r->r.ebx > size)
			size = r->r.eax + r->r.ebx;
	}
	return size;
}

/* The fields that follow the state of the CPU. */
static void fill_in(const struct cpuid_model *m, const struct cpuid_cpu *cpu, const struct cpuid_row *row, struct cpuid_regs *r)
{
	switch (row->leaf) {
	case 1:
		cpuid_fill_in_1(r, cpu->apic_id, cpu->apic_enabled, cpu->cr4);
		break;
	case 0xb:
	case 0x1f:
		r->edx = cpu->apic_id;
		break;
	case 0xd:
		if (row->sub == 0)
			r->ebx = xsave_size(m, cpu->xcr0, false);
		else if (row->sub == 1 && r->eax & B(1))
			r->ebx = xsave_size(m, cpu->xcr0, true);
		break;
	case 0x80000001:
		if (!cpu->apic_enabled)
			r->edx &= ~B(9);
		break;
	case 0x8000001e:
		r->eax = cpu->apic_id;
		r->ebx = cpu->apic_id;
		break;
	default:
		break;
	}
}

struct cpuid_regs cpuid_query(const struct cpuid_model *m, const struct cpuid_cpu *cpu, uint32_t leaf, uint32_t sub)
{
	const struct cpuid_row *row;
	struct cpuid_regs r;

	/* SDM: beyond the last basic leaf, the data of that leaf is returned.  AMD returns zeros. */
	if (m->vendor == CPUID_INTEL && leaf > m->max_basic && leaf < LEAF_HYP)
		leaf = m->max_basic;
	row = row_search(m, leaf, has_subleaves(leaf) ? sub : 0);
	if (!row) {
		/* Beyond the last level of a topology: type 0, but the ID and the level number stand there. */
		if (leaf == 0xb || (leaf == 0x1f && m->vendor == CPUID_INTEL))
			return (struct cpuid_regs){ 0, 0, sub & 0xff, cpu->apic_id };
		return (struct cpuid_regs){ 0, 0, 0, 0 };
	}
	r = row->r;
	fill_in(m, cpu, row, &r);
	return r;
}

bool cpuid_xcr0_valid(const struct cpuid_model *m, uint64_t xcr0)
{
	uint64_t avx512 = xcr0 & XCR0_AVX512, mpx = xcr0 & (XCR0_BNDREGS | XCR0_BNDCSR);

	return !(xcr0 & ~m->xcr0_mask) && (xcr0 & XCR0_X87) &&
	       (!(xcr0 & XCR0_AVX_FAMILY) || (xcr0 & XCR0_SSE)) &&
	       (!avx512 || (avx512 == XCR0_AVX512 && (xcr0 & XCR0_AVX))) &&
	       (!mpx || mpx == (XCR0_BNDREGS | XCR0_BNDCSR));
}
