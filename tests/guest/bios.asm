; SPDX-License-Identifier: Apache-2.0
; A multiboot kernel finds the PC as a BIOS leaves it: in real mode, timer interrupts arrive and return by themselves.
%define BASE 0x100000
section .text start=0 vstart=BASE

MAGIC	equ 0x1badb002
FLAGS	equ 1 << 16
LOW	equ 0x8000

	jmp	entry
align 4
header:
	dd	MAGIC, FLAGS, -(MAGIC + FLAGS)
	dd	header, BASE, end, end + 0x4000, entry

%include "guest32.inc"

entry:
	mov	esp, end + 0x4000
	mov	esi, real
	mov	edi, LOW
	mov	ecx, real_end - real
	rep movsb
	lgdt	[gdtr]
	jmp	24:LOW

; In real mode: wait for three ticks in HLT, call a BIOS vector, come back.
bits 16
real:
	mov	ax, 32
	mov	ss, ax
	mov	ds, ax
	mov	es, ax
	mov	eax, cr0
	and	al, 0xfe
	mov	cr0, eax
	jmp	0:LOW + .flat - real
.flat:
	xor	ax, ax
	mov	ss, ax
	mov	ds, ax
	mov	sp, 0x7000
	lidt	[LOW + ivt - real]
	mov	cx, 3
.tick:
	sti
	hlt
	loop	.tick
	int	0x80
	cli
	o32 lgdt [LOW + gdtr16 - real]
	mov	eax, cr0
	or	al, 1
	mov	cr0, eax
	jmp	dword 8:back
ivt:	dw	0x3ff
	dd	0
gdtr16:	dw	39
	dd	gdt
real_end:

bits 32
back:
	mov	ax, 16
	mov	ds, ax
	mov	es, ax
	mov	ss, ax
	mov	esp, end + 0x4000
	PASS32	"three ticks of the timer wake HLT in real mode, and their handler returns"
	EXPECT32 word [0x413], 639, "the BIOS data area has the size of low memory"
	in	al, 0x21
	EXPECT32 al, 0xb8, "the PIC has the masks of a BIOS"
	jmp	done

align 8
gdt:	dq	0, 0x00cf9a000000ffff, 0x00cf92000000ffff, 0x000f9a000000ffff, 0x000f92000000ffff
gdtr:	dw	39
	dd	gdt
end:
