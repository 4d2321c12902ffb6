/* SPDX-License-Identifier: Apache-2.0 */
/* cpus: 3 */
/* A guest on another CPU: kicks and signals fetch it out, every time; it moves between CPUs; its memory is taken away while it runs. */
/* not-on: bochs-svm Bochs holds interrupts of the host back while a guest's IF is 0 at VMRUN */
/* "kicks=N" on the hypervisor's command line: so many kicks and signals, however long that takes. */
#include "vcpu_rig.h"
#include "workers.h"

#define KICKS		200000u
#define MOVES		300u
#define TIMES		300u
#define ENOUGH		milliseconds(6000)
#define WRITES		0x100000u	/* a page that the guest writes, in the part of its memory that comes and goes */
#define RUN_SEL		(SEL_TEST + 16)

/* EDI: where it counts. */
GUEST_CODE(count_code, 64, "1: incl (%rdi); jmp 1b\n");

/* The vCPU's thread: run, and count why it came back. */
static void run_guest(struct worker *w)
{
	while (!w->stop) {
		uint64_t group, bits;

		if (sys_vcpu_run(SEL_VCPU, now() + milliseconds(20000), &group) != TV_OK)
			break;
		if (page->kind == TV_EXIT_KICK) {
			(void)sys_ntfn_poll(SEL_NTFN, &bits);
			w->counter++;
		} else {
			w->arg = page->kind;
			break;
		}
	}
	leave(w);
}

static struct worker *guest_on(unsigned cpu)
{
	struct worker *w = work_at(0, RUN_SEL, cpu, run_guest, 100);

	expect_err(sys_thread_bind(w->thread, SEL_NTFN), TV_OK);
	return w;
}

static void load_counter(uint64_t where)
{
	LOAD(count_code);
	long_mode();
	page->gpr[TV_RDI] = where;
	/* Bochs, where Intel's machine is tested, holds host interrupts back from a guest that has interrupts off. */
	if (rt_info()->features & TV_FEAT_VMX)
		page->rflags |= RFLAGS_IF;
}

static void stop(struct worker *w)
{
	w->stop = 1;
	expect_err(sys_vcpu_kick(SEL_VCPU), TV_OK);
	expect(wait_change(&w->done, 0));
	end(w);
}

/* One at a time: the next comes when the last one has been seen, at any distance from the thread's way back into the guest. */
static void fetched(bool signal, const char *property)
{
	struct worker *w;
	uint64_t asked = option("kicks=", 0), most = asked ? asked : KICKS, kicks = 0, lost = 0;

	load_counter(DATA);
	w = guest_on(1);
	start(w);
	for (uint64_t begin = now(); kicks < most && !lost && (asked || now() - begin < ENOUGH); kicks++) {
		uint64_t seen = w->counter;

		if (signal)
			(void)sys_ntfn_signal(SEL_NTFN, 1);
		else
			(void)sys_vcpu_kick(SEL_VCPU);
		lost += !wait_change(&w->counter, seen);
		for (uint64_t n = kicks % 64; n; n--)
			relax();
	}
	print("%u times\n", (unsigned)kicks);
	expect(lost == 0 && w->arg == 0);
	stop(w);
	verdict(property);
}

static void the_guest_moves(void)
{
	struct worker *w;

	load_counter(DATA);
	w = guest_on(1);
	start(w);
	for (uint64_t i = 0, begin = now(); i < MOVES && now() - begin < ENOUGH; i++) {
		uint32_t seen = guest_read(DATA);

		expect_err(sys_sched_bind(w->sched, 0), TV_OK);
		expect_err(sys_cap_delete(w->sched), TV_OK);
		expect_err(sys_sched_create(w->sched, TV_SEL_SCHED, 1 + i % 2, 100, 0, 0), TV_OK);
		expect_err(sys_sched_bind(w->sched, w->thread), TV_OK);
		for (uint64_t until = now() + milliseconds(10000); guest_read(DATA) == seen && now() < until;)
			relax();
		expect(guest_read(DATA) != seen);
	}
	expect(w->arg == 0);
	stop(w);
	verdict("a guest moves between CPUs with its thread and goes on");
}

/* Does the guest write any more?  This program sees the page by another mapping. */
static bool page_rests(void)
{
	uint32_t seen = guest_read(WRITES);

	for (uint64_t until = now() + milliseconds(1) / 10; now() < until;)
		relax();
	return guest_read(WRITES) == seen;
}

static void memory_is_taken_away(void)
{
	for (uint64_t i = 0, begin = now(); i < TIMES && now() - begin < ENOUGH; i++) {
		struct worker *w;
		uint32_t seen;

		load_counter(WRITES);
		w = guest_on(1 + i % 2);
		seen = guest_read(WRITES);
		start(w);
		for (uint64_t until = now() + milliseconds(10000); guest_read(WRITES) == seen && now() < until;)
			relax();
		expect(guest_read(WRITES) != seen);
		if (i % 2)
			expect_err(sys_mem_unmap(SEL_SPACE, WRITES, 0x1000), TV_OK);
		else
			expect_err(sys_mem_protect(SEL_SPACE, WRITES, 0x1000, TV_MAP_READ | TV_MAP_EXEC), TV_OK);
		expect(page_rests());
		expect(wait_change(&w->done, 0));
		expect(w->arg == TV_EXIT_MMIO);
		end(w);
		if (i % 2)
			expect_err(sys_mem_map(SEL_SPACE, WRITES, region, WRITES, 0x1000, TV_MAP_RIGHTS), TV_OK);
		else
			expect_err(sys_mem_protect(SEL_SPACE, WRITES, 0x1000, TV_MAP_RIGHTS), TV_OK);
	}
	verdict("a guest on another CPU writes no memory any more when unmap or protect returns");
}

static void destroyed_while_it_runs(void)
{
	struct sys_domain_info before, after;

	load_counter(DATA);
	expect_err(sys_domain_info(TV_SEL_DOMAIN, &before), TV_OK);
	for (uint64_t i = 0, begin = now(); i < TIMES && now() - begin < ENOUGH; i++) {
		struct worker *w;

		load_counter(DATA);
		w = guest_on(1 + i % 2);
		start(w);
		for (uint64_t n = (i % 32) * 100; n; n--)
			relax();
		/* The vCPU under its thread, or the thread on its vCPU. */
		if (i % 2) {
			expect_err(sys_cap_delete(SEL_VCPU), TV_OK);
			expect(wait_change(&w->done, 0));
		}
		end(w);
	}
	load_counter(DATA);
	expect_err(sys_domain_info(TV_SEL_DOMAIN, &after), TV_OK);
	expect(before.used == after.used);
	verdict("vCPUs and their threads are destroyed while the guest runs on another CPU");
}

uint64_t rt_main(const struct tv_start *unused)
{
	(void)unused;
	make_guest();
	expect_err(sys_ntfn_create(SEL_NTFN), TV_OK);
	fetched(false, "no kick from another CPU is lost");
	fetched(true, "no signal from another CPU is lost");
	the_guest_moves();
	memory_is_taken_away();
	destroyed_while_it_runs();
	done();
}
