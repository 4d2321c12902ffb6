/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Offsets and constants that the assembly files need, generated rather than typed: compiled to assembly text, from which the
 * Makefile takes the lines marked @@ into build/asm_offsets.inc.
 */
#include <abi/exit.h>
#include <arch/cpu.h>
#include <arch/user.h>
#include <kernel/cpu.h>
#include <lib/base.h>
#include <x86/cr.h>
#include <x86/msr.h>
#include <x86/seg.h>

#include "stack.h"

/* As int: the operand modifier that prints a bare number takes no more.  All values are used as 32-bit operands. */
#define VALUE(name, value) __asm__ volatile("\n.ascii \"@@" #name " equ %c0\\n\"" : : "i"((int)(value)))
#define OFFSET(name, type, field) VALUE(name, offsetof(type, field))

void asm_offsets(void);
void asm_offsets(void)
{
	OFFSET(CPU_KERNEL_STACK, struct arch_cpu, kernel_stack);
	OFFSET(CPU_FRAME, struct arch_cpu, frame);
	OFFSET(CPU_SCRATCH, struct arch_cpu, scratch);
	OFFSET(CPU_SHADOW_STACK, struct arch_cpu, shadow_stack);
	OFFSET(CPU_RESCHED, struct cpu, resched);

	OFFSET(FRAME_R15, struct user_frame, r15);
	OFFSET(FRAME_R14, struct user_frame, r14);
	OFFSET(FRAME_R13, struct user_frame, r13);
	OFFSET(FRAME_R12, struct user_frame, r12);
	OFFSET(FRAME_RBX, struct user_frame, rbx);
	OFFSET(FRAME_RBP, struct user_frame, rbp);
	OFFSET(FRAME_R11, struct user_frame, r11);
	OFFSET(FRAME_R10, struct user_frame, r10);
	OFFSET(FRAME_R9, struct user_frame, r9);
	OFFSET(FRAME_R8, struct user_frame, r8);
	OFFSET(FRAME_RDI, struct user_frame, rdi);
	OFFSET(FRAME_RSI, struct user_frame, rsi);
	OFFSET(FRAME_RDX, struct user_frame, rdx);
	OFFSET(FRAME_RCX, struct user_frame, rcx);
	OFFSET(FRAME_RAX, struct user_frame, rax);
	OFFSET(FRAME_VECTOR, struct user_frame, vector);
	OFFSET(FRAME_ERROR, struct user_frame, error);
	OFFSET(FRAME_RIP, struct user_frame, rip);
	OFFSET(FRAME_CS, struct user_frame, cs);
	OFFSET(FRAME_RFLAGS, struct user_frame, rflags);
	OFFSET(FRAME_RSP, struct user_frame, rsp);
	VALUE(FRAME_IS_SYSCALL, FRAME_SYSCALL);
	VALUE(ERROR_CODE_VECTORS, EXC_WITH_ERROR_CODE);

	/* tv_exit_page.gpr[] */
	VALUE(GPR_RAX, TV_RAX * 8);
	VALUE(GPR_RCX, TV_RCX * 8);
	VALUE(GPR_RDX, TV_RDX * 8);
	VALUE(GPR_RBX, TV_RBX * 8);
	VALUE(GPR_RBP, TV_RBP * 8);
	VALUE(GPR_RSI, TV_RSI * 8);
	VALUE(GPR_RDI, TV_RDI * 8);
	VALUE(GPR_R8, TV_R8 * 8);
	VALUE(GPR_R9, TV_R9 * 8);
	VALUE(GPR_R10, TV_R10 * 8);
	VALUE(GPR_R11, TV_R11 * 8);
	VALUE(GPR_R12, TV_R12 * 8);
	VALUE(GPR_R13, TV_R13 * 8);
	VALUE(GPR_R14, TV_R14 * 8);
	VALUE(GPR_R15, TV_R15 * 8);

	VALUE(CR0_BOOT_BITS, CR0_PE | CR0_MP | CR0_ET | CR0_NE | CR0_WP | CR0_PG);
	VALUE(CR4_PAE_BIT, CR4_PAE);
	VALUE(MSR_EFER_NUMBER, MSR_EFER);
	VALUE(EFER_LME_BIT, EFER_LME);
	VALUE(EFER_NXE_BIT, EFER_NXE);
	VALUE(MSR_GS_BASE_NUMBER, MSR_GS_BASE);
	VALUE(MSR_S_CET_NUMBER, MSR_IA32_S_CET);
	VALUE(SEL_KERNEL_CS_VALUE, SEL_KERNEL_CS);
	VALUE(SEL_KERNEL_SS_VALUE, SEL_KERNEL_SS);
	VALUE(KERNEL_STACK_BYTES, KERNEL_STACK_SIZE);
}
