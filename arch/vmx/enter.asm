; SPDX-License-Identifier: Apache-2.0
; Into the guest and back: one way in, one way out, called like a C function.
;
; While the guest's registers are live, and after an entry that failed as well, every address comes from the host's own stack.
; RSP never points into guest register memory.
bits 64
%include "asm_offsets.inc"

HOST_RSP	equ 0x6c14		; SDM, "Natural-Width Host-State Fields"
HOST_SSP	equ 0x6c1a
FAIL_INVALID	equ 1			; enum vmx_entry
FAIL_VALID	equ 2

section .text

; vmx_enter: called by the inline function of that name (insn.h), which says what it needs and leaves.
;
; In:   rdi = the guest's registers, rsi = VMRESUME if not 0, else VMLAUNCH, rdx = what the VMCS holds as the host's RSP and SSP;
;       IF = 0.
; Out:  eax = enum vmx_entry; IF = 0.  RBX, RBP and R12 are kept, all others cleared: no guest value reaches speculation in C.  Most
;       of what a C function would keep is left to the caller, who has saved it already.  The CPU loads RSP and SSP with what they
;       were at the entry, and goes on at vmx_exit_point.
global vmx_enter_asm, vmx_exit_point
vmx_enter_asm:
	push rbp
	push rbx
	push r12
	push rdi
	cmp rsp, [rdx]
	je .stack_known
	mov eax, HOST_RSP
	vmwrite rax, rsp		; cannot fail where C's VMWRITEs did not
	mov [rdx], rsp
.stack_known:
	xor eax, eax
	rdsspq rax			; does nothing without a shadow stack
	cmp rax, [rdx + 8]
	je .shadow_known
	mov ecx, HOST_SSP
	vmwrite rcx, rax		; fails if the CPU does not switch it: it stays what it is then
	mov [rdx + 8], rax
.shadow_known:
	test rsi, rsi			; only MOVs follow, so that ZF survives
	mov rax, [rdi + GPR_RAX]
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
	jz .launch
	vmresume
	jmp .failed
.launch:
	vmlaunch
.failed:				; VMfailInvalid sets CF, VMfailValid ZF
	mov eax, FAIL_INVALID
	jc vmx_leave
	mov eax, FAIL_VALID
	jmp vmx_leave

vmx_exit_point:
	push rdi
	mov rdi, [rsp + 8]
	mov [rdi + GPR_RAX], rax
	mov [rdi + GPR_RCX], rcx
	mov [rdi + GPR_RDX], rdx
	mov [rdi + GPR_RBX], rbx
	mov [rdi + GPR_RBP], rbp
	mov [rdi + GPR_RSI], rsi
	mov [rdi + GPR_R8], r8
	mov [rdi + GPR_R9], r9
	mov [rdi + GPR_R10], r10
	mov [rdi + GPR_R11], r11
	mov [rdi + GPR_R12], r12
	mov [rdi + GPR_R13], r13
	mov [rdi + GPR_R14], r14
	mov [rdi + GPR_R15], r15
	pop rax
	mov [rdi + GPR_RDI], rax
	xor eax, eax			; VMX_EXITED

vmx_leave:
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
	add rsp, 8
	pop r12
	pop rbx
	pop rbp
	ret
