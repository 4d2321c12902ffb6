/* SPDX-License-Identifier: Apache-2.0 */
/* The CPUID model: nothing that is not virtualised shows, and what shows is consistent. */
/* sources: vmm/cpu_feature.c vmm/cpu_model.c vmm/cpuid.c vmm/rt/fmt.c */
#include "cpuid.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>
#include <x86/cr.h>
#include <x86/msr.h>

static const char *vendor;
static uint32_t host_max_ext;
static struct cpuid_model m;
static struct cpuid_cpu cpu;
static struct cpuid_config cfg;

/* A host that has every feature, with a plausible layout of its XSAVE area. */
static struct cpuid_regs host(uint32_t leaf, uint32_t sub)
{
	static const struct { uint32_t size, offset; } xsave[] = {
		[2] = { 256, 576 }, [5] = { 64, 1088 }, [6] = { 512, 1152 }, [7] = { 1024, 1664 }, [9] = { 8, 2688 },
		[18] = { 8192, 2816 },
	};
	struct cpuid_regs r = { ~0u, ~0u, ~0u, ~0u };

	if (leaf == 0 || leaf == 0x80000000) {
		r.eax = leaf ? host_max_ext : 0x20;
		memcpy(&r.ebx, vendor, 4);
		memcpy(&r.edx, vendor + 4, 4);
		memcpy(&r.ecx, vendor + 8, 4);
	} else if (leaf == 4 || leaf == 0x8000001d) {
		r = sub < 4 ? (struct cpuid_regs){ 0xffffc000 | (sub < 2 ? 1 : sub) << 5 | (sub < 2 ? sub + 1 : 3), 1, 2, 3 } :
			      (struct cpuid_regs){ 0, 0, 0, 0 };
	} else if (leaf == 0xd && sub == 0) {
		r = (struct cpuid_regs){ 0x602e7, 2696, 11008, 0 };
	} else if (leaf == 0xd && sub >= 2) {
		r = (struct cpuid_regs){ 0, 0, 0, 0 };
		if (sub < ARRAY_LEN(xsave))
			r = (struct cpuid_regs){ xsave[sub].size, xsave[sub].offset, 0, 0 };
	}
	return r;
}

static struct cpuid_regs query(uint32_t leaf, uint32_t sub)
{
	return cpuid_query(&m, &cpu, leaf, sub);
}

static void build(const char *name, unsigned cpus, uint64_t xcr0)
{
	vendor = name;
	host_max_ext = 0x80000028;
	cfg = (struct cpuid_config){
		.cpu_count = cpus, .tsc_hz = 2593906000, .apic_bus_hz = 1000000000, .xcr0_mask = xcr0, .guest_phys_bits = 40,
		.gib_pages = true,
	};
	assert_null(cpuid_build(&m, &cfg, host));
	cpu = (struct cpuid_cpu){ .apic_id = 0, .apic_enabled = true, .cr4 = 0, .xcr0 = 1 };
}

static int amd(void **state)
{
	(void)state;
	build("AuthenticAMD", 1, ~0ull);
	return 0;
}

static int intel(void **state)
{
	(void)state;
	build("GenuineIntel", 1, ~0ull);
	return 0;
}

static void the_model_is_sorted_and_has_no_row_twice(void **state)
{
	(void)state;
	assert_true(m.count < CPUID_ROWS);
	for (unsigned i = 1; i < m.count; i++)
		assert_true(m.row[i - 1].leaf < m.row[i].leaf ||
			    (m.row[i - 1].leaf == m.row[i].leaf && m.row[i - 1].sub < m.row[i].sub));
}

static void nested_virtualisation_and_unswitched_state_are_hidden(void **state)
{
	struct cpuid_regs r = query(1, 0);

	(void)state;
	assert_false(r.ecx & BIT(5));			/* VMX */
	assert_false(r.ecx & BIT(3));			/* MONITOR */
	assert_false(r.ecx & BIT(15));			/* PDCM */
	assert_false(query(0x80000001, 0).ecx & BIT(2));	/* SVM */
	assert_int_equal(query(0x8000000a, 0).edx, 0);
	r = query(7, 0);
	assert_false(r.ecx & (BIT(7) | BIT(5)));	/* CET, WAITPKG */
	assert_false(r.ebx & (BIT(4) | BIT(11) | BIT(2) | BIT(25)));	/* TSX, SGX, PT */
	assert_false(r.edx & (BIT(26) | BIT(22) | BIT(24) | BIT(20)));	/* SPEC_CTRL, AMX, CET */
	assert_int_equal(query(0xa, 0).eax, 0);		/* PMU */
	assert_int_equal(query(0x8000001f, 0).eax, 0);	/* SEV */
	assert_int_equal(query(5, 0).ecx, 0);
	assert_false(query(0xd, 1).eax & BIT(3));	/* XSAVES */
}

static void what_the_monitor_models_itself_is_always_offered(void **state)
{
	struct cpuid_regs r = query(1, 0);

	(void)state;
	assert_true(r.ecx & BIT(21));			/* x2APIC */
	assert_true(r.ecx & BIT(24));			/* TSC deadline */
	assert_true(r.ecx & BIT(31));			/* hypervisor */
	assert_true(r.edx & BIT(9));			/* APIC */
	assert_true(query(7, 0).ebx & BIT(1));		/* TSC_ADJUST */
	assert_true(query(0x80000007, 0).edx & BIT(8));
}

static void osxsave_and_the_apic_bit_follow_the_cpus_registers(void **state)
{
	(void)state;
	assert_false(query(1, 0).ecx & BIT(27));
	cpu.cr4 = CR4_OSXSAVE;
	assert_true(query(1, 0).ecx & BIT(27));
	cpu.apic_enabled = false;
	assert_false(query(1, 0).edx & BIT(9));
	assert_false(query(0x80000001, 0).edx & BIT(9));
}

static void xsave_sizes_follow_xcr0_and_end_with_the_last_component_offered(void **state)
{
	(void)state;
	assert_int_equal(query(0xd, 0).eax, XCR0_X87 | XCR0_SSE | XCR0_AVX | XCR0_AVX512 | 0x60000);
	build("AuthenticAMD", 1, XCR0_X87 | XCR0_SSE | XCR0_AVX | XCR0_AVX512);
	assert_int_equal(query(0xd, 0).eax, 0xe7);
	assert_int_equal(query(0xd, 0).ecx, 2688);
	assert_int_equal(query(0xd, 0).ebx, 576);
	cpu.xcr0 = 7;
	assert_int_equal(query(0xd, 0).ebx, 832);
	assert_int_equal(query(0xd, 1).ebx, 832);
	cpu.xcr0 = 0xe7;
	assert_int_equal(query(0xd, 0).ebx, 2688);
	assert_int_equal(query(0xd, 1).ebx, 2432);	/* compacted: no gap behind AVX */
	assert_int_equal(query(0xd, 2).eax, 256);
	assert_int_equal(query(0xd, 9).eax, 0);
}

/* The walker of the guest's page tables does not know them. */
static void protection_keys_are_hidden_with_all_that_belongs_to_them(void **state)
{
	(void)state;
	cpu.cr4 = CR4_PKE;
	assert_false(query(7, 0).ecx & (BIT(3) | BIT(4)));
	assert_false(m.cr4_mask & (CR4_PKE | CR4_PKS));
	assert_false(cpuid_xcr0_valid(&m, XCR0_X87 | XCR0_PKRU));
	assert_int_equal(query(0xd, 9).eax, 0);
}

static void features_that_need_a_state_component_go_with_it(void **state)
{
	(void)state;
	assert_true(query(7, 0).ebx & BIT(16));
	build("GenuineIntel", 1, XCR0_X87 | XCR0_SSE | XCR0_AVX);
	assert_false(query(7, 0).ebx & BIT(16));
	assert_true(query(7, 0).ebx & BIT(5));
	build("GenuineIntel", 1, XCR0_X87 | XCR0_SSE);
	assert_false(query(1, 0).ecx & BIT(28));
	assert_false(query(7, 0).ebx & BIT(5));
	build("GenuineIntel", 1, 0);
	assert_false(query(1, 0).ecx & BIT(26));
	assert_int_equal(m.cr4_mask & CR4_OSXSAVE, 0);
}

static void xcr0_is_checked_as_xsetbv_does(void **state)
{
	static const struct { uint64_t xcr0; bool ok; } row[] = {
		{ 1, true }, { 3, true }, { 7, true }, { 0x207, false }, { 0xe7, true }, { 0, false }, { 2, false }, { 5, false },
		{ 6, false }, { 0x27, false }, { 0xe3, false }, { BIT(63) | 1, false }, { 0x1f, false },
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(row); i++)
		assert_int_equal(cpuid_xcr0_valid(&m, row[i].xcr0), row[i].ok);
}

static void topology_ids_agree_over_all_leaves(void **state)
{
	(void)state;
	build("AuthenticAMD", 3, ~0ull);
	cpu.apic_id = 2;
	assert_int_equal(query(1, 0).ebx >> 24, 2);
	assert_int_equal(query(1, 0).ebx >> 16 & 0xff, 3);
	assert_true(query(1, 0).edx & BIT(28));
	for (uint32_t sub = 0; sub < 4; sub++) {
		assert_int_equal(query(0xb, sub).edx, 2);
		assert_int_equal(query(0xb, sub).ecx & 0xff, sub);
	}
	assert_int_equal(query(0xb, 0).eax, 0);
	assert_int_equal(query(0xb, 1).eax, 2);
	assert_int_equal(query(0xb, 1).ebx, 3);
	assert_int_equal(query(0xb, 2).ecx >> 8, 0);
	assert_int_equal(query(0x8000001e, 0).eax, 2);
	assert_int_equal(query(0x80000008, 0).ecx, 2 << 12 | 2);
}

/* Software derives the numbers of package, core and thread from any of these. */
static void all_leaves_tell_the_same_topology_for_every_number_of_cpus(void **state)
{
	static const char *const vendors[] = { "AuthenticAMD", "GenuineIntel" };

	(void)state;
	for (unsigned i = 0; i < 2 * 8; i++) {
		unsigned cpus = i / 2 + 1, bits = 0;
		bool is_amd = i % 2 == 0;

		build(vendors[i % 2], cpus, ~0ull);
		while (1u << bits < cpus)
			bits++;
		assert_int_equal(query(1, 0).ebx >> 16 & 0xff, cpus);
		assert_int_equal(query(1, 0).edx >> 28 & 1, cpus > 1);
		for (uint32_t leaf = 0xb; leaf <= (is_amd ? 0xbu : 0x1fu); leaf += 0x1f - 0xb) {
			assert_int_equal(query(leaf, 0).eax, 0);
			assert_int_equal(query(leaf, 0).ebx, 1);
			assert_int_equal(query(leaf, 1).eax, bits);
			assert_int_equal(query(leaf, 1).ebx, cpus);
			assert_int_equal(query(leaf, 2).ecx >> 8, 0);
		}
		for (cpu.apic_id = 0; cpu.apic_id < cpus; cpu.apic_id++) {
			assert_int_equal(query(1, 0).ebx >> 24, cpu.apic_id);
			assert_int_equal(query(0xb, 0).edx, cpu.apic_id);
			assert_int_equal(query(0x1f, 0).edx, is_amd ? 0 : cpu.apic_id);
			assert_int_equal(query(0x8000001e, 0).eax, is_amd ? cpu.apic_id : 0);
		}
		if (is_amd)
			assert_int_equal(query(0x80000008, 0).ecx, bits << 12 | (cpus - 1));
		else
			assert_int_equal(query(4, 0).eax >> 26, (1u << bits) - 1);
	}
}

