/* SPDX-License-Identifier: Apache-2.0 */
/* What a domain was not given kills its thread, or is refused, and disturbs nobody else. */
#include <rt/start.h>

#include "child.h"

#define GP	13u
#define PF	14u
#define UD	6u
#define DE	0u

/* A thread that starts at @entry with RDI = @arg stops with @vector; for #PF at @address with these error bits. */
static void dies(const char *entry, uint64_t arg, unsigned vector, uint64_t error, uint64_t address)
{
	struct sys_thread_info info;
	struct child c;
	uint64_t bits;

	child_domain(&c);
	child_thread(&c, entry, arg, 50);
	expect_err(sys_thread_start(c.thread), TV_OK);
	expect_err(sys_ntfn_wait(c.done, __builtin_ia32_rdtsc() + rt_info()->tsc_hz, &bits), TV_OK);
	expect(bits == 2);
	expect_err(sys_thread_info(c.thread, &info), TV_OK);
	expect(info.state == TV_THREAD_FAULTED);
	expect((info.fault & 0xffffffff) == vector);
	if (vector == PF) {
		expect(info.fault >> 32 == error);
		expect(info.addr == address);
	}
	if (failures)
		print("  entry +%u, rdi 0x%lx: fault 0x%lx at 0x%lx, address 0x%lx\n", (unsigned)(entry - child_code),
		      (unsigned long)arg, (unsigned long)info.fault, (unsigned long)info.rip, (unsigned long)info.addr);
	expect_err(sys_thread_start(c.thread), TV_EDEAD);
	child_end(&c);
}

static void memory(void)
{
	static const uint64_t kernel[] = { 0xffff800000000000ull, 0xffff800000100000ull, 0xffffffff80100000ull,
					   0xfffffffffffff000ull };

	for (unsigned i = 0; i < ARRAY_LEN(kernel); i++) {
		struct sys_thread_info info;
		struct child c;
		uint64_t bits;

		/* Mapped or not: #PF from user mode, and nothing else shows. */
		child_domain(&c);
		child_thread(&c, child_read, kernel[i], 50);
		expect_err(sys_thread_start(c.thread), TV_OK);
		expect_err(sys_ntfn_wait(c.done, TV_NEVER, &bits), TV_OK);
		expect_err(sys_thread_info(c.thread, &info), TV_OK);
		expect((info.fault & 0xffffffff) == PF && (info.fault >> 32 & 4) && info.addr == kernel[i]);
		child_end(&c);
	}
	verdict("a domain cannot read kernel memory");
	dies(child_read, 0x0000800000000000ull, GP, 0, 0);
	dies(child_read, 0, PF, 4, 0);
	dies(child_read, 0x700000, PF, 4, 0x700000);
	verdict("a domain cannot read what is not mapped for it");
	dies(child_write, CHILD_CODE, PF, 7, CHILD_CODE);
	dies(child_write, TV_INFO_ADDR, PF, 7, TV_INFO_ADDR);
	verdict("a domain cannot write what it may only read");
	dies(child_read, TV_ROOT_INFO_ADDR, PF, 4, TV_ROOT_INFO_ADDR);
	dies(child_write, (uint64_t)(uintptr_t)&sel_next, PF, 6, (uint64_t)(uintptr_t)&sel_next);
	verdict("a domain does not see root's memory");
}

static void nothing_executes_data(void)
{
	struct sys_thread_info info;
	struct child c;
	uint64_t bits;

	child_domain(&c);
	memcpy(c.page, child_code, 64);
	expect_err(sys_thread_create(c.thread, c.domain, CHILD_SHARED, 0, 0, 0), TV_OK);
	expect_err(sys_sched_create(c.sched, TV_SEL_SCHED, 0, 50, 0, 0), TV_OK);
	expect_err(sys_sched_bind(c.sched, c.thread), TV_OK);
	expect_err(sys_thread_start(c.thread), TV_OK);
	expect_err(sys_ntfn_wait(c.done, TV_NEVER, &bits), TV_OK);
	expect_err(sys_thread_info(c.thread, &info), TV_OK);
	expect((info.fault & 0xffffffff) == PF && info.fault >> 32 == 0x15 && info.addr == CHILD_SHARED);
	child_end(&c);
	verdict("writable memory is not executable");
}

static void privileged(void)
{
	static const unsigned vector[] = { GP, GP, GP, GP, GP, GP, GP, UD, GP, GP, DE, PF };

	for (unsigned i = 0; i < 10; i++) {
		/* VMMCALL outside a guest is undefined, or needs privilege; both stop the thread. */
		if (i != 7)
			dies(child_insn, i, vector[i], 0, 0);
	}
	verdict("privileged instructions fault");
	dies(child_insn, 10, DE, 0, 0);
	dies(child_insn, 11, PF, 6, CHILD_STACK - 8);
	dies(child_insn, 99, UD, 0, 0);
	verdict("exceptions stop the thread and say how");
}

