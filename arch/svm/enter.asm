; SPDX-License-Identifier: Apache-2.0
; Into the guest and back: one way in, one way out, called like a C function.
;
; While the guest's registers are live, and with a VMRUN that failed as well, every address comes from the host's own stack.
; RSP never points into guest register memory.
bits 64
%include "asm_offsets.inc"

section .text

; svm_enter: called by the inline function of that name (insn.h), which says what it needs and leaves.
;
; In:   rdi = the guest's registers, rsi = physical address of its VMCB, rdx = that of the host's page for VMSAVE; IF = 0, GIF = 1.
; Out:  IF = 0, GIF = 1.  RBX, RBP and R12 are kept, the others are cleared but for RAX: no guest value reaches speculation in C.
;       Most of what a C function would keep is left to the caller, who has saved it already.
;
; RFLAGS.IF of the host decides, with V_INTR_MASKING, whether a physical interrupt ends the guest: it must be 1 at VMRUN, while
; GIF = 0 keeps interrupts away on both sides.  STI comes long before VMRUN, or its shadow would become the guest's.
global svm_enter_asm
svm_enter_asm:
	push rbp
	push rbx
	push r12
	push rdx
	push rsi
	push rdi
	clgi
	sti
	mov rax, rdx
	vmsave				; FS, GS, TR, LDTR, KERNEL_GS, STAR ... SYSENTER of the host
	mov rax, rsi
	vmload				; the same of the guest: no per-CPU access from here on
	mov rcx, [rdi + GPR_RCX]
	mov rdx, [rdi + GPR_RDX]
	mov rbx, [rdi + GPR_RBX]
	mov rbp, [rdi + GPR_RBP]
	mov rsi, [rdi + GPR_RSI]
	mov r8, [rdi + GPR_R8]
	mov r9, [rdi + GPR_R9]
	mov r10, [rdi + GPR_R10]
	mov r11, [rdi + GPR_R11]
	mov r12, [rdi + GPR_R12]
	mov r13, [rdi + GPR_R13]
	mov r14, [rdi + GPR_R14]
	mov r15, [rdi + GPR_R15]
	mov rdi, [rdi + GPR_RDI]
	vmrun				; rax, rsp and rflags are the host's again behind it
.exited:
	pop rax
	mov [rax + GPR_RCX], rcx
	mov [rax + GPR_RDX], rdx
	mov [rax + GPR_RBX], rbx
	mov [rax + GPR_RBP], rbp
	mov [rax + GPR_RSI], rsi
	mov [rax + GPR_RDI], rdi
	mov [rax + GPR_R8], r8
	mov [rax + GPR_R9], r9
	mov [rax + GPR_R10], r10
	mov [rax + GPR_R11], r11
	mov [rax + GPR_R12], r12
	mov [rax + GPR_R13], r13
	mov [rax + GPR_R14], r14
	mov [rax + GPR_R15], r15
	pop rax
	vmsave
	pop rax
	vmload
	cli
	stgi				; a pending NMI is taken here, with the host's GS

	xor ecx, ecx
	xor edx, edx
	xor esi, esi
	xor edi, edi
	xor r8d, r8d
	xor r9d, r9d
	xor r10d, r10d
	xor r11d, r11d
	xor r13d, r13d
	xor r14d, r14d
	xor r15d, r15d
	pop r12
	pop rbx
	pop rbp
	ret
