/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A monitor that has been taken over: it runs no guest, but does to root, the kernel and its neighbours whatever its capabilities
 * let it.  The command line of its VM says what; tests/system/test_hostile.py measures what the others feel.
 */
#include <rt/start.h>
#include <rt/string.h>
#include <rt/sys.h>
#include <svc/vm.h>

#define CALLS_OF_ITS_OWN	64u	/* selectors that the random calls use */

static struct vm_shared *shared;
static uint64_t root, root_signal, domain, ntfn;
static uint64_t seed = 88172645463325252ull;

static uint64_t random(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

static NORETURN void signals(void)
{
	for (;;)
		(void)sys_ntfn_signal(root, root_signal);
}

/* Bytes for the console as fast as root takes them, and signals beside. */
static NORETURN void output(struct ring *r)
{
	static const char text[] = "all work and no play\r\n";

	for (;;) {
		while (ring_put(r, text, sizeof(text) - 1))
			;
		(void)sys_ntfn_signal(root, root_signal);
	}
}

static NORETURN void spin(void)
{
	for (;;)
		__asm__ volatile("pause");
}

/* Words over everything that root reads, with plausible indices now and then. */
static NORETURN void lie(void)
{
	for (;;) {
		uint64_t *word = (uint64_t *)(void *)shared + random() % (offsetof(struct vm_shared, input_data) / 8);

		*(volatile uint64_t *)word = random() % 2 ? random() : random() % 0x2000;
		if (random() % 16 == 0)
			(void)sys_ntfn_signal(root, root_signal);
	}
}

/* A selector that may be something, or a plausible or senseless number. */
static uint64_t argument(void)
{
	switch (random() % 8) {
	case 0:  return random();
	case 1:  return random() % 0x1000 * PAGE_SIZE;
	case 2:  return VM_HOST_FREE + random() % 0x10000 * PAGE_SIZE;
	case 3:  return 1ull << random() % 64;
	case 4:  return random() % 16;
	case 5:  return -(random() % 3);
	default: return random() % CALLS_OF_ITS_OWN;
	}
}

/* Any hypercall with any arguments, but those that would end or stop this thread. */
static NORETURN void calls(void)
{
	for (;;) {
		struct sys_msg m = { argument(), { argument(), argument(), argument(), argument(), argument() } };
		enum tv_hypercall call = (enum tv_hypercall)(random() % (TV_HYPERCALLS + 2));

		if (call == TV_THREAD_EXIT || call == TV_THREAD_SUSPEND || call == TV_EP_CALL || call == TV_EP_WAIT ||
		    call == TV_EP_REPLY_WAIT || call == TV_SCHED_BIND)
			continue;
		if (call == TV_NTFN_WAIT || call == TV_VCPU_RUN)
			m.word[0] = 0;			/* a deadline that has passed */
		if (call == TV_MEM_UNMAP && m.word[0] < VM_HOST_FREE)
			continue;			/* not the program itself */
		if (call == TV_MEM_PROTECT)
			continue;
		(void)sys_msg(call, &m);
	}
}

/* Memory of the kernel, as much as the quota gives, over and over. */
static NORETURN void quota(void)
{
	for (;;) {
		uint64_t sel = 100;

		while (sel < TV_SEL_MAX - 2 && sys_ntfn_create(sel) == TV_OK && sys_space_create(sel + 1, TV_SPACE_GUEST) == TV_OK)
			sel += 2;
		while (sel >= 100)
			(void)sys_cap_delete(sel--);
	}
}

uint64_t rt_main(const struct tv_start *start)
{
	const struct vm_config *c = start_config(start, sizeof(*c));
	uint64_t size;
	struct ring out, log;

	shared = start_area(start, "shared", &size);
	if (!c || !shared)
		return VM_EXIT_MONITOR;
	root = start_cap(start, "root");
	root_signal = c->root_signal;
	domain = start_cap(start, "domain");
	ntfn = start_cap(start, "ntfn");
	out = vm_ring_output(shared);
	log = vm_ring_log(shared);
	atomic_store(&shared->status.kernel_entry_tsc, 1);
	if (str_equal(c->cmdline, "signals"))
		signals();
	if (str_equal(c->cmdline, "output"))
		output(&out);
	if (str_equal(c->cmdline, "log"))
		output(&log);
	if (str_equal(c->cmdline, "lie"))
		lie();
	if (str_equal(c->cmdline, "calls"))
		calls();
	if (str_equal(c->cmdline, "quota"))
		quota();
	if (str_equal(c->cmdline, "fault"))
		__asm__ volatile("ud2");
	if (str_equal(c->cmdline, "crash"))
		return VM_EXIT_CRASH;
	spin();
}
