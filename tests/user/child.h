/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A second domain for tests: a few lines of code copied into memory of its own, and one page shared with it.
 *
 * The entry child_calls executes any hypercall that root writes into the shared page, so that tests can see the kernel from
 * inside a domain that holds only what it was given.  The other entries each do one thing and then spin or fault.
 */
#ifndef CHILD_H
#define CHILD_H

#include "check.h"

#define CHILD_CODE	0x400000ull
#define CHILD_SHARED	0x500000ull
#define CHILD_STACK	0x600000ull	/* nothing is mapped there: the code uses none */
#define ROOT_SHARED	0x10000000ull	/* page n of the children, in root */
#define ROOT_CODE	0x20000000ull

/* In the shared page. */
struct child_page {
	uint64_t number, arg[6], pad;
	uint64_t status, badge, word[5];
	uint64_t done_sel, go_sel;	/* notifications in the child's table */
	uint64_t counter;		/* of child_count and child_serve     */
};
_Static_assert(offsetof(struct child_page, status) == 64 && offsetof(struct child_page, done_sel) == 120 &&
	       offsetof(struct child_page, counter) == 136, "the code below");

/* Position-independent; RDI is the address of the shared page, or what the entry's comment says. */
__asm__(".pushsection .rodata\n"
	".balign 16\n"
	".globl child_code, child_code_end, child_calls, child_count, child_serve, child_read, child_write, child_in, child_insn\n"
	"child_code:\n"
	"child_calls:\n"
	"	mov %rdi, %rbx\n"
	"1:	mov (%rbx), %rax\n"
	"	mov 8(%rbx), %rdi\n"
	"	mov 16(%rbx), %rsi\n"
	"	mov 24(%rbx), %rdx\n"
	"	mov 32(%rbx), %r10\n"
	"	mov 40(%rbx), %r8\n"
	"	mov 48(%rbx), %r9\n"
	"	syscall\n"
	"	mov %rax, 64(%rbx)\n"
	"	mov %rdi, 72(%rbx)\n"
	"	mov %rsi, 80(%rbx)\n"
	"	mov %rdx, 88(%rbx)\n"
	"	mov %r10, 96(%rbx)\n"
	"	mov %r8, 104(%rbx)\n"
	"	mov %r9, 112(%rbx)\n"
	"	mov $31, %eax\n"		/* TV_NTFN_SIGNAL */
	"	mov 120(%rbx), %rdi\n"
	"	mov $1, %esi\n"
	"	syscall\n"
	"	mov $32, %eax\n"		/* TV_NTFN_WAIT */
	"	mov 128(%rbx), %rdi\n"
	"	mov $-1, %rsi\n"
	"	syscall\n"
	"	jmp 1b\n"
	"child_count:\n"			/* counts in the shared page, for good */
	"1:	incq 136(%rdi)\n"
	"	jmp 1b\n"
	"child_serve:\n"			/* waits at endpoint 1, replies word 0 + 1 and its badge as word 1 */
	"	mov %rdi, %rbx\n"
	"	mov $28, %eax\n"		/* TV_EP_WAIT */
	"	mov $1, %edi\n"
	"1:	syscall\n"
	"	incq 136(%rbx)\n"
	"	inc %rsi\n"
	"	mov %rdi, %rdx\n"
	"	mov $29, %eax\n"		/* TV_EP_REPLY_WAIT */
	"	mov $1, %edi\n"
	"	jmp 1b\n"
	"child_read:\n"				/* reads from address RDI */
	"	mov (%rdi), %rax\n"
	"	ud2\n"
	"child_write:\n"
	"	movb $1, (%rdi)\n"
	"	ud2\n"
	"child_in:\n"				/* reads from port RDI */
	"	mov %edi, %edx\n"
	"	in %dx, %al\n"
	"	ud2\n"
	"child_insn:\n"				/* RDI: which privileged instruction */
	"	cmp $0, %edi\n"
	"	jne 1f\n"
	"	cli\n"
	"1:	cmp $1, %edi\n"
	"	jne 1f\n"
	"	hlt\n"
	"1:	cmp $2, %edi\n"
	"	jne 1f\n"
	"	mov %cr3, %rax\n"
	"1:	cmp $3, %edi\n"
	"	jne 1f\n"
	"	mov $0xc0000080, %ecx\n"
	"	rdmsr\n"
	"1:	cmp $4, %edi\n"
	"	jne 1f\n"
	"	mov $0xc0000080, %ecx\n"
	"	xor %eax, %eax\n"
	"	xor %edx, %edx\n"
	"	wrmsr\n"
	"1:	cmp $5, %edi\n"
	"	jne 1f\n"
	"	lgdt (%rdi)\n"
	"1:	cmp $6, %edi\n"
	"	jne 1f\n"
	"	int $0x20\n"
	"1:	cmp $7, %edi\n"
	"	jne 1f\n"
	"	vmmcall\n"
	"1:	cmp $8, %edi\n"
	"	jne 1f\n"
	"	invlpg (%rdi)\n"
	"1:	cmp $9, %edi\n"
	"	jne 1f\n"
	"	swapgs\n"
	"1:	cmp $10, %edi\n"
	"	jne 1f\n"
	"	xor %ecx, %ecx\n"
	"	div %ecx\n"
	"1:	cmp $11, %edi\n"
	"	jne 1f\n"
	"	pushfq\n"			/* no stack: #PF */
	"1:	ud2\n"
	"child_code_end:\n"
	".popsection\n");

