; SPDX-License-Identifier: Apache-2.0
; The local APIC's timer interrupts a running and a halted guest, once and periodically, and not while it is masked.
%include "guest.inc"

APIC		equ 0xfee00000
APIC_TPR	equ 0x80
APIC_EOI	equ 0xb0
APIC_SVR	equ 0xf0
APIC_LVT_TIMER	equ 0x320
APIC_INITIAL	equ 0x380
APIC_CURRENT	equ 0x390
APIC_DIVIDE	equ 0x3e0
SVR_ENABLE	equ 0x1ff
LVT_MASKED	equ 1 << 16
LVT_PERIODIC	equ 1 << 17
DIVIDE_BY_1	equ 0xb
VECTOR		equ 31				; the highest that guest.inc has a gate for
COUNT		equ 1000000

%macro APIC_WRITE 2
	mov	dword [r15 + %1], %2
%endmacro

test:
	call	gate
	mov	r15d, APIC
	APIC_WRITE APIC_SVR, SVR_ENABLE
	APIC_WRITE APIC_TPR, 0
	APIC_WRITE APIC_DIVIDE, DIVIDE_BY_1

	APIC_WRITE APIC_LVT_TIMER, VECTOR
	APIC_WRITE APIC_INITIAL, COUNT
	sti
.spin:
	pause
	cmp	dword [rel ticks], 1
	jb	.spin
	cli
	PASS	"the timer interrupts a guest that computes"
	mov	eax, [r15 + APIC_CURRENT]
	EXPECT	rax, 0, "a one-shot timer stands at 0 afterwards"

	mov	dword [rel ticks], 0
	APIC_WRITE APIC_INITIAL, COUNT
	sti
	hlt
	cli
	EXPECT	[rel ticks], 1, "the timer wakes a halted guest"

	mov	dword [rel ticks], 0
	APIC_WRITE APIC_LVT_TIMER, VECTOR | LVT_PERIODIC
	APIC_WRITE APIC_INITIAL, COUNT
.more:
	sti
	hlt
	cli
	cmp	dword [rel ticks], 5
	jb	.more
	PASS	"a periodic timer interrupts again and again"

	APIC_WRITE APIC_LVT_TIMER, VECTOR | LVT_MASKED
	sti					; take what the periodic timer has left pending
	nop
	nop
	cli
	APIC_WRITE APIC_INITIAL, COUNT
	mov	dword [rel ticks], 0
.wait:
	mov	eax, [r15 + APIC_CURRENT]
	test	eax, eax
	jnz	.wait
	sti
	mov	ecx, 1000
.idle:
	pause
	loop	.idle
	cli
	EXPECT	[rel ticks], 0, "a masked timer counts and does not interrupt"
	ret

; The handler in place of the exception's; vectors below 32 are allowed from 16 on.
gate:
	lea	rax, [rel handler]
	lea	rdi, [rel idt + VECTOR * 16]
	mov	[rdi], ax
	shr	rax, 16
	mov	[rdi + 6], ax
	ret

handler:
	inc	dword [rel ticks]
	mov	dword [r15 + APIC_EOI], 0
	iretq

align 8, db 0
ticks:	dq	0

%include "end.inc"
