/* SPDX-License-Identifier: Apache-2.0 */
/* cpus: 4 */
/* What a run of a guest costs that ends at once, and what a doorbell does.  Under `-icount shift=0` a tick is an instruction: the
 * number of CPUs changes nothing. */
#include "vcpu_rig.h"
#include "workers.h"

#define ROUNDS	200u
#define VECTOR	0x40u

enum { SEL_BELL = SEL_TEST, SEL_DONE };

static uint64_t best, empty;

static void begin(void) { best = empty = ~0ull; }

static uint64_t before(void)
{
	uint64_t t = now();

	empty = min_u64(empty, now() - t);
	return now();
}

static void after(uint64_t t) { best = min_u64(best, now() - t); }

GUEST_CODE(halt_code, 16, "1: hlt; jmp 1b\n");

static void run_to_hlt(void)
{
	LOAD(halt_code);
	begin();
	for (unsigned i = 0; i < ROUNDS; i++) {
		uint64_t t;

		page->rip = 0;
		page->dirty |= TV_REGS_RIP;
		t = before();
		expect_err(sys_vcpu_run(SEL_VCPU, TV_NEVER, NULL), TV_OK);
		after(t);
		expect(page->kind == TV_EXIT_HLT);
	}
	print("cost: run_to_hlt=%u\n", (unsigned)(best - empty));
	verdict("a guest that halts comes back each time");
}

GUEST_CODE(bell_code, 16,
	"	sti\n"
	"1:	out %al, $0x84\n"
	"	hlt\n"
	"	jmp 1b\n"
	".global bell_handler\n"
	"bell_handler:\n"
	"	out %al, $0x85\n"
	"	iret\n");
extern const char bell_handler[];

/* A server in a thread of its own: it answers each doorbell with a signal to the vCPU's thread. */
static void backend(struct worker *w)
{
	uint64_t bits;

	while (sys_ntfn_wait(SEL_BELL, TV_NEVER, &bits) == TV_OK && sys_ntfn_signal(SEL_NTFN, 1) == TV_OK)
		w->counter++;
	sys_thread_exit(0);
}

/* From the guest's OUT to the first instruction in the handler of the interrupt that answers it. */
static void runner(struct worker *w)
{
	uint64_t bits;

	LOAD(bell_code);
	set_ivt(VECTOR, bell_code, bell_handler);
	begin();
	for (w->counter = 0; w->counter < ROUNDS && !failures; w->counter++) {
		uint64_t t = before();

		expect(run() == TV_EXIT_KICK);
		expect_err(sys_ntfn_poll(SEL_NTFN, &bits), TV_OK);
		page->inject = TV_EVENT(TV_EVENT_EXTINT, VECTOR);
		expect(run() == TV_EXIT_PIO && page->arg0 == 0x85);
		after(t);
		skip(2);
		expect(run() == TV_EXIT_HLT);
		skip(1);
	}
	expect_err(sys_ntfn_signal(SEL_DONE, 1), TV_OK);
	sys_thread_exit(0);
}

/* The server's thread has the higher priority, and both have less than this one, which waits. */
static void doorbell(void)
{
	struct worker *server = work_at(0, SEL_FREE + 64, 0, backend, 60), *guest = work_at(1, SEL_FREE + 66, 0, runner, 50);
	uint64_t bits;

	expect_err(sys_ntfn_create(SEL_NTFN), TV_OK);
	expect_err(sys_ntfn_create(SEL_BELL), TV_OK);
	expect_err(sys_ntfn_create(SEL_DONE), TV_OK);
	expect_err(sys_thread_bind(guest->thread, SEL_NTFN), TV_OK);
	expect_err(sys_doorbell_bind(SEL_SPACE, 0x84, SEL_BELL, 1), TV_OK);
	start(server);
	start(guest);
	expect_err(sys_ntfn_wait(SEL_DONE, TV_NEVER, &bits), TV_OK);
	expect(guest->counter == ROUNDS && server->counter == ROUNDS);
	print("cost: doorbell_round=%u\n", (unsigned)(best - empty));
	verdict("a doorbell wakes a server, whose signal becomes an interrupt");
}

uint64_t rt_main(const struct tv_start *unused)
{
	(void)unused;
	make_guest();
	run_to_hlt();
	doorbell();
	done();
}
