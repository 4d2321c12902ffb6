/* SPDX-License-Identifier: Apache-2.0 */
/* Register groups between state page and VMCB: what is refused, what is normalised, what the hardware never gets. */
/* sources: arch/svm/cpu.c arch/svm/controls.c arch/svm/vcpu.c arch/svm/state.c arch/svm/run.c arch/svm/exit.c arch/svm/inject.c arch/svm/bitmap.c arch/svm/pt_npt.c arch/svm/asid.c arch/svm/check.c arch/x86/guest_state.c kernel/event.c tests/fake/loop.c tests/fake/svm/fake.c */
#include "tests/fake/svm/vcpu.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

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
	assert_int_equal(fake.allocated, 2);	/* the shared permission maps */
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
	ROW(RIP, rip, 0x7fffffffffff, true), ROW(RIP, rip, 0x800000000000, true), ROW(RIP, rip, 0x1000000000000, false), ROW(RIP, rip, 0xffff800000000000, true),
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
	ROW(CR, cr4, CR4_PAE | BIT(40), false), ROW(CR, cr4, CR4_PAE | CR4_CET, false),
	ROW(CR, cr8, 15, true), ROW(CR, cr8, 16, false),
	ROW(CR, efer, EFER_LME | EFER_LMA, true), ROW(CR, efer, EFER_LME, false), ROW(CR, efer, EFER_LMA, false),
	ROW(CR, efer, 0, true /* 32-bit PAE paging */), ROW(CR, efer, EFER_LME | EFER_LMA | EFER_SVME, false),
	ROW(CR, efer, EFER_LME | EFER_LMA | BIT(16), false),
	ROW(SEG, SEG_ATTR(TV_CS), 0xa9b, true), ROW(SEG, SEG_ATTR(TV_CS), 0xe9b, false), ROW(SEG, SEG_ATTR(TV_CS), 0x1a9b, false),
	ROW(SEG, SEG_ATTR(TV_CS), 0xa1b, false), ROW(SEG, SEG_ATTR(TV_CS), 0xa8b, false), ROW(SEG, SEG_ATTR(TV_CS), 0xaa9b, false),
	ROW(SEG, seg[TV_CS].limit, 0xfffff, true /* G: 256 pages */), ROW(SEG, seg[TV_CS].limit, 0x10000, false),
	ROW(SEG, seg[TV_CS].base, BIT(32), false), ROW(SEG, seg[TV_FS].base, 0x7fffffffffff, true),
	ROW(SEG, seg[TV_GS].base, BIT(47), false), ROW(SEG, seg[TV_TR].base, BIT(63), false),
	ROW(SEG, SEG_ATTR(TV_SS), 0xcf3, false /* DPL 3, CPL 0 */), ROW(SEG, SEG_ATTR(TV_SS), TV_SEG_UNUSABLE, true),
	ROW(SEG, SEG_ATTR(TV_DS), TV_SEG_UNUSABLE, true), ROW(SEG, SEG_ATTR(TV_LDTR), TV_SEG_UNUSABLE, true),
	ROW(SEG, SEG_ATTR(TV_LDTR), 0x8b, false), ROW(SEG, SEG_ATTR(TV_TR), 0x83, true), ROW(SEG, SEG_ATTR(TV_TR), 0x89, false),
	ROW(SEG, SEG_ATTR(TV_TR), TV_SEG_UNUSABLE, false), ROW(SEG, cpl, 3, false), ROW(SEG, cpl, 4, false),
	ROW(SEG, gdtr.limit, 0x10000, false), ROW(SEG, idtr.base, BIT(50), false),
	ROW(DR, dr7, 0xffffffff, true), ROW(DR, dr7, BIT(32), false), ROW(DR, dr6, BIT(32), false), ROW(DR, dr[0], ~0ull, true),
	ROW(MSR, lstar, BIT(47), false), ROW(MSR, cstar, BIT(55), false), ROW(MSR, kernel_gs_base, BIT(60), false),
	ROW(MSR, sysenter_eip, BIT(63), false), ROW(MSR, star, ~0ull, true), ROW(MSR, pat, 0x0706050401000107, true),
	ROW(MSR, pat, 2, false), ROW(MSR, pat, 0x0300000000000000, false), ROW(MSR, pat, 0x0800, false),
	ROW(MSR, tsc_aux, 0xffffffff, true), ROW(MSR, tsc_aux, BIT(32), false),
	ROW(XCR, xcr0, 7, true), ROW(XCR, xcr0, 1, true), ROW(XCR, xcr0, 3, true), ROW(XCR, xcr0, 5, false), ROW(XCR, xcr0, 6, false),
	ROW(XCR, xcr0, 0xe7, false /* more than the host's */), ROW(XCR, xss, 1, false),
	ROW(TSC, tsc_offset, ~0ull, true), ROW(PDPTE, pdpte[0], ~0ull, true),
};

