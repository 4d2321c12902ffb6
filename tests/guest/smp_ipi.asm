; SPDX-License-Identifier: Apache-2.0
; vm-cpus: 4
; Interrupts between CPUs: every destination mode and shorthand, in xAPIC and x2APIC mode, lowest priority, NMI, INIT and SIPI; and
; what the CPUs are told about themselves.
; not-on: bochs-svm Bochs holds interrupts of the host back while a guest's IF is 0 at VMRUN
%include "smp.inc"

%macro IPI 2					; %1: low half of the ICR, %2: destination
	mov	eax, %1
	mov	edx, %2
	call	send_ipi
%endmacro
%macro EXPECT_HITS 2+				; the digits, CPU 3 first
	call	hits
	EXPECT	rax, %1, %2
%endmacro

test:
	call	cpus_start
	EXPECT	[rel cpus_told], 4, "CPUID tells the number of CPUs, and one SIPI for all starts them"
	EXPECT	[rel started], 3, "of two SIPIs in a row only the first counts"
	call	numbers
	EXPECT	rax, 0, "CPUID and the local APIC agree on the number of each CPU"

	IPI	HIT, 2
	EXPECT_HITS 0x0100, "a physical destination reaches that CPU and no other"
	IPI	HIT, 0
	EXPECT_HITS 0x0001, "a CPU can address itself"
	IPI	HIT, 9
	EXPECT_HITS 0, "a physical destination that does not exist reaches nobody"
	IPI	HIT, 0xff
	EXPECT_HITS 0x1111, "physical broadcast reaches all CPUs"
	call	shorthands

	lea	rax, [rel flat]
	call	everywhere
	IPI	HIT | ICR_LOGICAL, 0b1010
	EXPECT_HITS 0x1010, "a logical destination in the flat model is a set of CPUs"
	IPI	HIT | ICR_LOGICAL, 0xff
	EXPECT_HITS 0x1111, "logical broadcast reaches all CPUs"
	lea	rax, [rel busy]
	call	everywhere
	IPI	HIT | ICR_LOGICAL | ICR_LOWEST, 0b1111
	EXPECT_HITS 0x0100, "of a set, the CPU with the lowest priority gets a lowest-priority interrupt"
	lea	rax, [rel idle]
	call	everywhere
	IPI	HIT | ICR_LOGICAL | ICR_LOWEST, 0b1001
	call	hits
	call	count
	EXPECT	rax, 1, "among equals, one gets it"
	lea	rax, [rel cluster]
	call	everywhere
	IPI	HIT | ICR_LOGICAL, 0x13
	EXPECT_HITS 0x1100, "a logical destination in the cluster model is a set of members of one cluster"
	IPI	HIT | ICR_LOGICAL, 0x02
	EXPECT_HITS 0x0010, "the first cluster is cluster 0"
	call	nmi_modes
	call	restart
	mov	eax, [rel cpu_area + CPU_SIZE + cpu_data.starts]
	EXPECT	rax, 1, "an INIT to one CPU leaves the others alone"

	lea	rax, [rel to_x2apic]
	call	everywhere
	call	numbers
	EXPECT	rax, 0, "in x2APIC mode the numbers stay"
	IPI	HIT, 3
	EXPECT_HITS 0x1000, "x2APIC: a physical destination"
	IPI	HIT, 0xff
	EXPECT_HITS 0, "x2APIC: 0xff is a number like any other"
	IPI	HIT, 0xffffffff
	EXPECT_HITS 0x1111, "x2APIC: broadcast"
	IPI	HIT | ICR_LOGICAL, 0b0110
	EXPECT_HITS 0x0110, "x2APIC: a logical destination"
	IPI	HIT | ICR_LOGICAL, 0x10006
	EXPECT_HITS 0, "x2APIC: another cluster"
	call	shorthands
	mov	ecx, MSR_X2APIC + 0x3f
	mov	eax, HIT
	xor	edx, edx
	wrmsr
	EXPECT_HITS 0x0001, "x2APIC: SELF IPI"
	call	nmi_modes
	call	restart
	call	tsc_test
	ret

shorthands:
	IPI	HIT | ICR_SELF, 2
	EXPECT_HITS 0x0001, "shorthand: self"
	IPI	HIT | ICR_ALL, 2
	EXPECT_HITS 0x1111, "shorthand: all"
	IPI	HIT | ICR_OTHERS, 2
	EXPECT_HITS 0x1110, "shorthand: all others"
	ret

nmi_modes:
	IPI	ICR_NMI, 1
	call	nmis
	EXPECT	rax, 0x0010, "an NMI to one CPU wakes it from HLT"
	IPI	ICR_NMI | ICR_OTHERS, 0
	call	nmis
	EXPECT	rax, 0x1110, "an NMI to all others"
	ret

; CPU 3 is stopped by INIT, and starts again.
restart:
	mov	dword [rel started], 0
	IPI	ICR_INIT | ICR_ASSERT, 3
	mov	dword [rel cpus], 3
	IPI	HIT, 3
	EXPECT_HITS 0, "a CPU that got INIT takes no interrupts"
	IPI	ICR_SIPI | ICR_ASSERT | TRAMPOLINE >> 12, 3
.wait:
	pause
	cmp	dword [rel cpus], 4
	jne	.wait
	IPI	HIT, 3
	EXPECT_HITS 0x1000, "after a SIPI it runs again, with its APIC in the mode it was in"
	IPI	ICR_SIPI | ICR_ASSERT | TRAMPOLINE >> 12, 3
	call	order
	EXPECT	[rel started], 1, "a SIPI to a CPU that runs does nothing"
	ret

; Each with a bit of its own.
flat:
	mov	ecx, [gs:cpu_data.id]
	mov	eax, 1 << 24
	shl	eax, cl
	mov	edx, APIC
	mov	dword [rdx + APIC_DFR], 0xffffffff
	mov	[rdx + APIC_LDR], eax
	ret

; CPUs 0 and 1 are members 0 and 1 of cluster 0, CPUs 2 and 3 those of cluster 1.
cluster:
	mov	ecx, [gs:cpu_data.id]
	mov	eax, ecx
	shr	eax, 1
	shl	eax, 4
	and	ecx, 1
	mov	edx, 1
	shl	edx, cl
	or	eax, edx
	shl	eax, 24
	mov	edx, APIC
	mov	dword [rdx + APIC_DFR], 0x0fffffff
	mov	[rdx + APIC_LDR], eax
	ret

; All but CPU 2 have a task priority, of a class below those of HIT and ORDER.
busy:
	mov	eax, 0x20
	xor	ecx, ecx
	cmp	dword [gs:cpu_data.id], 2
	cmove	eax, ecx
	mov	edx, APIC
	mov	[rdx + APIC_TPR], eax
	ret

idle:
	mov	edx, APIC
	mov	dword [rdx + APIC_TPR], 0
	ret

; RAX = number of digits of RAX that are not 0.
count:
	xor	ecx, ecx
.next:
	cmp	al, 1
	sbb	edx, edx
	inc	edx
	add	ecx, edx
	shr	rax, 4
	jnz	.next
	mov	eax, ecx
	ret

; RAX = number of CPUs that were told different numbers.
numbers:
	xor	eax, eax
	xor	ecx, ecx
	lea	rdi, [rel cpu_area]
.next:
	mov	edx, [rdi + cpu_data.leaf1_id]
	xor	edx, ecx
	mov	ebx, [rdi + cpu_data.leafb_id]
	xor	ebx, ecx
	or	edx, ebx
	mov	ebx, [rdi + cpu_data.apic_id]
	xor	ebx, ecx
	or	edx, ebx
	neg	edx
	adc	eax, 0
	add	rdi, CPU_SIZE
	inc	ecx
	cmp	ecx, 4
	jne	.next
	ret

; What another CPU reads lies between what this one reads before and after.
tsc_test:
	mov	r12d, 20
	xor	r13d, r13d
.next:
	call	read_tsc
	mov	r14, rax
	lea	rax, [rel note_tsc]
	call	order_others
	call	read_tsc
	mov	ecx, 1
	lea	rdi, [rel cpu_area + CPU_SIZE]
.cpu:
	mov	rdx, [rdi + cpu_data.tsc]
	cmp	rdx, r14
	adc	r13d, 0
	cmp	rax, rdx
	adc	r13d, 0
	add	rdi, CPU_SIZE
	inc	ecx
	cmp	ecx, 4
	jne	.cpu
	dec	r12d
	jnz	.next
	EXPECT	r13, 0, "the time-stamp counters of all CPUs are the same"
	ret

note_tsc:
	call	read_tsc
	mov	[gs:cpu_data.tsc], rax
	ret

read_tsc:
	lfence
	rdtsc
	shl	rdx, 32
	or	rax, rdx
	ret

%include "end.inc"
