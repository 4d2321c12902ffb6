/* SPDX-License-Identifier: Apache-2.0 */
/* Exceptions and interrupts, after entry.asm has stored the registers. */
#include <arch/debug.h>
#include <kernel/fmt.h>
#include <kernel/log.h>
#include <kernel/panic.h>
#include <kernel/upcall.h>
#include <x86/cr.h>
#include <x86/insn.h>
#include <x86/msr.h>
#include <x86/seg.h>

#include "apic.h"
#include "machine.h"

static const char *const exception_name[EXC_COUNT] = {
	[EXC_DE] = "divide error", [EXC_DB] = "debug exception", [EXC_NMI] = "NMI", [EXC_BP] = "breakpoint",
	[EXC_OF] = "overflow", [EXC_BR] = "bound range exceeded", [EXC_UD] = "invalid opcode",
	[EXC_NM] = "device not available", [EXC_DF] = "double fault", [EXC_TS] = "invalid TSS",
	[EXC_NP] = "segment not present", [EXC_SS] = "stack-segment fault", [EXC_GP] = "general protection fault",
	[EXC_PF] = "page fault", [EXC_MF] = "x87 error", [EXC_AC] = "alignment check", [EXC_MC] = "machine check",
	[EXC_XM] = "SIMD error", [EXC_VE] = "virtualization exception", [EXC_CP] = "control protection exception",
};

static const char *name_of(uint64_t vector)
{
	return vector < EXC_COUNT && exception_name[vector] ? exception_name[vector] : "unknown exception";
}

static bool from_user(const struct user_frame *f)
{
	return f->cs & 3;
}

void trap_exception_user(struct user_frame *f)
{
	uint64_t address = f->vector == EXC_PF ? read_cr2() : 0;

	kernel_user_fault(f, f->vector, f->error, address);
	panic("a faulted thread was resumed");
}

void trap_interrupt_user(struct user_frame *f)
{
	irq_dispatch((unsigned)f->vector);
	kernel_after_interrupt();
}

void trap_interrupt_kernel(struct user_frame *f)
{
	irq_dispatch((unsigned)f->vector);
}

static NORETURN void machine_check(const struct user_frame *f)
{
	uint64_t banks = rdmsr(MSR_IA32_MCG_CAP) & 0xff;

	/* It may have come while this CPU had the lock of the log. */
	debug_stop_others();
	log_break();
	for (uint32_t i = 0; i < banks; i++) {
		uint64_t status = rdmsr(MSR_IA32_MC0_STATUS + 4 * i);

		if (status & BIT(63))
			log_error("machine check: bank %u, status %#018lx", i, status);
	}
	panic_trap(f, "machine check (MCG_STATUS %#lx)", rdmsr(MSR_IA32_MCG_STATUS));
}

/* Id + 1 of the CPU that panics: whoever else gets an NMI stops.  0: none. */
static uint32_t stopping;

static bool by_panic(void)
{
	uint32_t who = __atomic_load_n(&stopping, __ATOMIC_ACQUIRE);

	return who && who != arch_cpu()->id + 1;
}

void debug_stop_others(void)
{
	if (cpu_count() == 1)
		return;
	__atomic_store_n(&stopping, arch_cpu()->id + 1, __ATOMIC_SEQ_CST);
	lapic_nmi_others();
}

/*
 * An exception that came on a stack of its own, or in the kernel.  GS is the kernel's, but @f lies on that stack.  NULL: go on
 * where it happened; otherwise the thread's own frame, filled in: the exception is that thread's.
 *
 * It may have come between any two instructions, so what returns from here touches no lock and no log.
 */
struct user_frame *trap_paranoid(struct user_frame *f)
{
	struct user_frame *thread;

	switch (f->vector) {
	case EXC_NMI:
		machine()->nmi_count++;
		if (unlikely(by_panic()))
			cpu_halt();
		if (f->rip == (uint64_t)cpu_idle_hlt) {
			f->rip = (uint64_t)cpu_idle_woken;
			shadow_redirect_nmi(f->rip);
		}
		return NULL;
	case EXC_MC:
		machine_check(f);
	case EXC_DB:
		__asm__ volatile("mov %0, %%dr6" : : "r"(DR6_INIT));
		if (!from_user(f)) {
			/* A trap that user code prepared may arrive at the first instruction of an entry: not our debugging. */
			f->rflags &= ~RFLAGS_TF;
			return NULL;
		}
		thread = arch_cpu()->frame;
		*thread = *f;
		return thread;
	default:
		if (f->vector == EXC_PF)
			panic_trap(f, "page fault in the kernel: address %#lx, error %#lx", read_cr2(), f->error);
		panic_trap(f, "%s in the kernel, error %#lx", name_of(f->vector), f->error);
	}
}

static void line(const char *fmt, ...) PRINTF_LIKE(1, 2);
static void line(const char *fmt, ...)
{
	char text[160];
	va_list args;

	va_start(args, fmt);
	log_text(text, fmt_text_v(text, sizeof(text), fmt, args));
	va_end(args);
}

void debug_registers(const struct user_frame *f)
{
	if (f) {
		line("rip %016lx  rsp %016lx  rflags %08lx  cs %02lx  ss %02lx\n", f->rip, f->rsp, f->rflags, f->cs, f->ss);
		line("rax %016lx  rbx %016lx  rcx %016lx  rdx %016lx\n", f->rax, f->rbx, f->rcx, f->rdx);
		line("rsi %016lx  rdi %016lx  rbp %016lx  r8  %016lx\n", f->rsi, f->rdi, f->rbp, f->r8);
		line("r9  %016lx  r10 %016lx  r11 %016lx  r12 %016lx\n", f->r9, f->r10, f->r11, f->r12);
		line("r13 %016lx  r14 %016lx  r15 %016lx\n", f->r13, f->r14, f->r15);
	}
	line("cr0 %016lx  cr2 %016lx  cr3 %016lx  cr4 %016lx\n", read_cr0(), read_cr2(), read_cr3(), read_cr4());
	if (machine())
		line("cpu%u  NMIs %lu\n", arch_cpu()->id, machine()->nmi_count);
}

static bool inside(uint64_t addr, uint64_t top, uint64_t size)
{
	return addr >= top - size && range_inside(addr - (top - size), 16, size);
}

bool debug_on_stack(uint64_t addr)
{
	const struct machine *m = machine();

	if (!is_aligned(addr, 8))
		return false;
	if (!m)
		return inside(addr, arch_cpu()->kernel_stack, KERNEL_STACK_SIZE);
	for (unsigned i = 0; i < IST_COUNT; i++)
		if (inside(addr, m->task.tss.ist[i], IST_STACK_SIZE))
			return true;
	return inside(addr, arch_cpu()->kernel_stack, KERNEL_STACK_SIZE);
}
