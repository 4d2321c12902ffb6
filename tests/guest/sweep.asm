; SPDX-License-Identifier: Apache-2.0
; A guest that writes random values to every port and to every model-specific register lives on, and only it is concerned.
; Left out are the ports that end or reset a PC on purpose, and the console.
%include "guest.inc"

MSRS		equ 0x2000			; in each of the ranges that SVM's permission map covers

test:
	call	ports
	PASS	"random bytes, words and doublewords were written to every port"
	xor	ebx, ebx
	call	msrs
	mov	ebx, 0xc0000000
	call	msrs
	mov	ebx, 0xc0010000
	call	msrs
	PASS	"random values were written to every model-specific register"
	mov	ecx, 0x8b			; IA32_BIOS_SIGN_ID: there is one on every processor
	TRY	.trapped
	rdmsr
	PASS	"the guest is alive"
	ret
.trapped:
	FAIL	"the guest is alive"
	ret

; xorshift64: the same numbers each time.
random:
	mov	rax, [rel seed]
	mov	rdx, rax
	shl	rdx, 13
	xor	rax, rdx
	mov	rdx, rax
	shr	rdx, 7
	xor	rax, rdx
	mov	rdx, rax
	shl	rdx, 17
	xor	rax, rdx
	mov	[rel seed], rax
	ret

ports:
	xor	ebx, ebx
.next:
	lea	rsi, [rel kept]
.kept:
	movzx	eax, word [rsi]			; {first, last}
	cmp	ebx, eax
	jb	.write
	movzx	eax, word [rsi + 2]
	add	rsi, 4
	cmp	ebx, eax
	ja	.kept
	jmp	.skip
.write:
	call	random
	mov	edx, ebx
	out	dx, al
	in	al, dx
	test	ebx, 1
	jnz	.skip
	call	random
	mov	edx, ebx
	out	dx, ax
	in	ax, dx
	test	ebx, 3
	jnz	.skip
	call	random
	mov	edx, ebx
	out	dx, eax
	in	eax, dx
.skip:
	inc	ebx
	cmp	ebx, 0x10000
	jb	.next
	ret

; MSRs EBX ... EBX + MSRS - 1: read, write the value back, write 0, all ones and a random value, write the value back.
msrs:
	lea	ebp, [rbx + MSRS]
.next:
	mov	ecx, ebx
	TRY	.absent
	rdmsr
	shl	rdx, 32
	or	rax, rdx
	mov	r12, rax
	mov	qword [rel trap_resume], 0
	call	write
	xor	eax, eax
	call	write
	mov	rax, -1
	call	write
	call	random
	call	write
	mov	rax, r12
	call	write
	jmp	.done
.absent:
	call	random
	call	write
.done:
	inc	ebx
	cmp	ebx, ebp
	jb	.next
	ret

; RAX to MSR EBX; an exception is an answer as well.
write:
	mov	ecx, ebx
	mov	rdx, rax
	shr	rdx, 32
	TRY	.refused
	wrmsr
.refused:
	mov	qword [rel trap_resume], 0
	ret

align 8, db 0
seed:	dq	0x9e3779b97f4a7c15
; Sorted pairs; every width of access at a port inside is left out, and of wider ones those that reach into it.
kept:	dw	0x060, 0x064			; keyboard controller: reset line
	dw	0x090, 0x092			; port 92h: fast reset
	dw	0x3f8, 0x3ff			; the console
	dw	0x600, 0x63f			; ACPI: power off
	dw	0xcf8, 0xcfb			; reset control register, 0xcf9
	dw	0xffff, 0xffff			; end of the list, and of the ports

%include "end.inc"
