/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every bit of the state page's registers, one at a time: the kernel refuses the group that the bit is in, the processor refuses the
 * entry, or the guest runs.  And what must be refused, is, under the name of its group.
 */
#include "vcpu_rig.h"

#define NONCANONICAL	0x0000800000000000ull

GUEST_CODE(code, 64, "1: inc %rax; mov %rax, 0x9000; cpuid; jmp 1b\n");

static void sane(void)
{
	LOAD(code);
	long_mode();
	page->dirty = TV_REGS_ALL;
}

/* One run: the status, and in *@group what it names. */
static enum tv_err enter(uint64_t *group)
{
	*group = 0;
	return sys_vcpu_run(SEL_VCPU, now() + milliseconds(1) / 4, group);
}

/* --- one bit at a time --- */

struct part {
	uint32_t group;
	uint16_t offset, bytes;
};
#define PART(group_, first, end)									\
	{ .group = (group_), .offset = offsetof(struct tv_exit_page, first),				\
	  .bytes = offsetof(struct tv_exit_page, end) - offsetof(struct tv_exit_page, first) }

static const struct part parts[] = {
	PART(TV_REGS_RIP, rip, cr0), PART(TV_REGS_RIP, shadow, insn_count), PART(TV_REGS_CR, cr0, seg), PART(TV_REGS_SEG, seg, dr),
	PART(TV_REGS_DR, dr, star), PART(TV_REGS_MSR, star, xcr0), PART(TV_REGS_XCR, xcr0, pdpte), PART(TV_REGS_PDPTE, pdpte, tsc_offset),
	PART(TV_REGS_TSC, tsc_offset, want),
};

/* What the bits of @group may make impossible: what a mode allows in one group depends on others. */
static uint32_t blamed(uint32_t group)
{
	switch (group) {
	case TV_REGS_SEG: return TV_REGS_SEG | TV_REGS_CR;
	case TV_REGS_CR:  return TV_REGS_CR | TV_REGS_RIP;
	default:	  return group;
	}
}

static unsigned refused, rejected, ran;

static void flip(const struct part *p, unsigned bit)
{
	uint64_t group;
	enum tv_err err;

	sane();
	((uint8_t *)page)[p->offset + bit / 8] ^= (uint8_t)(1u << bit % 8);
	err = enter(&group);
	if (err == TV_ESTATE && group && !(group & (group - 1)) && group & blamed(p->group))
		refused++;
	else if (err == TV_OK && page->kind == TV_EXIT_FAIL && page->arg0 == TV_FAIL_ENTRY)
		rejected++;
	else if (err == TV_OK && page->kind < TV_EXIT_KINDS && page->kind != TV_EXIT_FAIL)
		ran++;
	else {
		print("  bit %u from offset %u: status %u, group 0x%x, kind %u\n", bit, (unsigned)p->offset, (unsigned)err, (unsigned)group,
		      (unsigned)page->kind);
		failures++;
	}
}

static void test_every_bit(void)
{
	for (unsigned i = 0; i < ARRAY_LEN(parts); i++) {
		refused = rejected = ran = 0;
		for (unsigned bit = 0; bit < 8u * parts[i].bytes; bit++)
			flip(&parts[i], bit);
		print("  offset %u: refused %u, by the processor %u, ran %u\n", (unsigned)parts[i].offset, refused, rejected, ran);
		/* All of TSC is valid, and only VMX has a use for PDPTEs. */
		expect(refused > 0 || parts[i].group & (TV_REGS_TSC | TV_REGS_PDPTE));
		expect(ran > 0);
	}
	verdict("each bit of each group is refused under the group's name, or by the processor, or the guest runs");
}

/* --- what is never possible --- */

static void expect_refused(unsigned line, uint32_t group)
{
	uint64_t named;
	enum tv_err err = enter(&named);

	if (err == TV_ESTATE && named == group)
		return;
	print("  line %u: status %u, group 0x%x, kind %u\n", line, (unsigned)err, (unsigned)named, (unsigned)page->kind);
	failures++;
}

/* A sane guest but for @change. */
#define REFUSED(group, change)	(sane(), (void)(change), expect_refused(__LINE__, group))

static void test_control_registers(void)
{
	REFUSED(TV_REGS_CR, page->cr0 &= ~CR0_PE);
	REFUSED(TV_REGS_CR, page->cr0 |= CR0_NW);
	REFUSED(TV_REGS_CR, page->cr0 |= 1ull << 32);
	REFUSED(TV_REGS_CR, page->cr3 |= 1ull << 62);
	REFUSED(TV_REGS_CR, page->cr4 &= ~CR4_PAE);
	REFUSED(TV_REGS_CR, page->cr4 |= CR4_VMXE);
	REFUSED(TV_REGS_CR, page->cr4 |= CR4_CET);
	REFUSED(TV_REGS_CR, page->cr4 |= 1ull << 63);
	REFUSED(TV_REGS_CR, page->cr8 = 16);
	REFUSED(TV_REGS_CR, page->efer &= ~EFER_LMA);
	REFUSED(TV_REGS_CR, page->efer &= ~EFER_LME);
	REFUSED(TV_REGS_CR, page->efer |= EFER_SVME);
	REFUSED(TV_REGS_CR, page->efer |= 1ull << 40);
	verdict("control registers and modes that no processor can be in are refused");
}

