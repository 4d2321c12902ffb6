/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What CPU a guest will see, by the code and the tables of the monitor itself; `tools/trivet cpu` runs it.
 *
 *	cpu-model [-r DUMP] host			what a host can offer
 *	cpu-model models				the named models
 *	cpu-model [-r DUMP] resolve CPUS PARAVIRT WORDS	the CPU of a VM, leaf by leaf
 *
 * The host is the CPU that this runs on, or the one of which DUMP is a raw dump, as `cpuid -1 -r` prints it.  What it cannot know of
 * another machine is what its hypervisor switches off at boot.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cpuid.h"

#define HOST_XCR0	(XCR0_X87 | XCR0_SSE | XCR0_AVX | XCR0_AVX512)	/* what the kernel switches */
#define EXAMPLE_HZ	1000000000u
#define DUMP_ROWS	256u

static struct { uint32_t leaf, sub; struct cpuid_regs r; } dump[DUMP_ROWS];
static unsigned dump_count;

static struct cpuid_regs from_dump(uint32_t leaf, uint32_t sub)
{
	for (unsigned i = 0; i < dump_count; i++)
		if (dump[i].leaf == leaf && dump[i].sub == sub)
			return dump[i].r;
	return (struct cpuid_regs){ 0, 0, 0, 0 };
}

/* False: @path cannot be read, or holds no leaf. */
static bool read_dump(const char *path)
{
	FILE *file = fopen(path, "r");
	char line[256];

	if (!file)
		return false;
	while (dump_count < DUMP_ROWS && fgets(line, sizeof(line), file)) {
		struct cpuid_regs *r = &dump[dump_count].r;

		if (sscanf(line, " %x %x: eax=%x ebx=%x ecx=%x edx=%x", &dump[dump_count].leaf, &dump[dump_count].sub,
			   &r->eax, &r->ebx, &r->ecx, &r->edx) == 6)
			dump_count++;
	}
	fclose(file);
	return dump_count != 0;
}

static const char *maker(enum cpuid_vendor vendor)
{
	return vendor == CPUID_INTEL ? "Intel" : vendor == CPUID_AMD ? "AMD" : "any maker";
}

static void print_names(const struct cpu_set *s)
{
	unsigned column = 100;

	for (unsigned i = 0; i < cpu_feature_count(); i++) {
		unsigned width = (unsigned)strlen(cpu_feature(i)->name) + 1;

		if (!cpu_set_has(s, i))
			continue;
		if (column + width > 100)
			column = 0;
		printf("%s%s", column ? " " : "\n    ", cpu_feature(i)->name);
		column += width;
	}
	putchar('\n');
}

static struct cpu_set features_of(const struct cpuid_model *m)
{
	struct cpu_set s = { { 0 } };

	for (unsigned i = 0; i < cpu_feature_count(); i++) {
		const struct cpu_feature *f = cpu_feature(i);
		struct cpuid_cpu cpu = { 0 };
		struct cpuid_regs r = cpuid_query(m, &cpu, f->leaf, f->sub);
		const uint32_t reg[] = { r.eax, r.ebx, r.ecx, r.edx };

		cpu_set_put(&s, i, reg[f->reg] >> f->bit & 1);
	}
	return s;
}

static const char *build(struct cpuid_model *m, unsigned cpus, enum vm_paravirt paravirt, const char *words)
{
	struct cpuid_regs (*host)(uint32_t, uint32_t) = dump_count ? from_dump : cpuid;
	uint8_t bits = host(0x80000000, 0).eax >= 0x80000008 ? (uint8_t)host(0x80000008, 0).eax : 36;
	const struct cpuid_config cfg = {
		.cpu_count = cpus, .tsc_hz = EXAMPLE_HZ, .apic_bus_hz = EXAMPLE_HZ, .xcr0_mask = HOST_XCR0,
		.guest_phys_bits = bits, .gib_pages = true, .paravirt = paravirt, .cpu = words,
	};

	return cpuid_build(m, &cfg, host);
}

