; SPDX-License-Identifier: Apache-2.0
; First code in the high half: segments, stack, BSS, per-CPU pointer, then C.
;
; In: EDI = loader's magic, ESI = physical address of its boot information

        extern  boot_main, boot_cpu, kernel_bss_start, kernel_end
        global  entry64, boot_tables, boot_stack_guard, boot_stack, boot_stack_top

%include "asm_offsets.inc"

        section .text
        bits    64
        default rel

entry64:
        mov     eax, SEL_KERNEL_SS_VALUE
        mov     ss, eax
        xor     eax, eax
        mov     ds, eax
        mov     es, eax
        mov     fs, eax
        mov     gs, eax
        mov     rsp, boot_stack_top

        mov     r12d, edi
        mov     r13d, esi
        mov     rdi, kernel_bss_start
        mov     rcx, kernel_end
        sub     rcx, rdi
        shr     rcx, 3                  ; both ends are aligned
        rep     stosq

        mov     rax, boot_cpu           ; arch_cpu() works from here on
        mov     rdx, rax
        shr     rdx, 32
        mov     ecx, MSR_GS_BASE_NUMBER
        wrmsr

        mov     edi, r12d
        mov     esi, r13d
        xor     ebp, ebp                ; end of the chain of frames
        call    boot_main
        ud2

        section .bss.boot nobits alloc noexec write align=4096
boot_tables:
        resb    7 * 4096
boot_stack_guard:
        resb    4096                    ; unmapped by kmap_init(): an overflow faults
boot_stack:
        resb    KERNEL_STACK_BYTES
boot_stack_top:
