/* SPDX-License-Identifier: Apache-2.0 */
/* cpus: 4 */
/* Memory and capabilities that are taken away while other CPUs use them, and everything at once. */
#include <abi/exit.h>

#include "workers.h"

#define REGION		(SEL_FREE + 0)
#define NTFN		(SEL_FREE + 1)
#define COPY		(SEL_FREE + 2)
#define DOMAIN_SEL	(SEL_FREE + 3)
#define CHILD_THREAD	(SEL_FREE + 4)
#define CHILD_SCHED	(SEL_FREE + 5)
#define FUZZ_SEL	(SEL_FREE + 200)
#define HERE		0x200000000ull	/* the page that is taken away      */
#define ALIAS		0x210000000ull	/* the same, which stays            */
#define CODE		0x220000000ull	/* of the child domain, seen here   */
#define CHILD_CODE	0x400000ull
#define CHILD_DATA	0x500000ull
#define TIMES		200u
#define ENOUGH		micros(5000000)
#define FUZZ_TIME	micros(4000000)

static volatile uint64_t *const here = (volatile uint64_t *)HERE, *const alias = (volatile uint64_t *)ALIAS;
static uint64_t ram;

static uint64_t find_ram(void)
{
	const struct tv_rootinfo *info = (const struct tv_rootinfo *)TV_ROOT_INFO_ADDR;

	for (unsigned i = 0; i < info->region_count; i++)
		if (info->region[i].kind == TV_REGION_RAM && info->region[i].size >= 4 << 20)
			return TV_SEL_REGION + i;
	return 0;
}

static void write_on(struct worker *w)
{
	for (uint64_t i = 1;; i++) {
		*here = i;
		w->counter = i;
	}
}

/* Has anybody written the page during the next while? */
static bool page_rests(void)
{
	uint64_t seen = *alias;

	for (uint64_t until = now() + micros(50); now() < until;)
		relax();
	return *alias == seen;
}

/* @how: unmap, delete the region it was mapped from, or make it read-only. */
static void taken_away(unsigned how, const char *property)
{
	unsigned n = rt_info()->cpu_count;

	for (uint64_t i = 0, begin = now(); i < TIMES && now() - begin < ENOUGH; i++) {
		struct sys_thread_info info = { .state = TV_THREAD_RUNNABLE };
		struct worker *w;

		expect_err(sys_cap_derive(TV_SEL_DOMAIN, COPY, REGION, TV_RIGHT_READ | TV_RIGHT_WRITE, 0, 0), TV_OK);
		expect_err(sys_mem_map(TV_SEL_DOMAIN, HERE, COPY, 0, 0x1000, TV_MAP_READ | TV_MAP_WRITE), TV_OK);
		w = work(1, 1 + (unsigned)i % (n - 1), write_on);
		start(w);
		expect(wait_change(&w->counter, 0));
		if (how == 0)
			expect_err(sys_mem_unmap(TV_SEL_DOMAIN, HERE, 0x1000), TV_OK);
		else if (how == 1)
			expect_err(sys_cap_delete(COPY), TV_OK);
		else
			expect_err(sys_mem_protect(TV_SEL_DOMAIN, HERE, 0x1000, TV_MAP_READ), TV_OK);
		expect(page_rests());
		/* The writer faults as soon as it runs again. */
		for (uint64_t until = now() + micros(10000000); info.state == TV_THREAD_RUNNABLE && now() < until;)
			expect_err(sys_thread_info(w->thread, &info), TV_OK);
		expect(info.state == TV_THREAD_FAULTED && info.addr == HERE);
		end(w);
		(void)sys_mem_unmap(TV_SEL_DOMAIN, HERE, 0x1000);
		(void)sys_cap_delete(COPY);
	}
	verdict(property);
}

/* Counts in the word at RDI. */
__asm__(".pushsection .rodata\n.globl spin_code, spin_code_end\nspin_code: 1: incq (%rdi); jmp 1b\nspin_code_end:\n.popsection\n");
extern const char spin_code[], spin_code_end[];

static void domains_end_where_they_run(void)
{
	struct sys_domain_info before, after;
	unsigned n = rt_info()->cpu_count;

	memcpy((void *)CODE, spin_code, (size_t)(spin_code_end - spin_code));
	expect_err(sys_domain_info(TV_SEL_DOMAIN, &before), TV_OK);
	for (uint64_t i = 0, begin = now(); i < TIMES && now() - begin < ENOUGH; i++) {
		*alias = 0;
		expect_err(sys_domain_create(DOMAIN_SEL, 64 * 0x1000), TV_OK);
		expect_err(sys_mem_map(DOMAIN_SEL, CHILD_CODE, REGION, 0x1000, 0x1000, TV_MAP_READ | TV_MAP_EXEC), TV_OK);
		expect_err(sys_mem_map(DOMAIN_SEL, CHILD_DATA, REGION, 0, 0x1000, TV_MAP_READ | TV_MAP_WRITE), TV_OK);
		expect_err(sys_thread_create(CHILD_THREAD, DOMAIN_SEL, CHILD_CODE, 0, CHILD_DATA, 0), TV_OK);
		expect_err(sys_sched_create(CHILD_SCHED, TV_SEL_SCHED, 1 + i % (n - 1), 100, 0, 0), TV_OK);
		expect_err(sys_sched_bind(CHILD_SCHED, CHILD_THREAD), TV_OK);
		expect_err(sys_thread_start(CHILD_THREAD), TV_OK);
		expect(wait_change(alias, 0));
		expect_err(sys_domain_destroy(DOMAIN_SEL), TV_OK);
		expect(page_rests());
		expect_err(sys_cap_delete(CHILD_SCHED), TV_OK);
		(void)sys_cap_delete(CHILD_THREAD);
	}
	expect_err(sys_domain_info(TV_SEL_DOMAIN, &after), TV_OK);
	expect(before.used == after.used);
	verdict("a domain that runs on another CPU is destroyed at once, to the last byte");
}