static void each_field_is_checked(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
		const struct row *r = &rows[i];
		struct vmcb before;
		uint32_t refused;

		fake_long_mode();
		vmcb->rflags = RFLAGS_ONE | RFLAGS_IF;
		vmcb->int_state = i & 1;
		svm_pull(&vcpu, TV_REGS_ALL);
		page.shadow = 0;
		memcpy((char *)&page + r->offset, &r->value, r->size);
		before = *vmcb;
		refused = svm_push(&vcpu, r->group);
		if (refused != (r->ok ? 0 : r->group))
			fail_msg("%s: %x", r->what, refused);
		if (refused && memcmp(&before, vmcb, sizeof(before)))
			fail_msg("%s: refused, but something was loaded", r->what);
	}
}

static void what_was_pulled_can_be_pushed(void **state)
{
	struct vmcb before;

	(void)state;
	assert_int_equal(svm_push(&vcpu, TV_REGS_ALL), 0);	/* the reset state */
	fake_long_mode();
	vmcb->ds = vmcb->es = (struct vmcb_seg){ .attr = 0xc12, .limit = 0xffffffff };	/* null selector, old attributes */
	vmcb->ss = (struct vmcb_seg){ .attr = 0x60, .limit = 0 };				/* as QEMU leaves it at CPL 3   */
	vmcb->cpl = 3;
	vmcb->tr.attr = 0x89;									/* as QEMU has it               */
	vmcb->cs.attr &= 0x7ff;									/* G lost                       */
	svm_pull(&vcpu, TV_REGS_ALL);
	before = *vmcb;
	assert_int_equal(svm_push(&vcpu, TV_REGS_ALL), 0);
	assert_int_equal(vmcb->cpl, 3);
	assert_int_equal(vmcb->ss.attr & 0x60, 0x60);
	assert_int_equal(vmcb->cs.attr, 0xafb & ~0x60);
	assert_int_equal(vmcb->tr.attr, 0x8b);
	assert_int_equal(vmcb->rip, before.rip);
	assert_int_equal(vmcb->efer, before.efer);
	assert_int_equal(vmcb->cr4, before.cr4);
}

static void cache_disable_never_reaches_the_hardware(void **state)
{
	(void)state;
	svm_pull(&vcpu, TV_REGS_CR);
	assert_int_equal(page.cr0, CR0_CD | CR0_NW | CR0_ET);	/* after power-up */
	assert_int_equal(vmcb->cr0, CR0_ET);
	assert_true(vmcb->icpt_cr & ICPT_READ(0));
	assert_true(vmcb->icpt_cr & ICPT_WRITE(0));
	page.cr0 = CR0_PE | CR0_ET;
	assert_int_equal(svm_push(&vcpu, TV_REGS_CR), 0);
	assert_false(vmcb->icpt_cr & (ICPT_READ(0) | ICPT_WRITE(0)));
	assert_true(vmcb->icpt_misc1 & ICPT1_CR0_SEL_WRITE);
}

static void the_guest_sees_neither_svme_nor_the_hosts_mce(void **state)
{
	(void)state;
	svm_pull(&vcpu, TV_REGS_CR);
	assert_int_equal(page.efer, 0);
	assert_int_equal(page.cr4, 0);
	assert_int_equal(vmcb->cr4, CR4_MCE);
	assert_true(vmcb->icpt_cr & ICPT_READ(4));
	page.cr4 = CR4_MCE;
	assert_int_equal(svm_push(&vcpu, TV_REGS_CR), 0);
	assert_false(vmcb->icpt_cr & ICPT_READ(4));
	assert_true(vmcb->icpt_cr & ICPT_WRITE(4));
	assert_int_equal(vmcb->efer, EFER_SVME);
}

