; SPDX-License-Identifier: Apache-2.0
; Hyper-V's interface is a coherent set: identity, both forms of the reference clock, hypercalls, APIC registers, synthetic
; interrupts and timers, crash report.
; vm-paravirt: hyperv
%define VECTORS 0x62
%include "guest.inc"

GP		equ 13
UD		equ 6
GUEST_OS	equ 0x40000000
HYPERCALL	equ 0x40000001
VP_INDEX	equ 0x40000002
TIME		equ 0x40000020
REFERENCE_TSC	equ 0x40000021
TSC_HZ		equ 0x40000022
APIC_HZ		equ 0x40000023
EOI		equ 0x40000070
TPR		equ 0x40000072
VP_ASSIST	equ 0x40000073
SCONTROL	equ 0x40000080
SVERSION	equ 0x40000081
SIMP		equ 0x40000083
EOM		equ 0x40000084
SINT2		equ 0x40000092
STIMER0		equ 0x400000b0
STIMER1		equ 0x400000b2
CRASH_P0	equ 0x40000100
CRASH_CTL	equ 0x40000105
KVM_CLOCK	equ 0x4b564d01
CALL_PAGE	equ 0x2000000
CLOCK_PAGE	equ 0x2001000
ASSIST_PAGE	equ 0x2002000
MESSAGE_PAGE	equ 0x2003000
SLOT		equ MESSAGE_PAGE + 2 * 256
VECTOR		equ 0x60
DIRECT_VECTOR	equ 0x61
MILLISECOND	equ 10000			; of reference time

%macro WRITE 2					; MSR, 64-bit value: constant or register but RCX
	mov	rax, %2
	mov	rdx, rax
	shr	rdx, 32
	mov	ecx, %1
	wrmsr
%endmacro

%macro READ 1					; RAX: MSR
	mov	ecx, %1
	rdmsr
	shl	rdx, 32
	or	rax, rdx
%endmacro

test:
	call	identity
	call	hypercalls
	call	clock
	call	apic
	call	timers
	jmp	crash

identity:
	mov	eax, 0x40000000
	cpuid
	EXPECT	rbx, 'Micr', "the vendor is Microsoft"
	cmp	eax, 0x40000005
	setae	al
	movzx	eax, al
	EXPECT	rax, 1, "there are enough leaves"
	mov	eax, 0x40000001
	cpuid
	EXPECT	rax, 'Hv#1', "the interface is Hv#1"
	mov	eax, 0x40000003
	cpuid
	and	eax, 0xafe
	EXPECT	rax, 0xafe, "all that follows is offered"
	mov	eax, 0x40000100
	cpuid
	EXPECT	rbx, 0, "no other interface stands beside it"
	mov	ecx, KVM_CLOCK
	TRY	.no_kvm
	rdmsr
.no_kvm:
	EXPECT	[rel trap_vector], GP, "nor are its registers there"
	mov	qword [rel trap_resume], 0
	READ	VP_INDEX
	EXPECT	rax, 0, "this is processor 0"
	xor	eax, eax
	xor	edx, edx
	mov	ecx, VP_INDEX
	TRY	.constant
	wrmsr
.constant:
	EXPECT	[rel trap_vector], GP, "whose index cannot be written"
	mov	qword [rel trap_resume], 0
	ret

hypercalls:
	WRITE	HYPERCALL, CALL_PAGE | 1
	READ	HYPERCALL
	and	eax, 1
	EXPECT	rax, 0, "without an identity of the guest there is no hypercall page"
	TRY	.no_call
	vmcall
.no_call:
	EXPECT	[rel trap_vector], UD, "and no hypercall"
	mov	qword [rel trap_resume], 0
	WRITE	GUEST_OS, 0x8100000000000001
	WRITE	HYPERCALL, CALL_PAGE | 1
	READ	HYPERCALL
	EXPECT	rax, CALL_PAGE | 1, "with it, there is"
	mov	ecx, 8
	mov	eax, CALL_PAGE
	call	rax
	EXPECT	rax, 0, "the call of a long spin succeeds"
	mov	ecx, 0x5c			; HvPostMessage
	mov	eax, CALL_PAGE
	call	rax
	EXPECT	rax, 2, "a call that is not offered says so"
	WRITE	GUEST_OS, 0
	READ	HYPERCALL
	and	eax, 1
	EXPECT	rax, 0, "without identity the page goes"
	WRITE	GUEST_OS, 1
	ret

clock:
	READ	TIME
	mov	rbx, rax
	READ	TIME
	cmp	rax, rbx
	seta	al
	movzx	eax, al
	EXPECT	rax, 1, "the reference counter counts"
	WRITE	REFERENCE_TSC, CLOCK_PAGE | 1
	mov	ebx, CLOCK_PAGE
	mov	eax, [rbx]
	EXPECT	rax, 1, "the page of the clock is valid"
	READ	TIME
	mov	rsi, rax
	rdtsc
	shl	rdx, 32
	or	rax, rdx
	mul	qword [rbx + 8]
	add	rdx, [rbx + 16]
	mov	rdi, rdx
	READ	TIME
	cmp	rdi, rsi
	setae	cl
	cmp	rdi, rax
	setbe	al
	and	al, cl
	movzx	eax, al
	EXPECT	rax, 1, "and says the same as the counter"
	mov	ecx, 0x10			; the time-stamp counter
	rdmsr
	add	eax, 0x1000
	wrmsr
	mov	eax, [rbx]
	EXPECT	rax, 0, "until the time-stamp counter is written"
	READ	TSC_HZ
	shr	rax, 20
	setnz	al
	movzx	eax, al
	EXPECT	rax, 1, "the frequency of the time-stamp counter is told"
	READ	APIC_HZ
	EXPECT	rax, 1000000000, "and that of the local APIC's timer"
	mov	eax, 0xfffff001
	mov	edx, 0xff
	mov	ecx, REFERENCE_TSC
	TRY	.nowhere
	wrmsr
