; SPDX-License-Identifier: Apache-2.0
; Interrupts and NMIs: when they come, in which order, and what holds them back.
; not-on: bochs-svm in Bochs a virtual interrupt waits until the guest changes IF
%include "guest.inc"

MSR_APIC_BASE	equ 0x1b
X2APIC_ENABLE	equ 1 << 10
X2APIC_TPR	equ 0x808
X2APIC_EOI	equ 0x80b
X2APIC_SVR	equ 0x80f
X2APIC_ICR	equ 0x830
ICR_NMI		equ 4 << 8
ICR_ASSERT	equ 1 << 14
ICR_SELF	equ 1 << 18
NMI		equ 2
LOW		equ 27				; of two vectors of one priority class ...
HIGH		equ 31				; ... the higher goes first

%macro X2APIC_WRITE 2
	mov	ecx, %1
	xor	edx, edx
	mov	eax, %2
	wrmsr
%endmacro

test:
	mov	ecx, NMI
	lea	rax, [rel on_nmi]
	call	gate
	mov	ecx, LOW
	lea	rax, [rel on_low]
	call	gate
	mov	ecx, HIGH
	lea	rax, [rel on_high]
	call	gate
	mov	ecx, MSR_APIC_BASE
	rdmsr
	or	eax, X2APIC_ENABLE
	wrmsr
	X2APIC_WRITE X2APIC_SVR, 0x1ff
	X2APIC_WRITE X2APIC_TPR, 0

	call	shadow
	call	order
	call	priority
	call	nmi
	jmp	halted

shadow:
	mov	dword [rel seen], -1
	xor	ebp, ebp
	X2APIC_WRITE X2APIC_ICR, ICR_SELF | HIGH
	inc	ebp
	EXPECT	[rel order_count], 0, "an interrupt waits while IF is clear"
	sti
	inc	ebp				; still in the shadow of STI
	inc	ebp
	cli
	mov	eax, [rel seen]
	EXPECT	rax, 2, "and comes behind the instruction that follows STI"

	xor	ebp, ebp
	X2APIC_WRITE X2APIC_ICR, ICR_SELF | HIGH
	mov	dx, 0x84
	sti
	out	dx, al				; an exit in the shadow: emulating it ends the shadow
	inc	ebp
	cli
	mov	eax, [rel seen]
	EXPECT	rax, 0, "or behind one that exits"
	ret

order:
	mov	qword [rel order_count], 0
	mov	dword [rel order_list], 0
	X2APIC_WRITE X2APIC_ICR, ICR_SELF | LOW
	X2APIC_WRITE X2APIC_ICR, ICR_SELF | HIGH
	sti
	nop
	nop
	cli
	mov	eax, [rel order_list]
	EXPECT	rax, LOW << 8 | HIGH, "of two interrupts the higher vector comes first"
	EXPECT	[rel order_count], 2, "and both come once"
	ret

priority:
	mov	qword [rel order_count], 0
	X2APIC_WRITE X2APIC_TPR, 0x20
	X2APIC_WRITE X2APIC_ICR, ICR_SELF | HIGH
	sti
	nop
	nop
	cli
	EXPECT	[rel order_count], 0, "the task priority holds an interrupt back"
	xor	eax, eax
	mov	cr8, rax
	sti
	nop
	nop
	cli
	EXPECT	[rel order_count], 1, "until CR8 lowers it"
	ret

nmi:
	X2APIC_WRITE X2APIC_ICR, ICR_NMI | ICR_ASSERT
	nop
	mov	eax, [rel nmi_count]
	EXPECT	rax, 2, "an NMI comes with IF clear, and one sent by its handler comes as well"
	mov	eax, [rel nmi_depth_max]
	EXPECT	rax, 1, "but not before the handler's IRET"
	ret

halted:
	mov	qword [rel order_count], 0
	X2APIC_WRITE X2APIC_ICR, ICR_SELF | LOW
	sti
	hlt
	cli
	EXPECT	[rel order_count], 1, "an interrupt that is pending keeps HLT from sleeping"
	ret

; Interrupt gate ECX to RAX.
gate:
	shl	ecx, 4
	lea	rdi, [rel idt]
	add	rdi, rcx
	mov	[rdi], ax
	shr	rax, 16
	mov	[rdi + 6], ax
	ret

%macro HANDLER 1
	push	rax
	push	rcx
	push	rdx
	mov	[rel seen], ebp
	mov	ecx, [rel order_count]
	lea	rax, [rel order_list]
	mov	byte [rax + rcx], %1
	inc	dword [rel order_count]
	X2APIC_WRITE X2APIC_EOI, 0
	pop	rdx
	pop	rcx
	pop	rax
	iretq
%endmacro

on_low:
	HANDLER	LOW
on_high:
	HANDLER	HIGH

on_nmi:
	push	rax
	push	rcx
	push	rdx
	inc	dword [rel nmi_depth]
	mov	eax, [rel nmi_depth]
	cmp	eax, [rel nmi_depth_max]
	jbe	.deep
	mov	[rel nmi_depth_max], eax
.deep:
	inc	dword [rel nmi_count]
	cmp	dword [rel nmi_count], 1
	jne	.once
	X2APIC_WRITE X2APIC_ICR, ICR_NMI | ICR_ASSERT
	nop
	nop
.once:
	dec	dword [rel nmi_depth]
	pop	rdx
	pop	rcx
	pop	rax
	iretq

align 8, db 0
order_count:	dq 0
order_list:	times 8 db 0
seen:		dd 0
nmi_count:	dd 0
nmi_depth:	dd 0
nmi_depth_max:	dd 0

%include "end.inc"