extern const char child_code[], child_code_end[], child_calls[], child_count[], child_serve[], child_read[], child_write[],
	child_in[], child_insn[];
#define CHILD_ENTRY(name)	(CHILD_CODE + (uint64_t)((name) - child_code))

/* --- memory --- */

static uint64_t ram_sel, ram_next;	/* the region that tests take memory from, and how much they took */

static inline const struct tv_rootinfo *root_info(void) { return (const struct tv_rootinfo *)TV_ROOT_INFO_ADDR; }

/* Choose the largest region of memory. */
static inline void memory_init(void)
{
	const struct tv_rootinfo *info = root_info();
	uint64_t best = 0;

	for (unsigned i = 0; i < info->region_count; i++)
		if (info->region[i].kind == TV_REGION_RAM && info->region[i].size > best) {
			best = info->region[i].size;
			ram_sel = TV_SEL_REGION + i;
		}
}

/* An offset in region ram_sel of @size bytes that nobody has yet, aligned to @align. */
static inline uint64_t memory_take(uint64_t size, uint64_t align)
{
	uint64_t base = root_info()->region[ram_sel - TV_SEL_REGION].base, at = align_up(base + ram_next, align);

	ram_next = at + size - base;
	return at - base;
}

/* --- children --- */

struct child {
	uint64_t domain, thread, sched, done, go;	/* selectors in root */
	struct child_page *page;
	bool started;
};

static uint64_t sel_next = SEL_FREE;
static unsigned child_number;

static inline uint64_t sel_new(void) { return sel_next++; }

