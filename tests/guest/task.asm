; SPDX-License-Identifier: Apache-2.0
; Hardware task switches: far CALL and JMP to a TSS, IRET out of a nested task, task gates for INT n and for a fault with error
; code, 32-bit and 16-bit TSS, and what stands against a switch.
%define BASE 0x100000

section .text start=0 vstart=BASE

MAGIC	equ 0x1badb002
FLAGS	equ 1 << 16 | 1 << 1 | 1
CODE	equ 0x08
DATA	equ 0x10
TSS_A	equ 0x18			; the task that this begins as
TSS_B	equ 0x20
TSS_16	equ 0x28
TSS_OFF	equ 0x30			; not present
GATE	equ 0x38
CODE16	equ 0x40
NT	equ 1 << 14
BUSY	equ 2
TS	equ 1 << 3

	jmp	entry
align 4
header:
	dd	MAGIC, FLAGS, -(MAGIC + FLAGS)
	dd	header, BASE, end, bss_end, entry

%include "guest32.inc"

%macro DESC 4				; base, limit, type byte, flags; the base is filled in at run time
	dw	%2 & 0xffff, 0
	db	0, %3, %4 << 4 | %2 >> 16, 0
%endmacro

entry:
	mov	esp, stack_a
	mov	eax, TSS_A
	mov	ebx, tss_a
	call	set_base
	mov	eax, TSS_B
	mov	ebx, tss_b
	call	set_base
	mov	eax, TSS_16
	mov	ebx, tss_16
	call	set_base
	lgdt	[gdt_pointer]
	jmp	CODE:.flat
.flat:
	mov	eax, DATA
	mov	ds, ax
	mov	es, ax
	mov	ss, ax
	mov	fs, ax
	mov	gs, ax
	lidt	[idt_pointer]
	mov	ax, TSS_A
	ltr	ax
	clts

	mov	dword [tss_b + 32], task_call
	mov	ecx, 0x12345678
	call	TSS_B:0
	mov	edx, eax
	EXPECT32 edx, 0x600d, "a far CALL to a TSS runs its task"
	EXPECT32 ecx, 0x12345678, "and IRET comes back with the registers of the caller"
	mov	eax, cr0
	and	eax, TS
	EXPECT32 eax, TS, "CR0.TS is set"
	mov	eax, [seen_flags]
	and	eax, NT
	EXPECT32 eax, NT, "the task that was called had NT set"
	movzx	eax, word [tss_b]
	EXPECT32 eax, TSS_A, "its back link named the caller"
	mov	al, [gdt + TSS_B + 5]
	and	eax, BUSY
	EXPECT32 eax, 0, "and it is not busy any more"
	mov	al, [gdt + TSS_A + 5]
	and	eax, BUSY
	EXPECT32 eax, BUSY, "while the caller is"
	str	ax
	movzx	eax, ax
	EXPECT32 eax, TSS_A, "TR is back, too"

	mov	dword [tss_b + 32], task_jump
	call	prepare_b
	jmp	far [pointer_b]
after_jump:
	EXPECT32 dword [jumped], 1, "a far JMP through memory runs a task, and a JMP comes back"
	pushf
	pop	eax
	and	eax, NT
	EXPECT32 eax, 0, "without NT"

	mov	dword [tss_b + 32], task_gate
	call	prepare_b
	int	0x30
	EXPECT32 dword [gated], 1, "INT through a task gate runs a task and returns behind itself"
	mov	dword [tss_b + 32], task_fault
	call	prepare_b
	mov	eax, 0xfff8
fault_at:
	mov	fs, ax				; #GP with an error code, beyond the GDT
	EXPECT32 dword [error], 0xfff8, "a fault through a task gate pushes its error code on the new stack"
	EXPECT32 dword [where], fault_at, "and leaves EIP at the instruction"

	call	TSS_16:0
	movzx	eax, word [tss_16 + 18]
	EXPECT32 eax, 0x1616, "a 16-bit TSS runs 16-bit code and is saved in its form"
	mov	dword [expected], .absent
	mov	byte [vector], 0
	call	TSS_OFF:0
.absent:
	movzx	eax, byte [vector]
	EXPECT32 eax, 11, "a TSS that is not present raises #NP"
	mov	word [idt + 13 * 8], on_busy - BASE
	mov	word [idt + 13 * 8 + 2], CODE
	mov	word [idt + 13 * 8 + 4], 0x8e00
	mov	word [idt + 13 * 8 + 6], BASE >> 16
	mov	dword [expected], .busy
	call	TSS_A:0
.busy:
	movzx	eax, byte [vector]
	EXPECT32 eax, 13, "a TSS that is busy raises #GP"
	jmp	done

; Task B's registers, as they shall be at its next start.
prepare_b:
	mov	dword [tss_b + 56], stack_b
	mov	dword [tss_b + 36], 2
	clts
	ret

set_base:
	mov	[gdt + eax + 2], bx
	shr	ebx, 16
	mov	[gdt + eax + 4], bl
	mov	[gdt + eax + 7], bh
	ret

task_call:
	pushf
	pop	dword [seen_flags]
	mov	dword [tss_a + 40], 0x600d	; the caller's EAX
	iret

task_jump:
	inc	dword [jumped]
	mov	dword [tss_a + 32], after_jump
	jmp	TSS_A:0

task_gate:
	inc	dword [gated]
	iret

task_fault:
	pop	dword [error]
	mov	eax, [tss_a + 32]
	mov	[where], eax
	add	dword [tss_a + 32], 2		; over the MOV
	iret

bits 16
task_short:
	mov	ax, 0x1616
	iret
bits 32

on_absent:
	mov	byte [vector], 11
	jmp	on_error
on_busy:
	mov	byte [vector], 13
on_error:
	add	esp, 4
	mov	eax, [expected]
	mov	[esp], eax
	iret

align 8, db 0
gdt:
	dq	0
	dq	0x00cf9b000000ffff, 0x00cf93000000ffff
	DESC	0, 0x67, 0x89, 0
	DESC	0, 0x67, 0x89, 0
	DESC	0, 0x2b, 0x81, 0
	DESC	0, 0x67, 0x09, 0
	dq	0
	dq	0x000f9b100000ffff		; 16-bit code at BASE
gdt_end:
gdt_pointer:
	dw	gdt_end - gdt - 1
	dd	gdt
idt_pointer:
	dw	0x31 * 8 - 1
	dd	idt
pointer_b:
	dd	0
	dw	TSS_B

align 8, db 0
idt:
	times 11 dq 0
	dw	on_absent - BASE, CODE, 0x8e00, BASE >> 16
	dq	0
	dw	0, TSS_B, 0x8500, 0		; #GP: a task gate
	times 0x30 - 14 dq 0
	dw	0, TSS_B, 0xe500, 0		; INT 30h: a task gate, DPL 3

align 4, db 0
tss_a:	times 26 dd 0
tss_b:
	dd	0, 0, 0, 0, 0, 0, 0, 0
	dd	task_call, 2, 0, 0, 0, 0, stack_b, 0, 0, 0
	dd	DATA, CODE, DATA, DATA, DATA, DATA, 0, 0
tss_16:
	dw	0, 0, 0, 0, 0, 0, 0, task_short - BASE, 2, 0, 0, 0, 0, stack_b - 64, 0, 0, 0
	dw	DATA, CODE16, DATA, DATA, 0
seen_flags:	dd 0
jumped:		dd 0
gated:		dd 0
error:		dd 0
where:		dd 0
expected:	dd 0
vector:		db 0
align 16, db 0
	times 1024 db 0
stack_a:
	times 1024 db 0
stack_b:
end:
bss_end	equ	end
