/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A guest of two megabytes and one vCPU, for the user tests that play monitor.
 *
 * Guest code stands in this program as assembly text between the labels NAME and NAME_end (GUEST_CODE) and is copied to
 * CODE before it runs.  Guests begin in real mode with CS at CODE and all other segments at 0, or, after long_mode(), in
 * 64-bit mode with the first 2 MiB mapped one to one.
 */
#ifndef VCPU_RIG_H
#define VCPU_RIG_H

#include <abi/exit.h>
#include <abi/info.h>
#include <x86/cr.h>
#include <x86/msr.h>

#include "check.h"

#define SEL_SPACE	(SEL_FREE + 0)
#define SEL_VCPU	(SEL_FREE + 1)
#define SEL_NTFN	(SEL_FREE + 2)
#define SEL_TEST	(SEL_FREE + 16)	/* from here on: the test's own */

#define HOST_BASE	0x200000000ull	/* where this program sees the guest's memory */
#define PAGE_BASE	0x1fff00000ull	/* and the state page                          */
#define GUEST_SIZE	0x200000ull
#define IVT		0x0u
#define TABLES		0x2000u		/* page tables of long_mode(): three pages */
#define IDT64		0x6000u
#define GDT64		0x7000u
#define STACK		0x8000u
#define DATA		0x9000u		/* what guest code leaves for the test     */
#define CODE		0x10000u