static void ports(void)
{
	static const uint16_t port[] = { 0x00, 0x20, 0x40, 0x60, 0x70, 0x80, 0xf4, 0x3f8, 0xcf8, 0xffff };
	struct sys_thread_info info;
	struct child c;
	uint64_t bits, one = sel_new();

	for (unsigned i = 0; i < ARRAY_LEN(port); i++)
		dies(child_in, port[i], GP, 0, 0);
	verdict("ports that were not granted fault");
	expect_err(sys_cap_derive(TV_SEL_DOMAIN, one, TV_SEL_PORTS, TV_RIGHT_USE, 0x80, 1), TV_OK);
	for (unsigned i = 0; i < 2; i++) {
		child_domain(&c);
		expect_err(sys_port_grant(c.domain, one), TV_OK);
		child_thread(&c, child_in, 0x80 + i, 50);
		expect_err(sys_thread_start(c.thread), TV_OK);
		expect_err(sys_ntfn_wait(c.done, TV_NEVER, &bits), TV_OK);
		expect_err(sys_thread_info(c.thread, &info), TV_OK);
		/* The granted one is read, and UD2 follows; its neighbour faults. */
		expect((info.fault & 0xffffffff) == (i ? GP : UD));
		child_end(&c);
	}
	verdict("a granted port works, the next one does not");
	/* The same after the grant is gone. */
	child_domain(&c);
	expect_err(sys_port_grant(c.domain, one), TV_OK);
	expect_err(sys_cap_delete(one), TV_OK);
	child_thread(&c, child_in, 0x80, 50);
	expect_err(sys_thread_start(c.thread), TV_OK);
	expect_err(sys_ntfn_wait(c.done, TV_NEVER, &bits), TV_OK);
	expect_err(sys_thread_info(c.thread, &info), TV_OK);
	expect((info.fault & 0xffffffff) == GP);
	child_end(&c);
	verdict("a revoked port faults");
}

static void capabilities(void)
{
	struct child c;

	child_domain(&c);
	child_thread(&c, child_calls, CHILD_SHARED, 50);
	/* It holds 100 and 101, one right each, and nothing else. */
	for (uint64_t sel = 0; sel < TV_SEL_MAX; sel += sel < 128 ? 1 : 97) {
		expect(child_call(&c, TV_CAP_INFO, sel, 0, 0, 0, 0, 0));
		expect(c.page->status == (sel == 100 || sel == 101 ? TV_OK : TV_ECAP));
	}
	expect(child_call(&c, TV_NTFN_WAIT, 100, 0, 0, 0, 0, 0));
	expect(c.page->status == TV_ERIGHT);
	expect(child_call(&c, TV_NTFN_SIGNAL, 101, 1, 0, 0, 0, 0));
	expect(c.page->status == TV_ERIGHT);
	expect(child_call(&c, TV_CAP_DERIVE, 1, 5, 100, TV_RIGHT_SIGNAL, 0, 0));
	expect(c.page->status == TV_ECAP);
	expect(child_call(&c, TV_DOMAIN_CREATE, 5, 1ull << 40, 0, 0, 0, 0));
	expect(c.page->status == TV_EQUOTA);
	expect(child_call(&c, (enum tv_hypercall)1000, 0, 0, 0, 0, 0, 0));
	expect(c.page->status == TV_ENOSYS);
	verdict("a domain can do only what its capabilities say");
	/* Every call with every register full of ones, but those that stop it. */
	for (unsigned n = 0; n < TV_HYPERCALLS; n++) {
		if (n == TV_THREAD_EXIT)
			continue;
		expect(child_call(&c, (enum tv_hypercall)n, ~0ull, ~0ull, ~0ull, ~0ull, ~0ull, ~0ull));
		expect(c.page->status != TV_OK);
	}
	verdict("garbage is refused by every call");
	expect_err(sys_thread_suspend(c.thread), TV_OK);
	child_end(&c);
}

static void balance(void)
{
	struct sys_domain_info before, after;

	expect_err(sys_domain_info(TV_SEL_DOMAIN, &before), TV_OK);
	dies(child_read, 0x1234000, PF, 4, 0x1234000);
	expect_err(sys_domain_info(TV_SEL_DOMAIN, &after), TV_OK);
	/* Root's own table of selectors may have grown by a page, and so may the mapping of the shared page. */
	expect(after.used <= before.used + 2 * PAGE_SIZE);
	verdict("a domain that ends gives back what it cost");
}

uint64_t rt_main(const struct tv_start *start)
{
	(void)start;
	memory_init();
	memory();
	nothing_executes_data();
	privileged();
	ports();
	capabilities();
	balance();
	done();
}
