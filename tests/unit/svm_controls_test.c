/* SPDX-License-Identifier: Apache-2.0 */
/* Features, intercepts, permission maps, ASIDs and the format of nested tables. */
/* sources: arch/svm/cpu.c arch/svm/controls.c arch/svm/vcpu.c arch/svm/state.c arch/svm/run.c arch/svm/exit.c arch/svm/inject.c arch/svm/bitmap.c arch/svm/pt_npt.c arch/svm/asid.c arch/svm/check.c arch/x86/guest_state.c kernel/event.c tests/fake/loop.c tests/fake/svm/fake.c */
#include "tests/fake/svm/vcpu.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <mm/pt.h>

static int setup(void **state)
{
	(void)state;
	fake_vcpu(0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	fake_vcpu_end();
	assert_int_equal(fake.allocated, 2);
	return 0;
}

/* --- features ---- */

static enum tv_err switch_on(void)
{
	memset(&svm, 0, sizeof(svm));
	return svm_cpu_on();
}

static void a_cpu_without_svm_is_refused_with_a_reason(void **state)
{
	(void)state;
	fake_reset();
	fake_cpuid(0x80000001)->ecx = 0;
	assert_int_equal(switch_on(), TV_EUNSUP);
	assert_string_equal(fake.log, "this CPU has no AMD SVM (hardware virtualisation)");
}

static void svm_disabled_by_firmware_is_told_from_locked(void **state)
{
	(void)state;
	fake_reset();
	wrmsr(MSR_VM_CR, VM_CR_SVMDIS);
	assert_int_equal(switch_on(), TV_EUNSUP);
	assert_string_equal(fake.log, "AMD SVM is disabled by the firmware (VM_CR is 0x10): switch it on in the firmware setup");
	wrmsr(MSR_VM_CR, VM_CR_SVMDIS | VM_CR_LOCK);
	assert_int_equal(switch_on(), TV_EUNSUP);
	assert_non_null(strstr(fake.log, "by the firmware and locked"));
}

static void svm_without_nested_paging_is_refused(void **state)
{
	(void)state;
	fake_reset();
	fake_cpuid(0x8000000a)->edx = 0;
	assert_int_equal(switch_on(), TV_EUNSUP);
	assert_non_null(strstr(fake.log, "nested paging"));
}

static void running_out_of_memory_leaves_svm_off(void **state)
{
	(void)state;
	for (unsigned n = 1; n <= 5; n++) {
		fake_reset();
		fake.fail_alloc = n;
		assert_int_equal(switch_on(), TV_EQUOTA);
		assert_int_equal(fake.allocated, 0);
		assert_int_equal(rdmsr(MSR_EFER), 0);
	}
}

static void each_feature_can_be_switched_off(void **state)
{
	(void)state;
	fake_reset();
	fake_cpuid(0x8000000a)->edx = 0xe9;
	fake_cpuid(0x80000001)->edx = 1u << 26;
	assert_int_equal(switch_on(), TV_OK);
	assert_true(svm.next_rip && svm.decode && svm.flush_asid && svm.clean && svm.npt_2m && svm.npt_1g);
	assert_string_equal(fake.log, "svm: nested paging, 16 ASIDs; in use: nextrip decode flushasid cleanbits npt2m npt1g");
	assert_int_equal(svm_pt()->max_leaf_level, 2);
	svm_cpu_off();
	fake.off = "nextrip,decode,flushasid,cleanbits,npt1g";
	assert_int_equal(switch_on(), TV_OK);
	assert_false(svm.next_rip || svm.decode || svm.flush_asid || svm.clean || svm.npt_1g);
	assert_int_equal(svm_pt()->max_leaf_level, 1);
	svm_cpu_off();
	fake.off = "npt2m";
	assert_int_equal(switch_on(), TV_OK);
	assert_int_equal(svm_pt()->max_leaf_level, 0);
	svm_cpu_off();
}

static void a_second_cpu_must_have_what_the_first_has(void **state)
{
	void *first;

	(void)state;
	fake_reset();
	fake_cpuid(0x8000000a)->edx = 0x9;
	assert_int_equal(switch_on(), TV_OK);
	first = fake.percpu;
	fake.cpu_id = 1;
	fake_cpuid(0x8000000a)->edx = 0x1;
	assert_int_equal(svm_cpu_on(), TV_EUNSUP);
	fake_cpuid(0x8000000a)->edx = 0x9;
	assert_int_equal(svm_cpu_on(), TV_OK);
	svm_cpu_off();
	fake.percpu = first;
	svm_cpu_off();
}

/* --- intercepts ---- */

static void mandatory_intercepts_stay_whatever_the_monitor_asks(void **state)
{
	(void)state;
	for (uint32_t ask = 0; ask <= TV_ICPT_ALL; ask++) {
		hw->intercept = ask;
		hw->exc_intercept = 0;
		svm_controls(hw);
		assert_int_equal(vmcb->icpt_exc, 1u << 1 | 1u << 17 | 1u << 18);
		assert_int_equal(vmcb->icpt_misc1 & 0xfd4c802f, 0xfd4c802f);
		assert_int_equal(vmcb->icpt_misc2 & 0x2e7f, 0x2e7f);
		assert_true(vmcb->icpt_cr & ICPT_WRITE(4));
		assert_int_equal(!!(vmcb->icpt_misc1 & ICPT1_RDTSC), !!(ask & TV_ICPT_RDTSC));
		assert_int_equal(!!(vmcb->icpt_misc2 & ICPT2_RDTSCP), !!(ask & TV_ICPT_RDTSC));
		assert_int_equal(!!(vmcb->icpt_cr & ICPT_WRITE(3)), !!(ask & TV_ICPT_CR3));
		assert_int_equal(!!(vmcb->icpt_cr & ICPT_WRITE(8)), !!(ask & TV_ICPT_CR8));
		assert_int_equal(vmcb->icpt_dr, ask & TV_ICPT_DR ? 0xffffffff : 0x00af000f);
		assert_int_equal(!!(vmcb->icpt_misc1 & ICPT1_INVLPG), !!(ask & TV_ICPT_INVLPG));
		assert_int_equal(!!(vmcb->icpt_misc1 & ICPT1_PAUSE), !!(ask & TV_ICPT_PAUSE));
	}
	hw->exc_intercept = ~0u;
	svm_controls(hw);
	assert_int_equal(vmcb->icpt_exc, ~4u);
}

/* --- permission maps ---- */

static bool port_exits(unsigned port)
{
	return hw->iopm[port / 8] >> port % 8 & 1;
}

static unsigned msr_bits(const uint8_t *map, uint32_t msr)
{
	unsigned base = msr < 0x2000 ? 0 : msr < 0xc0010000 ? 0x800 : 0x1000;

	return map[base + (msr & 0x1fff) / 4] >> (msr & 3) * 2 & 3;
}

static void ports_pass_only_inside_the_granted_range(void **state)
{
	uint64_t shared = svm_iopm_pa(hw);

	(void)state;
	assert_int_equal(svm_ports(&vcpu, 0x3f8, 8, false, NULL), TV_OK);
	assert_int_equal(vmcb->iopm_pa, shared);
	assert_int_equal(svm_ports(&vcpu, 0x3f9, 7, true, NULL), TV_OK);
	assert_int_not_equal(vmcb->iopm_pa, shared);
	for (unsigned port = 0; port < 0x10008; port++)
		assert_int_equal(port_exits(port), port < 0x3f9 || port > 0x3ff);
	assert_int_equal(svm_ports(&vcpu, 0x3f9, 3, false, NULL), TV_OK);
	assert_true(port_exits(0x3fb) && !port_exits(0x3fc));
	assert_int_equal(svm_ports(&vcpu, 0, 0x10000, true, NULL), TV_OK);
	assert_true(!port_exits(0xffff) && port_exits(0x10000));
	assert_int_equal(svm_ports(&vcpu, 0xffff, 2, true, NULL), TV_EINVAL);
}

static void granting_a_port_can_run_out_of_quota(void **state)
{
	uint64_t shared = vmcb->iopm_pa;

	(void)state;
	fake.fail_alloc = 1;
	assert_int_equal(svm_ports(&vcpu, 0x60, 1, true, NULL), TV_EQUOTA);
	assert_int_equal(vmcb->iopm_pa, shared);
}

static void msrs_that_the_cpu_switches_pass_and_others_only_as_the_table_says(void **state)
{
	static const uint32_t passes[] = { 0x174, 0x176, 0xc0000081, 0xc0000084, 0xc0000100, 0xc0000102 };
	static const uint32_t never[] = { 0x1b, 0x277, 0xc0000080, 0xc0000103, 0xc0010010, 0xc0010114, 0xc0010117, 0x2000, 0x80000000 };
	const uint8_t *shared = frame_va((hpa_t){ vmcb->msrpm_pa });

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(passes); i++)
		assert_int_equal(msr_bits(shared, passes[i]), 0);
	assert_int_equal(msr_bits(shared, 0x10), 3);
	for (unsigned i = 0; i < ARRAY_LEN(never); i++) {
		assert_int_equal(svm_msrs(&vcpu, never[i], 1, true, NULL), TV_EUNSUP);
		if (never[i] < 0x2000 || (never[i] >= 0xc0000000 && never[i] < 0xc0012000))
			assert_int_equal(msr_bits(shared, never[i]), 3);
	}
	assert_int_equal(svm_msrs(&vcpu, 0x10, 1, true, NULL), TV_OK);
	assert_int_equal(msr_bits(hw->msrpm, 0x10), 2);		/* reads pass, writes do not */
	assert_int_equal(msr_bits(hw->msrpm, 0x11), 3);
	assert_int_equal(svm_msrs(&vcpu, 0xc0000081, 4, false, NULL), TV_OK);
	assert_int_equal(msr_bits(hw->msrpm, 0xc0000081), 0);	/* was never a grant */
	assert_int_equal(svm_msrs(&vcpu, 0x10, 1, false, NULL), TV_OK);
	assert_int_equal(msr_bits(hw->msrpm, 0x10), 3);
	assert_int_equal(svm_msrs(&vcpu, 0x0f, 2, true, NULL), TV_EUNSUP);
	assert_int_equal(msr_bits(hw->msrpm, 0x10), 3);
	assert_int_equal(svm_msrs(&vcpu, 0xe7, ~0u, true, NULL), TV_EUNSUP);
}

