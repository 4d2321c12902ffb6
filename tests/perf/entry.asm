; SPDX-License-Identifier: Apache-2.0
; Prints the time-stamp counter at the first instruction of a Linux kernel: tools/bench.py puts these two pieces over the
; beginning of a real kernel's code, so that everything before it stays what it is.  The first 512 bytes go where the
; 16-bit setup code starts (firmware and QEMU's loader), the next where the 64-bit entry is (Trivet's loader).
; Neither uses a stack or depends on where it lies.

COM1            equ 0x3f8

%macro PRINT_TICKS 0                            ; prints edx:eax as "ticks: 0x..."
        mov     esi, edx
        mov     edi, eax
        mov     dx, COM1
%assign i 0
%rep 9                                          ; characters
  %assign i i + 1
  %substr c "ticks: 0x" i
        mov     al, c
        out     dx, al
%endrep
        mov     bl, 16                          ; digits
%%next:
        mov     eax, esi
        shr     eax, 28
        cmp     al, 10
        jb      %%digit
        add     al, 'a' - '0' - 10
%%digit:
        add     al, '0'
        out     dx, al
        shld    esi, edi, 4
        shl     edi, 4
        dec     bl
        jnz     %%next
        mov     al, 10
        out     dx, al
%%stop:
        jmp     %%stop
%endmacro

bits 16
        rdtsc
        PRINT_TICKS
        times 512 - ($ - $$) db 0x90

bits 64
start64:
        rdtsc
        PRINT_TICKS
        times 512 - ($ - start64) db 0x90
