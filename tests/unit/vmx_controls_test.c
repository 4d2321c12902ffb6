/* SPDX-License-Identifier: Apache-2.0 */
/* Features, control words, permission maps, VMCSs of several vCPUs, flushes, and the format of extended page tables. */
/* sources: arch/vmx/cpu.c arch/vmx/controls.c arch/vmx/vcpu.c arch/vmx/state.c arch/vmx/run.c arch/vmx/exit.c arch/vmx/inject.c arch/vmx/bitmap.c arch/vmx/pt_ept.c arch/vmx/vpid.c arch/vmx/check.c arch/x86/guest_state.c kernel/event.c tests/fake/loop.c tests/fake/vmx/fake.c */
#include "tests/fake/vmx/vcpu.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <abi/info.h>
#include <mm/pt.h>

#define SHARED_MAPS	3	/* allocations that stay */

static int setup(void **state)
{
	(void)state;
	fake_vcpu("");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	fake_vcpu_end();
	assert_int_equal(fake.allocated, SHARED_MAPS);
	return 0;
}

/* --- features ---- */

static enum tv_err switch_on(void)
{
	memset(&vmx, 0, sizeof(vmx));
	return vmx_cpu_on();
}

/* VMX is refused, with all of @words in one line of the log, and nothing stays. */
static void refused(const char *const *words)
{
	assert_int_equal(switch_on(), TV_EUNSUP);
	for (; *words; words++)
		if (!strstr(fake.log, *words))
			fail_msg("\"%s\" is not in \"%s\"", *words, fake.log);
	assert_int_equal(fake.allocated, 0);
	assert_int_equal(fake.vmxon, 0);
	assert_false(fake.cr4 & CR4_VMXE);
}
#define REFUSED(...)	refused((const char *const[]){ __VA_ARGS__, NULL })

static void what_is_missing_is_said_with_the_value_of_the_msr(void **state)
{
	(void)state;
	fake_reset();
	fake_cpuid(1)->ecx = 0;
	REFUSED("no Intel VMX");
	fake_reset();
	*fake_msr(MSR_IA32_FEATURE_CONTROL) = FEATURE_CONTROL_LOCK;
	REFUSED("locked by the firmware", "IA32_FEATURE_CONTROL is 0x1");
	fake_reset();
	*fake_msr(MSR_IA32_VMX_PROCBASED_CTLS2) = 0x02177ffdull << 32;
	REFUSED("no nested paging (EPT)", "0x48b", "0x2177ffd00000000");
	fake_reset();
	*fake_msr(MSR_IA32_VMX_PROCBASED_CTLS2) = 0x02177f7full << 32;
	REFUSED("no unrestricted guest", "0x48b", "0x2177f7f00000000");
	fake_reset();
	*fake_msr(MSR_IA32_VMX_TRUE_PINBASED_CTLS) = 0x5full << 32 | 0x16;
	REFUSED("no virtual NMIs", "0x48d");
	fake_reset();
	*fake_msr(MSR_IA32_VMX_TRUE_EXIT_CTLS) = 0x001fffffull << 32 | 0x36dfb;
	REFUSED("VM-exit controls 0x200000");
	fake_reset();
	*fake_msr(MSR_IA32_VMX_EPT_VPID_CAP) &= ~EPT_CAP_INVEPT;
	REFUSED("INVEPT", "IA32_VMX_EPT_VPID_CAP is 0xf0106234141");
	fake_reset();
	*fake_msr(MSR_IA32_VMX_BASIC) |= VMX_BASIC_32_BIT;
	REFUSED("below 4 GiB", "IA32_VMX_BASIC");
	fake_reset();
	fake.vmxon_fails = true;
	REFUSED("VMXON fails on CPU 0");
	fake_reset();
	fake.cr0 &= ~CR0_NE;
	REFUSED("VMXON fails");
}

static void firmware_that_left_the_choice_gets_it_made(void **state)
{
	(void)state;
	fake_reset();
	*fake_msr(MSR_IA32_FEATURE_CONTROL) = 0;
	assert_int_equal(switch_on(), TV_OK);
	assert_int_equal(rdmsr(MSR_IA32_FEATURE_CONTROL), FEATURE_CONTROL_LOCK | FEATURE_CONTROL_VMX);
	vmx_cpu_off();
}

