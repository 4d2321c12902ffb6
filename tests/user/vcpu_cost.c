/* SPDX-License-Identifier: Apache-2.0 */
/* cpus: 4 */
/* What a run of a guest costs that ends at once.  Under `-icount shift=0` a tick is an instruction: the number of CPUs changes nothing. */
#include "vcpu_rig.h"

#define ROUNDS	1000u

GUEST_CODE(halt_code, 16, "1: hlt; jmp 1b\n");

uint64_t rt_main(const struct tv_start *unused)
{
	uint64_t best = ~0ull, empty = ~0ull, t;

	(void)unused;
	make_guest();
	LOAD(halt_code);
	for (unsigned i = 0; i < ROUNDS; i++) {
		t = now();
		empty = min_u64(empty, now() - t);
		page->rip = 0;
		page->dirty |= TV_REGS_RIP;
		t = now();
		expect_err(sys_vcpu_run(SEL_VCPU, TV_NEVER, NULL), TV_OK);
		best = min_u64(best, now() - t);
		expect(page->kind == TV_EXIT_HLT);
	}
	print("cost: run_to_hlt=%u\n", (unsigned)(best - empty));
	verdict("a guest that halts comes back each time");
	done();
}
