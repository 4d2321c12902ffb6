; SPDX-License-Identifier: Apache-2.0
; A hostile guest: random values to MSRs, ports, device memory, control and debug registers; it lives on, and so does its machine.
; Words of its command line: seed=NUMBER begins elsewhere (0: the time-stamp counter), rounds=NUMBER, and "wild": random
; instructions in ring 0 instead, of which this guest may well die.
; not-on: bochs-svm in Bochs the exception that DR7.GD asks for comes again and again under SVM
; vm-cmdline: seed=1 rounds=20000
%include "guest.inc"

APIC		equ 0xfee00000
APIC_ICR	equ 0x300
MSR_X2APIC_ICR	equ 0x830
MSR_EFER	equ 0xc0000080
MSR_PV_FIRST	equ 0x4b564d00
CMD_LINE_PTR	equ 0x228		; in struct boot_params
DR7_OFF		equ 0x400
RF		equ 1 << 16
STREAM		equ 64			; random bytes that are run in one go
SPARE		equ 0x2000000		; memory that nobody uses

test:
	mov	esi, [rsi + CMD_LINE_PTR]
	mov	[rel cmdline], rsi
	lea	rdi, [rel word_seed]
	call	option
	test	rax, rax
	jnz	.seeded
	rdtsc
	shl	rdx, 32
	or	rax, rdx
.seeded:
	mov	[rel state], rax
	lea	rdi, [rel word_rounds]
	call	option
	mov	r14, rax
	; Debug exceptions and NMIs may come at any time.
	mov	edi, 1
	lea	rax, [rel on_debug]
	call	set_gate
	mov	edi, 2
	lea	rax, [rel on_nmi]
	call	set_gate
	lea	rdi, [rel word_wild]
	call	option
	cmp	rax, -1
	jne	wild
	lea	rbx, [rel actions]
.round:
	call	random
	and	eax, 7
	TRY	.next
	mov	[rel round_rsp], rsp
	movsxd	rax, dword [rbx + rax * 4]
	add	rax, rbx
	call	rax
.next:
	mov	qword [rel trap_resume], 0
	mov	rsp, [rel round_rsp]
	lea	rbx, [rel actions]
	dec	r14
	jnz	.round
	mov	eax, DR7_OFF
	mov	dr7, rax
	PASS	"random accesses to MSRs, ports, device memory, control and debug registers change nothing for the machine"
	ret

align 4
actions:
	dd	msr_write - actions, msr_read - actions, port_write - actions, port_read - actions
	dd	memory_write - actions, memory_read - actions, control - actions, debug - actions

; RAX: xorshift64*, the next of the sequence; keeps all else.
random:
	push	rcx
	mov	rax, [rel state]
	mov	rcx, rax
	shr	rcx, 12
	xor	rax, rcx
	mov	rcx, rax
	shl	rcx, 25
	xor	rax, rcx
	mov	rcx, rax
	shr	rcx, 27
	xor	rax, rcx
	mov	[rel state], rax
	mov	rcx, 0x2545f4914f6cdd1d
	imul	rax, rcx
	pop	rcx
	ret

; RAX: a random value of random width, half of them with few bits set.
value:
	push	rcx
	push	rdx
	call	random
	mov	rcx, rax
	call	random
	test	eax, eax
	js	.wide
	mov	rdx, rax
	call	random
	and	rax, rdx
	mov	rdx, rax
	call	random
	and	rax, rdx
.wide:
	shr	rax, cl
	pop	rdx
	pop	rcx
	ret

; ECX: the number of an MSR, mostly one of a range that has some.
msr_number:
	call	random
	mov	ecx, eax
	shr	rax, 60
	lea	rdx, [rel msr_ranges]
	and	ecx, [rdx + rax * 8 + 4]
	add	ecx, [rdx + rax * 8]
	ret

msr_read:
	call	msr_number
	rdmsr
	ret

; Not the registers by which a CPU can reset itself, ICR and the LVT; a page for the hypervisor to write to only where it harms nobody.
msr_write:
	call	msr_number
	mov	eax, ecx
	and	eax, ~15
	cmp	eax, MSR_X2APIC_ICR
	je	.end
	call	value
	mov	edx, ecx
	and	edx, ~0xff
	cmp	edx, MSR_PV_FIRST
	jne	.write
	and	eax, SPARE / 2 - 1
	or	eax, SPARE
.write:
	mov	edx, ecx
	and	edx, ~0x1ff
	jz	.address
	cmp	edx, MSR_EFER & ~0x1ff
	jne	.any
.address:					; QEMU's CPU takes what no other does, and the hypervisor then does not
	shl	rax, 33
	shr	rax, 33
.any:
	mov	rdx, rax
	shr	rdx, 32
	wrmsr
.end:
	ret

; EDX: a port.  Not one that resets the machine or switches it off, nor the console.
port_number:
	call	random
	mov	edx, eax
	test	eax, 1 << 20
	jz	.any
	and	edx, 0xfff
.any:
	and	edx, 0xffff
	ret

port_read:
	call	port_number
	call	random
	test	al, 3
	jz	.string
	in	eax, dx
	in	ax, dx
	in	al, dx
	ret
.string:
	mov	edi, SPARE
	mov	ecx, 40
	rep insb
	ret

port_write:
	call	port_number
	lea	rsi, [rel kept_ports]
	mov	ecx, KEPT_PORTS
.look:
	movzx	eax, word [rsi]
	lea	edi, [rdx + 3]			; a doubleword reaches so far
	cmp	edi, eax
	jb	.other
	movzx	eax, word [rsi + 2]
	cmp	edx, eax
	jbe	.end
.other:
	add	rsi, 4
	loop	.look
	call	value
	test	eax, 1 << 8
	jz	.byte
	out	dx, eax
	ret
