; SPDX-License-Identifier: Apache-2.0
; Prints the time-stamp counter at the first instruction of a Linux kernel: tools/bench.py puts these three pieces over the
; beginning of a real kernel's code, so that everything before it stays what it is.  The first 512 bytes go where the
; 16-bit setup code starts (firmware and QEMU's loader), the next where the 32-bit entry is (GRUB), the last where the 64-bit
; entry is (Trivet's loader).  None uses a stack or depends on where it lies.

COM1            equ 0x3f8
LSR             equ 5                           ; line status register,
LSR_THRE        equ 1 << 5                      ; there: the next byte can be written

%macro PRINT_CHARACTER 0                        ; al; changes al, cl
        mov     cl, al
        mov     dx, COM1 + LSR
%%wait:
        in      al, dx
        test    al, LSR_THRE
        jz      %%wait
        mov     al, cl
        mov     dx, COM1
        out     dx, al
%endmacro

%macro PRINT_TICKS 0                            ; prints edx:eax as "ticks: 0x..."
        mov     esi, edx
        mov     edi, eax
%assign i 0
%rep 9                                          ; characters
  %assign i i + 1
  %substr c "ticks: 0x" i
        mov     al, c
        PRINT_CHARACTER
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
        PRINT_CHARACTER
        shld    esi, edi, 4
        shl     edi, 4
        dec     bl
        jnz     %%next
        mov     al, 10
        PRINT_CHARACTER
%%stop:
        jmp     %%stop
%endmacro

bits 16
        rdtsc
        PRINT_TICKS
        times 512 - ($ - $$) db 0x90

bits 32
start32:
        rdtsc
        PRINT_TICKS
        times 512 - ($ - start32) db 0x90

bits 64
start64:
        rdtsc
        PRINT_TICKS
        times 512 - ($ - start64) db 0x90
