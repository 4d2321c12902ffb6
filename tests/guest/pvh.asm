; SPDX-License-Identifier: Apache-2.0
; An ELF file with a PVH note, linked at high addresses, is entered at its note's address with the start info in EBX.
; vm-cmdline: one=1 two
; vm-modules: tests/guest/end.inc "first module"
%define BASE 0x200000
section .text start=0 vstart=BASE

; "ELF-64 Object File Format", "File Header" and "Program Header"
file:
	db	0x7f, 'ELF', 2, 1, 1
	times 9 db 0
	dw	2, 62
	dd	1
	dq	0xffffffff80000000, headers - file, 0
	dd	0
	dw	64, 56, 2, 0, 0, 0
headers:
	dd	1, 7				; PT_LOAD
	dq	0, 0xffffffff80000000, BASE, end - file, end - file + 0x4000, 0x1000
	dd	4, 4				; PT_NOTE
	dq	note - file, 0, note - file, note_end - note, note_end - note, 4
; Xen, "x86/HVM direct boot ABI"
note:
	dd	4, 4, 18
	db	'Xen', 0
	dd	entry
note_end:

%include "guest32.inc"

entry:
	mov	esp, end + 0x4000
	EXPECT32 dword [ebx], 0x336ec578, "EBX points to the start info"
	mov	eax, cr0
	and	eax, 0x80000001
	EXPECT32 eax, 1, "protection is on, paging is off"
	mov	eax, cr4
	EXPECT32 eax, 0, "CR4 is 0"
	mov	eax, [ebx + 24]
	SAME32	eax, 'one=1 two', "the command line"
	EXPECT32 dword [ebx + 12], 1, "one module"
	mov	ecx, [ebx + 16]
	mov	eax, [ecx]
	EXPECT32 dword [eax], '; SP', "the module's bytes"
	mov	eax, [ecx + 16]
	SAME32	eax, 'first module', "the module's command line"
	mov	eax, [ebx + 32]
	EXPECT32 dword [eax], 'RSD ', "the RSDP"
	mov	ecx, [ebx + 40]
	EXPECT32 dword [ecx + 16], 1, "the memory map begins with RAM"
	jmp	done
end:
