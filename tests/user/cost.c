/* SPDX-License-Identifier: Apache-2.0 */
/* What hypercalls cost.  Under `-icount shift=0` a tick is an instruction. */
#include <rt/start.h>

#include "child.h"

#define ROUNDS	1000u

/* The least that @call takes, beyond reading the clock. */
#define cost(name, call)								\
	do {										\
		uint64_t best_ = ~0ull, empty_ = ~0ull, t_;				\
		for (unsigned i_ = 0; i_ < ROUNDS; i_++) {				\
			t_ = now();							\
			empty_ = min_u64(empty_, now() - t_);				\
			t_ = now();							\
			(void)(call);							\
			best_ = min_u64(best_, now() - t_);				\
		}									\
		print("cost: %s=%u\n", name, (unsigned)(best_ - empty_));		\
	} while (0)

#define VA	0x100000000ull

/* One chunk of each long operation: the longest times that interrupts are off. */
static void chunks(void)
{
	uint64_t off = memory_take(4 * MIB, 2 * MIB) + 0x1000, t[5];

	for (unsigned i = 0; i < 20; i++) {
		t[0] = now();
		expect_err(sys_mem_map(TV_SEL_DOMAIN, VA, ram_sel, off, 512 * PAGE_SIZE, TV_MAP_READ | TV_MAP_WRITE), TV_OK);
		t[1] = now();
		expect_err(sys_mem_protect(TV_SEL_DOMAIN, VA, 512 * PAGE_SIZE, TV_MAP_READ), TV_OK);
		t[2] = now();
		expect_err(sys_mem_unmap(TV_SEL_DOMAIN, VA, 512 * PAGE_SIZE), TV_OK);
		t[3] = now();
		for (uint64_t sel = 2000; sel < 2032; sel++)
			expect_err(sys_cap_derive(TV_SEL_DOMAIN, sel, TV_SEL_LOG, 0, 0, 0), TV_OK);
		t[4] = now();
		expect_err(sys_cap_revoke(TV_SEL_LOG), TV_OK);
	}
	print("cost: map_512=%u\ncost: protect_512=%u\ncost: unmap_512=%u\ncost: revoke_32=%u\n", (unsigned)(t[1] - t[0]),
	      (unsigned)(t[2] - t[1]), (unsigned)(t[3] - t[2]), (unsigned)(now() - t[4]));
}

uint64_t rt_main(const struct tv_start *start)
{
	uint64_t ep = sel_new(), ntfn = sel_new(), bits;
	struct sys_msg m = { 0 };
	struct child c;

	(void)start;
	memory_init();
	child_domain(&c);
	expect_err(sys_ep_create(ep), TV_OK);
	expect_err(sys_ntfn_create(ntfn), TV_OK);
	expect_err(sys_cap_derive(c.domain, 1, ep, TV_RIGHT_WAIT, 0, 0), TV_OK);
	child_thread(&c, child_serve, CHILD_SHARED, 60);
	expect_err(sys_thread_start(c.thread), TV_OK);
	child_settle(&c);
	cost("unknown_call", sys_call2((enum tv_hypercall)999, 0, 0));
	cost("refused_signal", sys_ntfn_signal(4000, 1));
	cost("signal", sys_ntfn_signal(ntfn, 1));
	cost("poll", sys_ntfn_poll(ntfn, &bits));
	cost("call_and_reply", (m.badge = ep, m.word[0] = 1, sys_ep_call(&m)));
	cost("derive_and_delete", (sys_cap_derive(TV_SEL_DOMAIN, 2000, ntfn, 0, 0, 0), sys_cap_delete(2000)));
	chunks();
	expect(c.page->counter >= ROUNDS);
	verdict("hypercalls have a price");
	done();
}
