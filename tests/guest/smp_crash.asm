; SPDX-License-Identifier: Apache-2.0
; vm-cpus: 4
; expect: power-off
; A triple fault of one CPU ends the whole machine, while the others compute, halt and send interrupts.
; not-on: bochs-svm Bochs holds interrupts of the host back while a guest's IF is 0 at VMRUN
%include "smp.inc"

test:
	call	cpus_start
	PASS	"about to fault on CPU 1"
	lea	rax, [rel busy]
	mov	[rel order_what], rax
	mov	eax, ICR_OTHERS | ORDER
	xor	edx, edx
	call	send_ipi
.send:
	mov	eax, HIT
	mov	edx, 3
	call	send_ipi
	jmp	.send

; CPU 1 faults without an IDT, CPU 2 computes, CPU 3 halts.
busy:
	mov	eax, [gs:cpu_data.id]
	cmp	eax, 2
	jb	.fault
	je	busy
	sti
	hlt
	jmp	busy
.fault:
	mov	ecx, 1000
.wait:
	pause
	loop	.wait
	lidt	[rel no_idt]
	ud2

align 8, db 0
no_idt:	dw	0
	dq	0

%include "end.inc"
