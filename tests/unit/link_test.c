/* SPDX-License-Identifier: Apache-2.0 */
/* Links between a client and a server that do not trust each other. */
/* sources: vmm/rt/link.c */
#include <rt/link.h>

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct link_shared *shared;
static struct link client, server;
static bool signal_server;

static int setup(void **state)
{
	(void)state;
	free(shared);
	shared = calloc(1, sizeof(*shared));	/* of its own size: the sanitizer sees every byte beyond it */
	link_client_init(&client, shared);
	link_server_init(&server, shared);
	return 0;
}

static void connect(void)
{
	assert_int_equal(link_client_poll(&client, &signal_server), LINK_DOWN);
	assert_int_equal(link_server_poll(&server), LINK_NEW);
	link_server_accept(&server);
	assert_int_equal(link_client_poll(&client, &signal_server), LINK_NEW);
	assert_int_equal(link_client_poll(&client, &signal_server), LINK_UP);
}

static struct link_request request(uint32_t tag, uint16_t segments)
{
	return (struct link_request){ .tag = tag, .op = 1, .segments = segments, .arg = { tag * 3, 7, 9 } };
}

static void the_link_comes_up_in_whichever_order_the_sides_begin(void **state)
{
	(void)state;
	assert_int_equal(link_server_poll(&server), LINK_DOWN);		/* the client chose before the server began */
	assert_int_equal(link_client_poll(&client, &signal_server), LINK_DOWN);
	assert_true(signal_server);
	assert_int_equal(link_server_poll(&server), LINK_NEW);
	link_server_accept(&server);
	assert_int_equal(link_server_poll(&server), LINK_UP);
	assert_int_equal(link_client_poll(&client, &signal_server), LINK_NEW);
	assert_false(signal_server);
	link_client_init(&client, shared);				/* now the server was first */
	assert_int_equal(link_client_poll(&client, &signal_server), LINK_DOWN);
	assert_int_equal(link_server_poll(&server), LINK_NEW);
}

static void nothing_goes_through_a_link_that_is_down(void **state)
{
	struct link_request r = request(1, 0);
	struct link_completion c = { 0 };

	(void)state;
	assert_false(link_request(&client, &r, NULL));
	assert_false(link_completion(&client, &c));
	assert_false(link_take(&server, &r, NULL, 0));
	assert_true(link_complete(&server, &c));
	assert_int_equal(atomic_load(&shared->server.put), 0);
}

static void requests_arrive_whole_and_in_order_for_many_rounds(void **state)
{
	struct link_segment in[LINK_SEGMENTS], out[LINK_SEGMENTS];
	struct link_request got;
	struct link_completion c, d;

	(void)state;
	connect();
	for (unsigned round = 0; round < 5000; round++) {
		struct link_request r = request(round % LINK_TAGS, (uint16_t)(rand() % (LINK_SEGMENTS + 1)));

		for (unsigned i = 0; i < r.segments; i++)
			in[i] = (struct link_segment){ (uint64_t)rand() << 20, (uint32_t)rand(), 0 };
		assert_true(link_request(&client, &r, in));
		assert_true(link_take(&server, &got, out, LINK_SEGMENTS));
		assert_memory_equal(&got, &r, sizeof(r));
		assert_memory_equal(out, in, r.segments * sizeof(in[0]));
		assert_false(link_take(&server, &got, out, LINK_SEGMENTS));
		c = (struct link_completion){ .tag = r.tag, .status = round, .arg = { round, 1, 2 } };
		assert_true(link_complete(&server, &c));
		assert_true(link_completion(&client, &d));
		assert_memory_equal(&c, &d, sizeof(c));
		assert_false(link_completion(&client, &d));
	}
}

static void a_full_request_ring_takes_no_more_until_something_was_taken(void **state)
{
	struct link_segment segments[7] = { { 0, 512, 0 } };
	struct link_request r = request(0, 7), got;
	unsigned n = 0;

	(void)state;
	connect();
	while (link_request(&client, &r, segments))
		n++;
	assert_int_equal(n, LINK_SLOTS / 5);
	assert_true(link_take(&server, &got, segments, 7));
	assert_true(link_request(&client, &r, segments));
	assert_false(link_request(&client, &r, segments));
}

static void a_request_too_long_for_the_server_breaks_the_link_until_the_client_begins_anew(void **state)
{
	struct link_segment segments[4] = { { 0, 512, 0 } };
	struct link_request r = request(0, 3), got;

	(void)state;
	connect();
	assert_true(link_request(&client, &r, segments));
	assert_false(link_take(&server, &got, segments, 2));
	assert_true(link_broken(&server));
	assert_int_equal(link_server_poll(&server), LINK_DOWN);
	link_client_restart(&client);
	connect();
	r.segments = 2;
	assert_true(link_request(&client, &r, segments));
	assert_true(link_take(&server, &got, segments, 2));
}

