/* SPDX-License-Identifier: Apache-2.0 */
/* Register groups between state page and VMCS: what is refused, what the hardware gets, what the guest sees. */
/* sources: arch/vmx/cpu.c arch/vmx/controls.c arch/vmx/vcpu.c arch/vmx/state.c arch/vmx/run.c arch/vmx/exit.c arch/vmx/inject.c arch/vmx/bitmap.c arch/vmx/pt_ept.c arch/vmx/vpid.c arch/vmx/check.c arch/x86/guest_state.c kernel/event.c tests/fake/loop.c tests/fake/vmx/fake.c */
#include "tests/fake/vmx/vcpu.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

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
	assert_int_equal(fake.allocated, 3);	/* the shared permission maps */
	return 0;
}

/* One field of the page that makes its group refused, or not. */
struct row {
	const char *what;
	uint32_t group;
	size_t offset;
	unsigned size;
	uint64_t value;
	bool ok;
};
#define ROW(g, field, value, ok) \
	{ #field " = " #value, TV_REGS_##g, offsetof(struct tv_exit_page, field), sizeof(page.field), (value), (ok) }

#define SEG_ATTR(i)	seg[i].attr

/* Each row starts from long mode as pulled. */
static const struct row rows[] = {
	ROW(RIP, rip, 0x7fffffffffff, true), ROW(RIP, rip, 0x800000000000, true /* its fetch faults */),
	ROW(RIP, rip, 0x1000000000000, false), ROW(RIP, rip, 0xffff800000000000, true),
	ROW(RIP, rflags, 2, true), ROW(RIP, rflags, 0, false), ROW(RIP, rflags, 0xa, false), ROW(RIP, rflags, 0x8002, false),
	ROW(RIP, rflags, BIT(32) | 2, false), ROW(RIP, rflags, RFLAGS_VM | 2, false), ROW(RIP, rflags, 0x3d7fd7, true),
	ROW(RIP, shadow, TV_SHADOW_STI, true), ROW(RIP, shadow, TV_SHADOW_STI | TV_SHADOW_MOVSS, false),
	ROW(RIP, shadow, 8, false), ROW(RIP, shadow, TV_SHADOW_NMI | TV_SHADOW_MOVSS, true),
	ROW(CR, cr0, CR0_PE | CR0_PG, true), ROW(CR, cr0, CR0_PG, false), ROW(CR, cr0, CR0_PE | CR0_PG | CR0_NW, false),
	ROW(CR, cr0, CR0_PE | CR0_PG | CR0_CD | CR0_NW, true), ROW(CR, cr0, CR0_PE | CR0_PG | BIT(6), false),
	ROW(CR, cr0, CR0_PE | CR0_PG | BIT(32), false), ROW(CR, cr0, CR0_PE, false /* LMA without paging */),
	ROW(CR, cr2, ~0ull, true),
	ROW(CR, cr3, 0xfffffff018, true), ROW(CR, cr3, BIT(40), false), ROW(CR, cr3, BIT(63), false),
	ROW(CR, cr4, CR4_PAE | CR4_PCIDE | CR4_OSXSAVE, true), ROW(CR, cr4, 0, false), ROW(CR, cr4, CR4_PAE | CR4_VMXE, false),
	ROW(CR, cr4, CR4_PAE | CR4_LA57, false), ROW(CR, cr4, CR4_PAE | CR4_SMEP, false /* not in CPUID */),
	ROW(CR, cr8, 15, true), ROW(CR, cr8, 16, false),
	ROW(CR, efer, EFER_LME | EFER_LMA, true), ROW(CR, efer, EFER_LME, false), ROW(CR, efer, EFER_LMA, false),
	ROW(CR, efer, 0, true /* 32-bit PAE paging */), ROW(CR, efer, EFER_LME | EFER_LMA | EFER_SVME, false),
	ROW(SEG, SEG_ATTR(TV_CS), 0xa9b, true), ROW(SEG, SEG_ATTR(TV_CS), 0xe9b, false), ROW(SEG, SEG_ATTR(TV_CS), 0x1a9b, false),
	ROW(SEG, seg[TV_CS].limit, 0x10000, false), ROW(SEG, seg[TV_CS].base, BIT(32), false),
	ROW(SEG, seg[TV_FS].base, 0x7fffffffffff, true), ROW(SEG, seg[TV_GS].base, BIT(47), false),
	ROW(SEG, SEG_ATTR(TV_SS), 0xcf3, false /* DPL 3, CPL 0 */), ROW(SEG, SEG_ATTR(TV_SS), TV_SEG_UNUSABLE, true),
	ROW(SEG, SEG_ATTR(TV_LDTR), TV_SEG_UNUSABLE, true), ROW(SEG, SEG_ATTR(TV_TR), 0x89, false), ROW(SEG, cpl, 3, false),
	ROW(SEG, gdtr.limit, 0x10000, false), ROW(SEG, idtr.base, BIT(50), false),
	ROW(DR, dr7, 0xffffffff, true), ROW(DR, dr7, BIT(32), false), ROW(DR, dr6, BIT(32), false), ROW(DR, dr[0], ~0ull, true),
	ROW(MSR, lstar, BIT(47), false), ROW(MSR, cstar, BIT(55), false), ROW(MSR, kernel_gs_base, BIT(60), false),
	ROW(MSR, sysenter_eip, BIT(63), false), ROW(MSR, star, ~0ull, true), ROW(MSR, pat, 0x0706050401000107, true),
	ROW(MSR, pat, 2, false), ROW(MSR, tsc_aux, 0xffffffff, true), ROW(MSR, tsc_aux, BIT(32), false),
	ROW(MSR, fmask, BIT(32), false /* the host would fault writing it */), ROW(MSR, sysenter_cs, BIT(32), false),
	ROW(XCR, xcr0, 7, true), ROW(XCR, xcr0, 1, true), ROW(XCR, xcr0, 5, false), ROW(XCR, xcr0, 6, false),
	ROW(XCR, xcr0, 0xe7, false /* more than the host's */), ROW(XCR, xss, 1, false),
	ROW(TSC, tsc_offset, ~0ull, true),
	ROW(PDPTE, pdpte[0], 0x5001, true), ROW(PDPTE, pdpte[0], ~1ull, true /* not present */), ROW(PDPTE, pdpte[3], 0x5003, false),
	ROW(PDPTE, pdpte[1], BIT(40) | 1, false),
};

static void each_field_is_checked(void **state)
{
	static uint64_t before[FAKE_VMCS_FIELDS];

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
		const struct row *r = &rows[i];
		uint32_t refused;

		fake_long_mode();
		fake_state(RFLAGS_ONE | RFLAGS_IF, 0);
		vmx_pull(&vcpu, TV_REGS_ALL);
		memcpy((char *)&page + r->offset, &r->value, r->size);
		memcpy(before, fake.vmcs, sizeof(before));
		refused = vmx_push(&vcpu, r->group);
		if (refused != (r->ok ? 0 : r->group))
			fail_msg("%s: %x", r->what, refused);
		if (refused && memcmp(before, fake.vmcs, sizeof(before)))
			fail_msg("%s: refused, but something was loaded", r->what);
	}
}

