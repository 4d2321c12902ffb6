; SPDX-License-Identifier: Apache-2.0
; How boot loaders find their way in: the multiboot2 header for GRUB and the PVH note for `qemu -kernel`.

        extern  pvh_entry32

MB2_MAGIC       equ 0xe85250d6
MB2_ARCH_I386   equ 0                   ; entered in 32-bit protected mode
MB2_TAG_END     equ 0
MB2_TAG_REQUEST equ 1
MB2_TAG_FB      equ 5
MB2_TAG_ALIGN   equ 6
MB2_OPTIONAL    equ 1
MB2_INFO_MMAP   equ 6

XEN_ELFNOTE_PHYS32_ENTRY equ 18

        section .multiboot2 progbits alloc noexec nowrite align=8
header:
        dd      MB2_MAGIC
        dd      MB2_ARCH_I386
        dd      header_end - header
        dd      -(MB2_MAGIC + MB2_ARCH_I386 + (header_end - header)) & 0xffffffff

        align   8
        dw      MB2_TAG_REQUEST, 0      ; a memory map is a must
        dd      12
        dd      MB2_INFO_MMAP

        align   8
        dw      MB2_TAG_FB, MB2_OPTIONAL
        dd      20
        dd      0, 0, 32                ; any size; the loader may deviate from the depth

        align   8
        dw      MB2_TAG_ALIGN, 0        ; modules start on a page of their own
        dd      8

        align   8
        dw      MB2_TAG_END, 0
        dd      8
header_end:

        section .note.pvh note alloc noexec nowrite align=4
        dd      4                       ; size of the name
        dd      4                       ; size of the value
        dd      XEN_ELFNOTE_PHYS32_ENTRY
        db      'Xen', 0
        dd      pvh_entry32