/* A domain with the code and a shared page, and capabilities to its two notifications in slots 100 and 101. */
static inline void child_domain(struct child *c)
{
	uint64_t code = memory_take(PAGE_SIZE, PAGE_SIZE), shared = memory_take(PAGE_SIZE, PAGE_SIZE);
	uint64_t at = ROOT_SHARED + child_number * PAGE_SIZE, text = ROOT_CODE + child_number * PAGE_SIZE;

	*c = (struct child){ .domain = sel_new(), .thread = sel_new(), .sched = sel_new(), .done = sel_new(), .go = sel_new() };
	child_number++;
	expect_err(sys_domain_create(c->domain, 64 * PAGE_SIZE), TV_OK);
	expect_err(sys_ntfn_create(c->done), TV_OK);
	expect_err(sys_ntfn_create(c->go), TV_OK);
	expect_err(sys_mem_map(TV_SEL_DOMAIN, text, ram_sel, code, PAGE_SIZE, TV_MAP_READ | TV_MAP_WRITE), TV_OK);
	memcpy((void *)text, child_code, (size_t)(child_code_end - child_code));
	expect_err(sys_mem_unmap(TV_SEL_DOMAIN, text, PAGE_SIZE), TV_OK);
	expect_err(sys_mem_map(c->domain, CHILD_CODE, ram_sel, code, PAGE_SIZE, TV_MAP_READ | TV_MAP_EXEC), TV_OK);
	expect_err(sys_mem_map(TV_SEL_DOMAIN, at, ram_sel, shared, PAGE_SIZE, TV_MAP_READ | TV_MAP_WRITE), TV_OK);
	expect_err(sys_mem_map(c->domain, CHILD_SHARED, ram_sel, shared, PAGE_SIZE, TV_MAP_READ | TV_MAP_WRITE), TV_OK);
	expect_err(sys_cap_derive(c->domain, 100, c->done, TV_RIGHT_SIGNAL, 0, 0), TV_OK);
	expect_err(sys_cap_derive(c->domain, 101, c->go, TV_RIGHT_WAIT, 0, 0), TV_OK);
	expect_err(sys_domain_watch(c->domain, c->done, 2), TV_OK);
	c->page = (struct child_page *)at;
	memset(c->page, 0, PAGE_SIZE);
	c->page->done_sel = 100;
	c->page->go_sel = 101;
}

/* Its thread, at @entry with RDI = @arg, at @priority; not started. */
static inline void child_thread(struct child *c, const char *entry, uint64_t arg, unsigned priority)
{
	expect_err(sys_thread_create(c->thread, c->domain, CHILD_ENTRY(entry), CHILD_STACK, arg, 0), TV_OK);
	expect_err(sys_sched_create(c->sched, TV_SEL_SCHED, 0, priority, 0, 0), TV_OK);
	expect_err(sys_sched_bind(c->sched, c->thread), TV_OK);
}

/* The child makes a hypercall: results in its page.  False: it faulted instead, or did not come back in time. */
static inline bool child_call(struct child *c, enum tv_hypercall n, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3,
			      uint64_t a4, uint64_t a5)
{
	const uint64_t arg[6] = { a0, a1, a2, a3, a4, a5 };
	uint64_t bits;

	c->page->number = n;
	memcpy(c->page->arg, arg, sizeof(arg));
	(void)sys_ntfn_poll(c->done, &bits);
	if (c->started)
		(void)sys_ntfn_signal(c->go, 1);
	else if (sys_thread_start(c->thread) != TV_OK)
		return false;
	c->started = true;
	if (sys_ntfn_wait(c->done, __builtin_ia32_rdtsc() + rt_info()->tsc_hz, &bits) != TV_OK)
		return false;
	return !(bits & 2);
}

/* Sleep until the child's thread waits for something. */
static inline void child_settle(struct child *c)
{
	struct sys_thread_info info = { .state = TV_THREAD_RUNNABLE };
	uint64_t bits;

	for (unsigned i = 0; i < 1000 && info.state == TV_THREAD_RUNNABLE; i++) {
		(void)sys_ntfn_wait(c->done, __builtin_ia32_rdtsc() + rt_info()->tsc_hz / 1000, &bits);
		expect_err(sys_thread_info(c->thread, &info), TV_OK);
	}
	expect(info.state == TV_THREAD_BLOCKED);
}

/* Does child_count get on within a second? */
static inline bool child_counts(struct child *c)
{
	uint64_t before = *(volatile uint64_t *)&c->page->counter, bits;

	for (unsigned i = 0; i < 1000 && *(volatile uint64_t *)&c->page->counter == before; i++)
		(void)sys_ntfn_wait(c->done, __builtin_ia32_rdtsc() + rt_info()->tsc_hz / 1000, &bits);
	return *(volatile uint64_t *)&c->page->counter > before;
}

static inline void child_end(struct child *c)
{
	expect_err(sys_domain_destroy(c->domain), TV_OK);
	(void)sys_cap_delete(c->sched);		/* not every test has made one */
	expect_err(sys_cap_delete(c->done), TV_OK);
	expect_err(sys_cap_delete(c->go), TV_OK);
}

#endif
