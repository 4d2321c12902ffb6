; SPDX-License-Identifier: Apache-2.0
; A guest that was not offered virtualisation gets #UD for each of its instructions, and cannot switch it on.
%include "guest.inc"

MSR_EFER	equ 0xc0000080
EFER_SVME	equ 1 << 12
UD		equ 6
GP		equ 13

%macro MUST_UD 2+				; %1: the instruction in braces, %2: the sentence
	mov	eax, 0x1000
	xor	ecx, ecx
	xor	edx, edx
	TRY	%%trapped
	%1
%%trapped:
	EXPECT	[rel trap_vector], UD, %2
	mov	qword [rel trap_resume], 0
%endmacro

test:
	mov	eax, 0x80000001
	cpuid
	and	ecx, 1 << 2
	EXPECT	rcx, 0, "CPUID does not offer SVM"
	mov	eax, 1
	cpuid
	and	ecx, 1 << 5
	EXPECT	rcx, 0, "CPUID does not offer VMX"

	mov	ecx, MSR_EFER
	rdmsr
	and	eax, EFER_SVME
	EXPECT	rax, 0, "EFER.SVME reads as 0"
	rdmsr
	or	eax, EFER_SVME
	TRY	.refused
	wrmsr
.refused:
	EXPECT	[rel trap_vector], GP, "setting EFER.SVME raises #GP"

	MUST_UD	{vmrun},	"VMRUN raises #UD"
	MUST_UD	{vmload},	"VMLOAD raises #UD"
	MUST_UD	{vmsave},	"VMSAVE raises #UD"
	MUST_UD	{stgi},		"STGI raises #UD"
	MUST_UD	{clgi},		"CLGI raises #UD"
	MUST_UD	{skinit},	"SKINIT raises #UD"
	MUST_UD	{invlpga},	"INVLPGA raises #UD"
	MUST_UD	{vmxoff},	"VMXOFF raises #UD"
	ret

%include "end.inc"