static void hypervisor_leaves_carry_both_signatures_and_the_clock(void **state)
{
	struct cpuid_regs r = query(0x40000000, 0);
	char text[13] = "";

	(void)state;
	memcpy(text, &r.ebx, 4);
	memcpy(text + 4, &r.ecx, 4);
	memcpy(text + 8, &r.edx, 4);
	assert_string_equal(text, "TrivetTrivet");
	assert_int_equal(r.eax, 0x40000010);
	r = query(0x40000100, 0);
	assert_memory_equal(&r.ebx, "KVMK", 4);
	assert_int_equal(query(0x40000101, 0).eax, BIT(1) | BIT(3) | BIT(5) | BIT(7) | BIT(24));
	assert_int_equal(query(0x40000010, 0).eax, 2593906);
	assert_int_equal(query(0x40000200, 0).eax, 0);
}

static void intels_tsc_leaf_tells_the_frequency_to_a_millionth_without_overflow_in_linux(void **state)
{
	struct cpuid_regs r = query(0x15, 0);
	uint64_t khz = (uint64_t)(r.ecx / 1000) * r.ebx / r.eax;

	(void)state;
	assert_int_equal(r.ecx, 1000000000);
	assert_true((uint64_t)(r.ecx / 1000) * r.ebx <= UINT32_MAX);
	assert_in_range(khz, 2593906 - 3, 2593906 + 3);
}

static void leaves_beyond_the_last_repeat_it_on_intel_and_are_zero_on_amd(void **state)
{
	(void)state;
	assert_int_equal(query(0x20, 0).ebx, query(0x1f, 0).ebx);
	amd(NULL);
	assert_int_equal(query(0x20, 0).ebx, 0);
	assert_int_equal(query(0x15, 0).eax, 0);
}

static void the_guest_sees_its_own_address_widths_and_1_gib_pages_only_if_they_work(void **state)
{
	(void)state;
	assert_int_equal(query(0x80000008, 0).eax, 48 << 8 | 40);
	assert_true(m.gib_pages);
	cfg.gib_pages = false;
	assert_null(cpuid_build(&m, &cfg, host));
	assert_false(m.gib_pages);
	assert_false(query(0x80000001, 0).edx & BIT(26));
}

static void register_masks_follow_the_features(void **state)
{
	(void)state;
	assert_true(m.cr4_mask & CR4_SMEP);
	assert_false(m.cr4_mask & (CR4_VMXE | CR4_SMXE | CR4_CET | CR4_PKS | CR4_LA57));
	assert_true(m.efer_mask & EFER_NXE);
	assert_false(m.efer_mask & (EFER_SVME | EFER_LMA));
}

/* The VM's CPU as @words describe it. */
static const char *rebuild(const char *words)
{
	cfg.cpu = words;
	return cpuid_build(&m, &cfg, host);
}

static bool has(const char *name)
{
	const struct cpu_feature *f = cpu_feature((unsigned)cpu_feature_find(name, strlen(name)));
	struct cpuid_regs r = query(f->leaf, f->sub);
	const uint32_t reg[] = { r.eax, r.ebx, r.ecx, r.edx };

	return (reg[f->reg] >> f->bit & 1) != 0;
}

static void every_feature_stands_once_in_the_table_and_what_it_needs_stands_there_too(void **state)
{
	(void)state;
	for (unsigned i = 0; i < cpu_feature_count(); i++) {
		const struct cpu_feature *f = cpu_feature(i);

		assert_int_equal(cpu_feature_find(f->name, strlen(f->name)), i);
		assert_true(!f->needs || cpu_feature_find(f->needs, strlen(f->needs)) >= 0);
		for (unsigned k = 0; k < i; k++)
			assert_false(cpu_feature(k)->leaf == f->leaf && cpu_feature(k)->sub == f->sub &&
				     cpu_feature(k)->reg == f->reg && cpu_feature(k)->bit == f->bit);
	}
	assert_int_equal(cpu_feature_find("svm", 3), -1);
}

