; SPDX-License-Identifier: Apache-2.0
; Instructions that exit behave as on a CPU: accesses to devices in every form, string I/O, control registers, single steps.
; not-on: bochs-svm in Bochs a single step over an instruction that exits under SVM traps in the host; CR2 is not loaded at VMRUN
%include "guest.inc"

APIC		equ 0xfee00000
TPR		equ APIC + 0x80
ECAM		equ 0xb0000000			; vendor and device of the host bridge
NOTHING		equ 0xd0000000			; no memory, no device
LATCH		equ 0x84			; a port that keeps its byte
UNMAPPED	equ 4 << 30			; where the boot loader's page tables end
CR0_MP		equ 1 << 1
CR0_TS		equ 1 << 3
CR0_NW		equ 1 << 29
CR4_OSFXSR	equ 1 << 9
CR4_VMXE	equ 1 << 13
CR4_OSXSAVE	equ 1 << 18
MSR_EFER	equ 0xc0000080
MSR_MTRR_DEF	equ 0x2ff
EFER_SVME	equ 1 << 12
DR6_BS		equ 1 << 14
TF		equ 1 << 8
EXC_DB		equ 1
EXC_GP		equ 13
EXC_PF		equ 14

test:
	call	sizes
	call	read_modify_write
	call	string_memory
	call	string_ports
	call	vectors
	call	control_registers
	call	xsave
	call	model_specific
	jmp	single_step

sizes:
	mov	ebx, ECAM
	mov	rax, 0x1122334455667788
	mov	al, [rbx]
	EXPECT	rax, 0x1122334455667786, "a byte from a device leaves the rest of RAX alone"
	mov	rax, 0x1122334455667788
	mov	ah, [rbx + 1]
	EXPECT	rax, 0x1122334455668088, "and so it does in AH"
	mov	rax, -1
	mov	ax, [rbx + 2]
	EXPECT	rax, 0xffffffffffff29c0, "a word leaves the upper 48 bits alone"
	mov	rax, -1
	mov	eax, [rbx]
	EXPECT	rax, 0x29c08086, "a doubleword clears the upper half"
	movzx	eax, byte [rbx + 3]
	EXPECT	rax, 0x29, "MOVZX extends with zeros"
	movsx	rax, byte [rbx]
	EXPECT	rax, 0xffffffffffffff86, "MOVSX extends with the sign"
	mov	eax, [qword abs ECAM]
	EXPECT	rax, 0x29c08086, "an absolute address works without a base"
	mov	ecx, ECAM / 2
	mov	eax, [rcx * 2]
	EXPECT	rax, 0x29c08086, "an index is scaled"
	mov	ebx, NOTHING
	mov	rax, [rbx + 3]
	EXPECT	rax, -1, "what nobody answers reads as ones"
	ret

read_modify_write:
	mov	ebx, TPR
	mov	dword [rbx], 0x10
	or	dword [rbx], 0x25
	mov	eax, [rbx]
	EXPECT	rax, 0x35, "OR of an immediate with a device register"
	mov	ecx, 0xf0
	and	[rbx], ecx
	mov	eax, [rbx]
	EXPECT	rax, 0x30, "AND of a register"
	mov	ecx, 0x12
	xchg	[rbx], ecx
	EXPECT	rcx, 0x30, "XCHG gives the old value"
	mov	eax, [rbx]
	EXPECT	rax, 0x12, "and stores the new one"
	bts	dword [rbx], 6
	mov	eax, [rbx]
	EXPECT	rax, 0x52, "BTS sets its bit"
	add	dword [rbx], 0xe
	mov	eax, [rbx]
	EXPECT	rax, 0x60, "ADD adds"
	cmp	dword [rbx], 0x60
	sete	al
	movzx	eax, al
	EXPECT	rax, 1, "CMP sets the flags"
	mov	rax, cr8
	EXPECT	rax, 6, "CR8 is the upper half of the task priority"
	xor	eax, eax
	mov	cr8, rax
	mov	eax, [rbx]
	EXPECT	rax, 0, "and the other way round"
	ret

string_memory:
	lea	rdi, [rel buffer]
	mov	esi, ECAM
	mov	ecx, 2
	cld
	rep	movsw
	EXPECT	rcx, 0, "REP MOVS counts down"
	EXPECT	rsi, ECAM + 4, "and moves its pointers"
	mov	eax, [rel buffer]
	EXPECT	rax, 0x29c08086, "REP MOVS copies from a device"
	mov	edi, NOTHING
	mov	ecx, 3
	std
	rep	stosd
	cld
	EXPECT	rdi, NOTHING - 12, "REP STOS to a device goes down with DF"
	ret

string_ports:
	lea	rsi, [rel text]
	mov	edx, LATCH
	mov	ecx, 5
	rep	outsb
	xor	eax, eax
	in	al, dx
	EXPECT	rax, 'o', "REP OUTS sends all, the last byte last"
	lea	rdi, [rel buffer]
	mov	ecx, 4
	rep	insb
	mov	eax, [rel buffer]
	EXPECT	rax, 'oooo', "REP INS fills memory"
	EXPECT	rcx, 0, "REP INS counts down"

	mov	rsi, UNMAPPED - 2		; two bytes are mapped, and read as ones
	mov	ecx, 5
	TRY	.fault
	rep	outsb