static void what_was_pulled_can_be_pushed(void **state)
{
	(void)state;
	assert_int_equal(vmx_push(&vcpu, TV_REGS_ALL), 0);	/* the reset state */
	fake_long_mode();
	/* Unusable segments keep old attributes; the DPL of SS is the CPL. */
	FIELD(VMCS_GUEST_ACCESS(TV_DS)) = ACCESS_UNUSABLE | 0xc093;
	FIELD(VMCS_GUEST_ACCESS(TV_SS)) = ACCESS_UNUSABLE | 0x60;
	FIELD(VMCS_GUEST_ACCESS(TV_CS)) = 0xa0fb;
	vmx_pull(&vcpu, TV_REGS_ALL);
	assert_int_equal(page.seg[TV_DS].attr, TV_SEG_UNUSABLE);
	assert_int_equal(page.cpl, 3);
	assert_int_equal(page.seg[TV_CS].attr, 0xafb);
	assert_int_equal(vmx_push(&vcpu, TV_REGS_ALL), 0);
	assert_int_equal(FIELD(VMCS_GUEST_ACCESS(TV_SS)), ACCESS_UNUSABLE | 0x60);
	assert_int_equal(FIELD(VMCS_GUEST_ACCESS(TV_CS)), 0xa0fb);
	/* The CPU insists on the accessed bit, which a monitor may have forgotten. */
	page.seg[TV_DS] = (struct tv_segment){ .attr = 0xcf2, .limit = 0xffffffff };
	assert_int_equal(vmx_push(&vcpu, TV_REGS_SEG), 0);
	assert_int_equal(FIELD(VMCS_GUEST_ACCESS(TV_DS)), 0xc0f3);
}

