; SPDX-License-Identifier: Apache-2.0
; The benchmark guest's first and last words: a header that a loader takes for a 64-bit Linux bzImage, the entry, and the interrupt
; handlers, which read the clock before anything else.
;
; Both hypervisors enter it alike: 64-bit mode, interrupts off, the first 4 GiB mapped one to one, at PREF_ADDRESS + 0x200.

bits 64
default rel

PREF_ADDRESS	equ 0x200000
INIT_SIZE	equ 0x100000
XAPIC_EOI	equ 0xfee000b0
X2APIC_EOI	equ 0x80b
X2APIC_ICR	equ 0x830
ICR_NMI		equ 0x4400			; delivery mode NMI, level: assert

	extern	guest_main, guest_exception
	extern	bss_start, bss_end, payload_paragraphs
	extern	arrived, interrupts, eoi_ticks, eoi_start, nmi_start
	global	handler_exception, handler_xapic, handler_x2apic, handler_spurious, handler_nmi

; Linux kernel documentation: "The Linux/x86 Boot Protocol", the real-mode kernel header.
section .setup progbits alloc noexec nowrite
setup:
	times 0x1f1 db 0
	db	1				; setup_sects: one, beside the boot sector
	dw	0
	dd	payload_paragraphs		; syssize
	times 0x1fe - ($ - setup) db 0
	dw	0xaa55				; boot_flag
	db	0xeb, setup_end - setup_jump	; jump: the header ends where it leads
setup_jump:
	db	'HdrS'
	dw	0x020f				; version
	times 0x211 - ($ - setup) db 0
	db	1				; loadflags: LOADED_HIGH
	times 0x22c - ($ - setup) db 0
	dd	0x7fffffff			; initrd_addr_max
	dd	0x200000			; kernel_alignment
	db	1, 21				; relocatable_kernel, min_alignment
	dw	1				; xloadflags: XLF_KERNEL_64
	dd	0x7ff				; cmdline_size
	times 0x258 - ($ - setup) db 0
	dq	PREF_ADDRESS
	dd	INIT_SIZE
	dd	0
setup_end:
	times 1024 - ($ - setup) db 0

section .entry progbits alloc exec nowrite align=16
	times 0x200 db 0			; the 32-bit entry, which nobody uses
	lea	rsp, [stack_top]
	cld
	lea	rdi, [bss_start]
	lea	rcx, [bss_end]
	sub	rcx, rdi
	xor	eax, eax
	rep stosb
	lgdt	[gdt_pointer]
	push	8
	lea	rax, [.reloaded]
	push	rax
	retfq
.reloaded:
	mov	eax, 16
	mov	ss, eax
	mov	ds, eax
	mov	es, eax
	call	guest_main			; does not return

section .text
; The interrupted code, guest.c's, takes RAX, RCX and RDX for lost.  The handler's own EOI is measured as well: between the two
; readings of the clock stand five instructions besides it, as many as in guest.c's TIMED.
%macro HANDLER 2+				; %1: where the EOI goes, in RCX; %2: the instruction
	rdtsc
	mov	[arrived], eax
	inc	dword [interrupts]
	mov	ecx, %1
	rdtsc
	mov	[eoi_start], eax
	xor	eax, eax
	xor	edx, edx
	nop
	nop
	%2
	rdtsc
	sub	eax, [eoi_start]
	mov	[eoi_ticks], eax
	iretq
%endmacro

handler_xapic:
	HANDLER	XAPIC_EOI, mov [rcx], eax

handler_x2apic:
	HANDLER	X2APIC_EOI, wrmsr

handler_spurious:
	iretq

; The first NMI of a pair sends the second, which waits until its handler ends: what passes from the IRET to the second handler.
handler_nmi:
	rdtsc
	mov	[arrived], eax
	inc	dword [interrupts]
	cmp	dword [interrupts], 1
	jne	.second
	mov	ecx, X2APIC_ICR
	mov	eax, ICR_NMI
	xor	edx, edx			; to APIC 0, which this is
	wrmsr
	rdtsc
	mov	[nmi_start], eax
.second:
	iretq

; uint32_t code32_run(const struct operand *o, uint64_t which)
; Instruction @which, 0 CPUID, 1 MOV EAX, [EBX], in a 32-bit code segment; returns what it took.  BEFORE of guest.c in 32 bits.
global code32_run
code32_run:
	push	rbx
	push	rbp
	lea	rax, [code32.mov]
	lea	rcx, [code32.cpuid]
	test	rsi, rsi
	cmovz	rax, rcx
	mov	rsi, rdi
	sub	rsp, 16
	mov	[rsp], eax
	mov	dword [rsp + 4], 24
	call	dword far [rsp]
	add	rsp, 16
	pop	rbp
	pop	rbx
	ret

bits 32
%macro TIMED32 1+
	rdtsc
	mov	edi, eax
	mov	ecx, [esi + 8]
	mov	edx, [esi + 16]
	mov	ebx, [esi + 24]
	mov	eax, [esi]
	%1
	rdtsc
	sub	eax, edi
	retf
%endmacro

code32:
.cpuid:
	TIMED32	cpuid
.mov:
	TIMED32	mov eax, [ebx]
bits 64

handler_exception:
	mov	rdi, rsp
	and	rsp, ~15
	call	guest_exception			; does not return

section .rodata
	align	8
gdt:
	dq	0, 0x00af9b000000ffff, 0x00cf93000000ffff, 0x00cf9b000000ffff
gdt_pointer:
	dw	gdt_pointer - gdt - 1
	dq	gdt

section .bss nobits alloc noexec write align=16
	resb	16384
stack_top:
