/* SPDX-License-Identifier: Apache-2.0 */
/* VMs come and go: each is made, runs its guest, and is destroyed while the guest runs; nothing of it is left. */
/* cpus: 2 */
/*
 * A VM here is what root makes of one: a domain with its monitor's code, a guest space with memory, a virtual CPU, a notification, a thread with a
 * scheduling context.  The guest begins at the reset vector and executes CPUID.  The monitor tells root of that exit and runs the guest on,
 * which then spins.
 *
 * "cycles=N" on the hypervisor's command line says how many; `make bench` asks for 10,000.  Under `-icount shift=0` a tick is an instruction.
 */
#include <abi/exit.h>
#include <rt/start.h>

#include "child.h"

#define CYCLES		500u
#define WARM_UP		8u		/* until tables and caches of the kernel have the size that they need */
#define VM_QUOTA	(128 * PAGE_SIZE)
#define VM_MEMORY	(2 * MIB)
#define RESET_PAGE	0xfffff000ull	/* of the guest: its reset vector is 16 bytes before the end of this page */
#define RESET_VECTOR	0xff0u
#define STATE_PAGE	0x700000ull	/* of the monitor */
#define FILL_STEP	(2 * MIB)

#define DONE_EXIT	1u		/* the monitor's signal: the guest has run */
#define DONE_ENDED	2u		/* its thread has faulted                  */
_Static_assert(offsetof(struct tv_exit_page, kind) < 128 && offsetof(struct tv_exit_page, rip) < 4096 && TV_EXIT_CPUID == 4 && TV_VCPU_MAP == 23 &&
	       TV_VCPU_RUN == 24 && TV_NTFN_SIGNAL == 31, "the code below");

/* The monitor: its vCPU is capability 1, its notification 2.  RDI: the offsets of kind, rip and dirty in the state page, 16 bits each. */
__asm__(".pushsection .rodata\n.globl monitor_code, monitor_end\n"
	"monitor_code:\n"
	"	movzwl %di, %r12d\n"
	"	shr $16, %rdi\n"
	"	movzwl %di, %r13d\n"
	"	shr $16, %rdi\n"
	"	movzwl %di, %r14d\n"
	"	mov $0x700000, %ebx\n"
	"	mov $23, %eax\n"		/* TV_VCPU_MAP */
	"	mov $1, %edi\n"
	"	mov %rbx, %rsi\n"
	"	syscall\n"
	"	test %eax, %eax\n"
	"	jnz 9f\n"
	"1:	mov $24, %eax\n"		/* TV_VCPU_RUN */
	"	mov $1, %edi\n"
	"	mov $-1, %rsi\n"
	"	syscall\n"
	"	test %eax, %eax\n"
	"	jnz 9f\n"
	"	cmpl $4, (%rbx, %r12)\n"	/* TV_EXIT_CPUID */
	"	jne 9f\n"
	"	addq $2, (%rbx, %r13)\n"	/* behind it */
	"	orq $1, (%rbx, %r14)\n"		/* TV_REGS_RIP */
	"	mov $31, %eax\n"		/* TV_NTFN_SIGNAL */
	"	mov $2, %edi\n"
	"	mov $1, %esi\n"
	"	syscall\n"
	"	jmp 1b\n"
	"9:	ud2\n"
	"monitor_end:\n"
	".popsection\n");
extern const char monitor_code[], monitor_end[];

static const uint8_t guest_code[] = { 0xfb, 0x90, 0x0f, 0xa2, 0xeb, 0xfe };	/* sti; nop; cpuid; jmp . */
static uint64_t code, guest_memory;		/* offsets in the region of memory */
static uint64_t domain, space, vcpu, thread, sched, done_ntfn;	/* selectors, the same for each VM */

static void write_memory(uint64_t offset, uint64_t at, const void *bytes, size_t n)
{
	expect_err(sys_mem_map(TV_SEL_DOMAIN, ROOT_CODE, ram_sel, offset, PAGE_SIZE, TV_MAP_READ | TV_MAP_WRITE), TV_OK);
	memcpy((char *)ROOT_CODE + at, bytes, n);
	expect_err(sys_mem_unmap(TV_SEL_DOMAIN, ROOT_CODE, PAGE_SIZE), TV_OK);
}

static void vm_create(unsigned cpu)
{
	const uint64_t fields = offsetof(struct tv_exit_page, kind) | offsetof(struct tv_exit_page, rip) << 16 |
				(uint64_t)offsetof(struct tv_exit_page, dirty) << 32;

	expect_err(sys_domain_create(domain, VM_QUOTA), TV_OK);
	expect_err(sys_domain_watch(domain, done_ntfn, DONE_ENDED), TV_OK);
	expect_err(sys_mem_map(domain, CHILD_CODE, ram_sel, code, PAGE_SIZE, TV_MAP_READ | TV_MAP_EXEC), TV_OK);
	expect_err(sys_space_create(space, TV_SPACE_GUEST), TV_OK);
	expect_err(sys_mem_map(space, 0, ram_sel, guest_memory, VM_MEMORY, TV_MAP_RIGHTS), TV_OK);
	expect_err(sys_mem_map(space, RESET_PAGE, ram_sel, guest_memory, PAGE_SIZE, TV_MAP_RIGHTS), TV_OK);
	expect_err(sys_vcpu_create(vcpu, space), TV_OK);
	expect_err(sys_cap_derive(domain, 1, vcpu, TV_RIGHT_RUN | TV_RIGHT_CONTROL, 0, 0), TV_OK);
	expect_err(sys_cap_derive(domain, 2, done_ntfn, TV_RIGHT_SIGNAL, DONE_EXIT, 0), TV_OK);
	expect_err(sys_thread_create(thread, domain, CHILD_CODE, 0, fields, 0), TV_OK);
	expect_err(sys_sched_create(sched, TV_SEL_SCHED, cpu, 100, 0, 0), TV_OK);
	expect_err(sys_sched_bind(sched, thread), TV_OK);
	expect_err(sys_thread_start(thread), TV_OK);
}

static void vm_runs(void)
{
	uint64_t bits;

	expect_err(sys_ntfn_wait(done_ntfn, now() + 10 * rt_info()->tsc_hz, &bits), TV_OK);
	expect(bits == DONE_EXIT);
}

/* The domain, while its guest may be running; then what root made for it. */
static void vm_destroy(void)
{
	expect_err(sys_domain_destroy(domain), TV_OK);
	expect_err(sys_cap_delete(sched), TV_OK);
	expect_err(sys_cap_delete(space), TV_OK);
}

/* One life of a VM on CPU @cpu; its time in ticks. */
static uint64_t cycle(unsigned cpu)
{
	uint64_t start = now();

	vm_create(cpu);
	vm_runs();
	vm_destroy();
	return now() - start;
}

/* How often kernel memory for one more page table is there: what was lost without having been paid for is missing here. */
static uint64_t fill(void)
{
	uint64_t n = 0;

	expect_err(sys_space_create(space, TV_SPACE_GUEST), TV_OK);
	while (failures == 0 && sys_mem_map(space, n * FILL_STEP, ram_sel, code, PAGE_SIZE, TV_MAP_READ) == TV_OK)
		n++;
	expect_err(sys_cap_delete(space), TV_OK);
	return n;
}

static uint64_t used(void)
{
	struct sys_domain_info info;

	expect_err(sys_domain_info(TV_SEL_DOMAIN, &info), TV_OK);
	return info.used;
}

static void vms_come_and_go(uint64_t cycles)
{
	uint64_t least = TV_NEVER, most = 0, sum = 0, before, room;
	unsigned cpus = rt_info()->cpu_count;

	for (unsigned i = 0; i < WARM_UP; i++)
		(void)cycle(i % cpus);
	room = fill();
	before = used();
	for (uint64_t i = 0; i < cycles && failures == 0; i++) {
		uint64_t t = cycle((unsigned)(i % cpus));

		least = min_u64(least, t);
		most = max_u64(most, t);
		sum += t;
	}
	print("cost: vm_cycles=%lu\ncost: vm_cycle_min=%lu\ncost: vm_cycle_mean=%lu\ncost: vm_cycle_max=%lu\n", (unsigned long)cycles,
	      (unsigned long)least, (unsigned long)(sum / cycles), (unsigned long)most);
	print("cost: vm_cycles_leaked=%ld\n", (long)(used() - before));
	expect(used() == before);
	verdict("each of many VMs runs, and its quota returns to the byte");
	print("  room for %lu page tables\n", (unsigned long)room);
	expect(room > 0 && fill() == room);
	verdict("after many VMs as much kernel memory can be used as before them");
}

uint64_t rt_main(const struct tv_start *start)
{
	(void)start;
	memory_init();
	code = memory_take(PAGE_SIZE, PAGE_SIZE);
	guest_memory = memory_take(VM_MEMORY, VM_MEMORY);
	write_memory(code, 0, monitor_code, (size_t)(monitor_end - monitor_code));
	write_memory(guest_memory, RESET_VECTOR, guest_code, sizeof(guest_code));
	domain = sel_new();
	space = sel_new();
	vcpu = sel_new();
	thread = sel_new();
	sched = sel_new();
	done_ntfn = sel_new();
	expect_err(sys_ntfn_create(done_ntfn), TV_OK);
	vms_come_and_go(max_u64(option("cycles=", CYCLES), 1));
	done();
}
