/* SPDX-License-Identifier: Apache-2.0 */
/* Doorbells: ports of a guest that signal instead of exiting. */
/* not-on: bochs-svm in Bochs a single step over an instruction that exits under SVM traps in the host */
#include "vcpu_rig.h"

#define BELL	0x84u
#define OTHER	0x85u
#define BITS	0x30ull

enum { SEL_BELL = SEL_TEST, SEL_SPACE2, SEL_NTFN2 };

static uint64_t signals(void)
{
	uint64_t bits;

	return sys_ntfn_poll(SEL_BELL, &bits) == TV_OK ? bits : 0;
}

static void bind(uint16_t port, uint64_t bits)
{
	expect_err(sys_doorbell_bind(SEL_SPACE, port, bits ? SEL_BELL : 0, bits), TV_OK);
}

GUEST_CODE(ring_code, 16,
	"mov $0x84, %dx\n"
	"out %al, $0x84\n"
	"out %ax, %dx\n"
	"out %eax, %dx\n"
	"inc %bx\n"
	"out %al, $0x85\n"
	"in $0x84, %al\n"
	"outsb\n"
	"out %al, $0x84\n"
	"out %al, $0x86\n");

static void test_ring(void)
{
	uint64_t entries;

	LOAD(ring_code);
	bind(BELL, BITS);
	page->gpr[TV_RBX] = 7;
	entries = page->entries;
	expect(run() == TV_EXIT_PIO && page->arg0 == OTHER);
	expect(page->gpr[TV_RBX] == 8 && page->exits == 1 && page->entries == entries + 4);
	expect(signals() == BITS);
	verdict("an OUT of any width to a doorbell signals, and the guest goes on behind it");
	skip(2);
	expect(run() == TV_EXIT_PIO && page->arg0 == BELL && page->arg1 & TV_PIO_IN);
	skip(2);
	expect(run() == TV_EXIT_PIO && page->arg0 == BELL && page->arg1 & TV_PIO_STRING);
	expect(signals() == 0);
	verdict("IN and string instructions at a doorbell's port exit");
	skip(1);
	bind(BELL, 0);
	expect(run() == TV_EXIT_PIO && page->arg0 == BELL && !(page->arg1 & TV_PIO_IN));
	expect(signals() == 0);
	verdict("without its doorbell the port exits again");
	bind(BELL, 1);
	bind(BELL, 2);
	expect(run() == TV_EXIT_PIO && page->arg0 == 0x86);
	expect(signals() == 2);
	verdict("a new doorbell takes the place of the old one");
}

GUEST_CODE(step_code, 16,
	"pushf\n"
	"orw $0x100, (%esp)\n"
	"popf\n"
	"out %al, $0x84\n"
	"hlt\n");

static void test_step(void)
{
	LOAD(step_code);
	bind(BELL, BITS);
	expect(run() == TV_EXIT_PIO && page->arg0 == BELL && page->rflags & RFLAGS_TF);
	expect(signals() == 0);
	verdict("a single step over a doorbell is the monitor's business");
}

GUEST_CODE(shadow_code, 16,
	"sti\n"
	"out %al, $0x84\n"
	"out %al, $0x86\n");

static void test_shadow(void)
{
	LOAD(shadow_code);
	bind(BELL, BITS);
	expect(run() == TV_EXIT_PIO && page->arg0 == 0x86);
	expect(!(page->shadow & TV_SHADOW_STI) && signals() == BITS);
	verdict("the interrupt shadow ends with the OUT");
}

static void test_own_kick(void)
{
	uint64_t bits = 0;

	LOAD(shadow_code);
	expect_err(sys_ntfn_create(SEL_NTFN), TV_OK);
	expect_err(sys_thread_bind(TV_SEL_THREAD, SEL_NTFN), TV_OK);
	bind(BELL, 0);
	expect_err(sys_doorbell_bind(SEL_SPACE, BELL, SEL_NTFN, 4), TV_OK);
	expect(run() == TV_EXIT_KICK && page->rip == 3);
	expect(sys_ntfn_poll(SEL_NTFN, &bits) == TV_OK && bits == 4);
	expect_err(sys_doorbell_bind(SEL_SPACE, BELL, 0, 0), TV_OK);
	verdict("a doorbell of the runner's own notification kicks it, behind the OUT");
}

static void test_refusals(void)
{
	expect_err(sys_doorbell_bind(SEL_SPACE, BELL, SEL_BELL, 0), TV_EINVAL);
	expect_err(sys_doorbell_bind(SEL_SPACE, BELL, 0, 1), TV_EINVAL);
	expect_err(sys_call6(TV_DOORBELL_BIND, SEL_SPACE, 0x10000, SEL_BELL, 1, 0, 0), TV_EINVAL);
	expect_err(sys_doorbell_bind(SEL_BELL, BELL, SEL_BELL, 1), TV_ETYPE);
	expect_err(sys_doorbell_bind(SEL_SPACE, BELL, SEL_SPACE, 1), TV_ETYPE);
	for (uint16_t i = 0; i < 40; i++)
		expect_err(sys_doorbell_bind(SEL_SPACE, (uint16_t)(0x1000 + i), SEL_BELL, 1), TV_OK);
	expect_err(sys_doorbell_bind(SEL_SPACE, 0x2000, SEL_BELL, 1), TV_EBUSY);
	expect_err(sys_doorbell_bind(SEL_SPACE, 0x1007, SEL_BELL, 2), TV_OK);
	expect_err(sys_doorbell_bind(SEL_SPACE, 0x1007, 0, 0), TV_OK);
	expect_err(sys_doorbell_bind(SEL_SPACE, 0x2000, SEL_BELL, 1), TV_OK);
	for (uint16_t i = 0; i < 40; i++)
		expect_err(sys_doorbell_bind(SEL_SPACE, (uint16_t)(0x1000 + i), 0, 0), TV_OK);
	expect_err(sys_doorbell_bind(SEL_SPACE, 0x2000, 0, 0), TV_OK);
	verdict("what is wrong with a doorbell is said, and 40 of a space are free again when they were unbound");
}

/* The quota comes back to the byte, with doorbells in the space and notifications that end first. */
static void test_end(void)
{
	struct sys_domain_info before, after;

	expect_err(sys_domain_info(TV_SEL_DOMAIN, &before), TV_OK);
	expect_err(sys_space_create(SEL_SPACE2, TV_SPACE_GUEST), TV_OK);
	expect_err(sys_ntfn_create(SEL_NTFN2), TV_OK);
	expect_err(sys_doorbell_bind(SEL_SPACE2, 1, SEL_NTFN2, 1), TV_OK);
	expect_err(sys_doorbell_bind(SEL_SPACE2, 2, SEL_BELL, 1), TV_OK);
	expect_err(sys_cap_delete(SEL_NTFN2), TV_OK);
	expect_err(sys_cap_delete(SEL_SPACE2), TV_OK);
	expect_err(sys_domain_info(TV_SEL_DOMAIN, &after), TV_OK);
	expect(before.used == after.used);
	verdict("doorbells end with their space and with their notification");
}

uint64_t rt_main(const struct tv_start *start)
{
	(void)start;
	make_guest();
	expect_err(sys_ntfn_create(SEL_BELL), TV_OK);
	test_ring();
	test_step();
	test_shadow();
	test_own_kick();
	test_refusals();
	test_end();
	done();
}
