; SPDX-License-Identifier: Apache-2.0
; 32-bit entry: check who started us and what the CPU can do, build the boot page tables, go to 64 bits.
;
; In:  protected mode, flat segments, paging and interrupts off; A20 on
;      multiboot2: EAX = 0x36d76289, EBX = physical address of the boot information
;      PVH:        EBX = physical address of struct hvm_start_info
; Out: entry64 in the high half with EDI = magic, ESI = that address
;
; Boot page tables, all with 2 MiB pages, readable, writable and executable until kmap_init() loads the final ones:
;      first 4 GiB at 0, the same at DIRECT_MAP (0xffff8000_00000000), the first GiB at KERNEL_BASE (0xffffffff_80000000)

        extern  entry64, boot_tables_phys, boot_stack_phys
        global  boot_entry32, pvh_entry32

%include "asm_offsets.inc"

MB2_LOADER_MAGIC equ 0x36d76289
PVH_MAGIC        equ 0x336ec578
COM1             equ 0x3f8

PAGE             equ 4096
TABLE            equ 3                  ; present, writable
LARGE            equ 0x83               ; present, writable, 2 MiB
PML4             equ 0                  ; offsets in boot_tables
PDPT_LOW         equ PAGE               ; identity and direct map share it
PDPT_HIGH        equ 2 * PAGE
PD               equ 3 * PAGE           ; four of them
TABLE_PAGES      equ 7

        section .boot.text progbits alloc exec nowrite align=16
        bits    32

boot_entry32:
        cmp     eax, MB2_LOADER_MAGIC
        je      start
        mov     ebp, text_magic
        jmp     fail
pvh_entry32:
        mov     eax, PVH_MAGIC
start:
        cli
        cld
        mov     esp, boot_stack_phys
        mov     [saved_magic], eax
        mov     [saved_info], ebx
        call    check_cpu
        call    build_tables

        mov     eax, CR4_PAE_BIT
        mov     cr4, eax
        mov     eax, boot_tables_phys + PML4
        mov     cr3, eax
        mov     ecx, MSR_EFER_NUMBER
        rdmsr
        or      eax, EFER_LME_BIT | EFER_NXE_BIT
        wrmsr
        mov     eax, CR0_BOOT_BITS
        mov     cr0, eax
        lgdt    [gdt_pointer]
        jmp     SEL_KERNEL_CS_VALUE:.long_mode

        bits    64
.long_mode:
        mov     edi, [rel saved_magic]
        mov     esi, [rel saved_info]
        mov     rax, entry64
        jmp     rax
        bits    32

; Returns when the CPU has long mode and no-execute; otherwise ends with a line on the serial port.  Clobbers all but ESP.
check_cpu:
        mov     ebp, text_cpuid
        pushfd                          ; CPUID exists when EFLAGS.ID can be changed
        pop     eax
        mov     ecx, eax
        xor     eax, 1 << 21
        push    eax
        popfd
        pushfd
        pop     eax
        xor     eax, ecx
        jz      fail
        mov     ebp, text_long_mode
        mov     eax, 0x80000000
        cpuid
        cmp     eax, 0x80000001
        jb      fail
        mov     eax, 0x80000001
        cpuid
        bt      edx, 29
        jnc     fail
        mov     ebp, text_nx
        bt      edx, 20
        jnc     fail
        ret

; Clobbers EAX, ECX, EDI.
build_tables:
        mov     edi, boot_tables_phys
        mov     ecx, TABLE_PAGES * PAGE / 4
        xor     eax, eax
        rep     stosd

        mov     edi, boot_tables_phys
        lea     eax, [edi + PDPT_LOW + TABLE]
        mov     [edi + PML4], eax
        mov     [edi + PML4 + 256 * 8], eax
        lea     eax, [edi + PDPT_HIGH + TABLE]
        mov     [edi + PML4 + 511 * 8], eax
        lea     eax, [edi + PD + TABLE]
        mov     [edi + PDPT_HIGH + 510 * 8], eax
        xor     ecx, ecx
.gib:
        mov     [edi + PDPT_LOW + ecx * 8], eax
        add     eax, PAGE
        inc     ecx
        cmp     ecx, 4
        jb      .gib

        mov     eax, LARGE
        xor     ecx, ecx
.large:
        mov     [edi + PD + ecx * 8], eax
        add     eax, 2 << 20
        inc     ecx
        cmp     ecx, 4 * 512
        jb      .large
        ret

; Print "trivet: cannot run: " and the text at EBP on COM1, 115200 8N1, and stop.
fail:
        mov     esi, uart_setup
.setup:
        movzx   edx, word [esi]
        test    edx, edx
        jz      .print
        mov     al, [esi + 2]
        out     dx, al
        add     esi, 3
        jmp     .setup
.print:
        mov     esi, text_cannot
        call    print
        mov     esi, ebp
        call    print
.stop:
        cli
        hlt
        jmp     .stop

; Print the string at ESI.  Without a UART the line status reads as ones, so that the wait ends at once.
print:
        mov     edx, COM1 + 5
.wait:
        in      al, dx
        test    al, 0x20                ; transmitter empty
        jz      .wait
        lodsb
        test    al, al
        jz      .done
        mov     edx, COM1
        out     dx, al
        jmp     print
.done:
        ret

uart_setup:
        dw      COM1 + 3                ; line control: divisor latch
        db      0x80
        dw      COM1
        db      1
        dw      COM1 + 1
        db      0
        dw      COM1 + 3                ; 8N1
        db      3
        dw      0

text_cannot     db 'trivet: cannot run: ', 0
text_magic      db 'started by a loader that speaks neither multiboot2 nor PVH', 13, 10, 0
text_cpuid      db 'this CPU has no CPUID instruction', 13, 10, 0
text_long_mode  db 'this CPU has no 64-bit mode (CPUID 8000_0001 EDX.LM)', 13, 10, 0
text_nx         db 'this CPU has no execute protection (CPUID 8000_0001 EDX.NX)', 13, 10, 0

        align   8
gdt:
        dq      0
        dq      0x00209b0000000000      ; SEL_KERNEL_CS: 64-bit code
        dq      0x0000930000000000      ; SEL_KERNEL_SS: data
gdt_pointer:
        dw      gdt_pointer - gdt - 1
        dd      gdt

        align   4
saved_magic     dd 0                    ; written before paging and W^X exist
saved_info      dd 0