static void running_out_of_memory_leaves_vmx_off(void **state)
{
	(void)state;
	for (unsigned n = 1; n <= 5; n++) {
		fake_reset();
		fake.fail_alloc = n;
		assert_int_equal(switch_on(), TV_EQUOTA);
		assert_int_equal(fake.allocated, 0);
		assert_int_equal(fake.vmxon, 0);
		assert_false(fake.cr4 & CR4_VMXE);
	}
}

static void each_feature_can_be_switched_off(void **state)
{
	(void)state;
	fake_reset();
	assert_int_equal(switch_on(), TV_OK);
	assert_string_equal(fake.log, "vmx: nested paging, unrestricted guest; in use: vpid timer eptad ept2m ept1g");
	assert_int_equal(vmx_pt()->max_leaf_level, 2);
	assert_int_equal(vmx_pt()->accessed, BIT(8));
	assert_int_equal(vmx.eptp, 0x5e);
	vmx_cpu_off();
	fake.off = "vpid,timer,eptad,ept1g";
	assert_int_equal(switch_on(), TV_OK);
	assert_string_equal(fake.log, "vmx: nested paging, unrestricted guest; in use: ept2m");
	assert_false(vmx.word[VMX_PROC2] & PROC2_VPID || vmx.word[VMX_PIN] & PIN_PREEMPTION_TIMER);
	assert_int_equal(vmx_pt()->max_leaf_level, 1);
	assert_int_equal(vmx_pt()->accessed, 0);
	assert_int_equal(vmx.eptp, 0x1e);
	vmx_cpu_off();
	fake.off = "ept2m";
	assert_int_equal(switch_on(), TV_OK);
	assert_int_equal(vmx_pt()->max_leaf_level, 0);
	vmx_cpu_off();
	assert_int_equal(vmx_ops.features(), TV_FEAT_VMX | TV_FEAT_NEXT_RIP);
}

static void a_second_cpu_must_have_what_the_first_has(void **state)
{
	void *first;

	(void)state;
	fake_reset();
	assert_int_equal(switch_on(), TV_OK);
	first = fake.percpu;
	fake.cpu_id = 1;
	*fake_msr(MSR_IA32_VMX_EPT_VPID_CAP) &= ~EPT_CAP_1G;
	assert_int_equal(vmx_cpu_on(), TV_EUNSUP);
	assert_non_null(strstr(fake.log, "CPU 1 differs"));
	*fake_msr(MSR_IA32_VMX_EPT_VPID_CAP) |= EPT_CAP_1G;
	assert_int_equal(vmx_cpu_on(), TV_OK);
	vmx_cpu_off();
	fake.percpu = first;
	vmx_cpu_off();
}

/* --- control words ---- */

static void control_words_follow_the_capabilities(void **state)
{
	uint32_t bad;

	(void)state;
	/* Bits 1 and 2 must be 1, 0 to 7 may be. */
	assert_int_equal(vmx_controls_compute(0xffull << 32 | 6, 0x10, 0x120, 0x40, 0x80, &bad), 0x36);
	assert_int_equal(bad, 0);
	vmx_controls_compute(0xffull << 32 | 6, 0x300, 0, 0, 0, &bad);
	assert_int_equal(bad, 0x300);
	/* What is switched at times must be possible both ways, and what is forbidden must be possible off. */
	vmx_controls_compute(0xffull << 32 | 6, 0, 0, 0x102, 0, &bad);
	assert_int_equal(bad, 0x102);
	vmx_controls_compute(0xffull << 32 | 6, 0, 0, 0, 0x104, &bad);
	assert_int_equal(bad, 0x4);
}