static void every_model_names_features_that_exist_and_lacks_nothing_that_they_need(void **state)
{
	(void)state;
	for (unsigned i = 0; i < cpu_model_count(); i++) {
		const struct cpu_model *named = cpu_model(i);
		struct cpu_set set = cpu_model_features(named), closed = set;

		cpu_set_close(&closed);
		assert_memory_equal(&set, &closed, sizeof(set));
		assert_true(strlen(named->brand) < 48);
		for (const char *word = named->features, *end; *word; word = *end ? end + 1 : end) {
			end = word + strcspn(word, " ");
			assert_true(cpu_feature_find(word, (size_t)(end - word)) >= 0);
		}
	}
}

static void a_named_model_has_its_features_and_no_others(void **state)
{
	struct cpuid_regs r;

	(void)state;
	assert_null(rebuild("x86-64-v2"));
	assert_true(has("sse4_2") && has("lm") && has("cx16"));
	assert_false(has("avx") || has("xsave") || has("aes") || has("smep") || has("rdtscp") || has("3dnow"));
	assert_true(has("x2apic") && has("tsc_deadline"));	/* the monitor's own */
	assert_int_equal(m.cr4_mask & (CR4_OSXSAVE | CR4_SMEP | CR4_PCIDE), 0);
	assert_int_equal(m.xcr0_mask, 0);
	assert_int_equal(query(0xd, 0).ecx, 0);
	assert_int_equal(query(0xd, 2).eax, 0);
	assert_false(m.tsc_aux);
	r = query(0x80000002, 0);
	assert_memory_equal(&r.eax, "Trivet x86-64-v2", 16);
	assert_null(rebuild("x86-64-v3"));
	assert_true(has("avx2") && has("fma"));
	assert_int_equal(m.xcr0_mask & (XCR0_X87 | XCR0_SSE | XCR0_AVX | XCR0_AVX512), XCR0_X87 | XCR0_SSE | XCR0_AVX);
}

static void a_makers_model_has_its_signature_and_is_refused_on_anothers_cpu(void **state)
{
	(void)state;
	assert_null(rebuild("epyc-rome"));
	assert_int_equal(query(1, 0).eax, 0x830f10);
	assert_int_equal(query(0x80000001, 0).eax, 0x830f10);
	assert_non_null(strstr(rebuild("haswell"), "one of Intel"));
	intel(NULL);
	assert_null(rebuild("haswell"));
	assert_int_equal(query(1, 0).eax, 0x306c3);
	assert_non_null(strstr(rebuild("epyc"), "one of AMD"));
}

static void features_are_switched_one_by_one_and_take_along_what_needs_them(void **state)
{
	(void)state;
	assert_null(rebuild("host -avx -pcid"));
	assert_false(has("avx") || has("avx2") || has("fma") || has("avx512f") || has("pcid") || has("invpcid"));
	assert_true(has("xsave") && has("aes"));
	assert_int_equal(m.cr4_mask & CR4_PCIDE, 0);
	assert_null(rebuild("x86-64-v1 +rdtscp  +x2apic -tsc_adjust"));
	assert_true(has("rdtscp") && m.tsc_aux && !m.tsc_adjust && !has("tsc_adjust"));
	assert_null(rebuild("host -fpu"));
	assert_false(has("sse2") || has("xsave") || has("avx"));
}

