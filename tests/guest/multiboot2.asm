; SPDX-License-Identifier: Apache-2.0
; A multiboot 2 kernel, placed by an address tag, finds its boot information: a list of tags.
; vm-cmdline: one=1 two
; vm-modules: tests/guest/end.inc "first module"
%define BASE 0x100000
section .text start=0 vstart=BASE

MAGIC	equ 0xe85250d6
LENGTH	equ header_end - header

header:
	dd	MAGIC, 0, LENGTH, 0x100000000 - MAGIC - LENGTH
	dw	2, 0				; addresses
	dd	24, header, BASE, end, bss_end
	dw	3, 0				; entry point
	dd	12, entry, 0
	dw	6, 1				; modules on page boundaries
	dd	8
	dw	0, 0
	dd	8
header_end:

%include "guest32.inc"

entry:
	mov	esp, bss_end
	EXPECT32 eax, 0x36d76289, "EAX holds the magic number"
	lea	esi, [ebx + 8]
.tag:
	mov	eax, [esi]
	test	eax, eax
	jz	.end
	bts	[seen], eax
	cmp	eax, 1
	jne	.no_cmdline
	lea	eax, [esi + 8]
	SAME32	eax, 'one=1 two', "the command line"
	jmp	.next
.no_cmdline:
	cmp	eax, 3
	jne	.no_module
	lea	eax, [esi + 16]
	SAME32	eax, 'first module', "the module's command line"
	mov	eax, [esi + 8]
	EXPECT32 dword [eax], '; SP', "the module's bytes"
	and	eax, 0xfff
	EXPECT32 eax, 0, "the module begins a page"
	jmp	.next
.no_module:
	cmp	eax, 15
	jne	.next
	EXPECT32 dword [esi + 8], 'RSD ', "the RSDP"
.next:
	mov	eax, [esi + 4]
	add	eax, 7
	and	eax, ~7
	add	esi, eax
	jmp	.tag
.end:
	add	esi, 8
	mov	eax, [ebx]
	add	eax, ebx
	EXPECT32 eax, esi, "the list is as long as it says"
	EXPECT32 dword [seen], 1 << 1 | 1 << 2 | 1 << 3 | 1 << 4 | 1 << 6 | 1 << 15, "all tags are there"
	jmp	done

seen:	dd	0
end:
bss_end	equ	end + 0x4000