static void a_lying_client_breaks_its_link_only(void **state)
{
	static const uint32_t puts[] = { LINK_SLOTS + 1, 0x80000000u, UINT32_MAX };
	struct link_segment segments[LINK_SEGMENTS];
	struct link_request got;

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(puts); i++) {
		setup(NULL);
		connect();
		atomic_store(&shared->client.put, puts[i]);
		assert_false(link_take(&server, &got, segments, LINK_SEGMENTS));
		assert_true(link_broken(&server));
	}
	for (unsigned i = 0; i < 3; i++) {		/* more segments than are there, a tag that is none, both at their most */
		struct link_request lie = request(i ? UINT32_MAX : 0, i == 1 ? 0 : UINT16_MAX);

		setup(NULL);
		connect();
		memcpy(shared->request[0], &lie, sizeof(lie));
		atomic_store(&shared->client.put, 1);
		assert_false(link_take(&server, &got, segments, LINK_SEGMENTS));
		assert_true(link_broken(&server));
	}
}

static void a_client_that_takes_no_completions_breaks_its_link(void **state)
{
	struct link_completion c = { 0 };

	(void)state;
	connect();
	for (unsigned i = 0; i < LINK_TAGS; i++)
		assert_true(link_complete(&server, &c));
	assert_false(link_complete(&server, &c));
	assert_true(link_broken(&server));
}

static void a_lying_server_is_noticed_and_left_by_beginning_anew(void **state)
{
	struct link_completion c;

	(void)state;
	connect();
	atomic_store(&shared->server.put, LINK_TAGS + 1);
	assert_false(link_completion(&client, &c));
	assert_true(link_broken(&client));
	assert_int_equal(link_client_poll(&client, &signal_server), LINK_DOWN);
	link_client_restart(&client);
	connect();
	shared->completion[0][0] = LINK_TAGS;
	atomic_store(&shared->server.put, 1);
	assert_false(link_completion(&client, &c));
	assert_true(link_broken(&client));
}

static void a_server_that_claims_to_have_taken_what_was_never_put_gets_nothing(void **state)
{
	struct link_request r = request(0, 0);

	(void)state;
	connect();
	atomic_store(&shared->server.got, 5);
	assert_false(link_request(&client, &r, NULL));
	atomic_store(&shared->server.got, 0);
	assert_true(link_request(&client, &r, NULL));
}

static void own_words_that_the_peer_overwrites_are_not_read_back(void **state)
{
	struct link_request r = request(3, 0), got;
	struct link_completion c = { .tag = 3 };

	(void)state;
	connect();
	memset(&shared->client, 0xff, offsetof(struct link_side, hello));
	assert_true(link_request(&client, &r, NULL));
	assert_true(link_take(&server, &got, NULL, 0));
	atomic_store(&shared->client.got, 0);
	memset(&shared->server, 0xff, 64);
	assert_true(link_complete(&server, &c));
	assert_true(link_completion(&client, &c));
}

static void a_new_server_is_noticed_and_the_client_asks_again(void **state)
{
	struct link_request r = request(5, 0), got;

	(void)state;
	connect();
	assert_true(link_request(&client, &r, NULL));
	link_server_init(&server, shared);
	assert_int_equal(link_server_poll(&server), LINK_DOWN);
	assert_false(link_take(&server, &got, NULL, 0));
	assert_int_equal(link_client_poll(&client, &signal_server), LINK_DOWN);
	assert_true(signal_server);
	assert_int_equal(link_server_poll(&server), LINK_NEW);
	link_server_accept(&server);
	assert_int_equal(link_client_poll(&client, &signal_server), LINK_NEW);
	assert_true(link_request(&client, &r, NULL));
	assert_true(link_take(&server, &got, NULL, 0));
	assert_int_equal(got.tag, 5);
}

static void a_new_client_is_noticed_and_old_completions_do_not_reach_it(void **state)
{
	struct link_request r = request(5, 0), got;
	struct link_completion c = { .tag = 5 };

	(void)state;
	connect();
	assert_true(link_request(&client, &r, NULL));
	assert_true(link_take(&server, &got, NULL, 0));
	link_client_init(&client, shared);
	assert_true(link_complete(&server, &c));		/* the server has not looked yet */
	assert_int_equal(link_client_poll(&client, &signal_server), LINK_DOWN);
	assert_false(link_completion(&client, &c));
	assert_int_equal(link_server_poll(&server), LINK_NEW);
	assert_int_equal(link_server_poll(&server), LINK_NEW);	/* until it is accepted */
	link_server_accept(&server);
	assert_int_equal(link_client_poll(&client, &signal_server), LINK_NEW);
	assert_false(link_completion(&client, &c));
}

static void a_signal_is_needed_once_for_a_sleep(void **state)
{
	struct link_request r = request(0, 0), got;

	(void)state;
	connect();
	assert_true(link_sleep(&server, true));
	assert_false(link_needs_signal(&client, false));
	assert_true(link_request(&client, &r, NULL));
	assert_true(link_request(&client, &r, NULL));
	assert_true(link_needs_signal(&client, false));
	assert_true(link_request(&client, &r, NULL));
	assert_false(link_needs_signal(&client, false));
	assert_false(link_sleep(&server, true));		/* there is something */
	while (link_take(&server, &got, NULL, 0))
		;
	assert_true(link_sleep(&server, true));
	assert_true(link_request(&client, &r, NULL));
	assert_true(link_needs_signal(&client, false));
}

#define STRESS 200000u

static atomic_uint doorbell[2];			/* what a notification would be */

static void *stress_server(void *arg)
{
	struct link_segment segments[4];
	struct link_request r;

	(void)arg;
	for (unsigned done = 0; done < STRESS;) {
		while (link_take(&server, &r, segments, 4)) {
			struct link_completion c = { .tag = r.tag, .arg = { r.arg[0], segments[0].addr } };

			assert_true(link_complete(&server, &c));
			done++;
		}
		if (link_needs_signal(&server, true))
			atomic_fetch_add(&doorbell[0], 1);
		if (done < STRESS && link_sleep(&server, true))
			while (!atomic_exchange(&doorbell[1], 0))
				sched_yield();
	}
	return NULL;
}

static void no_signal_is_lost_between_two_threads(void **state)
{
	struct link_segment segment = { 0, 1, 0 };
	struct link_completion c;
	unsigned put = 0, got = 0;
	pthread_t thread;

	(void)state;
	connect();
	assert_int_equal(pthread_create(&thread, NULL, stress_server, NULL), 0);
	while (got < STRESS) {
		while (put < STRESS && put - got < LINK_TAGS) {
			struct link_request r = { .tag = put % LINK_TAGS, .segments = 1, .arg = { put } };

			segment.addr = ~(uint64_t)put;
			if (!link_request(&client, &r, &segment))
				break;
			put++;
		}
		if (link_needs_signal(&client, false))
			atomic_fetch_add(&doorbell[1], 1);
		while (link_completion(&client, &c)) {
			assert_int_equal(c.tag, got % LINK_TAGS);
			assert_int_equal(c.arg[0], got);
			assert_int_equal(c.arg[1], ~(uint64_t)got);
			got++;
		}
		/* With nothing under way there is nothing to wait for. */
		if (put > got && link_sleep(&client, false))
			while (!atomic_exchange(&doorbell[0], 0))
				sched_yield();
	}
	pthread_join(thread, NULL);
	assert_false(link_broken(&client) || link_broken(&server));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(the_link_comes_up_in_whichever_order_the_sides_begin, setup),
		cmocka_unit_test_setup(nothing_goes_through_a_link_that_is_down, setup),
		cmocka_unit_test_setup(requests_arrive_whole_and_in_order_for_many_rounds, setup),
		cmocka_unit_test_setup(a_full_request_ring_takes_no_more_until_something_was_taken, setup),
		cmocka_unit_test_setup(a_request_too_long_for_the_server_breaks_the_link_until_the_client_begins_anew, setup),
		cmocka_unit_test_setup(a_lying_client_breaks_its_link_only, setup),
		cmocka_unit_test_setup(a_client_that_takes_no_completions_breaks_its_link, setup),
		cmocka_unit_test_setup(a_lying_server_is_noticed_and_left_by_beginning_anew, setup),
		cmocka_unit_test_setup(a_server_that_claims_to_have_taken_what_was_never_put_gets_nothing, setup),
		cmocka_unit_test_setup(own_words_that_the_peer_overwrites_are_not_read_back, setup),
		cmocka_unit_test_setup(a_new_server_is_noticed_and_the_client_asks_again, setup),
		cmocka_unit_test_setup(a_new_client_is_noticed_and_old_completions_do_not_reach_it, setup),
		cmocka_unit_test_setup(a_signal_is_needed_once_for_a_sleep, setup),
		cmocka_unit_test_setup(no_signal_is_lost_between_two_threads, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