static void cache_disable_never_reaches_the_hardware(void **state)
{
	(void)state;
	vmx_pull(&vcpu, TV_REGS_CR);
	assert_int_equal(page.cr0, CR0_CD | CR0_NW | CR0_ET);	/* after power-up */
	assert_int_equal(FIELD(VMCS_GUEST_CR0), CR0_ET | CR0_NE);
	assert_int_equal(FIELD(VMCS_CR0_SHADOW), CR0_CD | CR0_NW | CR0_ET);
	assert_int_equal(FIELD(VMCS_CR0_MASK) & (CR0_CD | CR0_NW | CR0_PG | CR0_PE), CR0_CD | CR0_NW | CR0_PG | CR0_PE);
}

static void the_guest_owns_some_bits_and_sees_its_own_values_of_the_others(void **state)
{
	(void)state;
	fake_long_mode();
	assert_int_equal(FIELD(VMCS_GUEST_CR4), CR4_PAE | CR4_PGE | CR4_VMXE | CR4_MCE);
	assert_int_equal(FIELD(VMCS_CR4_SHADOW), CR4_PAE | CR4_PGE);
	FIELD(VMCS_GUEST_CR4) ^= CR4_PGE | CR4_TSD;
	FIELD(VMCS_GUEST_CR0) |= CR0_TS;
	vmx_pull(&vcpu, TV_REGS_CR);
	assert_int_equal(page.cr4, CR4_PAE | CR4_TSD);
	assert_true(page.cr0 & CR0_TS);
	assert_int_equal(page.efer, EFER_LME | EFER_LMA | EFER_SCE | EFER_NXE);
}

static void long_mode_is_an_entry_control(void **state)
{
	(void)state;
	assert_false(FIELD(VMCS_ENTRY_CONTROLS) & ENTRY_IA32E);
	fake_long_mode();
	assert_true(FIELD(VMCS_ENTRY_CONTROLS) & ENTRY_IA32E);
	page.efer = 0;
	assert_int_equal(vmx_push(&vcpu, TV_REGS_CR), 0);
	assert_false(FIELD(VMCS_ENTRY_CONTROLS) & ENTRY_IA32E);
}

static bool pushing_cr_flushes(void)
{
	hw->stale = 0;
	assert_int_equal(vmx_push(&vcpu, TV_REGS_CR), 0);
	return hw->stale & STALE_LINEAR;
}

static void a_change_of_paging_flushes_and_a_new_cr2_does_not(void **state)
{
	(void)state;
	fake_long_mode();
	vmx_pull(&vcpu, TV_REGS_CR);
	page.cr2 = 0x1234;
	assert_false(pushing_cr_flushes());
	assert_int_equal(hw->cr2, 0x1234);
	page.cr8 = 5;
	assert_false(pushing_cr_flushes());
	assert_int_equal(hw->apic[0x80 / 4], 0x50);
	assert_true(pushing_cr_flushes());	/* MOV to CR3 of the same value, INVLPG */
	page.cr3 = 0x5000;
	assert_true(pushing_cr_flushes());
	page.cr4 ^= CR4_PGE;
	assert_true(pushing_cr_flushes());
	page.cr0 ^= CR0_WP;
	assert_true(pushing_cr_flushes());
	page.efer ^= EFER_NXE;
	assert_true(pushing_cr_flushes());
}

static void a_switch_to_long_mode_and_back_is_accepted_in_one_push(void **state)
{
	(void)state;
	fake_long_mode();
	page.efer = 0;
	assert_int_equal(vmx_push(&vcpu, TV_REGS_CR), 0);
	page.rflags = RFLAGS_VM | RFLAGS_ONE;
	assert_int_equal(vmx_push(&vcpu, TV_REGS_RIP), 0);
	page.efer = EFER_LME | EFER_LMA;
	assert_int_equal(vmx_push(&vcpu, TV_REGS_CR), TV_REGS_CR);
	page.rflags = RFLAGS_ONE;
	assert_int_equal(vmx_push(&vcpu, TV_REGS_CR | TV_REGS_RIP), 0);
}