static void test_segments(void)
{
	for (unsigned i = TV_FS; i < TV_SEGS; i++)
		REFUSED(TV_REGS_SEG, page->seg[i].base = NONCANONICAL);
	REFUSED(TV_REGS_SEG, page->seg[TV_DS].base = 1ull << 32);
	REFUSED(TV_REGS_SEG, page->seg[TV_CS].attr |= 1u << 10);		/* L and D/B */
	REFUSED(TV_REGS_SEG, page->seg[TV_CS].attr |= TV_SEG_UNUSABLE);
	REFUSED(TV_REGS_SEG, page->seg[TV_TR].attr |= TV_SEG_UNUSABLE);
	REFUSED(TV_REGS_SEG, page->seg[TV_TR].attr = 0x89);			/* available, not busy */
	REFUSED(TV_REGS_SEG, page->seg[TV_SS].attr &= (uint16_t)~0x80u);	/* not present */
	REFUSED(TV_REGS_SEG, page->seg[TV_DS].limit = 0xfffff000);		/* no limit that G can express */
	REFUSED(TV_REGS_SEG, page->seg[TV_ES].attr |= 1u << 13);
	REFUSED(TV_REGS_SEG, page->cpl = 3);
	REFUSED(TV_REGS_SEG, page->gdtr.base = NONCANONICAL);
	REFUSED(TV_REGS_SEG, page->gdtr.limit = 0x10000);
	REFUSED(TV_REGS_SEG, page->idtr.base = NONCANONICAL);
	REFUSED(TV_REGS_SEG, page->idtr.limit = 0x10000);
	verdict("segments that no descriptor can describe are refused");
}

static void test_others(void)
{
	uint64_t *const addresses[] = { &page->lstar, &page->cstar, &page->kernel_gs_base, &page->sysenter_esp, &page->sysenter_eip };

	REFUSED(TV_REGS_RIP, page->rip = 1ull << 60);
	REFUSED(TV_REGS_RIP, page->rflags = 0);
	REFUSED(TV_REGS_RIP, page->rflags |= 1u << 3);
	REFUSED(TV_REGS_RIP, page->rflags |= RFLAGS_VM);
	REFUSED(TV_REGS_RIP, page->shadow = TV_SHADOW_STI);			/* with IF clear */
	REFUSED(TV_REGS_RIP, page->shadow = 1u << 31);
	REFUSED(TV_REGS_DR, page->dr6 |= 1ull << 32);
	REFUSED(TV_REGS_DR, page->dr7 |= 1ull << 32);
	for (unsigned i = 0; i < ARRAY_LEN(addresses); i++)
		REFUSED(TV_REGS_MSR, *addresses[i] = NONCANONICAL);
	REFUSED(TV_REGS_MSR, page->pat = 2);
	REFUSED(TV_REGS_MSR, page->pat = 0xffull << 56);
	REFUSED(TV_REGS_MSR, page->sysenter_cs = 1ull << 32);
	REFUSED(TV_REGS_MSR, page->fmask = 1ull << 32);
	REFUSED(TV_REGS_XCR, page->xcr0 = 0);
	REFUSED(TV_REGS_XCR, page->xcr0 = XCR0_X87 | XCR0_AVX);
	REFUSED(TV_REGS_XCR, page->xcr0 |= 1ull << 63);
	REFUSED(TV_REGS_XCR, page->xss = 1u << 11);
	/* Where the CPU takes them from the guest's memory, nobody looks at these. */
	if (rt_info()->features & TV_FEAT_VMX)
		REFUSED(TV_REGS_PDPTE, page->pdpte[1] = 1 | 1 << 5);
	verdict("addresses, flags and values that would fault in the host are refused");
}

/* --- events --- */

static void test_events(void)
{
	const uint64_t reserved[] = {
		TV_EVENT_VALID | 1u << 8,				/* types that do not exist */
		TV_EVENT_VALID | 7u << 8,
		TV_EVENT(TV_EVENT_NMI, 3), TV_EVENT(TV_EVENT_EXC, 2), TV_EVENT(TV_EVENT_EXC, 32), TV_EVENT(TV_EVENT_EXC, 255),
		TV_EVENT(TV_EVENT_EXTINT, 32) | TV_EVENT_HAS_ERROR, TV_EVENT(TV_EVENT_EXC, 6) | TV_EVENT_HAS_ERROR,
		TV_EVENT(TV_EVENT_EXC, 6) | 1ull << 32, TV_EVENT(TV_EVENT_SOFT_EXC, 5), TV_EVENT(TV_EVENT_PRIV_EXC, 2),
		TV_EVENT(TV_EVENT_EXTINT, 32) | 1u << 12, TV_EVENT(TV_EVENT_EXTINT, 32) | 1u << 30,
	};

	for (unsigned i = 0; i < ARRAY_LEN(reserved); i++) {
		REFUSED(0, page->inject = reserved[i]);
		REFUSED(0, page->pending = reserved[i]);
	}
	REFUSED(0, page->inject = TV_EVENT(TV_EVENT_SOFT_INT, 3));		/* without a length */
	REFUSED(0, (page->inject = TV_EVENT(TV_EVENT_SOFT_INT, 3), page->inject_len = 16));
	verdict("events that do not exist are not delivered");
}

uint64_t rt_main(const struct tv_start *start)
{
	uint64_t group;

	(void)start;
	make_guest();
	test_every_bit();
	test_control_registers();
	test_segments();
	test_others();
	test_events();
	sane();
	page->dirty |= 1u << 30;
	expect_err(enter(&group), TV_EINVAL);
	verdict("groups that do not exist are refused");
	sane();
	expect(run() == TV_EXIT_CPUID);
	verdict("a sane guest runs afterwards");
	done();
}
