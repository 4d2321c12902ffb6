/* SPDX-License-Identifier: Apache-2.0 */
/* Budgets of busy VMs are kept, to one part in a hundred of a second: none gets more, none gets less, and the rest is left to who has no budget. */
/* icount: yes */
#include "vcpu_rig.h"

#define VMS		3u
#define SEL_OF(i)	(SEL_TEST + 4 * (i))	/* vCPU, thread, scheduling context */
#define PERIOD_US	10000u
#define PRIORITY	100u
#define WARM_UP_MS	50u
#define WINDOW_MS	1000u			/* a hundred periods: where in one it begins does not count */
#define HUNDREDTHS	100u			/* in a per cent */

struct vm {
	uint64_t vcpu, thread, sched;		/* selectors */
	struct tv_exit_page *page;
	unsigned percent;			/* 0: no budget, and a lower priority than the others */
	uint64_t consumed;			/* before the window */
};

static struct vm vms[VMS];
static uint8_t stack[VMS][4096] __attribute__((aligned(16)));

/* RDI: a counter.  The guest is always busy, and leaves for its monitor every few thousand instructions. */
GUEST_CODE(busy_code, 64, "1: incq (%rdi); testl $0x7ff, (%rdi); jnz 1b; cpuid; jmp 1b\n");

static void monitor(struct vm *vm)
{
	while (sys_vcpu_run(vm->vcpu, TV_NEVER, NULL) == TV_OK && vm->page->kind == TV_EXIT_CPUID) {
		vm->page->rip += 2;
		vm->page->dirty |= TV_REGS_RIP;
	}
	sys_thread_exit(1);
}

/* VM @i with that much of the CPU; the state that make_guest() has prepared is where it begins. */
static void vm_begin(unsigned i, unsigned percent)
{
	struct vm *vm = &vms[i];
	uint64_t period = rt_info()->tsc_hz / 1000000 * PERIOD_US;

	*vm = (struct vm){ .vcpu = SEL_OF(i), .thread = SEL_OF(i) + 1, .sched = SEL_OF(i) + 2, .percent = percent,
			   .page = (struct tv_exit_page *)(PAGE_BASE + 0x10000 * (i + 1)) };
	expect_err(sys_vcpu_create(vm->vcpu, SEL_SPACE), TV_OK);
	expect_err(sys_vcpu_map(vm->vcpu, (uint64_t)vm->page), TV_OK);
	memcpy(vm->page, page, sizeof(*page));
	vm->page->gpr[TV_RDI] = DATA + 64 * i;
	expect_err(sys_thread_create(vm->thread, TV_SEL_DOMAIN, (uint64_t)monitor, (uint64_t)(stack[i] + sizeof(stack[i]) - 8),
				     (uint64_t)vm, 0), TV_OK);
	expect_err(sys_sched_create(vm->sched, TV_SEL_SCHED, 0, percent ? PRIORITY : PRIORITY - 1, period * percent / 100,
				    percent ? period : 0), TV_OK);
	expect_err(sys_sched_bind(vm->sched, vm->thread), TV_OK);
	expect_err(sys_thread_start(vm->thread), TV_OK);
}

static void vm_end(const struct vm *vm)
{
	expect_err(sys_cap_delete(vm->thread), TV_OK);
	expect_err(sys_cap_delete(vm->sched), TV_OK);
	expect_err(sys_cap_delete(vm->vcpu), TV_OK);
}

static uint64_t consumed(const struct vm *vm)
{
	struct sys_sched_info info;

	expect_err(sys_sched_info(vm->sched, &info), TV_OK);
	return info.consumed;
}

static void sleep_ms(uint64_t ms)
{
	uint64_t bits;

	expect_err(sys_ntfn_wait(SEL_NTFN, now() + milliseconds(ms), &bits), TV_ETIMEOUT);
}

/* VMs with these budgets in per cent: each gets its own, to 1 %, and one without a budget what is left. */
static void shares(const char *name, const unsigned *percent, unsigned count, const char *property)
{
	uint64_t start, window;
	unsigned rest = 100;

	for (unsigned i = 0; i < count; i++)
		rest -= percent[i];
	for (unsigned i = 0; i < count; i++)
		vm_begin(i, percent[i]);
	sleep_ms(WARM_UP_MS);
	start = now();
	for (unsigned i = 0; i < count; i++)
		vms[i].consumed = consumed(&vms[i]);
	sleep_ms(WINDOW_MS);
	window = now() - start;
	for (unsigned i = 0; i < count; i++) {
		uint64_t got = (consumed(&vms[i]) - vms[i].consumed) * 100 * HUNDREDTHS / window;
		uint64_t due = (percent[i] ? percent[i] : rest) * HUNDREDTHS;
		uint64_t slack = percent[i] ? HUNDREDTHS : 2 * HUNDREDTHS;	/* the kernel's own work is taken from the rest */

		print("cost: %s%u=%u.%02u\n", name, percent[i], (unsigned)(got / HUNDREDTHS), (unsigned)(got % HUNDREDTHS));
		expect(got + slack >= due && got <= due + slack);
		expect(guest_read(DATA + 64 * i) > 0);
	}
	for (unsigned i = 0; i < count; i++)
		vm_end(&vms[i]);
	verdict(property);
}

uint64_t rt_main(const struct tv_start *unused)
{
	(void)unused;
	make_guest();
	expect_err(sys_ntfn_create(SEL_NTFN), TV_OK);
	LOAD(busy_code);
	long_mode();
	page->rflags |= RFLAGS_IF;
	shares("share.whole.", (const unsigned[]){ 30, 70 }, 2, "two busy VMs with 30 % and 70 % of a CPU get 30 % and 70 %");
	shares("share.part.", (const unsigned[]){ 30, 40, 0 }, 3, "budgets are kept against a VM that would take all, and it gets the rest");
	done();
}
