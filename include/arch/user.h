/* SPDX-License-Identifier: Apache-2.0 */
/* A user thread as the machine sees it: saved registers, FPU area, FS base. */
#ifndef ARCH_USER_H
#define ARCH_USER_H

#include <lib/base.h>

/*
 * Registers of a user thread that is not running.  TSS.RSP0 points at the end of the current thread's frame, so the CPU
 * itself stores the last five words when an interrupt arrives; the stubs of arch/x86/entry.asm store the rest.  The size
 * keeps the end 16-byte aligned, because the CPU aligns RSP before it pushes.
 */
struct user_frame {
	uint64_t r15, r14, r13, r12, rbx, rbp;		/* callee-saved: a system call that does not switch leaves them alone */
	uint64_t r11, r10, r9, r8, rdi, rsi, rdx, rcx, rax;
	uint64_t vector;				/* FRAME_SYSCALL, or the interrupt vector */
	uint64_t error;
	uint64_t rip, cs, rflags, rsp, ss;
};
_Static_assert(sizeof(struct user_frame) == 22 * 8, "entry.asm and the CPU's own pushes");
_Static_assert(sizeof(struct user_frame) % 16 == 0, "RSP0 must be 16-byte aligned");

/* In user_frame.vector: the thread came in by SYSCALL, and may return by SYSRET. */
#define FRAME_SYSCALL	256u

struct arch_thread {
	struct user_frame frame __attribute__((aligned(16)));
	void *fpu;		/* one page: XSAVE area; NULL: the thread may not use the FPU */
	uint64_t fs_base;
};

/* Arguments of the hypercall that @f stands in, and its results; include/abi/hypercall.h says which register is which. */
static inline uint64_t frame_number(const struct user_frame *f) { return f->rax; }
static inline uint64_t frame_arg(const struct user_frame *f, unsigned n)
{
	return n == 0 ? f->rdi : n == 1 ? f->rsi : n == 2 ? f->rdx : n == 3 ? f->r10 : n == 4 ? f->r8 : f->r9;
}
static inline void frame_set_arg(struct user_frame *f, unsigned n, uint64_t v)
{
	*(n == 0 ? &f->rdi : n == 1 ? &f->rsi : n == 2 ? &f->rdx : n == 3 ? &f->r10 : n == 4 ? &f->r8 : &f->r9) = v;
}
static inline void frame_set_status(struct user_frame *f, uint64_t status) { f->rax = status; }
static inline void frame_set_badge(struct user_frame *f, uint64_t badge) { f->rdi = badge; }
static inline void frame_set_word(struct user_frame *f, unsigned n, uint64_t v) { frame_set_arg(f, n + 1, v); }
static inline uint64_t frame_word(const struct user_frame *f, unsigned n) { return frame_arg(f, n + 1); }
/* Make the thread execute its SYSCALL again when it next runs: how a long operation continues. */
static inline void frame_restart(struct user_frame *f, uint64_t number) { f->rip -= 2; f->rax = number; }
static inline void frame_undo_restart(struct user_frame *f) { f->rip += 2; }

/*
 * Fill @t for a new thread that starts at @rip with @rsp and RDI = @arg, in user mode with interrupts on.  @fpu: a zeroed
 * page, or NULL.  All other registers are 0.  Both addresses must be canonical user addresses (the caller checks).
 */
void user_init(struct arch_thread *t, uint64_t rip, uint64_t rsp, uint64_t arg, uint64_t fs_base, void *fpu);

/* The same for a thread that does not run, but FS base and FPU state stay. */
void user_reset(struct arch_thread *t, uint64_t rip, uint64_t rsp, uint64_t arg);

/*
 * Make @next the thread whose registers the next return to user mode loads: frame pointer, RSP0, FS base, and the FPU
 * eagerly when one of both uses it.  @prev may be NULL.  Called with the address space already switched.
 */
void user_switch(struct arch_thread *prev, struct arch_thread *next);

/* @t is about to be freed: forget its FPU state if the CPU still holds it. */
void user_forget(struct arch_thread *t);

/* @t, whose registers this CPU may hold, will run on another CPU: save what is not in @t yet. */
void user_leave(struct arch_thread *t);

/* Leave the kernel into the thread last given to user_switch, abandoning the kernel stack. */
NORETURN void user_return(void);

#endif