static void print_identity(const struct cpuid_model *m)
{
	const struct cpuid_cpu cpu = { .apic_enabled = true };
	struct cpuid_regs brand[3];
	uint32_t eax = cpuid_query(m, &cpu, 1, 0).eax, family = eax >> 8 & 15, model = eax >> 4 & 15;

	if (family == 6 || family == 15)
		model |= eax >> 12 & 0xf0;
	if (family == 15)
		family += eax >> 20 & 0xff;
	for (unsigned i = 0; i < 3; i++)
		brand[i] = cpuid_query(m, &cpu, 0x80000002 + i, 0);
	printf("%.48s, by %s: family 0x%x, model 0x%x, stepping %u\n", (const char *)brand, maker(m->vendor), family, model, eax & 15);
}

static int print_host(void)
{
	static struct cpuid_model m, named;
	struct cpu_set set;

	(void)build(&m, 1, VM_PARAVIRT_KVM, "");
	print_identity(&m);
	printf("can offer:");
	set = features_of(&m);
	print_names(&set);
	printf("models:\n    host");
	for (unsigned i = 0; i < cpu_model_count(); i++)
		if (!build(&named, 1, VM_PARAVIRT_KVM, cpu_model(i)->name))
			printf(" %s", cpu_model(i)->name);
	putchar('\n');
	return 0;
}

static int print_models(void)
{
	for (unsigned i = 0; i < cpu_model_count(); i++) {
		const struct cpu_model *m = cpu_model(i);
		struct cpu_set set = cpu_model_features(m);

		printf("%s: \"%s\", for hosts by %s:", m->name, m->brand, maker(m->vendor));
		print_names(&set);
	}
	return 0;
}

static int resolve(unsigned cpus, const char *paravirt, const char *words)
{
	enum vm_paravirt p = !strcmp(paravirt, "hyperv") ? VM_PARAVIRT_HYPERV : !strcmp(paravirt, "none") ? VM_PARAVIRT_NONE : VM_PARAVIRT_KVM;
	const struct cpuid_cpu cpu = { .apic_enabled = true, .xcr0 = XCR0_X87 };
	static struct cpuid_model m;
	const char *wrong = build(&m, cpus, p, words);
	struct cpu_set set;

	if (wrong) {
		fprintf(stderr, "%s\n", wrong);
		return 1;
	}
	print_identity(&m);
	printf("has:");
	set = features_of(&m);
	print_names(&set);
	printf("CPUID of its first CPU after a reset:\n");
	for (unsigned i = 0; i < m.count; i++) {
		struct cpuid_regs r = cpuid_query(&m, &cpu, m.row[i].leaf, m.row[i].sub);

		printf("   0x%08x 0x%02x: eax=0x%08x ebx=0x%08x ecx=0x%08x edx=0x%08x\n", m.row[i].leaf, m.row[i].sub, r.eax, r.ebx,
		       r.ecx, r.edx);
	}
	return 0;
}

int main(int argc, char **argv)
{
	if (argc > 3 && !strcmp(argv[1], "-r")) {
		if (!read_dump(argv[2])) {
			fprintf(stderr, "%s: no raw dump of CPUID, as `cpuid -1 -r` prints it\n", argv[2]);
			return 1;
		}
		argv += 2;
		argc -= 2;
	}
	if (argc == 2 && !strcmp(argv[1], "host"))
		return print_host();
	if (argc == 2 && !strcmp(argv[1], "models"))
		return print_models();
	if (argc == 5 && !strcmp(argv[1], "resolve"))
		return resolve((unsigned)atoi(argv[2]), argv[3], argv[4]);
	fprintf(stderr, "usage: cpu-model [-r DUMP] host | models | resolve CPUS PARAVIRT WORDS\n");
	return 2;
}
