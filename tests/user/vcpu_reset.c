/* SPDX-License-Identifier: Apache-2.0 */
/* A monitor's thread ends in any way, begins anew, and its guest goes on with every register that it had. */
/* not-on: bochs-svm Bochs holds interrupts of the host back while a guest's IF is 0 at VMRUN */
#include "vcpu_rig.h"

#define SEL_THREAD	(SEL_TEST + 0)
#define SEL_SCHED	(SEL_TEST + 1)
#define PRIORITY	10u
#define FLAG		16u		/* in DATA: the guest waits for it        */
#define RESULT		32u		/* in DATA: where the guest stores XMM5   */
#define PORT_READY	0x10u
#define PORT_DONE	0x11u

/* RDI: DATA. */
GUEST_CODE(keep_code, 64,
	"movdqu (%rdi), %xmm5; mov $0x1122334455667788, %r13\n"
	"out %al, $0x10\n"
	"1: cmpl $0, 16(%rdi); je 1b\n"
	"movdqu %xmm5, 32(%rdi); mov %r13, 48(%rdi); out %al, $0x11; hlt\n");

enum ending { IN_GUEST, FAULT, EXIT, ENDINGS };

static volatile unsigned seen;
static volatile enum ending ending;
static uint8_t stack[4096] __attribute__((aligned(16)));

/* The monitor: run the guest to its mark @port. */
static void run_to(unsigned port)
{
	while (sys_vcpu_run(SEL_VCPU, TV_NEVER, NULL) == TV_OK && page->kind != TV_EXIT_PIO)
		;
	if (page->arg0 == port)
		seen = port;
}

static void first_monitor(void)
{
	run_to(PORT_READY);
	skip(2);
	if (ending == FAULT)
		__asm__ volatile("ud2");
	if (ending == EXIT)
		sys_thread_exit(1);
	run_to(PORT_DONE);		/* the guest waits for ever */
}

static void second_monitor(void)
{
	run_to(PORT_DONE);
	sys_thread_exit(0);
}

static void pause_ms(uint64_t ms)
{
	uint64_t bits;

	(void)sys_ntfn_wait(SEL_NTFN, now() + milliseconds(ms), &bits);
}

static void wait_for(unsigned mark)
{
	for (unsigned i = 0; i < 500 && seen != mark; i++)
		pause_ms(10);
	expect(seen == mark);
}

static void test_ending(enum ending how, const char *what)
{
	const uint64_t top = (uint64_t)stack + sizeof(stack) - 8;
	uint64_t *data;

	LOAD(keep_code);
	long_mode();
	data = guest_at(DATA);
	data[0] = 0x0123456789abcdef;
	data[1] = 0xfedcba9876543210;
	page->gpr[TV_RDI] = DATA;
	seen = 0;
	ending = how;
	expect_err(sys_thread_create(SEL_THREAD, TV_SEL_DOMAIN, (uint64_t)first_monitor, top, 0, 0), TV_OK);
	expect_err(sys_sched_create(SEL_SCHED, TV_SEL_SCHED, 0, PRIORITY, 0, 0), TV_OK);
	expect_err(sys_sched_bind(SEL_SCHED, SEL_THREAD), TV_OK);
	expect_err(sys_thread_start(SEL_THREAD), TV_OK);
	wait_for(PORT_READY);
	pause_ms(5);				/* into the guest, or to its end */
	if (how == IN_GUEST) {
		expect_err(sys_thread_reset(SEL_THREAD, (uint64_t)second_monitor, top, 0), TV_EBUSY);
		expect_err(sys_thread_suspend(SEL_THREAD), TV_OK);
	}
	expect_err(sys_thread_reset(SEL_THREAD, (uint64_t)second_monitor, top, 0), TV_OK);
	((volatile uint32_t *)guest_at(DATA))[FLAG / 4] = 1;
	expect_err(sys_thread_start(SEL_THREAD), TV_OK);
	wait_for(PORT_DONE);
	expect(data[RESULT / 8] == 0x0123456789abcdef && data[RESULT / 8 + 1] == 0xfedcba9876543210);
	expect(data[RESULT / 8 + 2] == 0x1122334455667788);
	expect_err(sys_cap_delete(SEL_THREAD), TV_OK);
	expect_err(sys_cap_delete(SEL_SCHED), TV_OK);
	verdict(what);
}

uint64_t rt_main(const struct tv_start *start)
{
	(void)start;
	expect_err(sys_ntfn_create(SEL_NTFN), TV_OK);
	make_guest();
	test_ending(IN_GUEST, "a monitor that is stopped while its guest runs can be replaced, and the guest goes on");
	test_ending(FAULT, "a monitor that faults can be replaced, and the guest goes on");
	test_ending(EXIT, "a monitor that exits can be replaced, and the guest goes on");
	done();
}
