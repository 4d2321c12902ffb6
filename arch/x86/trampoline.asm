; SPDX-License-Identifier: Apache-2.0
; Where a CPU begins that the boot CPU has started: a page below 1 MiB, in real mode; then the high half.
;
; smp.c copies [trampoline, trampoline_end) to a page, whose number is the vector of the STARTUP message, puts the address of
; the CPU's struct arch_cpu into the mailbox, and clears the page when all CPUs are up.
;
; In:  CS = page / 16, IP = 0, interrupts off; every other register undefined
; Out: ap_main(struct arch_cpu *) on the CPU's own stack, in the final address space; GS as the kernel has it

        extern  ap_main, boot_tables_phys
        global  trampoline, trampoline_end, trampoline_mailbox

%include "asm_offsets.inc"

        section .rodata
        align   16
        bits    16
trampoline:
        cli
        cld
        mov     ax, cs
        mov     ds, ax
        movzx   ebx, ax
        shl     ebx, 4                  ; linear address of the page
        lea     eax, [ebx + gdt - trampoline]
        mov     [gdt_pointer + 2 - trampoline], eax
        lea     eax, [ebx + long_mode - trampoline]
        mov     [target - trampoline], eax

        mov     eax, CR4_PAE_BIT
        mov     cr4, eax
        mov     eax, boot_tables_phys   ; they show the page at its own address, executable
        mov     cr3, eax
        mov     ecx, MSR_EFER_NUMBER
        rdmsr
        or      eax, EFER_LME_BIT | EFER_NXE_BIT
        wrmsr
        o32 lgdt [gdt_pointer - trampoline]
        mov     eax, CR0_BOOT_BITS      ; also ends the "no fill" mode of the caches
        mov     cr0, eax
        jmp     dword far [target - trampoline]

        bits    64
long_mode:
        mov     eax, SEL_KERNEL_SS_VALUE
        mov     ss, eax
        xor     eax, eax
        mov     ds, eax
        mov     es, eax
        mov     fs, eax
        mov     gs, eax
        lldt    ax
        ; Taken, so that the boot CPU sees that someone has come, and nobody else can use the same stack.
        xchg    rax, [rbx + trampoline_mailbox - trampoline]
        test    rax, rax
        jz      .nobody
        mov     rcx, high_half
        jmp     rcx
.nobody:
        cli
        hlt
        jmp     .nobody

        align   8
gdt:
        dq      0
        dq      0x00209b0000000000      ; SEL_KERNEL_CS: 64-bit code
        dq      0x0000930000000000      ; SEL_KERNEL_SS: data
gdt_pointer:
        dw      gdt_pointer - gdt - 1
        dd      0
target:
        dd      0
        dw      SEL_KERNEL_CS_VALUE
        align   8
trampoline_mailbox:
        dq      0
trampoline_end:

        section .text
        default rel

; In: RAX = struct arch_cpu, whose scratch word holds the physical address of the final tables.
high_half:
        mov     rdi, rax
        mov     rax, [rdi + CPU_SCRATCH]
        mov     cr3, rax                ; the trampoline and its GDT are out of sight: no segment is loaded until desc_init()
        mov     rsp, [rdi + CPU_KERNEL_STACK]
        mov     rax, rdi
        mov     rdx, rdi
        shr     rdx, 32
        mov     ecx, MSR_GS_BASE_NUMBER
        wrmsr
        xor     ebp, ebp                ; end of the chain of frames
        call    ap_main
        ud2
