; SPDX-License-Identifier: Apache-2.0
; A guest with a small CPU model sees that CPU in every leaf, and what the model lacks faults as on such a CPU.
; vm-cpu: x86-64-v2 -x2apic -tsc_deadline -tsc_adjust
; vm-paravirt: none
%include "guest.inc"

CR4_OSXSAVE	equ 1 << 18
CR4_PCIDE	equ 1 << 17
CR4_FSGSBASE	equ 1 << 16
CR4_SMEP	equ 1 << 20
CR4_SMAP	equ 1 << 21
CR4_PKE		equ 1 << 22
CR4_UMIP	equ 1 << 11
CR4_LA57	equ 1 << 12
CR4_CET		equ 1 << 23
MSR_APIC_BASE	equ 0x1b
MSR_TSC_ADJUST	equ 0x3b
MSR_SPEC_CTRL	equ 0x48
MSR_PRED_CMD	equ 0x49
MSR_ARCH_CAP	equ 0x10a
MSR_S_CET	equ 0x6a2
MSR_TSC_DEADLINE equ 0x6e0
MSR_XSS		equ 0xda0
MSR_TSC_AUX	equ 0xc0000103
MSR_KVM_CLOCK	equ 0x4b564d01
MSR_X2APIC_ID	equ 0x802
APIC_EXTD	equ 1 << 10
UD		equ 6
GP		equ 13

%macro CPUID_BIT 5+				; leaf, register, bit, wanted, sentence
	mov	eax, %1
	xor	ecx, ecx
	cpuid
	mov	eax, %2
	shr	eax, %3
	and	eax, 1
	EXPECT	rax, %4, %5
%endmacro

%macro CR4_REFUSES 2+				; bit, sentence
	mov	rax, cr4
	or	rax, %1
	TRY	%%refused
	mov	cr4, rax
%%refused:
	EXPECT	[rel trap_vector], GP, %2
	mov	qword [rel trap_resume], 0
%endmacro

%macro MSR_REFUSES 2+				; number, sentence
	mov	ecx, %1
	TRY	%%refused
	rdmsr
%%refused:
	EXPECT	[rel trap_vector], GP, "reading ", %2, " raises #GP"
	mov	ecx, %1
	xor	eax, eax
	xor	edx, edx
	TRY	%%refused2
	wrmsr
%%refused2:
	EXPECT	[rel trap_vector], GP, "and so does writing it"
	mov	qword [rel trap_resume], 0
%endmacro

test:
	call	features
	call	registers
	call	model_specific
	jmp	instructions

features:
	CPUID_BIT 1, ecx, 20, 1, "SSE4.2 is in the model"
	CPUID_BIT 1, ecx, 23, 1, "and so is POPCNT"
	CPUID_BIT 1, ecx, 28, 0, "AVX is not"
	CPUID_BIT 1, ecx, 26, 0, "nor is XSAVE"
	CPUID_BIT 1, ecx, 21, 0, "x2APIC was left out"
	CPUID_BIT 1, ecx, 31, 1, "a hypervisor is announced"
	mov	eax, 0xd
	xor	ecx, ecx
	cpuid
	or	rax, rbx
	or	rax, rcx
	or	rax, rdx
	EXPECT	rax, 0, "without XSAVE, leaf 0xD is empty"
	mov	eax, 7
	xor	ecx, ecx
	cpuid
	or	rcx, rdx
	EXPECT	rcx, 0, "leaf 7 has nothing in ECX and EDX"
	and	ebx, ~(1 << 6 | 1 << 13)	; which say what the FPU does not do
	EXPECT	rbx, 0, "and no feature in EBX"
	mov	eax, 0x80000002
	cpuid
	EXPECT	rax, 'Triv', "the brand string is the model's"
	mov	eax, 0x40000100
	cpuid
	or	rax, rbx
	EXPECT	rax, 0, "no paravirtual interface is offered"
	mov	eax, 0x40000001
	cpuid
	or	rax, rbx
	EXPECT	rax, 0, "and none of a hypervisor below shows"
	ret

registers:
	CR4_REFUSES CR4_OSXSAVE, "CR4.OSXSAVE is reserved"
	CR4_REFUSES CR4_PCIDE, "CR4.PCIDE is reserved"
	CR4_REFUSES CR4_FSGSBASE, "CR4.FSGSBASE is reserved"
	CR4_REFUSES CR4_SMEP, "CR4.SMEP is reserved"
	CR4_REFUSES CR4_SMAP, "CR4.SMAP is reserved"
	CR4_REFUSES CR4_PKE, "CR4.PKE is reserved"
	CR4_REFUSES CR4_UMIP, "CR4.UMIP is reserved"
	CR4_REFUSES CR4_LA57, "CR4.LA57 is reserved"
	CR4_REFUSES CR4_CET, "CR4.CET is reserved"
	mov	ecx, MSR_APIC_BASE
	rdmsr
	or	eax, APIC_EXTD
	TRY	.refused
	wrmsr
.refused:
	EXPECT	[rel trap_vector], GP, "x2APIC mode cannot be switched on"
	mov	qword [rel trap_resume], 0
	ret

model_specific:
	MSR_REFUSES MSR_TSC_ADJUST, "TSC_ADJUST"
	MSR_REFUSES MSR_TSC_DEADLINE, "TSC_DEADLINE"
	MSR_REFUSES MSR_TSC_AUX, "TSC_AUX"
	MSR_REFUSES MSR_SPEC_CTRL, "SPEC_CTRL"
	MSR_REFUSES MSR_PRED_CMD, "PRED_CMD"
	MSR_REFUSES MSR_ARCH_CAP, "ARCH_CAPABILITIES"
	MSR_REFUSES MSR_S_CET, "S_CET"
	MSR_REFUSES MSR_XSS, "XSS"
	MSR_REFUSES MSR_X2APIC_ID, "the local APIC as MSRs"
	MSR_REFUSES MSR_KVM_CLOCK, "the clock of another interface"
	ret

instructions:
	TRY	.no_xgetbv
	xor	ecx, ecx
	xgetbv
.no_xgetbv:
	EXPECT	[rel trap_vector], UD, "XGETBV raises #UD"
	TRY	.no_avx
	vxorps	ymm0, ymm0, ymm0
.no_avx:
	EXPECT	[rel trap_vector], UD, "an AVX instruction raises #UD"
	TRY	.no_call
	vmmcall
.no_call:
	EXPECT	[rel trap_vector], UD, "a hypercall raises #UD"
	TRY	.no_monitor
	xor	ecx, ecx
	xor	edx, edx
	lea	rax, [rel test]
	monitor
.no_monitor:
	EXPECT	[rel trap_vector], UD, "MONITOR raises #UD"
	mov	qword [rel trap_resume], 0
	ret

%include "end.inc"