static bool pushing_cr_flushes(void)
{
	hw->asid_generation = 77;
	assert_int_equal(svm_push(&vcpu, TV_REGS_CR), 0);
	return hw->asid_generation == 0;
}

static void a_change_of_paging_flushes_and_a_new_cr2_does_not(void **state)
{
	(void)state;
	fake_long_mode();
	svm_pull(&vcpu, TV_REGS_CR);
	page.cr2 = 0x1234;
	assert_false(pushing_cr_flushes());
	page.cr8 = 5;
	assert_false(pushing_cr_flushes());
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
	svm_pull(&vcpu, TV_REGS_ALL);
	page.cr0 = CR0_PE | CR0_PG | CR0_ET;
	page.cr4 = CR4_PAE;
	page.efer = EFER_LME | EFER_LMA;
	page.seg[TV_CS].attr = 0xa9b;
	page.seg[TV_CS].base = 0;
	page.seg[TV_CS].limit = 0xffffffff;
	assert_int_equal(svm_push(&vcpu, TV_REGS_ALL), 0);
	/* From virtual-8086 mode back to 64 bits: CR must not be judged by the RFLAGS that go away. */
	page.cr0 = CR0_PE | CR0_PG | CR0_ET;
	page.efer = 0;
	assert_int_equal(svm_push(&vcpu, TV_REGS_CR), 0);
	page.rflags = RFLAGS_VM | RFLAGS_ONE;
	assert_int_equal(svm_push(&vcpu, TV_REGS_RIP), 0);
	page.efer = EFER_LME | EFER_LMA;
	assert_int_equal(svm_push(&vcpu, TV_REGS_CR), TV_REGS_CR);
	page.rflags = RFLAGS_ONE;
	assert_int_equal(svm_push(&vcpu, TV_REGS_CR | TV_REGS_RIP), 0);
}

static void the_shadow_is_named_by_what_can_have_caused_it(void **state)
{
	(void)state;
	fake_long_mode();
	vmcb->int_state = INT_SHADOW;
	svm_pull(&vcpu, TV_REGS_RIP);
	assert_int_equal(page.shadow, TV_SHADOW_STI);
	vmcb->rflags = RFLAGS_ONE;
	svm_pull(&vcpu, TV_REGS_RIP);
	assert_int_equal(page.shadow, TV_SHADOW_MOVSS);
	page.shadow = TV_SHADOW_STI;
	assert_int_equal(svm_push(&vcpu, TV_REGS_RIP), TV_REGS_RIP);
	page.shadow = TV_SHADOW_NMI;
	assert_int_equal(svm_push(&vcpu, TV_REGS_RIP), 0);
	assert_int_equal(vmcb->int_state, 0);
	assert_true(vmcb->icpt_misc1 & ICPT1_IRET);
	svm_pull(&vcpu, TV_REGS_RIP);
	assert_int_equal(page.shadow, TV_SHADOW_NMI);
}

static void the_group_for_code_is_the_same_part_of_the_larger_groups(void **state)
{
	struct tv_exit_page all;

	(void)state;
	fake_long_mode();
	svm_pull(&vcpu, TV_REGS_ALL);
	all = page;
	memset(&page.seg[TV_CS], 0x55, sizeof(page.seg[TV_CS]));
	page.cr3 = page.cpl = 0x55;
	svm_pull(&vcpu, TV_REGS_RIP | TV_REGS_CODE);
	assert_memory_equal(&page, &all, sizeof(all));
}

static void a_reset_vcpu_passes_the_rules_of_vmrun(void **state)
{
	(void)state;
	vmcb->asid = 1;
	vmcb->iopm_pa = vmcb->msrpm_pa = vmcb->n_cr3 = 0x100000;	/* host pointers are beyond 40 bits */
	assert_null(svm_check(vmcb));
	vmcb->asid = 0;
	assert_non_null(svm_check(vmcb));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
		T(each_field_is_checked), T(what_was_pulled_can_be_pushed), T(cache_disable_never_reaches_the_hardware),
		T(the_guest_sees_neither_svme_nor_the_hosts_mce), T(a_change_of_paging_flushes_and_a_new_cr2_does_not),
		T(a_switch_to_long_mode_and_back_is_accepted_in_one_push), T(the_shadow_is_named_by_what_can_have_caused_it),
		T(the_group_for_code_is_the_same_part_of_the_larger_groups),
		T(a_reset_vcpu_passes_the_rules_of_vmrun),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