.nowhere:
	EXPECT	[rel trap_vector], GP, "a page where there is no memory raises #GP"
	mov	qword [rel trap_resume], 0
	ret

apic:
	WRITE	TPR, 0x30
	mov	rax, cr8
	EXPECT	rax, 3, "the task priority is that of the local APIC"
	WRITE	TPR, 0
	mov	dword [ASSIST_PAGE], -1
	WRITE	VP_ASSIST, ASSIST_PAGE | 1
	mov	eax, [ASSIST_PAGE]
	EXPECT	rax, 0, "the assist page wants every EOI"
	READ	VP_ASSIST
	EXPECT	rax, ASSIST_PAGE | 1, "and is named by its register"
	ret

timers:
	mov	edi, VECTOR
	lea	rax, [rel on_message]
	call	set_gate
	mov	edi, DIRECT_VECTOR
	lea	rax, [rel on_timer]
	call	set_gate
	READ	SVERSION
	EXPECT	rax, 1, "the synthetic interrupt controller has version 1"
	READ	SINT2
	EXPECT	rax, 1 << 16, "its sources are masked at first"
	WRITE	SINT2, VECTOR
	WRITE	SIMP, MESSAGE_PAGE | 1
	WRITE	SCONTROL, 1
	; one-shot, with a message to source 2
	READ	TIME
	lea	rbx, [rax + MILLISECOND]
	WRITE	STIMER0, 2 << 16 | 1
	WRITE	STIMER0 + 1, rbx
	sti
.wait:
	hlt
	cmp	dword [rel messages], 1
	jb	.wait
	cli
	mov	eax, [SLOT]
	EXPECT	rax, 0x80000010, "an expired timer leaves a message"
	mov	rax, [SLOT + 24]
	EXPECT	rax, rbx, "with the time that was asked for"
	mov	rax, [SLOT + 32]
	cmp	rax, rbx
	setae	al
	movzx	eax, al
	EXPECT	rax, 1, "not before it"
	READ	STIMER0
	and	eax, 1
	EXPECT	rax, 0, "a timer for one time is then off"
	; while the slot is taken, the next message waits for EOM
	READ	TIME
	mov	rbx, rax
	WRITE	STIMER0, 2 << 16 | 1 << 3	; begins with its count
	WRITE	STIMER0 + 1, rbx
	sti
	nop
	nop
	cli
.taken:
	mov	al, [SLOT + 5]
	test	al, 1
	jnz	.flagged
	READ	TIME				; an exit, in which the timer is looked at
	jmp	.taken
.flagged:
	PASS	"a message that finds its slot taken says so in the flags"
	EXPECT	[rel messages], 1, "and raises no interrupt"
	mov	dword [SLOT], 0
	WRITE	EOM, 0
	mov	eax, [SLOT]
	EXPECT	rax, 0x80000010, "EOM lets it in"
	sti
	nop
	nop
	cli
	EXPECT	[rel messages], 2, "with its interrupt"
	; periodic, direct
	WRITE	STIMER1, 1 << 12 | DIRECT_VECTOR << 4 | 1 << 1 | 1
	WRITE	STIMER1 + 1, MILLISECOND
	sti
.again:
	hlt
	cmp	dword [rel ticks], 3
	jb	.again
	cli
	WRITE	STIMER1, 0
	PASS	"a periodic timer raises its vector by itself again and again"
	xor	edx, edx
	mov	eax, 1 << 12 | 1		; vector 0
	mov	ecx, STIMER1
	TRY	.refused
	wrmsr
.refused:
	EXPECT	[rel trap_vector], GP, "a vector that cannot be delivered raises #GP"
	mov	qword [rel trap_resume], 0
	ret

crash:
	READ	CRASH_CTL
	shr	rax, 63
	EXPECT	rax, 1, "a crash can be reported"
	WRITE	CRASH_P0, 0x1e
	READ	CRASH_P0
	EXPECT	rax, 0x1e, "its parameters are kept"
	WRITE	CRASH_CTL, 1 << 63
	PASS	"a report does not end the machine"
	ret

on_message:
	inc	dword [rel messages]
	jmp	eoi
on_timer:
	inc	dword [rel ticks]
eoi:
	push	rax
	push	rcx
	push	rdx
	WRITE	EOI, 0
	pop	rdx
	pop	rcx
	pop	rax
	iretq

%include "gate.inc"

align 8, db 0
messages:	dq 0
ticks:		dq 0

%include "end.inc"