static void what_could_reach_the_host_always_exits(void **state)
{
	const uint32_t proc = PROC_HLT | PROC_MWAIT | PROC_MONITOR | PROC_RDPMC | PROC_IO_BITMAPS | PROC_MSR_BITMAP | PROC_MOV_DR |
			      PROC_TPR_SHADOW;

	(void)state;
	hw->intercept = 0;
	hw->exc_intercept = 0;
	vmx_controls(hw);
	assert_int_equal(FIELD(VMCS_PROC_CONTROLS) & proc, proc);
	assert_false(FIELD(VMCS_PROC_CONTROLS) & (PROC_CR3_LOAD | PROC_CR3_STORE | PROC_INVLPG | PROC_RDTSC | PROC_CR8_LOAD | PROC_PAUSE));
	assert_int_equal(FIELD(VMCS_EXCEPTION_BITMAP), 1u << EXC_DB | 1u << EXC_AC | 1u << EXC_MC);
	assert_int_equal(FIELD(VMCS_PIN_CONTROLS) & (PIN_INTR | PIN_NMI | PIN_VIRTUAL_NMI), PIN_INTR | PIN_NMI | PIN_VIRTUAL_NMI);
	assert_false(FIELD(VMCS_EXIT_CONTROLS) & EXIT_ACK_INTR);
	assert_true(FIELD(VMCS_PROC2_CONTROLS) & PROC2_WBINVD);
	assert_false(FIELD(VMCS_PROC2_CONTROLS) & (1u << 20) /* XSAVES */);
}

static void the_monitor_can_ask_for_more(void **state)
{
	static const struct { uint32_t icpt, proc; } rows[] = {
		{ TV_ICPT_RDTSC, PROC_RDTSC }, { TV_ICPT_CR3, PROC_CR3_LOAD | PROC_CR3_STORE }, { TV_ICPT_INVLPG, PROC_INVLPG },
		{ TV_ICPT_PAUSE, PROC_PAUSE }, { TV_ICPT_DR, 0 }, { TV_ICPT_CR8, PROC_CR8_LOAD | PROC_CR8_STORE },
	};
	uint32_t base = hw->proc;

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
		page.intercept = rows[i].icpt;
		page.exc_intercept = 1u << EXC_UD | 1u << EXC_NMI;
		(void)vmx_run(&vcpu);
		assert_int_equal(FIELD(VMCS_PROC_CONTROLS), base | rows[i].proc);
		assert_int_equal(FIELD(VMCS_EXCEPTION_BITMAP), 1u << EXC_DB | 1u << EXC_AC | 1u << EXC_MC | 1u << EXC_UD);
	}
}

/* --- permission maps ---- */

static bool bit(uint64_t pa, unsigned n)
{
	const uint8_t *map = frame_va((hpa_t){ pa });

	return map[n / 8] >> n % 8 & 1;
}

static bool port_exits(unsigned port)
{
	return bit(port < 0x8000 ? FIELD(VMCS_IO_BITMAP_A) : FIELD(VMCS_IO_BITMAP_B), port % 0x8000);
}

static bool msr_exits(uint32_t msr, bool write)
{
	return bit(FIELD(VMCS_MSR_BITMAP), (write ? 0x4000 : 0) + (msr >= 0xc0000000 ? 0x2000 : 0) + msr % 0x2000);
}

static void ports_pass_one_by_one(void **state)
{
	(void)state;
	assert_true(port_exits(0) && port_exits(0x3f8) && port_exits(0xffff));
	assert_int_equal(vmx_ports(&vcpu, 0x7ffe, 4, true, NULL), TV_OK);
	(void)vmx_run(&vcpu);
	assert_true(port_exits(0x7ffd) && !port_exits(0x7ffe) && !port_exits(0x8001) && port_exits(0x8002));
	assert_int_equal(vmx_ports(&vcpu, 0x8000, 1, false, NULL), TV_OK);
	(void)vmx_run(&vcpu);
	assert_true(!port_exits(0x7fff) && port_exits(0x8000) && !port_exits(0x8001));
	assert_int_equal(vmx_ports(&vcpu, 0xffff, 2, true, NULL), TV_EINVAL);
}

static void msrs_pass_as_far_as_they_can_be_given(void **state)
{
	(void)state;
	assert_false(msr_exits(MSR_KERNEL_GS_BASE, false) || msr_exits(MSR_KERNEL_GS_BASE, true) || msr_exits(MSR_IA32_SYSENTER_EIP, true));
	assert_true(!msr_exits(MSR_LSTAR, false) && msr_exits(MSR_LSTAR, true));
	assert_true(msr_exits(MSR_EFER, false) && msr_exits(MSR_EFER, true) && msr_exits(0x10, false) && msr_exits(0x1b, true));
	assert_int_equal(vmx_msrs(&vcpu, 0x10, 1, true, NULL), TV_OK);
	(void)vmx_run(&vcpu);
	assert_true(!msr_exits(0x10, false) && msr_exits(0x10, true));
	assert_int_equal(vmx_msrs(&vcpu, MSR_EFER, 1, true, NULL), TV_EUNSUP);
	assert_int_equal(vmx_msrs(&vcpu, 0xe6, 2, true, NULL), TV_EUNSUP);
	assert_int_equal(vmx_msrs(&vcpu, 0x10, 1, false, NULL), TV_OK);
	assert_int_equal(vmx_msrs(&vcpu, MSR_KERNEL_GS_BASE, 1, false, NULL), TV_OK);
	(void)vmx_run(&vcpu);
	assert_true(msr_exits(0x10, false) && !msr_exits(MSR_KERNEL_GS_BASE, true));
}

static void own_maps_are_paid_for_or_not_made(void **state)
{
	(void)state;
	fake.fail_alloc = 1;
	assert_int_equal(vmx_ports(&vcpu, 0x80, 1, true, NULL), TV_EQUOTA);
	fake.fail_alloc = 1;
	assert_int_equal(vmx_msrs(&vcpu, 0x10, 1, true, NULL), TV_EQUOTA);
	assert_null(hw->io_map);
	assert_null(hw->msr_map);
	assert_false(hw->maps_changed);
}

static void a_vcpu_that_cannot_be_paid_for_leaves_nothing(void **state)
{
	struct vcpu other = { .space = &space, .page = &page };
	unsigned before = fake.allocated;

	(void)state;
	for (unsigned n = 1; n <= 3; n++) {
		fake.fail_alloc = n;
		assert_int_equal(vmx_vcpu_init(&other, NULL), TV_EQUOTA);
		assert_int_equal(fake.allocated, before);
	}
}

/* --- VMCSs and translations ---- */

static void each_vcpu_runs_with_its_own_vmcs(void **state)
{
	struct tv_exit_page other_page = { 0 };
	struct vcpu other = { .space = &space, .page = &other_page };
	unsigned loads;

	(void)state;
	(void)vmx_run(&vcpu);
	assert_int_equal(vmx_vcpu_init(&other, NULL), TV_OK);
	assert_int_equal(fake.loaded, vmx_of(&other)->vmcs_pa);
	loads = fake.loads;
	(void)vmx_run(&vcpu);
	assert_int_equal(fake.loaded, hw->vmcs_pa);
	(void)vmx_run(&vcpu);
	vmx_pull(&vcpu, TV_REGS_ALL);
	assert_int_equal(fake.loads, loads + 1);
	vmx_vcpu_fini(&other, NULL);
	assert_int_equal(fake.loaded, hw->vmcs_pa);
}

static void switching_a_cpu_off_leaves_no_vmcs_on_it(void **state)
{
	(void)state;
	(void)vmx_run(&vcpu);
	assert_true(hw->launched);
	fake.clears = 0;
	vmx_cpu_off();
	assert_int_equal(fake.clears, 1);
	assert_int_equal(fake.vmxon, 0);
	assert_null(hw->home);
	assert_false(hw->launched);
	/* On another CPU it starts over, and nothing of what that one may remember is used. */
	fake.cpu_id = 1;
	assert_int_equal(vmx_cpu_on(), TV_OK);
	fake.invepts = 0;
	(void)vmx_run(&vcpu);
	assert_int_equal(fake.invepts, 1);
	assert_int_equal(hw->vpid_generation, 2ull << 48 | 1);
}

static void a_vcpu_keeps_its_vpid_until_they_are_used_up(void **state)
{
	struct vmx_cpu *c = fake.percpu;
	uint64_t generation;

	(void)state;
	(void)vmx_run(&vcpu);
	assert_int_equal(hw->vpid, 1);
	assert_int_equal(FIELD(VMCS_VPID), 1);
	assert_int_equal(fake.invvpid_type, INVVPID_ALL);
	generation = c->vpid_generation;
	fake.invvpids = 0;
	(void)vmx_run(&vcpu);
	assert_int_equal(hw->vpid, 1);
	assert_int_equal(fake.invvpids, 0);
	c->vpid_next = 0xffff;
	hw->vpid_generation = 0;
	(void)vmx_run(&vcpu);
	assert_int_equal(FIELD(VMCS_VPID), 0xffff);
	assert_int_equal(fake.invvpids, 0);
	hw->vpid_generation = 0;
	(void)vmx_run(&vcpu);
	assert_int_equal(hw->vpid, 1);
	assert_int_equal(fake.invvpids, 1);
	assert_int_equal(c->vpid_generation, generation + 1);
}

