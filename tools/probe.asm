; SPDX-License-Identifier: Apache-2.0
; A kernel of one page that answers one question: does this (virtual) machine run ordinary code and offer nested SVM?
; It switches SVM on and executes VMRUN with an empty VMCB, which must come back as VMEXIT_INVALID.  The answer is the exit
; status of QEMU's isa-debug-exit device: 2 * 0x10 + 1 for yes, 2 * 0x11 + 1 for no.  A fault resets the machine: no answer.

bits 32

EXIT_PORT       equ 0xf4
YES             equ 0x10
NO              equ 0x11
MSR_EFER        equ 0xc0000080
EFER_SVME       equ 1 << 12
MSR_HSAVE_PA    equ 0xc0010117
VMCB_EXIT_CODE  equ 0x70

MB_MAGIC        equ 0x1badb002

section .text align=4

        dd      MB_MAGIC, 0, -MB_MAGIC          ; multiboot header: no flags, loaded by the ELF headers

global start
start:
        mov     eax, 0x80000000
        cpuid
        cmp     eax, 0x8000000a
        jb      .no
        mov     eax, 0x80000001
        cpuid
        test    ecx, 1 << 2                     ; SVM
        jz      .no

        mov     ecx, MSR_EFER
        rdmsr
        or      eax, EFER_SVME
        wrmsr
        mov     ecx, MSR_HSAVE_PA
        mov     eax, hsave
        xor     edx, edx
        wrmsr
        mov     eax, vmcb
        vmrun                                   ; operand: rAX
        cmp     dword [vmcb + VMCB_EXIT_CODE], -1
        jne     .no
        mov     al, YES
        jmp     .answer
.no:
        mov     al, NO
.answer:
        out     EXIT_PORT, al
.stop:
        cli
        hlt
        jmp     .stop

section .bss align=4096
vmcb:   resb    4096
hsave:  resb    4096
