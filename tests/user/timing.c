/* SPDX-License-Identifier: Apache-2.0 */
/* Scheduling and time on the machine: priorities, turns, budgets, deadlines. */
#include <rt/start.h>

#include "child.h"

static uint64_t hz;

static uint64_t ntfn;

static void sleep_for(uint64_t ticks)
{
	uint64_t bits;

	expect_err(sys_ntfn_wait(ntfn, now() + ticks, &bits), TV_ETIMEOUT);
}

static void deadlines_are_met(void)
{
	uint64_t worst = 0;

	for (unsigned i = 0; i < 50; i++) {
		uint64_t deadline = now() + hz / 1000 * (1 + i % 7), bits, woke;

		expect_err(sys_ntfn_wait(ntfn, deadline, &bits), TV_ETIMEOUT);
		woke = now();
		expect(woke >= deadline);
		worst = max_u64(worst, woke - deadline);
	}
	print("worst lateness of a wake-up: %u us\n", (unsigned)(worst / (hz / 1000000)));
	verdict("a wait ends at its deadline, not before");
}

/* A spinning thread at @priority with @budget in @period (0: none). */
static void spinner(struct child *c, unsigned priority, uint64_t budget, uint64_t period)
{
	child_domain(c);
	expect_err(sys_thread_create(c->thread, c->domain, CHILD_ENTRY(child_count), 0, CHILD_SHARED, 0), TV_OK);
	expect_err(sys_sched_create(c->sched, TV_SEL_SCHED, 0, priority, budget, period), TV_OK);
	expect_err(sys_sched_bind(c->sched, c->thread), TV_OK);
	expect_err(sys_thread_start(c->thread), TV_OK);
}

static uint64_t consumed(const struct child *c)
{
	struct sys_sched_info info;

	expect_err(sys_sched_info(c->sched, &info), TV_OK);
	return info.consumed;
}

/* Percent of @window that @c used. */
static unsigned percent(uint64_t used, uint64_t window) { return (unsigned)(used * 100 / window); }

static void equal_spinners_share(void)
{
	uint64_t start = now(), window, a_used, b_used;
	struct child a, b;

	spinner(&a, 50, 0, 0);
	spinner(&b, 50, 0, 0);
	start = now();
	a_used = consumed(&a);
	b_used = consumed(&b);
	sleep_for(hz / 2);
	window = now() - start;
	a_used = consumed(&a) - a_used;
	b_used = consumed(&b) - b_used;
	print("shares: %u %% and %u %%\n", percent(a_used, window), percent(b_used, window));
	expect(percent(a_used, window) >= 40 && percent(b_used, window) >= 40);
	expect(a.page->counter > 0 && b.page->counter > 0);
	child_end(&a);
	child_end(&b);
	verdict("spinning threads of equal priority share the CPU");
}

static void the_higher_one_has_the_cpu(void)
{
	struct child low, high;
	uint64_t before;

	spinner(&low, 40, 0, 0);
	expect(child_counts(&low));
	spinner(&high, 60, 0, 0);
	expect(child_counts(&high));
	before = low.page->counter;
	sleep_for(hz / 10);
	expect(low.page->counter == before);
	/* Suspended, it leaves the CPU to the lower one; started again, it takes it back. */
	expect_err(sys_thread_suspend(high.thread), TV_OK);
	expect(child_counts(&low));
	child_end(&low);
	child_end(&high);
	verdict("the highest priority has the CPU");
}

static void a_budget_is_kept(void)
{
	struct child limited, rest;
	uint64_t start, window, used;

	spinner(&rest, 40, 0, 0);
	spinner(&limited, 60, hz / 500, hz / 50);	/* 2 ms in 20 ms: 10 % */
	start = now();
	used = consumed(&limited);
	sleep_for(hz);
	window = now() - start;
	used = consumed(&limited) - used;
	print("budget of 10 %%: %u %% used\n", percent(used, window));
	/* Less when the emulator itself is late. */
	expect(percent(used, window) >= 4 && percent(used, window) <= 12);
	expect(rest.page->counter > 0);
	child_end(&limited);
	child_end(&rest);
	verdict("a context with a budget uses no more than that");
}

static void a_spinner_is_killed_while_it_spins(void)
{
	struct sys_domain_info before, after;
	struct child c;

	spinner(&c, 255, 0, 0);		/* as high as root */
	expect(child_counts(&c));
	expect_err(sys_domain_info(TV_SEL_DOMAIN, &before), TV_OK);
	child_end(&c);
	expect_err(sys_domain_info(TV_SEL_DOMAIN, &after), TV_OK);
	expect(after.used < before.used);
	verdict("a domain that never leaves the CPU can be destroyed");
}

uint64_t rt_main(const struct tv_start *start)
{
	(void)start;
	memory_init();
	hz = rt_info()->tsc_hz;
	ntfn = sel_new();
	expect_err(sys_ntfn_create(ntfn), TV_OK);
	deadlines_are_met();
	equal_spinners_share();
	the_higher_one_has_the_cpu();
	a_budget_is_kept();
	a_spinner_is_killed_while_it_spins();
	done();
}
