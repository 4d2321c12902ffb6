; SPDX-License-Identifier: Apache-2.0
; vm-cpus: 4
; A storm: every CPU interrupts all, itself included, as fast as it can, and leaves the guest in between.  The kernel's command line may be
; a number: of rounds, for whoever wants to see what that does to others.
; not-on: bochs-svm Bochs holds interrupts of the host back while a guest's IF is 0 at VMRUN
%include "smp.inc"
%include "rounds.inc"

STORM		equ 0x62			; above ORDER, in whose handler the others work
ROUNDS		equ 200

test:
	mov	eax, ROUNDS
	call	rounds_read
	call	cpus_start
	mov	edi, STORM
	lea	rax, [rel on_storm]
	call	gate
	lea	rax, [rel to_x2apic]
	call	everywhere
	lea	rax, [rel storm]
	call	everywhere
	mov	eax, [rel rounds]
	cmp	[rel taken], eax		; those of others may be one with one's own, those of oneself are never one
	jb	.lost
	PASS	"every CPU interrupts all CPUs without end, and all of them get on"
	ret
.lost:
	FAIL	"every CPU interrupts all CPUs without end, and all of them get on"
	ret

storm:
	mov	r9d, [rel rounds]
	sti
.next:
	mov	eax, ICR_ALL | STORM
	xor	edx, edx
	call	send_ipi
	xor	eax, eax
	cpuid
	dec	r9d
	jnz	.next
	ret

on_storm:
	lock inc dword [rel taken]
	call	eoi
	iretq

align 4, db 0
taken:		dd 0

%include "end.inc"