/* --- ASIDs ---- */

static void asids_are_never_zero_and_a_wrap_flushes_all(void **state)
{
	struct svm_cpu *c = fake.percpu;
	unsigned flushes = 0;

	(void)state;
	for (unsigned i = 0; i < 60; i++) {
		uint64_t generation = c->asid_generation;

		svm_asid_assign(hw, c);
		assert_in_range(vmcb->asid, 1, 15);
		assert_int_equal(hw->asid_generation, c->asid_generation);
		assert_int_equal(vmcb->tlb_control == TLB_FLUSH_ALL, generation != c->asid_generation);
		flushes += vmcb->tlb_control == TLB_FLUSH_ALL;
	}
	assert_int_equal(flushes, 4);		/* the first entry of all begins a generation, too */
}

static void a_vcpu_that_moved_needs_a_new_asid_also_when_it_comes_back(void **state)
{
	struct svm_cpu here = { .asid_generation = 5, .asid_next = 3 };
	struct svm_cpu there = { .asid_generation = (1ull << 48) + 5, .asid_next = 3 };

	(void)state;
	svm_asid_assign(hw, &here);
	svm_asid_assign(hw, &there);
	assert_int_not_equal(hw->asid_generation, here.asid_generation);
	assert_int_equal(vmcb->clean, 0);
}

