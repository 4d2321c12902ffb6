/* SPDX-License-Identifier: Apache-2.0 */
/* How late a guest of high priority wakes up while everybody else does the worst that is allowed. */
/* cpus: 2 */
/* not-on: qemu-svm its CPUs are threads of the host, which runs them when it likes: time is not exact */
/*
 *	CPU 0	the sleeper (priority 200); a VM that does nothing but leave its guest; a thread that maps, unmaps, derives and revokes (100)
 *	CPU 1	another such thread, of the same space and with the same tree lock; one that signals to the VM of CPU 0 without end
 *
 * The sleeper is a virtual CPU in HLT with its timer armed: its thread waits for a deadline, then enters the guest, whose first instruction reads
 * the clock.  Lateness is what that shows beyond the deadline.  "samples=N" on the hypervisor's command line: so many wake-ups.
 */
#include "vcpu_rig.h"
#include "workers.h"

#define SAMPLES		800u
#define BUCKETS		(24u * BUCKETS_PER_OCTAVE)
#define BUCKETS_PER_OCTAVE 4u
#define GAP_TICKS	8192u			/* the sleeper's deadlines are at least so far away, and at most four times that */
#define MOST_TICKS	60000u			/* a chunk of the longest call, behind one of the other CPU: 28,000 */
#define SEL_BUSY	(SEL_TEST + 1)		/* the vCPU of the VM that leaves its guest all the time */
#define SEL_BUSY_NTFN	(SEL_TEST + 2)
#define BUSY_PAGE	(PAGE_BASE + 0x10000)
#define WORK_SEL	(SEL_TEST + 16)		/* two for each worker */
#define DERIVED_SEL	1024u			/* 32 for each stressor */
#define DERIVED		32u
#define STRESS_VA	0x300000000ull		/* 512 pages for each stressor */
#define STRESS_SIZE	(512 * PAGE_SIZE)

static struct tv_exit_page *const busy_page = (struct tv_exit_page *)BUSY_PAGE;
static uint32_t bucket[BUCKETS];
static uint64_t samples, least, most;

GUEST_CODE(clock_code, 64, "1: rdtsc; mov %eax, (%rdi); mov %edx, 4(%rdi); cpuid; jmp 1b\n");

/* --- those who keep the CPUs busy --- */

static void stressor(struct worker *w)
{
	uint64_t va = STRESS_VA + w->arg * 2 * STRESS_SIZE, sel = DERIVED_SEL + w->arg * DERIVED, source = DERIVED_SEL - 1 - w->arg;

	expect_err(sys_cap_derive(TV_SEL_DOMAIN, source, TV_SEL_LOG, TV_RIGHT_DERIVE, 0, 0), TV_OK);
	while (!w->stop) {
		/* At an odd page, so that it takes small ones. */
		expect_err(sys_mem_map(TV_SEL_DOMAIN, va, region, PAGE_SIZE, STRESS_SIZE - PAGE_SIZE, TV_MAP_READ), TV_OK);
		for (unsigned i = 0; i < DERIVED; i++)
			expect_err(sys_cap_derive(TV_SEL_DOMAIN, sel + i, source, 0, 0, 0), TV_OK);
		expect_err(sys_cap_revoke(source), TV_OK);
		expect_err(sys_mem_unmap(TV_SEL_DOMAIN, va, STRESS_SIZE), TV_OK);
		w->counter++;
	}
	leave(w);
}

static void signaller(struct worker *w)
{
	while (!w->stop) {
		(void)sys_ntfn_signal(SEL_BUSY_NTFN, 1);
		w->counter++;
	}
	leave(w);
}

/* Monitor of a guest that leaves all the time; kicks come on top. */
static void exits(struct worker *w)
{
	uint64_t bits;

	while (!w->stop && sys_vcpu_run(SEL_BUSY, TV_NEVER, NULL) == TV_OK) {
		if (busy_page->kind == TV_EXIT_KICK)
			(void)sys_ntfn_poll(SEL_BUSY_NTFN, &bits);
		else if (busy_page->kind == TV_EXIT_CPUID)
			busy_page->rip = CODE;
		else
			break;
		busy_page->dirty |= TV_REGS_RIP;
		w->counter++;
	}
	leave(w);
}

/* --- the sleeper --- */

static void count(uint64_t late)
{
	unsigned octave = 63 - (unsigned)__builtin_clzll(late | 4), part = (unsigned)(late >> (octave - 2) & 3);
	unsigned i = octave * BUCKETS_PER_OCTAVE + part;

	bucket[i < BUCKETS ? i : BUCKETS - 1]++;
	least = min_u64(least, late);
	most = max_u64(most, late);
}

static void sleeper(struct worker *w)
{
	uint64_t bits, early = 0;

	for (uint64_t i = 0; i < samples; i++) {
		uint64_t deadline = now() + GAP_TICKS + ((uint32_t)i * 2654435761u >> 8) % (3 * GAP_TICKS), read;

		if (sys_ntfn_wait(SEL_NTFN, deadline, &bits) != TV_ETIMEOUT)
			break;
		page->rip = CODE;
		page->dirty |= TV_REGS_RIP;
		if (sys_vcpu_run(SEL_VCPU, TV_NEVER, NULL) != TV_OK || page->kind != TV_EXIT_CPUID)
			break;
		read = *(volatile uint64_t *)guest_at(DATA);
		early += read < deadline;
		count(read - deadline);
		w->counter++;
	}
	w->arg = early;
	leave(w);
}

/* The distribution as "late.NAME.TICKS=samples", TICKS being the lower end of a bucket. */
static void sample(const char *name)
{
	struct worker *w;
	uint64_t bits;

	memset(bucket, 0, sizeof(bucket));
	least = TV_NEVER;
	most = 0;
	w = work_at(0, WORK_SEL, 0, sleeper, 200);
	start(w);
	while (!w->done)
		(void)sys_ntfn_wait(SEL_NTFN + 1, now() + milliseconds(100), &bits);
	expect(w->counter == samples);
	expect(w->arg == 0);
	end(w);
	for (unsigned i = 0; i < BUCKETS; i++)
		if (bucket[i])
			print("cost: late.%s.%u=%u\n", name, (4 + i % BUCKETS_PER_OCTAVE) << (i / BUCKETS_PER_OCTAVE - 2), (unsigned)bucket[i]);
	print("cost: late.%s.min=%lu\ncost: late.%s.max=%lu\n", name, (unsigned long)least, name, (unsigned long)most);
}

static void busy_guest(void)
{
	expect_err(sys_vcpu_create(SEL_BUSY, SEL_SPACE), TV_OK);
	expect_err(sys_vcpu_map(SEL_BUSY, BUSY_PAGE), TV_OK);
	memcpy(busy_page, page, sizeof(*page));
	busy_page->gpr[TV_RDI] = DATA + 64;
}

uint64_t rt_main(const struct tv_start *unused)
{
	struct worker *w[4];

	(void)unused;
	samples = option("samples=", SAMPLES);
	make_guest();
	expect_err(sys_ntfn_create(SEL_NTFN), TV_OK);
	expect_err(sys_ntfn_create(SEL_NTFN + 1), TV_OK);
	expect_err(sys_ntfn_create(SEL_BUSY_NTFN), TV_OK);
	LOAD(clock_code);
	long_mode();
	page->rflags |= RFLAGS_IF;
	page->gpr[TV_RDI] = DATA;
	busy_guest();
	sample("idle");
	verdict("a guest wakes up at its time, and never before, on an idle machine");

	w[0] = work_at(1, WORK_SEL + 2, 0, exits, 100);
	w[1] = work_at(2, WORK_SEL + 4, 0, stressor, 100);
	w[2] = work_at(3, WORK_SEL + 6, 1, stressor, 100);
	w[3] = work_at(4, WORK_SEL + 8, 1, signaller, 100);
	w[2]->arg = 1;
	expect_err(sys_thread_bind(w[0]->thread, SEL_BUSY_NTFN), TV_OK);
	for (unsigned i = 0; i < ARRAY_LEN(w); i++)
		start(w[i]);
	sample("busy");
	for (unsigned i = 0; i < ARRAY_LEN(w); i++)
		expect(w[i]->counter > 0);
	expect(most < MOST_TICKS);
	verdict("a guest of high priority wakes up soon, whatever others do on all CPUs");
	done();
}