.fault:
	movzx	eax, byte [rel trap_vector]
	EXPECT	rax, EXC_PF, "a buffer that is not mapped raises #PF"
	EXPECT	rcx, 3, "after what could be sent"
	EXPECT	rsi, UNMAPPED, "with the pointer at the rest"
	mov	rax, cr2
	EXPECT	rax, UNMAPPED, "and its address in CR2"
	ret

vectors:
	mov	rax, cr4
	or	eax, CR4_OSFXSR
	mov	cr4, rax
	mov	rax, cr0
	and	eax, ~CR0_TS
	or	eax, CR0_MP
	mov	cr0, rax
	mov	ebx, NOTHING
	movups	xmm9, [rbx]
	movups	[rbx + 0x20], xmm9
	movq	rax, xmm9
	EXPECT	rax, -1, "an XMM register takes what a device gives"
	ret

control_registers:
	mov	rax, cr4
	mov	rbx, rax
	or	eax, CR4_VMXE
	TRY	.cr4
	mov	cr4, rax
.cr4:
	movzx	eax, byte [rel trap_vector]
	EXPECT	rax, EXC_GP, "CR4 refuses what CPUID does not offer"
	mov	rax, cr4
	EXPECT	rax, rbx, "and stays as it was"

	mov	rax, cr0
	or	eax, CR0_NW
	TRY	.cr0
	mov	cr0, rax
.cr0:
	movzx	eax, byte [rel trap_vector]
	EXPECT	rax, EXC_GP, "CR0.NW without CD is refused"

	mov	eax, 16
	TRY	.cr8
	mov	cr8, rax
.cr8:
	movzx	eax, byte [rel trap_vector]
	EXPECT	rax, EXC_GP, "CR8 has four bits"

	mov	rbx, cr0
	smsw	ax
	or	eax, CR0_TS
	and	eax, ~1
	lmsw	ax
	mov	rax, cr0
	mov	rcx, rbx
	or	rcx, CR0_TS
	EXPECT	rax, rcx, "LMSW sets TS and cannot clear PE"
	clts
	mov	rax, cr0
	EXPECT	rax, rbx, "CLTS clears it"
	ret

xsave:
	mov	eax, 1
	xor	ecx, ecx
	cpuid
	test	ecx, 1 << 26
	jz	.none
	shr	ecx, 27
	and	ecx, 1
	EXPECT	rcx, 0, "OSXSAVE is clear while CR4 has it clear"
	mov	rax, cr4
	or	eax, CR4_OSXSAVE
	mov	cr4, rax
	mov	eax, 1
	xor	ecx, ecx
	cpuid
	shr	ecx, 27
	and	ecx, 1
	EXPECT	rcx, 1, "and set when CR4 has it set"
	xor	ecx, ecx
	xor	edx, edx
	mov	eax, 3
	xsetbv
	mov	eax, 0xd
	xor	ecx, ecx
	cpuid
	EXPECT	rbx, 576, "XSAVE of x87 and SSE takes 576 bytes"
	xor	ecx, ecx
	xor	edx, edx
	mov	eax, 2
	TRY	.bad
	xsetbv
.bad:
	movzx	eax, byte [rel trap_vector]
	EXPECT	rax, EXC_GP, "XCR0 without x87 is refused"
	ret
.none:
	SKIP	"this CPU has no XSAVE"
	ret

model_specific:
	mov	ecx, MSR_EFER
	rdmsr
	mov	ebx, eax
	or	eax, EFER_SVME
	TRY	.efer
	wrmsr
.efer:
	movzx	eax, byte [rel trap_vector]
	EXPECT	rax, EXC_GP, "EFER.SVME does not exist"
	mov	ecx, MSR_EFER
	rdmsr
	mov	eax, eax
	EXPECT	rax, rbx, "EFER stays as it was"
	mov	ecx, MSR_MTRR_DEF
	xor	edx, edx
	mov	eax, 2
	TRY	.mtrr
	wrmsr
.mtrr:
	movzx	eax, byte [rel trap_vector]
	EXPECT	rax, EXC_GP, "a memory type that does not exist is refused"
	ret

; The instruction behind the one that traps must not have been executed.
%macro STEP 2+
	xor	r8d, r8d
	mov	dr6, r8
	TRY	%%trap
	pushfq
	or	qword [rsp], TF
	popfq
	%1
	mov	r8d, 1
%%trap:
	movzx	eax, byte [rel trap_vector]
	EXPECT	rax, EXC_DB, %2
	EXPECT	r8, 0, "  right behind it"
	mov	rax, dr6
	and	eax, DR6_BS
	EXPECT	rax, DR6_BS, "  with DR6.BS"
%endmacro

single_step:
	xor	eax, eax
	STEP	cpuid, "a single step over CPUID traps"
	mov	edx, LATCH
	STEP	{out dx, al}, "a single step over OUT traps"
	mov	ebx, TPR
	STEP	{mov [rbx], eax}, "a single step over a device access traps"
	mov	ecx, 0xfe
	STEP	rdmsr, "a single step over RDMSR traps"
	ret

text:	db	'hello'
align 16, db 0
buffer:	times 64 db 0

%include "end.inc"