static void a_flush_that_was_lost_with_its_entry_is_made_up_for(void **state)
{
	struct svm_cpu *c = fake.percpu;

	(void)state;
	c->asid_next = svm.asid_count;
	svm_asid_assign(hw, c);				/* its entry was to flush all, and was refused */
	assert_int_equal(vmcb->tlb_control, TLB_FLUSH_ALL);
	svm_asid_lost(hw, c);
	assert_int_not_equal(hw->asid_generation, c->asid_generation);
	svm_asid_assign(hw, c);
	assert_int_equal(vmcb->tlb_control, TLB_FLUSH_ALL);
}

static void a_flush_takes_a_new_asid_or_flushes_the_old_one(void **state)
{
	struct svm_cpu *c = fake.percpu;

	(void)state;
	svm_asid_assign(hw, c);
	vmcb->tlb_control = TLB_KEEP;
	svm_flush(&vcpu);
	assert_int_not_equal(hw->asid_generation, c->asid_generation);
	svm_asid_assign(hw, c);
	svm.flush_asid = true;
	vmcb->tlb_control = TLB_KEEP;
	svm_flush(&vcpu);
	assert_int_equal(hw->asid_generation, c->asid_generation);
	assert_int_equal(vmcb->tlb_control, TLB_FLUSH_ASID);
}

/* --- nested tables ---- */

static void every_entry_of_nested_tables_allows_user_accesses(void **state)
{
	const struct pt_format *f = svm_pt();

	(void)state;
	assert_true(f->table & BIT(2));
	for (unsigned rights = 1; rights < 8; rights++) {
		assert_true(f->perm[rights] & BIT(2));
		assert_int_equal(!!(f->perm[rights] & BIT(1)), !!(rights & PT_W));
		assert_int_equal(!(f->perm[rights] & BIT(63)), !!(rights & PT_X));
	}
	assert_int_equal(f->perm[0], 0);
}

static void a_vcpu_that_cannot_be_paid_for_leaves_nothing(void **state)
{
	struct vcpu v = { .space = &space, .page = &page };
	unsigned before = fake.allocated;

	(void)state;
	for (unsigned n = 1; n <= 2; n++) {
		fake.fail_alloc = n;
		assert_int_equal(svm_vcpu_init(&v, NULL), TV_EQUOTA);
		assert_int_equal(fake.allocated, before);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
		cmocka_unit_test(a_cpu_without_svm_is_refused_with_a_reason),
		cmocka_unit_test(svm_disabled_by_firmware_is_told_from_locked),
		cmocka_unit_test(svm_without_nested_paging_is_refused), cmocka_unit_test(running_out_of_memory_leaves_svm_off),
		cmocka_unit_test(each_feature_can_be_switched_off), cmocka_unit_test(a_second_cpu_must_have_what_the_first_has),
		T(mandatory_intercepts_stay_whatever_the_monitor_asks), T(ports_pass_only_inside_the_granted_range),
		T(granting_a_port_can_run_out_of_quota), T(msrs_that_the_cpu_switches_pass_and_others_only_as_the_table_says),
		T(asids_are_never_zero_and_a_wrap_flushes_all), T(a_vcpu_that_moved_needs_a_new_asid_also_when_it_comes_back),
		T(a_flush_that_was_lost_with_its_entry_is_made_up_for), T(a_flush_takes_a_new_asid_or_flushes_the_old_one),
		T(every_entry_of_nested_tables_allows_user_accesses),
		T(a_vcpu_that_cannot_be_paid_for_leaves_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