static void a_cpu_that_cannot_be_is_refused_with_the_reason(void **state)
{
	(void)state;
	assert_non_null(strstr(rebuild("pentium"), "no model \"pentium\""));
	assert_non_null(strstr(rebuild("host +svm"), "\"+svm\" is no feature"));
	assert_non_null(strstr(rebuild("host avx"), "\"avx\" is no feature"));
	assert_non_null(strstr(rebuild("host -"), "is no feature"));
	assert_non_null(strstr(rebuild("host -avx +avx2"), "left out: avx2"));
	build("AuthenticAMD", 1, XCR0_X87 | XCR0_SSE);
	assert_non_null(strstr(rebuild("x86-64-v3"), "cannot offer: fma avx"));
	assert_non_null(strstr(rebuild("host +avx"), "cannot offer: avx"));
	assert_null(rebuild("x86-64-v3 -avx"));
	intel(NULL);
	assert_non_null(strstr(rebuild("host +sse4a"), "cannot offer: sse4a"));
}

static void a_guest_finds_the_paravirtual_interface_that_was_chosen(void **state)
{
	(void)state;
	cfg.paravirt = VM_PARAVIRT_NONE;
	assert_null(rebuild(NULL));
	assert_int_equal(query(0x40000000, 0).eax, 0x40000010);
	assert_int_equal(query(0x40000100, 0).eax, 0);
	assert_int_equal(query(0x40000101, 0).eax, 0);
	cfg.paravirt = VM_PARAVIRT_HYPERV;
	assert_null(rebuild(NULL));
	assert_int_equal(query(0x40000000, 0).eax, 0x40000006);
	assert_int_equal(query(0x40000001, 0).eax, 0x31237648);
	assert_int_equal(query(0x40000003, 0).eax & (BIT(1) | BIT(9)), BIT(1) | BIT(9));
	assert_int_equal(query(0x40000010, 0).eax, 0);
	assert_int_equal(query(0x40000100, 0).eax, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(the_model_is_sorted_and_has_no_row_twice, amd),
		cmocka_unit_test_setup(nested_virtualisation_and_unswitched_state_are_hidden, amd),
		cmocka_unit_test_setup(nested_virtualisation_and_unswitched_state_are_hidden, intel),
		cmocka_unit_test_setup(what_the_monitor_models_itself_is_always_offered, amd),
		cmocka_unit_test_setup(osxsave_and_the_apic_bit_follow_the_cpus_registers, amd),
		cmocka_unit_test_setup(xsave_sizes_follow_xcr0_and_end_with_the_last_component_offered, amd),
		cmocka_unit_test_setup(protection_keys_are_hidden_with_all_that_belongs_to_them, amd),
		cmocka_unit_test_setup(features_that_need_a_state_component_go_with_it, intel),
		cmocka_unit_test_setup(xcr0_is_checked_as_xsetbv_does, amd),
		cmocka_unit_test_setup(topology_ids_agree_over_all_leaves, amd),
		cmocka_unit_test_setup(all_leaves_tell_the_same_topology_for_every_number_of_cpus, amd),
		cmocka_unit_test_setup(hypervisor_leaves_carry_both_signatures_and_the_clock, amd),
		cmocka_unit_test_setup(intels_tsc_leaf_tells_the_frequency_to_a_millionth_without_overflow_in_linux, intel),
		cmocka_unit_test_setup(leaves_beyond_the_last_repeat_it_on_intel_and_are_zero_on_amd, intel),
		cmocka_unit_test_setup(the_guest_sees_its_own_address_widths_and_1_gib_pages_only_if_they_work, amd),
		cmocka_unit_test_setup(register_masks_follow_the_features, amd),
		cmocka_unit_test(every_feature_stands_once_in_the_table_and_what_it_needs_stands_there_too),
		cmocka_unit_test(every_model_names_features_that_exist_and_lacks_nothing_that_they_need),
		cmocka_unit_test_setup(a_named_model_has_its_features_and_no_others, amd),
		cmocka_unit_test_setup(a_makers_model_has_its_signature_and_is_refused_on_anothers_cpu, amd),
		cmocka_unit_test_setup(features_are_switched_one_by_one_and_take_along_what_needs_them, amd),
		cmocka_unit_test_setup(a_cpu_that_cannot_be_is_refused_with_the_reason, amd),
		cmocka_unit_test_setup(a_guest_finds_the_paravirtual_interface_that_was_chosen, amd),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
