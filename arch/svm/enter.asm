; SPDX-License-Identifier: Apache-2.0
; Into the guest and back: one way in, one way out, called like a C function.
;
; While the guest's registers are live, and with a VMRUN that failed as well, every address comes from the host's own stack.
; RSP never points into guest register memory.
bits 64
%include "asm_offsets.inc"

section .text

; void svm_enter(uint64_t *gpr, uint64_t vmcb, uint64_t host)
;
; In:   rdi = the guest's registers, rsi = physical address of its VMCB, rdx = that of the host's page for VMSAVE; IF = 0, GIF = 1.
; Out:  IF = 0, GIF = 1.  Callee-saved registers are kept, of the others RAX is the host's and the rest cleared: no guest value
; reaches speculation in C.
;
; RFLAGS.IF of the host decides, with V_INTR_MASKING, whether a physical interrupt ends the guest: it must be 1 at VMRUN, while
; GIF = 0 keeps interrupts away on both sides.  STI comes long before VMRUN, or its shadow would become the guest's.
global svm_enter
svm_enter:
	push rbx
	push rbp
	push r12
	push r13
	push r14
	push r15
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
	mov rax, [rsp]
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
	mov rax, [rsp + 8]
	vmsave
	mov rax, [rsp + 16]
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
	add rsp, 24
	pop r15
	pop r14
	pop r13
	pop r12
	pop rbp
	pop rbx
	ret