static uint64_t next(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

/* Calls that make, derive, map, wake and destroy, all with the same few selectors, so that every CPU is in the others' way. */
static void fuzz(struct worker *w)
{
	static const enum tv_hypercall calls[] = {
		TV_CAP_DERIVE, TV_CAP_DELETE, TV_CAP_DELETE, TV_CAP_REVOKE, TV_CAP_INFO, TV_DOMAIN_CREATE, TV_DOMAIN_DESTROY, TV_DOMAIN_INFO,
		TV_SPACE_CREATE, TV_MEM_MAP, TV_MEM_MAP, TV_MEM_UNMAP, TV_MEM_PROTECT, TV_THREAD_INFO, TV_THREAD_SUSPEND, TV_SCHED_CREATE,
		TV_SCHED_BIND, TV_SCHED_INFO, TV_VCPU_CREATE, TV_VCPU_MAP, TV_VCPU_RUN, TV_VCPU_RUN, TV_VCPU_KICK, TV_EP_CREATE, TV_NTFN_CREATE,
		TV_NTFN_SIGNAL, TV_NTFN_SIGNAL, TV_NTFN_WAIT, TV_NTFN_POLL, TV_IRQ_BIND, TV_IRQ_ACK, TV_PORT_GRANT, TV_LOG_READ, TV_THREAD_BIND,
	};
	uint64_t seed = 0x9e3779b97f4a7c15ull * (w->arg + 1);

	while (!w->stop) {
		enum tv_hypercall n = calls[next(&seed) % (sizeof(calls) / sizeof(calls[0]))];
		uint64_t a[6];

		for (unsigned i = 0; i < 6; i++) {
			uint64_t r = next(&seed);

			a[i] = r % 4 == 0 ? TV_SEL_DOMAIN : r % 4 == 1 ? 512 + (r >> 8) % (TV_SEL_MAX - 512) : FUZZ_SEL + (r >> 8) % 12;
		}
		/* Arguments that make sense now and then. */
		if (n == TV_NTFN_WAIT || n == TV_VCPU_RUN)
			a[1] = now() + micros(20);
		if (n == TV_MEM_MAP || n == TV_MEM_UNMAP || n == TV_MEM_PROTECT) {
			a[1] = 0x300000000ull + (a[1] % 64) * 0x1000;
			a[2] = n == TV_MEM_MAP ? REGION : 0x1000 * (1 + a[2] % 8);
			a[3] = n == TV_MEM_MAP ? 0 : TV_MAP_READ | (a[3] & TV_MAP_WRITE);
			a[4] = 0x1000;
			a[5] = TV_MAP_READ | (a[5] & TV_MAP_WRITE);
		}
		if (n == TV_DOMAIN_CREATE)
			a[1] = 0x10000;
		if (n == TV_SPACE_CREATE)
			a[1] = TV_SPACE_GUEST;
		if (n == TV_SCHED_CREATE) {
			a[1] = TV_SEL_SCHED;
			a[2] %= 5;
			a[3] %= 50;
			a[4] = a[5] = 0;
		}
		/* Not the program itself, nor what it needs to come to an end. */
		if ((n == TV_CAP_DELETE || n == TV_CAP_REVOKE || n == TV_DOMAIN_DESTROY || n == TV_THREAD_SUSPEND || n == TV_SCHED_BIND ||
		     n == TV_THREAD_BIND || n == TV_IRQ_BIND || n == TV_PORT_GRANT) && (a[0] < FUZZ_SEL || a[0] >= FUZZ_SEL + 16))
			a[0] = FUZZ_SEL + a[0] % 12;
		(void)sys_call6(n, a[0], a[1], a[2], a[3], a[4], a[5]);
		w->counter++;
	}
	leave(w);
}

static void hypercalls_from_all_cpus(void)
{
	struct sys_domain_info before, after;
	unsigned n = rt_info()->cpu_count;
	uint64_t calls = 0;

	expect_err(sys_domain_info(TV_SEL_DOMAIN, &before), TV_OK);
	for (unsigned i = 0; i < n; i++) {
		work(i, i, fuzz)->arg = i;
		start(&workers[i]);
	}
	for (uint64_t until = now() + FUZZ_TIME; now() < until;) {
		uint64_t bits;

		(void)sys_ntfn_wait(NTFN, until, &bits);
	}
	for (unsigned i = 0; i < n; i++)
		workers[i].stop = 1;
	for (unsigned i = 0; i < n; i++) {
		uint64_t bits;

		for (unsigned k = 0; k < 1000 && !workers[i].done; k++)
			(void)sys_ntfn_wait(NTFN, now() + micros(10000), &bits);
		expect(workers[i].done);
		calls += workers[i].counter;
		end(&workers[i]);
	}
	for (uint64_t sel = FUZZ_SEL; sel < FUZZ_SEL + 16; sel++)
		(void)sys_cap_delete(sel);
	(void)sys_mem_unmap(TV_SEL_DOMAIN, 0x300000000ull, 80 * 0x1000);
	/* What was derived into other slots than these. */
	for (uint64_t sel = 512; sel < TV_SEL_MAX; sel++)
		(void)sys_cap_delete(sel);
	print("%u hypercalls\n", (unsigned)calls);
	expect_err(sys_domain_info(TV_SEL_DOMAIN, &after), TV_OK);
	expect(before.used == after.used);
	verdict("hypercalls from all CPUs on the same objects do no harm");
}

uint64_t rt_main(const struct tv_start *unused)
{
	(void)unused;
	ram = find_ram();
	expect(ram != 0);
	expect_err(sys_cap_derive(TV_SEL_DOMAIN, REGION, ram, TV_RIGHT_DERIVE | TV_RIGHT_READ | TV_RIGHT_WRITE | TV_RIGHT_EXEC, 0, 0), TV_OK);
	expect_err(sys_mem_map(TV_SEL_DOMAIN, ALIAS, ram, 0, 0x1000, TV_MAP_READ | TV_MAP_WRITE), TV_OK);
	expect_err(sys_mem_map(TV_SEL_DOMAIN, CODE, ram, 0x1000, 0x1000, TV_MAP_READ | TV_MAP_WRITE), TV_OK);
	expect_err(sys_ntfn_create(NTFN), TV_OK);
	taken_away(0, "nobody writes memory any more when unmap returns");
	taken_away(1, "nobody writes memory any more when the delete of its region returns");
	taken_away(2, "nobody writes memory any more when protect returns");
	domains_end_where_they_run();
	hypercalls_from_all_cpus();
	done();
}
