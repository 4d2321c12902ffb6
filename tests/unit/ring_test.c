/* SPDX-License-Identifier: Apache-2.0 */
/* The byte ring between programs that do not trust each other. */
#include <rt/ring.h>

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SIZE	64u

static struct ring_shared shared;
static uint8_t data[SIZE + 2];		/* a guard byte on each side */
static struct ring r = { &shared, data + 1, SIZE };

static int setup(void **state)
{
	(void)state;
	ring_init(&shared);
	data[0] = data[SIZE + 1] = 0xa5;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	assert_int_equal(data[0], 0xa5);
	assert_int_equal(data[SIZE + 1], 0xa5);
	return 0;
}

static void bytes_come_out_in_the_order_they_went_in(void **state)
{
	uint8_t in[50], out[50];

	(void)state;
	for (unsigned round = 0; round < 100; round++) {
		for (unsigned i = 0; i < sizeof(in); i++)
			in[i] = (uint8_t)rand();
		assert_int_equal(ring_put(&r, in, sizeof(in)), sizeof(in));
		assert_int_equal(ring_get(&r, out, sizeof(out)), sizeof(out));
		assert_memory_equal(in, out, sizeof(in));
	}
}

static void a_full_ring_takes_no_more_and_an_empty_one_gives_nothing(void **state)
{
	uint8_t bytes[2 * SIZE] = { 0 };

	(void)state;
	assert_int_equal(ring_get(&r, bytes, 1), 0);
	assert_int_equal(ring_put(&r, bytes, sizeof(bytes)), SIZE);
	assert_int_equal(ring_put(&r, bytes, 1), 0);
	assert_int_equal(ring_space(&r), 0);
	assert_int_equal(ring_get(&r, bytes, sizeof(bytes)), SIZE);
	assert_int_equal(ring_used(&r), 0);
}

static void the_indices_wrap_without_a_seam(void **state)
{
	uint8_t byte;

	(void)state;
	atomic_store(&shared.head, 0xffffffe0u);
	atomic_store(&shared.tail, 0xffffffe0u);
	for (unsigned i = 0; i < 200; i++) {
		byte = (uint8_t)i;
		assert_int_equal(ring_put(&r, &byte, 1), 1);
		assert_int_equal(ring_peek(&r, 0), i & 0xff);
		assert_int_equal(ring_get(&r, &byte, 1), 1);
		assert_int_equal(byte, i & 0xff);
	}
}

static void a_lying_peer_moves_nobody_outside_the_data(void **state)
{
	uint8_t bytes[4 * SIZE] = { 0 };

	(void)state;
	for (unsigned i = 0; i < 10000; i++) {
		uint32_t head = (uint32_t)rand() * 2654435761u, tail = (uint32_t)rand() * 2246822519u;

		atomic_store(&shared.head, head);
		atomic_store(&shared.tail, tail);
		assert_int_equal(ring_broken(&r), tail - head > SIZE);
		assert_in_range(ring_used(&r), 0, SIZE);
		assert_in_range(ring_put(&r, bytes, sizeof(bytes)), 0, SIZE);
		assert_in_range(ring_get(&r, bytes, sizeof(bytes)), 0, SIZE);
	}
}

static void the_getter_of_a_new_ring_is_woken_once(void **state)
{
	uint8_t byte = 0;

	(void)state;
	assert_false(ring_wake_getter(&r));		/* nothing for it */
	ring_put(&r, &byte, 1);
	assert_true(ring_wake_getter(&r));
	ring_put(&r, &byte, 1);
	assert_false(ring_wake_getter(&r));
}

static void who_goes_to_sleep_is_told_what_came_meanwhile(void **state)
{
	uint8_t bytes[SIZE] = { 0 };

	(void)state;
	assert_true(ring_sleep_data(&r));
	ring_put(&r, bytes, SIZE);
	assert_false(ring_sleep_data(&r));
	assert_true(ring_sleep_space(&r));
	assert_false(ring_wake_putter(&r));		/* no room yet */
	ring_skip(&r, 1);
	assert_true(ring_wake_putter(&r));
	assert_false(ring_wake_putter(&r));
	ring_put(&r, bytes, 1);
	ring_skip(&r, 1);
	assert_false(ring_sleep_space(&r));
}

/* Two threads that sleep on condition variables as programs do on notifications; a lost wake-up would hang them. */
#define TRAFFIC	2000000u

struct signal {
	pthread_mutex_t lock;
	pthread_cond_t set;
	bool pending;
};
static struct signal to_getter = { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false };
static struct signal to_putter = { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false };

static void signal_send(struct signal *s)
{
	pthread_mutex_lock(&s->lock);
	s->pending = true;
	pthread_cond_signal(&s->set);
	pthread_mutex_unlock(&s->lock);
}

static void signal_wait(struct signal *s)
{
	pthread_mutex_lock(&s->lock);
	while (!s->pending)
		pthread_cond_wait(&s->set, &s->lock);
	s->pending = false;
	pthread_mutex_unlock(&s->lock);
}

static void *putter(void *arg)
{
	uint32_t sent = 0;

	(void)arg;
	while (sent < TRAFFIC) {
		uint8_t bytes[7];
		uint32_t n = sizeof(bytes) < TRAFFIC - sent ? sizeof(bytes) : TRAFFIC - sent;

		for (uint32_t i = 0; i < n; i++)
			bytes[i] = (uint8_t)((sent + i) * 7);
		n = ring_put(&r, bytes, n);
		sent += n;
		if (ring_wake_getter(&r))
			signal_send(&to_getter);
		if (!n && ring_sleep_space(&r))
			signal_wait(&to_putter);
	}
	return NULL;
}

static void no_byte_and_no_wakeup_is_lost_between_two_threads(void **state)
{
	pthread_t thread;
	uint32_t got = 0;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, putter, NULL), 0);
	while (got < TRAFFIC) {
		uint8_t bytes[11];
		uint32_t n = ring_get(&r, bytes, sizeof(bytes));

		for (uint32_t i = 0; i < n; i++)
			assert_int_equal(bytes[i], (uint8_t)((got + i) * 7));
		got += n;
		if (ring_wake_putter(&r))
			signal_send(&to_putter);
		if (!n && ring_sleep_data(&r))
			signal_wait(&to_getter);
	}
	pthread_join(thread, NULL);
	assert_int_equal(ring_used(&r), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(bytes_come_out_in_the_order_they_went_in, setup, teardown),
		cmocka_unit_test_setup_teardown(a_full_ring_takes_no_more_and_an_empty_one_gives_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(the_indices_wrap_without_a_seam, setup, teardown),
		cmocka_unit_test_setup_teardown(a_lying_peer_moves_nobody_outside_the_data, setup, teardown),
		cmocka_unit_test_setup_teardown(the_getter_of_a_new_ring_is_woken_once, setup, teardown),
		cmocka_unit_test_setup_teardown(who_goes_to_sleep_is_told_what_came_meanwhile, setup, teardown),
		cmocka_unit_test_setup_teardown(no_byte_and_no_wakeup_is_lost_between_two_threads, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
