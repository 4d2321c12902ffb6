; SPDX-License-Identifier: Apache-2.0
; A multiboot 1 kernel, placed by the addresses in its header, finds the machine state and the information that the specification promises.
; vm-cmdline: one=1 two
; vm-modules: tests/guest/end.inc "first module" tests/guest/guest32.inc "second"
%define BASE 0x100000

section .text start=0 vstart=BASE

MAGIC	equ 0x1badb002
FLAGS	equ 1 << 16 | 1 << 1 | 1

	jmp	entry
align 4
header:
	dd	MAGIC, FLAGS, -(MAGIC + FLAGS)
	dd	header, BASE, end, bss_end, entry

%include "guest32.inc"

entry:
	mov	esp, bss_end
	EXPECT32 eax, 0x2badb002, "EAX holds the magic number"
	mov	eax, cr0
	and	eax, 0x80000001
	EXPECT32 eax, 1, "protection is on, paging is off"
	EXPECT32 dword [bss], 0, "what follows the file is zero"
	mov	eax, [ebx]
	and	eax, 0x4d
	EXPECT32 eax, 0x4d, "memory size, command line, modules and memory map are there"
	EXPECT32 dword [ebx + 4], 639, "lower memory"
	EXPECT32 dword [ebx + 8], (64 - 1) * 1024, "upper memory"
	mov	eax, [ebx + 16]
	SAME32	eax, 'one=1 two', "the command line"
	EXPECT32 dword [ebx + 20], 2, "two modules"
	mov	ecx, [ebx + 24]
	mov	eax, [ecx + 8]
	SAME32	eax, 'first module', "the first module's command line"
	mov	eax, [ecx + 24]
	SAME32	eax, 'second', "the second module's command line"
	mov	eax, [ecx]
	EXPECT32 dword [eax], '; SP', "the first module's bytes"
	mov	eax, [ecx + 4]
	EXPECT32 byte [eax - 1], 10, "the first module's end"
	mov	eax, [ecx + 16]
	EXPECT32 dword [eax + 4], 'DX-L', "the second module's bytes"
	pushf
	pop	eax
	and	eax, 1 << 9
	EXPECT32 eax, 0, "interrupts are off"
	lgdt	[gdtr]
	jmp	8:reload
reload:
	mov	ax, 16
	mov	ds, ax
	PASS32	"a GDT of its own"
	jmp	done

align 8
gdt:	dq	0, 0x00cf9a000000ffff, 0x00cf92000000ffff
gdtr:	dw	23
	dd	gdt
end:
bss	equ	end
bss_end	equ	end + 0x4000
