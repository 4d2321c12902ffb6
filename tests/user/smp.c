/* SPDX-License-Identifier: Apache-2.0 */
/* cpus: 4 */
/* Threads on several CPUs: they run at the same time, wake, stop, move and end each other. */
#include "workers.h"

#define PING		(SEL_FREE + 0)
#define PONG		(SEL_FREE + 1)
#define SLEEP		(SEL_FREE + 2)
#define OTHER_SCHED	(SEL_FREE + 3)
/* At most so many, and no more after so long: on a busy host an emulated CPU sleeps for milliseconds. */
#define ROUNDS		20000u
#define MOVES		300u
#define KILLS		200u
#define ENOUGH		micros(5000000)

static void count(struct worker *w)
{
	while (!w->stop)
		w->counter++;
	leave(w);
}

static void sleep_for(uint64_t ticks)
{
	uint64_t bits;

	expect_err(sys_ntfn_wait(SLEEP, now() + ticks, &bits), TV_ETIMEOUT);
}

static void all_run_at_once(void)
{
	unsigned n = rt_info()->cpu_count;

	for (unsigned i = 1; i < n; i++)
		start(work(i, i, count));
	for (unsigned i = 1; i < n; i++)
		expect(wait_change(&workers[i].counter, 0));
	/* This thread spins on CPU 0 while all the others go on. */
	for (unsigned i = 1; i < n; i++)
		expect(wait_change(&workers[i].counter, workers[i].counter));
	for (unsigned i = 1; i < n; i++) {
		workers[i].stop = 1;
		expect(wait_change(&workers[i].done, 0));
		end(&workers[i]);
	}
	verdict("threads run on all CPUs at the same time");
}

static void answer(struct worker *w)
{
	uint64_t bits;

	while (!w->stop) {
		if (sys_ntfn_wait(PING, TV_NEVER, &bits) != TV_OK)
			break;
		w->counter++;
		(void)sys_ntfn_signal(PONG, 1);
	}
	leave(w);
}

static void alone_and_undisturbed(void)
{
	struct sys_cpu_info before, after;
	unsigned n = rt_info()->cpu_count;
	struct worker *w = work(1, n - 1, count);

	start(w);
	expect(wait_change(&w->counter, 0));
	sleep_for(micros(1000));
	expect_err(sys_cpu_info(w->sched, &before), TV_OK);
	sleep_for(micros(300000));
	expect_err(sys_cpu_info(w->sched, &after), TV_OK);
	expect(after.timer == before.timer && after.device == before.device && after.message == before.message);
	expect(after.idle == before.idle && after.switches == before.switches);
	end(w);
	verdict("a thread that has a CPU for itself is not interrupted once");
}

static void signals_go_to_and_fro(void)
{
	struct worker *w = work(1, 1, answer);
	uint64_t bits, begin, lost = 0, rounds = 0;

	start(w);
	for (begin = now(); rounds < ROUNDS && !lost && now() - begin < ENOUGH; rounds++) {
		expect_err(sys_ntfn_signal(PING, 1), TV_OK);
		lost += sys_ntfn_wait(PONG, now() + micros(10000000), &bits) != TV_OK;
	}
	print("%u rounds between two CPUs, one takes %u ns\n", (unsigned)rounds, (unsigned)((now() - begin) / rounds * 1000 / micros(1)));
	expect(lost == 0 && w->counter == rounds);
	w->stop = 1;
	expect_err(sys_ntfn_signal(PING, 1), TV_OK);
	expect(wait_change(&w->done, 0));
	end(w);
	verdict("a signal wakes a thread on another CPU, and none is lost");
}

static void a_thread_is_stopped_where_it_runs(void)
{
	struct worker *w = work(1, 2, count);
	uint64_t seen;

	start(w);
	expect(wait_change(&w->counter, 0));
	for (unsigned i = 0; i < 50; i++) {
		expect_err(sys_thread_suspend(w->thread), TV_OK);
		seen = w->counter;
		for (uint64_t until = now() + micros(100); now() < until;)
			relax();
		expect(w->counter == seen);
		expect_err(sys_thread_start(w->thread), TV_OK);
		expect(wait_change(&w->counter, seen));
	}
	end(w);
	seen = w->counter;
	for (uint64_t until = now() + micros(1000); now() < until;)
		relax();
	expect(w->counter == seen);
	verdict("a thread on another CPU stands still when suspend or delete returns");
}