#define GUEST_CODE(name, bits, text)								\
	__asm__(".pushsection .rodata\n.code" #bits "\n.global " #name ", " #name "_end\n"		\
		#name ":\n" text "\n" #name "_end:\n.code64\n.popsection\n");			\
	extern const char name[], name##_end[]

static struct tv_exit_page *const page = (struct tv_exit_page *)PAGE_BASE;
static uint64_t region;			/* selector of the RAM, and where in it the guest's memory is */

static inline void *guest_at(uint64_t gpa) { return (void *)(HOST_BASE + gpa); }
static inline uint32_t guest_read(uint64_t gpa) { return *(volatile uint32_t *)guest_at(gpa); }

static inline uint64_t milliseconds(uint64_t n) { return rt_info()->tsc_hz / 1000 * n; }

/* The first RAM region that is large enough. */
static inline uint64_t find_ram(void)
{
	const struct tv_rootinfo *info = (const struct tv_rootinfo *)TV_ROOT_INFO_ADDR;

	for (unsigned i = 0; i < info->region_count; i++) {
		if (info->region[i].kind == TV_REGION_RAM && info->region[i].size >= 2 * GUEST_SIZE)
			return TV_SEL_REGION + i;
	}
	return 0;
}

/* A fresh vCPU in the place of the last one. */
static inline void fresh_vcpu(void)
{
	(void)sys_cap_delete(SEL_VCPU);
	expect_err(sys_vcpu_create(SEL_VCPU, SEL_SPACE), TV_OK);
	expect_err(sys_vcpu_map(SEL_VCPU, PAGE_BASE), TV_OK);
}

static inline void make_guest(void)
{
	region = find_ram();
	expect(region != 0);
	expect_err(sys_space_create(SEL_SPACE, TV_SPACE_GUEST), TV_OK);
	expect_err(sys_mem_map(SEL_SPACE, 0, region, 0, GUEST_SIZE, TV_MAP_RIGHTS), TV_OK);
	expect_err(sys_mem_map(TV_SEL_DOMAIN, HOST_BASE, region, 0, GUEST_SIZE, TV_MAP_READ | TV_MAP_WRITE), TV_OK);
	fresh_vcpu();
}

static inline void real_mode(void)
{
	page->cr0 = CR0_ET;
	page->cr4 = page->efer = 0;
	for (unsigned i = 0; i < TV_LDTR; i++)
		page->seg[i] = (struct tv_segment){ .attr = 0x93, .limit = 0xffff };
	page->seg[TV_CS] = (struct tv_segment){ .sel = CODE >> 4, .base = CODE, .attr = 0x9b, .limit = 0xffff };
	page->idtr = (struct tv_table){ .base = IVT, .limit = 0x3ff };
	page->rip = 0;
	page->rflags = RFLAGS_ONE;
	page->gpr[TV_RSP] = STACK;
	page->dirty |= TV_REGS_RIP | TV_REGS_SEG | TV_REGS_CR;
}

/* Copy code, clear data and vector table, and start in real mode. */
static inline void load(const char *code, const char *end)
{
	fresh_vcpu();
	memset(guest_at(0), 0, CODE);
	memcpy(guest_at(CODE), code, (size_t)(end - code));
	real_mode();
}
#define LOAD(name)	load(name, name##_end)

/* Real mode: interrupt @vector goes to @label. */
static inline void set_ivt(unsigned vector, const char *code, const char *label)
{
	((uint32_t *)guest_at(IVT))[vector] = (CODE >> 4) << 16 | (uint32_t)(label - code);
}

/* On from real mode: 64 bits at CPL 0, everything below 2 MiB mapped, an empty IDT. */
static inline void long_mode(void)
{
	uint64_t *tables = guest_at(TABLES);

	tables[0] = (TABLES + 0x1000) | 7;
	tables[512] = (TABLES + 0x2000) | 7;
	tables[1024] = 0x87;
	((uint64_t *)guest_at(GDT64))[1] = 0x00af9b000000ffffull;
	((uint64_t *)guest_at(GDT64))[2] = 0x00cf93000000ffffull;
	page->cr0 = CR0_PE | CR0_PG | CR0_ET | CR0_NE | CR0_MP;
	page->cr3 = TABLES;
	page->cr4 = CR4_PAE | CR4_OSFXSR | CR4_OSXMMEXCPT;
	page->efer = EFER_LME | EFER_LMA | EFER_SCE;
	for (unsigned i = 0; i < TV_LDTR; i++)
		page->seg[i] = (struct tv_segment){ .sel = 0x10, .attr = 0xc93, .limit = 0xffffffff };
	page->seg[TV_CS] = (struct tv_segment){ .sel = 0x08, .attr = 0xa9b, .limit = 0xffffffff };
	page->gdtr = (struct tv_table){ .base = GDT64, .limit = 23 };
	page->idtr = (struct tv_table){ .base = IDT64, .limit = 0xfff };
	page->rip = CODE;
	page->dirty |= TV_REGS_CR | TV_REGS_SEG | TV_REGS_RIP;
}

static inline void set_idt(unsigned vector, const char *code, const char *label)
{
	uint64_t target = CODE + (uint64_t)(label - code), *gate = (uint64_t *)guest_at(IDT64) + 2 * vector;

	gate[0] = (target & 0xffff) | 0x08ull << 16 | 0x8eull << 40 | (target >> 16 & 0xffff) << 48;
	gate[1] = target >> 32;
}

/* Run for at most a second; the kind of exit. */
static inline uint32_t run(void)
{
	uint64_t group = 0;
	enum tv_err err = sys_vcpu_run(SEL_VCPU, now() + milliseconds(1000), &group);

	if (err != TV_OK) {
		print("  vcpu_run: status %u, group 0x%x\n", (unsigned)err, (unsigned)group);
		failures++;
		return TV_EXIT_NONE;
	}
	return page->kind;
}

/* The guest has executed an instruction of @length bytes as far as it can tell. */
static inline void skip(uint64_t length)
{
	page->rip += length;
	page->shadow &= TV_SHADOW_NMI;
	page->dirty |= TV_REGS_RIP;
}

/* Guest code reports progress by OUT to port @port: expect exactly that, and go on behind it (two bytes: OUT imm8). */
static inline void expect_mark(unsigned port)
{
	uint32_t kind = run();

	if (kind != TV_EXIT_PIO || page->arg0 != port) {
		print("  expected port 0x%x, got kind %u, arg 0x%lx, rip 0x%lx\n", port, (unsigned)kind, (unsigned long)page->arg0,
		      (unsigned long)page->rip);
		failures++;
	}
	skip(2);
}

#endif
