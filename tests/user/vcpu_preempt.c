/* SPDX-License-Identifier: Apache-2.0 */
/* Guests that never exit by themselves take turns for as long as they like: preemption leaves nothing behind in the kernel. */
/* not-on: bochs-svm Bochs holds interrupts of the host back while a guest's IF is 0 at VMRUN */
#include "vcpu_rig.h"

#define SEL_VCPU2	(SEL_TEST + 0)
#define SEL_THREAD(n)	(SEL_TEST + 1 + (n))
#define SEL_SCHED(n)	(SEL_TEST + 3 + (n))
#define PAGE2_BASE	(PAGE_BASE + 0x10000)
#define PRIORITY	100u
#define TURNS		5000u		/* many more than frames of a nested run loop fit on a kernel stack */
#define SLICE_US	400u

/* DI: where it counts.  With interrupts off, only the host's end its turn. */
GUEST_CODE(count_code, 16, "cli\n1: incl (%di); jmp 1b\n");

static uint8_t stack[2][4096] __attribute__((aligned(16)));
static volatile bool left[2];

static void run_forever(uint64_t n)
{
	(void)sys_vcpu_run(n ? SEL_VCPU2 : SEL_VCPU, TV_NEVER, NULL);
	left[n] = true;
	sys_thread_exit(0);
}

static void prepare(struct tv_exit_page *p, uint64_t counter)
{
	p->gpr[TV_RDI] = counter;
	p->dirty |= TV_REGS_ALL;
}

static void test_turns(void)
{
	uint64_t slice = milliseconds(1) * SLICE_US / 1000, bits;
	uint32_t before[2];

	LOAD(count_code);
	expect_err(sys_vcpu_create(SEL_VCPU2, SEL_SPACE), TV_OK);
	expect_err(sys_vcpu_map(SEL_VCPU2, PAGE2_BASE), TV_OK);
	*(struct tv_exit_page *)PAGE2_BASE = *page;
	prepare(page, DATA);
	prepare((struct tv_exit_page *)PAGE2_BASE, DATA + 4);
	for (unsigned n = 0; n < 2; n++) {
		expect_err(sys_thread_create(SEL_THREAD(n), TV_SEL_DOMAIN, (uint64_t)run_forever,
					     (uint64_t)(stack[n] + sizeof(stack[n]) - 8), n, 0), TV_OK);
		/* Both budgets fill the time: each of them ends a turn of the other. */
		expect_err(sys_sched_create(SEL_SCHED(n), TV_SEL_SCHED, 0, PRIORITY, slice, 2 * slice), TV_OK);
		expect_err(sys_sched_bind(SEL_SCHED(n), SEL_THREAD(n)), TV_OK);
		expect_err(sys_thread_start(SEL_THREAD(n)), TV_OK);
	}

	expect_err(sys_ntfn_wait(SEL_NTFN, now() + slice * TURNS / 2, &bits), TV_ETIMEOUT);
	for (unsigned n = 0; n < 2; n++)
		before[n] = guest_read(DATA + 4 * n);
	expect_err(sys_ntfn_wait(SEL_NTFN, now() + slice * TURNS / 2, &bits), TV_ETIMEOUT);
	for (unsigned n = 0; n < 2; n++)
		expect(guest_read(DATA + 4 * n) != before[n] && !left[n]);
	verdict("two guests that spin with interrupts off take turns without end");
}

uint64_t rt_main(const struct tv_start *start)
{
	(void)start;
	make_guest();
	expect_err(sys_ntfn_create(SEL_NTFN), TV_OK);
	test_turns();
	done();
}
