; SPDX-License-Identifier: Apache-2.0
; vm-cpus: 4
; No wake-up is lost: CPUs that halt, or spin for a moment and then halt, wake each other many times.  A lost one would leave a CPU in
; HLT for ever, and the test without an end.  The kernel's command line may be a number: of rounds, for longer runs.
; not-on: bochs-svm Bochs holds interrupts of the host back while a guest's IF is 0 at VMRUN
%include "smp.inc"
%include "rounds.inc"

WAKE		equ 0x62			; above ORDER, in whose handler the others work
ROUNDS		equ 500
MAX_PAUSES	equ 24

test:
	mov	eax, ROUNDS
	call	rounds_read
	call	cpus_start
	mov	edi, WAKE
	lea	rax, [rel on_wake]
	call	gate
	lea	rax, [rel to_x2apic]
	call	everywhere

	lea	rax, [rel ring]
	mov	dword [rel inbox], 1
	call	together
	PASS	"a token goes round all CPUs, and each is woken for it"
	lea	rax, [rel pairs]
	mov	dword [rel inbox], 1
	mov	dword [rel inbox + 8], 1
	call	together
	PASS	"two pairs of CPUs play ping-pong at the same time"
	lea	rax, [rel crowd]
	call	together
	PASS	"every CPU wakes every other one, and waits for its answer"
	lea	rax, [rel clocks]
	call	together
	PASS	"timers wake halted CPUs that others wake as well"
	ret

; All CPUs do RAX, at the same time; with empty boxes afterwards.
together:
	mov	[rel order_what], rax
	mov	dword [rel order_done], 1
	push	rax
	xor	edx, edx
	mov	eax, ICR_OTHERS | ORDER
	call	send_ipi
	call	[rsp]
	pop	rax
.wait:
	pause
	mov	eax, [rel order_done]
	cmp	eax, [rel cpus]
	jne	.wait
	xor	eax, eax
	lea	rdi, [rel inbox]
	mov	ecx, CPUS_MAX * CPUS_MAX
	rep stosd
	ret

on_wake:
	call	eoi
	iretq

; Until [RDI] is not 0; it is taken down by one.  Sometimes a short spin, sometimes HLT: what is sent between the look and the HLT
; must end it.
wait_box:
.look:
	cli
	cmp	dword [rdi], 0
	jne	.there
	rdtsc
	mov	ecx, eax
	shr	ecx, 4
	and	ecx, MAX_PAUSES
	jz	.halt
	sti
.spin:
	pause
	loop	.spin
	jmp	.look
.halt:
	sti
	hlt
	jmp	.look
.there:
	lock dec dword [rdi]
	ret

; EDX = a CPU: something is in its box.
wake:
	mov	eax, WAKE
	jmp	send_ipi

; Token after token, to the CPU that R8D holds.
pass_on:
	mov	ebx, [gs:cpu_data.id]
	mov	r9d, [rel rounds]
	lea	rdi, [rel inbox]
	lea	rdi, [rdi + rbx * 4]
	lea	r10, [rel inbox]
	lea	r10, [r10 + r8 * 4]
.next:
	call	wait_box
	lock inc dword [r10]
	mov	edx, r8d
	call	wake
	dec	r9d
	jnz	.next
	ret

ring:
	mov	r8d, [gs:cpu_data.id]
	inc	r8d
	cmp	r8d, [rel cpus]
	jb	pass_on
	xor	r8d, r8d
	jmp	pass_on

pairs:
	mov	r8d, [gs:cpu_data.id]
	xor	r8d, 1
	jmp	pass_on

; Questions and answers have a box for each pair of CPUs, [from][to]; every CPU answers while it waits for an answer, and at the end
; until all have finished.
crowd:
	mov	ebx, [gs:cpu_data.id]
	mov	r9d, [rel rounds]
	mov	r8d, ebx
.question:
	inc	r8d				; the next other one
	cmp	r8d, [rel cpus]
	jb	.in
	xor	r8d, r8d
.in:
	cmp	r8d, ebx
	je	.question
	imul	r10d, ebx, CPUS_MAX
	add	r10d, r8d
	lea	rax, [rel inbox]
	lea	r10, [rax + r10 * 4]
	mov	dword [r10], 1
	mov	edx, r8d
	call	wake
.wait:
	cli
	call	answer
	cmp	dword [r10], 0
	je	.answered
	rdtsc
	test	eax, 0x30
	jnz	.wait
	sti
	hlt
	jmp	.wait
.answered:
	dec	r9d
	jnz	.question
	lock inc dword [rel finished]
	mov	eax, ICR_OTHERS | WAKE
	call	send_ipi
.last:
	cli
	call	answer
	mov	eax, [rel finished]
	cmp	eax, [rel cpus]
	je	.all
	sti
	hlt
	jmp	.last
.all:
	ret

; Empty the boxes of questions to this CPU, EBX, and wake who asked.
answer:
	xor	ecx, ecx
.next:
	imul	edi, ecx, CPUS_MAX
	add	edi, ebx
	lea	rax, [rel inbox]
	lea	rdi, [rax + rdi * 4]
	xor	eax, eax
	xchg	eax, [rdi]
	test	eax, eax
	jz	.none
	mov	edx, ecx
	call	wake
.none:
	inc	ecx
	cmp	ecx, [rel cpus]
	jb	.next
	ret

; Each CPU sleeps until its own timer wakes it, however often the neighbour does so before.
clocks:
	cli
	mov	r9d, [rel rounds]
	shr	r9d, 4
	inc	r9d
	mov	ecx, MSR_X2APIC + 0x3e
	mov	eax, 0xb			; divide by 1
	xor	edx, edx
	wrmsr
	mov	ecx, MSR_X2APIC + 0x32
	mov	eax, HIT			; one shot
	wrmsr
.next:
	mov	dword [gs:cpu_data.hits], 0
	mov	ecx, MSR_X2APIC + 0x38
	mov	eax, 200000			; 0.2 ms
	xor	edx, edx
	wrmsr
	mov	edx, [gs:cpu_data.id]
	xor	edx, 1
	call	wake
.wait:
	sti
	hlt
	cli
	cmp	dword [gs:cpu_data.hits], 0
	je	.wait
	dec	r9d
	jnz	.next
	ret

align 8, db 0
finished:	dd 0
inbox:		times CPUS_MAX * CPUS_MAX dd 0

%include "end.inc"
