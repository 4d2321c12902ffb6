; SPDX-License-Identifier: Apache-2.0
; A guest may try any bit of any control register: it gets what it asked for, or #GP, and lives.
%include "guest.inc"

MSR_EFER	equ 0xc0000080
CR4_PAE		equ 1 << 5
CR4_OSXSAVE	equ 1 << 18
CR0_PE_PG	equ 1 << 31 | 1
EFER_LME	equ 1 << 8
GP		equ 13

; For each bit of EBX ... R12 times: flip it in RAX = %1, write it back by %2, read again; count what was neither refused nor done.
%macro EACH_BIT 3					; name, read into RAX, write from RAX
	xor	r13d, r13d
	xor	ebx, ebx
%%next:
	%2
	mov	r14, rax
	mov	r15, rax
	btc	r15, rbx
	TRY	%%refused
	mov	rax, r15
	%3
	%2
	cmp	rax, r15
	je	%%restore
	inc	r13
	jmp	%%restore
%%refused:
	cmp	byte [rel trap_vector], GP
	je	%%restore
	inc	r13
%%restore:
	mov	qword [rel trap_resume], 0
	mov	rax, r14
	%3
	inc	ebx
	cmp	ebx, 64
	jb	%%next
	EXPECT	r13, 0, %1
%endmacro

%macro READ_CR0 0
	mov	rax, cr0
%endmacro
; Reserved bits are ignored below 32: compare only those that exist.  ET reads as 1.
%macro WRITE_CR0 0
	mov	rcx, 0xffffffff00000000 | 0xe005003f
	and	rax, rcx
	or	eax, 1 << 4
	mov	r15, rax
	mov	cr0, rax
%endmacro
%macro READ_CR4 0
	mov	rax, cr4
%endmacro
%macro WRITE_CR4 0
	mov	cr4, rax
%endmacro
%macro READ_EFER 0
	mov	ecx, MSR_EFER
	rdmsr
	shl	rdx, 32
	or	rax, rdx
%endmacro
; LMA is not for software to write: it stays as it is.
%macro WRITE_EFER 0
	mov	rdx, rax
	shr	rdx, 32
	mov	ecx, MSR_EFER
	wrmsr
	or	r15, 1 << 10
%endmacro

test:
	EACH_BIT "every bit of CR0 is taken or refused", READ_CR0, WRITE_CR0
	EACH_BIT "every bit of CR4 is taken or refused", READ_CR4, WRITE_CR4
	EACH_BIT "every bit of EFER is taken or refused", READ_EFER, WRITE_EFER

	mov	eax, 1
	cpuid
	test	ecx, 1 << 26
	jz	.no_xsave
	mov	rax, cr4
	or	eax, CR4_OSXSAVE
	mov	cr4, rax
	xor	ebx, ebx
	xor	r13d, r13d
.combination:
	TRY	.refused
	mov	eax, ebx
	xor	edx, edx
	xor	ecx, ecx
	xsetbv
	inc	r13
.refused:
	mov	qword [rel trap_resume], 0
	inc	ebx
	cmp	ebx, 1 << 10
	jb	.combination
	xor	ecx, ecx
	xor	edx, edx
	mov	eax, 3
	xsetbv
	xor	ecx, ecx
	xgetbv
	EXPECT	rax, 3, "XCR0 takes every combination or refuses it"
	jmp	.debug
.no_xsave:
	SKIP	"this CPU has no XSAVE"
.debug:
	xor	ebx, ebx
.dr7:
	TRY	.dr7_refused
	xor	eax, eax
	bts	rax, rbx
	mov	dr6, rax
.dr7_refused:
	mov	qword [rel trap_resume], 0
	inc	ebx
	cmp	ebx, 64
	jb	.dr7
	PASS	"every bit of DR6 is taken or refused"
	xor	ebx, ebx
.cr8:
	TRY	.cr8_refused
	xor	eax, eax
	bts	rax, rbx
	mov	cr8, rax
.cr8_refused:
	mov	qword [rel trap_resume], 0
	inc	ebx
	cmp	ebx, 64
	jb	.cr8
	xor	eax, eax
	mov	cr8, rax
	PASS	"every bit of CR8 is taken or refused"
	ret

%include "end.inc"