static void a_thread_moves(void)
{
	struct worker *w = work(1, 1, count);
	unsigned n = rt_info()->cpu_count;

	start(w);
	for (uint64_t i = 0, begin = now(); i < MOVES && now() - begin < ENOUGH; i++) {
		uint64_t seen = w->counter;

		expect_err(sys_sched_bind(w->sched, 0), TV_OK);
		expect_err(sys_cap_delete(w->sched), TV_OK);
		expect_err(sys_sched_create(w->sched, TV_SEL_SCHED, 1 + i % (n - 1), 100, 0, 0), TV_OK);
		expect_err(sys_sched_bind(w->sched, w->thread), TV_OK);
		expect(wait_change(&w->counter, seen));
	}
	end(w);
	verdict("a running thread moves from CPU to CPU and goes on");
}

static void nap(struct worker *w)
{
	uint64_t bits;

	while (!w->stop) {
		if (sys_ntfn_wait(PING, now() + micros(50 + w->counter % 100), &bits) == TV_ETIMEOUT)
			w->counter++;
		else
			w->arg++;
	}
	leave(w);
}

static void a_sleeper_moves(void)
{
	struct worker *w = work(1, 1, nap);
	unsigned n = rt_info()->cpu_count;

	start(w);
	for (uint64_t i = 0, begin = now(); i < MOVES && now() - begin < ENOUGH; i++) {
		expect_err(sys_sched_bind(w->sched, 0), TV_OK);
		expect_err(sys_cap_delete(w->sched), TV_OK);
		if (i % 3 == 0)
			expect_err(sys_ntfn_signal(PING, 1), TV_OK);
		expect_err(sys_sched_create(w->sched, TV_SEL_SCHED, i % n, 255, 0, 0), TV_OK);
		expect_err(sys_sched_bind(w->sched, w->thread), TV_OK);
		sleep_for(micros(100));
	}
	w->stop = 1;
	for (unsigned i = 0; i < 1000 && !w->done; i++)
		sleep_for(micros(1000));
	expect(w->done && w->counter > 0 && w->arg > 0);
	end(w);
	verdict("a waiting thread takes its deadline and its signals along to another CPU");
}

static void killed_in_all_states(void)
{
	static void (*const kinds[])(struct worker *) = { count, answer, nap };
	struct sys_domain_info before, after;
	unsigned n = rt_info()->cpu_count;

	expect_err(sys_domain_info(TV_SEL_DOMAIN, &before), TV_OK);
	for (uint64_t i = 0, begin = now(); i < KILLS && now() - begin < ENOUGH; i++) {
		for (unsigned k = 1; k < n; k++)
			start(work(k, k, kinds[(i + k) % 3]));
		if (i % 4 == 0)
			expect_err(sys_ntfn_signal(PING, 1), TV_OK);
		for (uint64_t until = now() + micros(i % 100); now() < until;)
			relax();
		for (unsigned k = 1; k < n; k++)
			end(&workers[k]);
	}
	expect_err(sys_domain_info(TV_SEL_DOMAIN, &after), TV_OK);
	expect(before.used == after.used);
	verdict("threads on other CPUs are ended whatever they do, and every byte comes back");
}

static void the_end_of_a_notification(void)
{
	unsigned n = rt_info()->cpu_count;

	for (uint64_t i = 0, begin = now(); i < KILLS && now() - begin < ENOUGH; i++) {
		for (unsigned k = 1; k < n; k++)
			start(work(k, k, answer));
		for (uint64_t until = now() + micros(i % 50); now() < until;)
			relax();
		expect_err(sys_cap_delete(PING), TV_OK);
		for (unsigned k = 1; k < n; k++) {
			expect(wait_change(&workers[k].done, 0));
			end(&workers[k]);
		}
		expect_err(sys_ntfn_create(PING), TV_OK);
	}
	verdict("who waits on another CPU learns that the notification is gone");
}

uint64_t rt_main(const struct tv_start *unused)
{
	(void)unused;
	expect_err(sys_ntfn_create(PING), TV_OK);
	expect_err(sys_ntfn_create(PONG), TV_OK);
	expect_err(sys_ntfn_create(SLEEP), TV_OK);
	all_run_at_once();
	alone_and_undisturbed();
	signals_go_to_and_fro();
	a_thread_is_stopped_where_it_runs();
	a_thread_moves();
	a_sleeper_moves();
	killed_in_all_states();
	the_end_of_a_notification();
	done();
}
