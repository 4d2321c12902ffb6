/* SPDX-License-Identifier: Apache-2.0 */
/* Endpoints, notifications and domains between two programs. */
#include <rt/start.h>

#include "child.h"

/* A server in a domain of its own, which adds one to word 0; @own: with a scheduling context. */
static uint64_t server(struct child *c, bool own)
{
	uint64_t ep = sel_new();

	child_domain(c);
	expect_err(sys_ep_create(ep), TV_OK);
	expect_err(sys_cap_derive(c->domain, 1, ep, TV_RIGHT_WAIT, 0, 0), TV_OK);
	child_thread(c, child_serve, CHILD_SHARED, 60);
	expect_err(sys_thread_start(c->thread), TV_OK);
	child_settle(c);
	if (!own)
		expect_err(sys_sched_bind(c->sched, 0), TV_OK);
	return ep;
}

static void calls(void)
{
	for (unsigned own = 0; own < 2; own++) {
		struct child c;
		uint64_t ep = server(&c, own), badged = sel_new(), start, best = ~0ull;
		struct sys_sched_info info;

		expect_err(sys_cap_derive(TV_SEL_DOMAIN, badged, ep, TV_RIGHT_SIGNAL, 4711, 0), TV_OK);
		for (uint64_t i = 0; i < 2000; i++) {
			struct sys_msg m = { badged, { i, 2, 3, 4, 5 } };

			start = now();
			expect_err(sys_ep_call(&m), TV_OK);
			best = min_u64(best, now() - start);
			expect(m.word[0] == i + 1 && m.word[1] == 4711);
			expect(m.word[2] == 3 && m.word[3] == 4 && m.word[4] == 5);
		}
		expect(c.page->counter == 2000);
		expect_err(sys_sched_info(c.sched, &info), TV_OK);
		print("call and reply to another domain: %u ticks at best\n", (unsigned)best);
		verdict(own ? "calls to a server with a context of its own" : "calls to a passive server");
		child_end(&c);
		expect_err(sys_cap_delete(ep), TV_OK);
	}
}

static void a_dead_server_is_reported(void)
{
	struct child c;
	uint64_t ep = server(&c, true);
	struct sys_msg m = { ep, { 1 } };

	expect_err(sys_ep_call(&m), TV_OK);
	child_end(&c);
	/* The endpoint is root's: it stays, but nobody serves it.  A deadline on calls is the watcher's business. */
	expect_err(sys_cap_delete(ep), TV_OK);
	m.badge = ep;
	expect_err(sys_ep_call(&m), TV_ECAP);
	verdict("a call after the end of the endpoint is refused");
}

static void signals(void)
{
	struct child c;
	uint64_t bits;

	child_domain(&c);
	child_thread(&c, child_calls, CHILD_SHARED, 50);
	expect(child_call(&c, TV_NTFN_SIGNAL, 100, 0xf0, 0, 0, 0, 0));
	expect(c.page->status == TV_OK);
	expect_err(sys_ntfn_poll(c.done, &bits), TV_EAGAIN);
	verdict("signals from another domain arrive");
	child_end(&c);
}

static uint64_t used(void)
{
	struct sys_domain_info info;

	expect_err(sys_domain_info(TV_SEL_DOMAIN, &info), TV_OK);
	return info.used;
}

/* The child creates one object of each kind with what it is given, and is destroyed in the midst of it. */
static void a_busy_domain_is_destroyed_cleanly(void)
{
	uint64_t before = 0;

	for (unsigned round = 0; round < 4; round++) {
		uint64_t off = memory_take(4 * MIB, 2 * MIB), base = root_info()->region[ram_sel - TV_SEL_REGION].base, self = 1;
		struct child c;

		sel_next = align_up(sel_next, 64);
		if (round == 1)
			before = used();
		child_domain(&c);
		expect_err(sys_domain_quota(c.domain, 200 * PAGE_SIZE), TV_OK);
		expect_err(sys_cap_derive(c.domain, self, c.domain, TV_RIGHT_ALL, 0, 0), TV_OK);
		expect_err(sys_cap_derive(c.domain, 2, TV_SEL_SCHED, TV_RIGHT_ALL, 0, 0), TV_OK);
		expect_err(sys_cap_derive(c.domain, 3, ram_sel, TV_RIGHT_DERIVE | TV_RIGHT_READ | TV_RIGHT_WRITE, base + off, 4 * MIB), TV_OK);
		child_thread(&c, child_calls, CHILD_SHARED, 50);
#define CHILD(...) do { expect(child_call(&c, __VA_ARGS__)); expect_err((enum tv_err)c.page->status, TV_OK); } while (0)
		CHILD(TV_NTFN_CREATE, 10, 0, 0, 0, 0, 0);
		CHILD(TV_EP_CREATE, 11, 0, 0, 0, 0, 0);
		CHILD(TV_SPACE_CREATE, 12, TV_SPACE_GUEST, 0, 0, 0, 0);
		CHILD(TV_MEM_MAP, 12, 0, 3, 0, 4 * MIB, TV_MAP_READ | TV_MAP_WRITE);
		CHILD(TV_VCPU_CREATE, 13, 12, 0, 0, 0, 0);
		CHILD(TV_VCPU_MAP, 13, 0x800000, 0, 0, 0, 0);
		CHILD(TV_THREAD_CREATE, 14, self, CHILD_ENTRY(child_count), 0, CHILD_SHARED, 0);
		CHILD(TV_SCHED_CREATE, 15, 2, 0, 40, 0, 0);
		CHILD(TV_SCHED_BIND, 15, 14, 0, 0, 0, 0);
		CHILD(TV_THREAD_START, 14, 0, 0, 0, 0, 0);
		CHILD(TV_THREAD_BIND, 14, 10, 0, 0, 0, 0);
		CHILD(TV_DOMAIN_CREATE, 16, 32 * PAGE_SIZE, 0, 0, 0, 0);
		CHILD(TV_CAP_DERIVE, 16, 5, 10, TV_RIGHT_SIGNAL, 0, 0);
		CHILD(TV_MEM_MAP, 16, 0x400000, 3, 0, 4 * MIB, TV_MAP_READ);
		/* Its second thread runs as long as root sleeps. */
		expect(child_counts(&c));
		child_end(&c);
		expect_err(sys_mem_unmap(TV_SEL_DOMAIN, (uint64_t)(uintptr_t)c.page, PAGE_SIZE), TV_OK);
		if (round >= 1)
			expect(used() == before);
	}
	verdict("a busy domain is destroyed, and its quota comes back to the byte");
}

static void the_log_can_be_read(void)
{
	static const char mark[] = "a line for the log to show\n";
	uint64_t pos = 0, text[5] = { 0 };
	unsigned matched = 0;

	say(mark);
	while (sys_log_read(TV_SEL_LOG, &pos, text) == TV_OK) {
		const char *c = (const char *)text;

		for (unsigned i = 0; i < 32 && c[i]; i++)
			matched = mark[matched] == 0 ? matched : c[i] == mark[matched] ? matched + 1 : c[i] == mark[0];
	}
	expect(mark[matched] == 0);
	verdict("what is written to the log can be read");
}

uint64_t rt_main(const struct tv_start *start)
{
	(void)start;
	memory_init();
	calls();
	a_dead_server_is_reported();
	signals();
	a_busy_domain_is_destroyed_cleanly();
	the_log_can_be_read();
	done();
}
