; SPDX-License-Identifier: Apache-2.0
; What a program of the guest, at CPL 3, can cause: exceptions of its own, and never the end of its machine.
%include "guest.inc"

USER_DATA	equ 0x20 | 3
USER_CODE	equ 0x28 | 3
TSS		equ 0x30
BACK		equ 31				; the interrupt by which the program ends
UD		equ 6
GP		equ 13
ENOSYS		equ -1000
EPERM		equ -1

; Run %1 as the program; [trap_vector] and RAX say afterwards what came of it.
%macro PROGRAM 1+
	lea	rdi, [rel %%program]
	call	program_enter
	jmp	%%after
%%program:
	%1
	int	BACK
%%after:
%endmacro

%macro MUST_TRAP 3				; %1: vector, %2: the instruction in braces, %3: the sentence
	PROGRAM	%2
	EXPECT	[rel trap_vector], %1, %3
%endmacro

test:
	call	user_pages
	call	user_segments

	PROGRAM	{db 0x31, 0xc0, 0x0f, 0xa2}	; xor eax, eax; cpuid
	EXPECT	[rel trap_vector], NO_TRAP, "CPUID works in a program"
	xor	eax, eax
	cpuid
	cmp	ebx, 'Genu'			; "GenuineIntel" has another instruction for it
	je	.intel
	PROGRAM	{vmmcall}
	mov	[rel program_call], rax
	mov	eax, -1			; no hypercall has this number
	vmmcall
	jmp	.called
.intel:
	PROGRAM	{vmcall}
	mov	[rel program_call], rax
	mov	eax, -1
	vmcall
.called:
	mov	[rel kernel_call], rax
	EXPECT	[rel program_call], EPERM, "a program may make no hypercall, and learns that"
	EXPECT	[rel kernel_call], ENOSYS, "a hypercall that nobody knows is refused politely"
	MUST_TRAP UD, {db 0xf0, 0x0f, 0xa2}, "CPUID with LOCK raises #UD"
	PROGRAM	{db 0xf3, 0x0f, 0x01, 0xd9}
	PASS	"VMMCALL with a prefix does not end the machine"
	MUST_TRAP GP, {hlt}, "HLT raises #GP"
	MUST_TRAP GP, {wbinvd}, "WBINVD raises #GP"
	MUST_TRAP GP, {rdmsr}, "RDMSR raises #GP"
	MUST_TRAP GP, {wrmsr}, "WRMSR raises #GP"
	MUST_TRAP GP, {mov rax, cr0}, "reading CR0 raises #GP"
	MUST_TRAP GP, {mov cr8, rax}, "writing CR8 raises #GP"
	MUST_TRAP GP, {mov dr7, rax}, "writing DR7 raises #GP"
	MUST_TRAP GP, {in al, 0x84}, "a port that was not given raises #GP"
	MUST_TRAP GP, {out 0x84, al}, "for writing, too"
	PROGRAM	{db 0x31, 0xc0, 0x0f, 0xa2}	; xor eax, eax; cpuid
	EXPECT	[rel trap_vector], NO_TRAP, "afterwards everything works as before"
	ret

; The first 4 GiB are for everybody.
user_pages:
	mov	rdi, cr3
	or	qword [rdi], 4
	mov	rsi, [rdi]
	and	rsi, ~0xfff
	xor	ecx, ecx
.directory:
	or	qword [rsi + rcx * 8], 4
	mov	rdi, [rsi + rcx * 8]
	and	rdi, ~0xfff
	xor	edx, edx
.entry:
	or	qword [rdi + rdx * 8], 4
	inc	edx
	cmp	edx, 512
	jb	.entry
	inc	ecx
	cmp	ecx, 4
	jb	.directory
	mov	rax, cr3
	mov	cr3, rax
	ret

; Segments for CPL 3, a stack for the way back, and the gate by which the program leaves.
user_segments:
	lea	rax, [rel tss]
	mov	[rel gdt.tss + 2], ax
	shr	rax, 16
	mov	[rel gdt.tss + 4], al
	mov	[rel gdt.tss + 7], ah
	lea	rax, [rel trap_stack_top]
	mov	[rel tss + 4], rax		; RSP0
	lgdt	[rel gdt_pointer]
	mov	eax, TSS
	ltr	ax
	lea	rax, [rel program_left]
	lea	rdi, [rel idt + BACK * 16]
	mov	[rdi], ax
	mov	word [rdi + 4], 0xee00		; interrupt gate for CPL 3
	shr	rax, 16
	mov	[rdi + 6], ax
	ret

; Enters the program at RDI; returns when it leaves, or after its first exception.
program_enter:
	mov	[rel kernel_rsp], rsp
	lea	rax, [rel abandoned]
	mov	[rel trap_resume], rax
	lea	rax, [rel user_stack_top]
	mov	[rel trap_rsp], rax
	mov	byte [rel trap_vector], NO_TRAP
	push	USER_DATA
	push	rax
	push	2				; RFLAGS: IOPL 0
	push	USER_CODE
	push	rdi
	iretq
abandoned:
	int	BACK
program_left:
	mov	rsp, [rel kernel_rsp]
	mov	qword [rel trap_resume], 0
	ret

align 16, db 0
gdt:
	dq	0, 0
	dq	0x00af9b000000ffff		; CODE
	dq	0x00cf93000000ffff
	dq	0x00cff3000000ffff		; USER_DATA
	dq	0x00affb000000ffff		; USER_CODE
.tss:
	dq	0x0000890000000067, 0
gdt_pointer:
	dw	$ - gdt - 1
	dq	gdt
align 16, db 0
tss:		times 102 db 0
		dw 104				; no I/O permission map
kernel_rsp:	dq 0
program_call:	dq 0
kernel_call:	dq 0
		times 1024 db 0
trap_stack_top:
		times 1024 db 0
user_stack_top:

%include "end.inc"