static void the_group_for_code_is_the_same_part_of_the_larger_groups(void **state)
{
	struct tv_exit_page all;

	(void)state;
	fake_long_mode();
	vmx_pull(&vcpu, TV_REGS_ALL);
	all = page;
	memset(&page.seg[TV_CS], 0x55, sizeof(page.seg[TV_CS]));
	page.cr3 = page.cpl = 0x55;
	vmx_pull(&vcpu, TV_REGS_RIP | TV_REGS_CODE);
	assert_memory_equal(&page, &all, sizeof(all));
}

static void a_single_step_in_a_shadow_is_noted_as_pending(void **state)
{
	(void)state;
	fake_long_mode();
	page.rflags = RFLAGS_ONE | RFLAGS_IF | RFLAGS_TF;
	page.shadow = TV_SHADOW_STI;
	assert_int_equal(vmx_push(&vcpu, TV_REGS_RIP), 0);
	assert_int_equal(FIELD(VMCS_GUEST_INTERRUPTIBILITY), INTERRUPTIBILITY_STI);
	assert_int_equal(FIELD(VMCS_GUEST_PENDING_DBG), PENDING_DBG_BS);
	assert_null(vmx_check());
	page.shadow = TV_SHADOW_NMI;
	assert_int_equal(vmx_push(&vcpu, TV_REGS_RIP), 0);
	assert_int_equal(FIELD(VMCS_GUEST_INTERRUPTIBILITY), INTERRUPTIBILITY_NMI);
	assert_int_equal(FIELD(VMCS_GUEST_PENDING_DBG), 0);
	vmx_pull(&vcpu, TV_REGS_RIP);
	assert_int_equal(page.shadow, TV_SHADOW_NMI);
}

static void an_instruction_that_was_emulated_costs_one_write(void **state)
{
	(void)state;
	fake_long_mode();
	hw->known = 0;
	fake.reads = fake.writes = 0;
	vmx_pull(&vcpu, TV_REGS_RIP);
	assert_int_equal(fake.reads, 4);
	page.rip += 2;
	assert_int_equal(vmx_push(&vcpu, TV_REGS_RIP), 0);
	assert_int_equal(fake.reads, 4);
	assert_int_equal(fake.writes, 1);
}

static void after_a_triple_fault_new_registers_start_from_reset(void **state)
{
	(void)state;
	fake_long_mode();
	page.lstar = 0x5000;
	assert_int_equal(vmx_push(&vcpu, TV_REGS_MSR), 0);
	vmx_shut_down(hw);
	assert_int_equal(vmx_push(&vcpu, TV_REGS_RIP), 0);
	assert_true(hw->shutdown);
	assert_int_equal(vmx_push(&vcpu, TV_REGS_RIP | TV_REGS_CR | TV_REGS_SEG), 0);
	assert_false(hw->shutdown);
	assert_int_equal(hw->lstar, 0);
}

static void pdptes_are_there_in_pae_paging_only(void **state)
{
	(void)state;
	fake_long_mode();
	FIELD(VMCS_GUEST_PDPTE(3)) = 0x6001;
	vmx_pull(&vcpu, TV_REGS_PDPTE);
	assert_int_equal(page.pdpte[3], 0);
	page.efer = 0;
	assert_int_equal(vmx_push(&vcpu, TV_REGS_CR), 0);
	vmx_pull(&vcpu, TV_REGS_PDPTE);
	assert_int_equal(page.pdpte[3], 0x6001);
}

static void a_reset_vcpu_passes_the_rules_of_vm_entry(void **state)
{
	(void)state;
	assert_null(vmx_check());
	fake_long_mode();
	assert_null(vmx_check());
	FIELD(VMCS_GUEST_ACCESS(TV_CS)) |= 0x60;
	assert_non_null(vmx_check());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
		T(pdptes_are_there_in_pae_paging_only), T(each_field_is_checked), T(what_was_pulled_can_be_pushed), T(cache_disable_never_reaches_the_hardware),
		T(the_guest_owns_some_bits_and_sees_its_own_values_of_the_others), T(long_mode_is_an_entry_control),
		T(a_change_of_paging_flushes_and_a_new_cr2_does_not), T(a_switch_to_long_mode_and_back_is_accepted_in_one_push),
		T(the_group_for_code_is_the_same_part_of_the_larger_groups), T(a_single_step_in_a_shadow_is_noted_as_pending), T(an_instruction_that_was_emulated_costs_one_write),
		T(after_a_triple_fault_new_registers_start_from_reset), T(a_reset_vcpu_passes_the_rules_of_vm_entry),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