.byte:
	out	dx, al
.end:
	ret

; RDI: an address of a device, or of nothing.
device_address:
	call	random
	mov	edi, eax
	shr	rax, 61
	lea	rdx, [rel pages]
	and	edi, 0xfff
	add	edi, [rdx + rax * 4]
	ret

memory_read:
	call	device_address
	mov	al, [rdi]
	mov	eax, [rdi]
	mov	rax, [rdi]
	cmpxchg	[rdi], rax
	ret

memory_write:
	call	device_address
	mov	eax, edi
	and	eax, ~0xff
	cmp	eax, APIC + APIC_ICR
	je	.end
	cmp	edi, APIC + APIC_ICR - 8
	jae	.narrow
.any:
	call	value
	mov	[rdi], eax
	xchg	[rdi], rax
	add	word [rdi], 5
	mov	[rdi], al
.end:
	ret
.narrow:
	cmp	edi, APIC + APIC_ICR
	jae	.any
	ret

; A bit of a control register changes, if that is allowed, and changes back.
control:
	call	random
	mov	ecx, eax
	mov	edx, 1
	shl	rdx, cl
	shr	eax, 30
	jz	.cr0
	cmp	eax, 1
	je	.cr3
	cmp	eax, 2
	je	.cr8
	mov	rsi, cr4
	mov	rax, rsi
	xor	rax, rdx
	mov	cr4, rax
	mov	cr4, rsi
	ret
.cr0:
	mov	rsi, cr0
	mov	rax, rsi
	xor	rax, rdx
	mov	cr0, rax
	mov	cr0, rsi
	ret
.cr3:					; QEMU's CPU accepts reserved bits, and then refuses to enter with them
	mov	rsi, cr3
	mov	rax, rsi
	and	edx, 0x18
	xor	rax, rdx
	mov	cr3, rax
	mov	cr3, rsi
	ret
.cr8:
	call	value
	mov	cr8, rax
	xor	eax, eax
	mov	cr8, rax
	ret

debug:
	call	random
	lea	rdx, [rel debug]
	and	eax, 31				; not in on_debug, which would never end
	add	rdx, rax
	mov	dr0, rdx
	mov	dr3, rdx
	call	value
	mov	dr6, rax
	call	value
	mov	dr7, rax
	mov	rax, dr1
	mov	rax, dr6
	mov	eax, DR7_OFF
	mov	dr7, rax
	ret

on_debug:
	push	rax
	mov	eax, DR7_OFF
	mov	dr7, rax
	pop	rax
	or	dword [rsp + 16], RF
	and	dword [rsp + 16], ~0x100
on_nmi:
	iretq

%include "gate.inc"

; RAX: the number behind the word at RDI on the command line, 0 if none stands there, -1 without the word.
option:
	mov	rsi, [rel cmdline]
.at:
	xor	ecx, ecx
.compare:
	mov	al, [rdi + rcx]
	test	al, al
	jz	.found
	cmp	al, [rsi + rcx]
	jne	.differs
	inc	ecx
	jmp	.compare
.differs:
	inc	rsi
	cmp	byte [rsi - 1], 0
	jne	.at
	mov	rax, -1
	ret
.found:
	add	rsi, rcx
	xor	eax, eax
.digit:
	movzx	ecx, byte [rsi]
	sub	ecx, '0'
	cmp	ecx, 9
	ja	.end
	imul	rax, rax, 10
	add	rax, rcx
	inc	rsi
	jmp	.digit
.end:
	ret

; Random instructions with random registers.  An exception goes on with the next ones.
wild:
	call	print_text
	db	'wild from seed ', 0
	mov	rax, [rel state]
	call	print_hex
	call	print_text
	db	10, 0
.round:
	lea	rdi, [rel stream]
	mov	ecx, STREAM / 8
.fill:
	call	random
	mov	[rdi], rax
	add	rdi, 8
	loop	.fill
	call	random
	test	al, 3
	jnz	.plain
	mov	byte [rel stream], 0x0f		; system instructions are here
.plain:
	TRY	.next
%assign n 8
%rep 8
	call	value
	mov	r %+ n, rax
  %assign n n + 1
%endrep
	call	value
	mov	rcx, rax
	call	value
	mov	rdx, rax
	call	value
	mov	rsi, rax
	call	value
	mov	rdi, rax
	jmp	stream
.next:
	mov	r14d, [rel left]
	dec	r14d
	mov	[rel left], r14d
	jnz	.round
	ret

align 8, db 0
msr_ranges:					; first, mask: sixteen of them
	dd	0, 0xfff, 0, 0xff, 0x170, 0xf, 0x1a0, 0x7f, 0x200, 0xff, 0x400, 0x7f, 0x600, 0xff, 0x800, 0xff
	dd	0x40000000, 0x1ff, MSR_PV_FIRST, 7, 0xc0000080, 7, 0xc0000100, 3, 0xc0010000, 0xff, 0xc0010100, 0x1ff
	dd	0xc0011000, 0x3f, 0, 0xffffffff
pages:	dd	APIC, 0xfec00000, 0xfed00000, 0xb0000000, 0xb00f8000, 0xd0000000, 0xfed40000, 0xa0000
kept_ports:					; first, last
	dw	0x60, 0x64, 0x92, 0x92, COM1, COM1 + 7, 0x600, 0x607, 0xcf8, 0xcff
KEPT_PORTS	equ ($ - kept_ports) / 4
word_seed:	db 'seed=', 0
word_rounds:	db 'rounds=', 0
word_wild:	db 'wild', 0
align 8, db 0
state:		dq 0
cmdline:	dq 0
round_rsp:	dq 0
left:		dd 20000
align 16, db 0
stream:		times STREAM db 0
	ud2

%include "end.inc"
