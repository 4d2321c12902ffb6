; SPDX-License-Identifier: Apache-2.0
; Entry of every thread of a user program; include/rt/start.h says what it is given.
;
; In:  RDI = argument of thread_create, 0 for the first program of the system; RSP = top of the thread's stack.
; Out: never returns.

bits 64
default rel

extern rt_start

section .text

global _start
_start:
        xor     ebp, ebp                ; the outermost frame
        and     rsp, -16
        call    rt_start
        ud2                             ; rt_start ends the thread

section .note.GNU-stack noalloc noexec nowrite progbits
