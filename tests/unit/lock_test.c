/* SPDX-License-Identifier: Apache-2.0 */
/* sources: vmm/lock.c */
/* The lock between the threads of a monitor: one at a time, and no waiter sleeps on while it is free. */
#include "lock.h"

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>

#include <cmocka.h>
#include <rt/sys.h>

#define THREADS	4u
#define ROUNDS	5000u

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static uint64_t word;			/* of the notification */
static _Atomic unsigned waits, signals;
static struct lock lock;
static unsigned count;			/* what it guards */

enum tv_err sys_ntfn_signal(uint64_t ntfn, uint64_t bits)
{
	assert_int_equal(ntfn, 9);
	signals++;
	pthread_mutex_lock(&mutex);
	word |= bits;
	pthread_cond_signal(&changed);		/* one waiter, as the kernel does it */
	pthread_mutex_unlock(&mutex);
	return TV_OK;
}

enum tv_err sys_ntfn_wait(uint64_t ntfn, uint64_t deadline, uint64_t *bits)
{
	assert_int_equal(ntfn, 9);
	assert_true(deadline == TV_NEVER);
	waits++;
	pthread_mutex_lock(&mutex);
	while (!word)
		pthread_cond_wait(&changed, &mutex);
	*bits = word;
	word = 0;
	pthread_mutex_unlock(&mutex);
	return TV_OK;
}

static int setup(void **state)
{
	(void)state;
	lock = (struct lock){ .ntfn = 9 };
	word = waits = signals = count = 0;
	return 0;
}

static void a_lock_that_nobody_wants_makes_no_system_call(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 100; i++) {
		lock_take(&lock);
		lock_release(&lock);
	}
	assert_int_equal(waits + signals, 0);
}

static void *worker(void *arg)
{
	(void)arg;
	for (unsigned i = 0; i < ROUNDS; i++) {
		unsigned seen;

		lock_take(&lock);
		seen = count;
		if (i % 16 == 0)
			sched_yield();		/* holds it while others want it */
		count = seen + 1;
		lock_release(&lock);
	}
	return NULL;
}

static void one_thread_holds_it_at_a_time_and_all_get_their_turn(void **state)
{
	pthread_t thread[THREADS];

	(void)state;
	for (unsigned i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, worker, NULL), 0);
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
	assert_int_equal(count, THREADS * ROUNDS);
}

static void *taker(void *arg)
{
	(void)arg;
	lock_take(&lock);
	count++;
	lock_release(&lock);
	return NULL;
}

static void a_waiter_sleeps_until_the_holder_is_done(void **state)
{
	pthread_t thread;

	(void)state;
	lock_take(&lock);
	assert_int_equal(pthread_create(&thread, NULL, taker, NULL), 0);
	while (!waits)
		sched_yield();
	assert_int_equal(count, 0);
	lock_release(&lock);
	pthread_join(thread, NULL);
	assert_int_equal(count, 1);
	assert_in_range(signals, 1, 2);		/* the waiter cannot know that it was the only one */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_lock_that_nobody_wants_makes_no_system_call, setup),
		cmocka_unit_test_setup(one_thread_holds_it_at_a_time_and_all_get_their_turn, setup),
		cmocka_unit_test_setup(a_waiter_sleeps_until_the_holder_is_done, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
