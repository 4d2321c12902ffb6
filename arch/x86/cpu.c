/* SPDX-License-Identifier: Apache-2.0 */
/* Bringing a CPU into the state that the kernel expects: control registers, per-CPU area, SYSCALL; and its address space. */
#include <arch/cpu.h>
#include <kernel/panic.h>
#include <x86/cr.h>
#include <x86/insn.h>
#include <x86/msr.h>
#include <x86/seg.h>

#include "features.h"
#include "machine.h"

/* Pages beyond which reloading CR3 is cheaper than INVLPG for each. */
#define FLUSH_PAGES	32u

extern uint8_t boot_stack_top[];	/* entry64.asm */

struct arch_cpu boot_cpu = { .self = &boot_cpu, .kernel_stack = (uint64_t)boot_stack_top };

static struct machine boot_machine __attribute__((aligned(4096)));

/* Every bit that is not named here is off, whatever the firmware left. */
static void control_init(void)
{
	uint64_t cr4 = CR4_PAE | CR4_DE | CR4_OSFXSR | CR4_OSXMMEXCPT;

	cr4 |= cpu_has(FEATURE_PGE) ? CR4_PGE : 0;
	cr4 |= cpu_has(FEATURE_MCA) ? CR4_MCE : 0;
	cr4 |= cpu_has(FEATURE_SMEP) ? CR4_SMEP : 0;
	cr4 |= cpu_has(FEATURE_SMAP) ? CR4_SMAP : 0;
	cr4 |= cpu_has(FEATURE_UMIP) ? CR4_UMIP : 0;
	cr4 |= cpu_has(FEATURE_PCID) ? CR4_PCIDE : 0;
	cr4 |= cpu_has(FEATURE_XSAVE) ? CR4_OSXSAVE : 0;
	write_cr4(cr4);
	write_cr0(CR0_PE | CR0_MP | CR0_ET | CR0_NE | CR0_WP | CR0_AM | CR0_PG);
	wrmsr(MSR_EFER, EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE);
	if (cpu_has(FEATURE_IBT) || cpu_has(FEATURE_SHSTK)) {
		write_cr4(cr4 | CR4_CET);	/* after CR0.WP, without which it faults */
		wrmsr(MSR_IA32_U_CET, 0);
		wrmsr(MSR_IA32_S_CET, cpu_has(FEATURE_IBT) ? S_CET_ENDBR_EN : 0);
	}
	pat_init();
	__asm__ volatile("mov %0, %%dr7" : : "r"(DR7_INIT));
	__asm__ volatile("mov %0, %%dr6" : : "r"(DR6_INIT));
}

/* SYSCALL only, from 64-bit code only; SYSENTER faults because its code segment is null. */
static void syscall_init(void)
{
	wrmsr(MSR_STAR, (uint64_t)SEL_SYSRET_BASE << 48 | (uint64_t)SEL_KERNEL_CS << 32);
	wrmsr(MSR_LSTAR, (uint64_t)(cpu_has(FEATURE_SHSTK) ? syscall_entry_shadow : syscall_entry));
	wrmsr(MSR_CSTAR, (uint64_t)syscall_entry);	/* unreachable: the GDT has no 32-bit code segment */
	wrmsr(MSR_SFMASK, RFLAGS_CF | RFLAGS_PF | RFLAGS_AF | RFLAGS_ZF | RFLAGS_SF | RFLAGS_TF | RFLAGS_IF | RFLAGS_DF |
			  RFLAGS_OF | RFLAGS_IOPL | RFLAGS_NT | RFLAGS_RF | RFLAGS_AC | RFLAGS_ID);
	wrmsr(MSR_IA32_SYSENTER_CS, 0);
}

void cpu_init(struct arch_cpu *cpu)
{
	control_init();
	desc_init(cpu->machine);
	__asm__ volatile("mov %0, %%fs\n\tmov %0, %%gs" : : "r"(0));
	wrmsr(MSR_GS_BASE, (uint64_t)cpu);
	wrmsr(MSR_KERNEL_GS_BASE, 0);
	wrmsr(MSR_FS_BASE, 0);
	syscall_init();
	fpu_init();
}

void cpu_init_boot(struct arch_cpu *cpu)
{
	cpu->self = cpu;
	cpu->id = 0;
	cpu->kernel_stack = (uint64_t)boot_stack_top;
	cpu->machine = &boot_machine;
	cpu_init(cpu);
}

void cpu_halt(void)
{
	for (;;)
		__asm__ volatile("cli\n\thlt");
}

/* The tag of @root, or 0 and a tag to give it in *@victim. */
static unsigned pcid_find(struct machine *m, uint64_t root, unsigned *victim)
{
	for (unsigned i = 1; i < PCID_COUNT; i++)
		if (m->pcid_root[i] == root)
			return i;
	m->pcid_next = m->pcid_next % (PCID_COUNT - 1) + 1;
	*victim = m->pcid_next;
	return 0;
}

void cpu_load_space(hpa_t root)
{
	struct machine *m = machine();
	unsigned tag, victim = 0;

	if (m->space == root.v)
		return;
	m->space = root.v;
	if (!cpu_has(FEATURE_PCID)) {
		write_cr3(root.v);
		return;
	}
	tag = pcid_find(m, root.v, &victim);
	if (tag) {
		write_cr3(root.v | tag | CR3_NO_FLUSH);
		return;
	}
	m->pcid_root[victim] = root.v;
	write_cr3(root.v | victim);		/* flushes what the tag stood for */
}

/* All translations of the tag that CR3 has, but not the global ones of the kernel; so does loading CR3 again. */
static void flush_current(void)
{
	if (cpu_has(FEATURE_INVPCID))
		invpcid(INVPCID_CONTEXT, read_cr3() & CR3_PCID);
	else
		write_cr3(read_cr3() & ~CR3_NO_FLUSH);
}

void cpu_drop_space(hpa_t root)
{
	struct machine *m = machine();

	if (m->space == root.v) {
		flush_current();
		return;
	}
	for (unsigned i = 1; i < PCID_COUNT; i++)
		if (m->pcid_root[i] == root.v)
			m->pcid_root[i] = 0;	/* its next load takes a tag afresh, and flushes it */
}

void cpu_flush_range(uint64_t va, uint64_t size)
{
	if (size > FLUSH_PAGES * PAGE_SIZE) {
		flush_current();
		return;
	}
	for (uint64_t a = va; a < va + size; a += PAGE_SIZE)
		invlpg(a);
}
