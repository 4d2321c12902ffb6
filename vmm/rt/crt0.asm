; SPDX-License-Identifier: Apache-2.0
; Entry of every thread of a user program; include/rt/start.h says what it is given.
;
; In:  RDI = argument given to thread_create; RSP = top of the thread's stack.
;      The first program of the system is started by the kernel: its RDI is no address below 4 GiB, where root keeps start
;      pages, and it gets a stack from here.
; Out: never returns.

FIRST_STACK_SIZE equ 16384

bits 64
default rel

extern rt_start

section .text

global _start
_start:
        xor     ebp, ebp                ; the outermost frame
        mov     eax, edi
        test    rdi, rdi
        jz      .first
        cmp     rax, rdi
        je      .start
.first:
        lea     rsp, [first_stack + FIRST_STACK_SIZE]
        xor     edi, edi
.start:
        and     rsp, -16
        call    rt_start
        ud2                             ; rt_start ends the thread

section .bss nobits alloc noexec write align=16

first_stack:
        resb    FIRST_STACK_SIZE

section .note.GNU-stack noalloc noexec nowrite progbits