static void each_kind_of_stale_translation_is_flushed_by_its_own_instruction(void **state)
{
	(void)state;
	(void)vmx_run(&vcpu);
	fake.invepts = fake.invvpids = 0;
	vmx_flush(&vcpu);
	(void)vmx_run(&vcpu);
	assert_int_equal(fake.invepts, 1);
	assert_int_equal(fake.invept_type, INVEPT_SINGLE);
	assert_int_equal(fake.invept_eptp, 0x12305e);
	assert_int_equal(fake.invvpids, 0);
	/* What the guest itself changes is no reason to forget the space. */
	hw->stale = STALE_LINEAR;
	(void)vmx_run(&vcpu);
	assert_int_equal(fake.invepts, 1);
	assert_int_equal(fake.invvpids, 1);
	assert_int_equal(fake.invvpid_type, INVVPID_SINGLE);
	assert_int_equal(fake.invvpid, hw->vpid);
	(void)vmx_run(&vcpu);
	assert_int_equal(fake.invepts + fake.invvpids, 2);
	/* Without INVVPID of one VPID, a fresh one does the same. */
	vmx.invvpid_single = false;
	vmx.invept = INVEPT_ALL;
	hw->stale = STALE_LINEAR | STALE_GUEST;
	(void)vmx_run(&vcpu);
	assert_int_equal(hw->vpid, 2);
	assert_int_equal(fake.invvpids, 1);
	assert_int_equal(fake.invept_eptp, 0);
}

static void without_vpids_only_the_space_is_flushed(void **state)
{
	(void)state;
	fake_vcpu_end();
	fake_vcpu("vpid");
	(void)vmx_run(&vcpu);
	hw->stale = STALE_LINEAR | STALE_GUEST;
	fake.invepts = 0;
	(void)vmx_run(&vcpu);
	assert_int_equal(fake.invvpids, 0);
	assert_int_equal(fake.invepts, 1);
	assert_int_equal(FIELD(VMCS_VPID), 0);
}

static void page_table_entries_have_the_bits_of_the_manual(void **state)
{
	const struct pt_format *f = vmx_pt();

	(void)state;
	assert_int_equal(f->table, 7);
	assert_int_equal(f->present, 7);
	for (unsigned rights = 1; rights < 8; rights++) {
		assert_true(f->perm[rights] & 1);	/* no write-only, no execute-only */
		assert_int_equal(f->perm[rights] & 6, rights & 6);
	}
	assert_int_equal(f->type[PT_WB >> 5], 6 << 3);
	assert_int_equal(f->type[PT_WC >> 5], 1 << 3);
	assert_int_equal(f->type[PT_UC >> 5], 0);
	assert_memory_equal(f->type, f->type_large, sizeof(f->type));
	assert_int_equal(f->leaf_val, BIT(7));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
		cmocka_unit_test(what_is_missing_is_said_with_the_value_of_the_msr),
		cmocka_unit_test(running_out_of_memory_leaves_vmx_off),
		cmocka_unit_test(firmware_that_left_the_choice_gets_it_made), cmocka_unit_test(each_feature_can_be_switched_off),
		cmocka_unit_test(a_second_cpu_must_have_what_the_first_has), cmocka_unit_test(control_words_follow_the_capabilities),
		T(what_could_reach_the_host_always_exits), T(the_monitor_can_ask_for_more), T(ports_pass_one_by_one),
		T(msrs_pass_as_far_as_they_can_be_given), T(own_maps_are_paid_for_or_not_made),
		T(a_vcpu_that_cannot_be_paid_for_leaves_nothing), T(each_vcpu_runs_with_its_own_vmcs),
		T(switching_a_cpu_off_leaves_no_vmcs_on_it), T(a_vcpu_keeps_its_vpid_until_they_are_used_up),
		T(each_kind_of_stale_translation_is_flushed_by_its_own_instruction), T(without_vpids_only_the_space_is_flushed),
		T(page_table_entries_have_the_bits_of_the_manual),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
