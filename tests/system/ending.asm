; SPDX-License-Identifier: Apache-2.0
; A multiboot2 kernel that prints MESSAGE on the serial port and ends the machine in the way that ACTION says: the tests of
; `trivet run` start it in Trivet's place.

bits 32

POWER_OFF       equ 1                           ; ACPI S5
RESET           equ 2                           ; through the reset control register
TRIPLE_FAULT    equ 3
HALT            equ 4                           ; for good: interrupts off
SPIN            equ 5
ECHO            equ 6                           ; what is typed, until "q"; then power off

COM1            equ 0x3f8
LSR             equ COM1 + 5
LSR_DATA        equ 1
PM1A_CNT        equ 0x604                       ; QEMU's q35
SLP_EN_S5       equ 0x2000
RESET_CONTROL   equ 0xcf9
MB2_MAGIC       equ 0xe85250d6

section .text align=8
header:
        dd      MB2_MAGIC, 0, header_end - header, -(MB2_MAGIC + header_end - header)
        dd      0, 8
header_end:

global start
start:
        mov     esi, message
        mov     edx, COM1
.next:
        lodsb
        test    al, al
        jz      .printed
        out     dx, al
        jmp     .next
.printed:
%if ACTION == RESET
        mov     edx, RESET_CONTROL
        mov     al, 6
        out     dx, al
        jmp     $                       ; it does not come at once
%elif ACTION == TRIPLE_FAULT
        lidt    [no_idt]
        ud2
%elif ACTION == HALT
        cli
        hlt
%elif ACTION == SPIN
        jmp     $
%elif ACTION == ECHO
.wait:
        mov     edx, LSR
        in      al, dx
        test    al, LSR_DATA
        jz      .wait
        mov     edx, COM1
        in      al, dx
        out     dx, al
        cmp     al, 'q'
        jne     .wait
%endif
        mov     edx, PM1A_CNT
        mov     eax, SLP_EN_S5
        out     dx, ax
        jmp     $

no_idt: dw      0
        dd      0
message: db     MESSAGE, 13, 10, 0
