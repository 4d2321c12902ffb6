; SPDX-License-Identifier: Apache-2.0
; The ways into the kernel and out to user mode.
;
; Interrupts are off in the kernel except inside cpu_idle() and cpu_take_interrupts().  GS points at user space's (always 0)
; in user mode and at the CPU's struct arch_cpu in the kernel; SWAPGS stands once on each way.
;
; A user thread's registers live in its struct user_frame.  TSS.RSP0 is the frame's end, so that the CPU itself stores the
; last words there; then RSP moves to the kernel stack before any C runs.  NMI, #DB, #DF and #MC have stacks of their own,
; because they may come while RSP or GS still are the user's.

        extern  kernel_hypercall, kernel_hypercall_switch, vcpu_resume
        extern  trap_exception_user, trap_interrupt_user, trap_interrupt_kernel, trap_paranoid
        global  syscall_entry, user_return, vector_stubs, cpu_idle, cpu_idle_hlt, cpu_idle_woken
        global  cpu_take_interrupts, cpu_resume_vcpu, syscall_entry_shadow, shadow_begin

%include "asm_offsets.inc"

        section .text
        bits    64
        default rel

; Complete the frame whose vector and error code are on the stack; then RSP points at its first word.
%macro  SAVE_REGISTERS 0
        push    rax
        push    rcx
        push    rdx
        push    rsi
        push    rdi
        push    r8
        push    r9
        push    r10
        push    r11
        push    rbp
        push    rbx
        push    r12
        push    r13
        push    r14
        push    r15
%endmacro

; Reverse of SAVE_REGISTERS; drops vector and error code, so that IRETQ follows.
%macro  LOAD_REGISTERS 0
        pop     r15
        pop     r14
        pop     r13
        pop     r12
        pop     rbx
        pop     rbp
        pop     r11
        pop     r10
        pop     r9
        pop     r8
        pop     rdi
        pop     rsi
        pop     rdx
        pop     rcx
        pop     rax
        add     rsp, 16
%endmacro

; User mode decides about DF, AC (which would lift SMAP) and NT: put them into the state that C expects.
%macro  CLEAN_FLAGS 0
        push    2
        popfq
%endmacro

; Shadow stacks.  The kernel stack's begins afresh wherever the kernel stack does: whoever was on it, in whatever depth, is done.
; CLRSSBSY frees the one whose token's address RAX holds, and SETSSBSY takes the kernel stack's.  Without shadow stacks both are
; invalid, so that a path has two variants, or asks.
%macro  SHADOW_RESTART 0
        mov     rax, [gs:CPU_SHADOW_STACK]
        test    rax, rax
        jz      %%none
        clrssbsy [rax]
        setssbsy
%%none:
%endmacro

; SYSCALL.  In: RCX = user RIP, R11 = user RFLAGS, all other registers the user's; interrupts off by SFMASK.
; A call that returns is left again by the shortest way: kernel_hypercall() has kept RBX, RBP and R12 to R15, and its status goes from
; EAX to RAX.
; %1: with a shadow stack, which SYSCALL leaves to us
%macro  SYSCALL_ENTRY 1
        endbr64
        swapgs
        mov     [gs:CPU_SCRATCH], rcx
        mov     rcx, [gs:CPU_FRAME]
        mov     [rcx + FRAME_RSP], rsp
        mov     rsp, [gs:CPU_KERNEL_STACK]
        mov     [rcx + FRAME_RFLAGS], r11
        mov     r11, [gs:CPU_SCRATCH]
        mov     [rcx + FRAME_RIP], r11
        mov     [rcx + FRAME_RAX], rax
        mov     [rcx + FRAME_RDI], rdi
        mov     [rcx + FRAME_RSI], rsi
        mov     [rcx + FRAME_RDX], rdx
        mov     [rcx + FRAME_R10], r10
        mov     [rcx + FRAME_R8], r8
        mov     [rcx + FRAME_R9], r9
        mov     [rcx + FRAME_RBX], rbx
        mov     [rcx + FRAME_RBP], rbp
        mov     [rcx + FRAME_R12], r12
        mov     [rcx + FRAME_R13], r13
        mov     [rcx + FRAME_R14], r14
        mov     [rcx + FRAME_R15], r15
        mov     qword [rcx + FRAME_VECTOR], FRAME_IS_SYSCALL
        mov     rdi, rcx
        mov     rsi, rax
%if %1
        setssbsy
%endif
        call    kernel_hypercall
        mov     rdi, [gs:CPU_FRAME]
        mov     eax, eax
        cmp     byte [gs:CPU_RESCHED], 0
        jne     leave_by_switch
%endmacro

; In: RDI = frame, RAX = status, RBX, RBP and R12 to R15 the user's already.
; SYSRET with a non-canonical RIP would fault in the kernel with the user's stack.  It cannot be: the RIP is the address
; behind a SYSCALL instruction (or that instruction's own), and the highest executable user page ends at TV_USER_MAX.
; %1: as above
%macro  LEAVE_BY_SYSRET 1
%if %1
        mov     rcx, [gs:CPU_SHADOW_STACK]
        clrssbsy [rcx]
%endif
        mov     rsi, [rdi + FRAME_RSI]
        mov     rdx, [rdi + FRAME_RDX]
        mov     r10, [rdi + FRAME_R10]
        mov     r8, [rdi + FRAME_R8]
        mov     r9, [rdi + FRAME_R9]
        mov     rcx, [rdi + FRAME_RIP]
        mov     r11, [rdi + FRAME_RFLAGS]
        mov     rsp, [rdi + FRAME_RSP]
        mov     rdi, [rdi + FRAME_RDI]
        swapgs
        o64 sysret
%endmacro

        align   64
syscall_entry:
        SYSCALL_ENTRY 0
leave_by_sysret:
        LEAVE_BY_SYSRET 0

        align   64
syscall_entry_shadow:
        SYSCALL_ENTRY 1
leave_by_sysret_shadow:
        LEAVE_BY_SYSRET 1

; In: RDI = frame, RAX = status: before user mode goes on, the scheduler has a decision to make.
leave_by_switch:
        mov     esi, eax
        call    kernel_hypercall_switch
        ud2

; void user_return(void): enter the current thread, whatever it last came in by.
user_return:
        mov     rdi, [gs:CPU_FRAME]
        cmp     qword [rdi + FRAME_VECTOR], FRAME_IS_SYSCALL
        jne     leave_by_iret
        mov     rax, [rdi + FRAME_RAX]
        mov     rbx, [rdi + FRAME_RBX]
        mov     rbp, [rdi + FRAME_RBP]
        mov     r12, [rdi + FRAME_R12]
        mov     r13, [rdi + FRAME_R13]
        mov     r14, [rdi + FRAME_R14]
        mov     r15, [rdi + FRAME_R15]
        cmp     qword [gs:CPU_SHADOW_STACK], 0
        je      leave_by_sysret
        jmp     leave_by_sysret_shadow

; In: RDI = frame.  IRETQ to user mode frees the shadow stack whose token SSP points at.  Some CPUs store a non-canonical RIP when a jump to it faults, and IRETQ to it would fault in the
; kernel: such a thread continues at 0, which is never mapped.
leave_by_iret:
        SHADOW_RESTART
        mov     rax, [rdi + FRAME_RIP]
        shr     rax, 47
        jz      .canonical
        mov     qword [rdi + FRAME_RIP], 0
.canonical:
        mov     rsp, rdi
        LOAD_REGISTERS
        swapgs
        iretq

; Interrupt.  Stack: vector, error code, then what the CPU has pushed: in the thread's frame, or on the kernel stack.
interrupt:
        test    byte [rsp + (FRAME_CS - FRAME_VECTOR)], 3
        jz      .from_kernel
        swapgs
        lfence                          ; no speculation with the user's GS
        SAVE_REGISTERS
        mov     rdi, rsp
        mov     rsp, [gs:CPU_KERNEL_STACK]
        CLEAN_FLAGS
        xor     ebp, ebp
        call    trap_interrupt_user
        mov     rdi, [gs:CPU_FRAME]
        jmp     leave_by_iret
.from_kernel:
        SAVE_REGISTERS
        cld
        mov     rdi, rsp
        call    trap_interrupt_kernel
        LOAD_REGISTERS
        iretq

; Exception without a stack of its own.  In the kernel it is a bug of ours: the careful way.
exception:
        test    byte [rsp + (FRAME_CS - FRAME_VECTOR)], 3
        jz      paranoid
        swapgs
        lfence
        SAVE_REGISTERS
        mov     rdi, rsp
exception_user:
        mov     rsp, [gs:CPU_KERNEL_STACK]
        CLEAN_FLAGS
        xor     ebp, ebp
        call    trap_exception_user
        ud2

; NMI, #DB, #DF, #MC, and exceptions in the kernel: the GS base register itself tells whose it is.
paranoid:
        SAVE_REGISTERS
        CLEAN_FLAGS
        xor     ebx, ebx
        mov     ecx, MSR_GS_BASE_NUMBER
        rdmsr
        test    edx, edx                ; the kernel's pointers have the highest bit set
        js      .kernel_gs
        swapgs
        inc     ebx
.kernel_gs:
        lfence
        mov     rdi, rsp
        mov     rbp, rsp                ; not a frame: debug_on_stack() ends the chain here
        call    trap_paranoid           ; NULL: go on; else the frame of the user thread that has faulted
        mov     rdi, rax
        test    rax, rax
        jnz     .thread_faulted
        test    ebx, ebx
        jz      .leave
        swapgs
.leave:
        LOAD_REGISTERS
        iretq
.thread_faulted:                        ; it goes on on the kernel stack, which is empty: the thread was in user mode
        cmp     qword [gs:CPU_SHADOW_STACK], 0
        je      exception_user
        rdsspq  rax
        clrssbsy [rax]
        setssbsy
        jmp     exception_user

; void cpu_idle(void): STI takes effect after the next instruction, so no interrupt slips in before HLT.
; An NMI right before the HLT would let one in all the same: its handler skips the HLT.
cpu_idle:
        sti
cpu_idle_hlt:
        hlt
cpu_idle_woken:
        cli
        ret

; void cpu_take_interrupts(void)
cpu_take_interrupts:
        sti
        nop
        cli
        ret

; void cpu_resume_vcpu(struct thread *t)
cpu_resume_vcpu:
        SHADOW_RESTART
        mov     rsp, [gs:CPU_KERNEL_STACK]
        xor     ebp, ebp                ; a backtrace ends here
        call    vcpu_resume             ; never returns; the call aligns the stack as C wants it
        ud2

; void shadow_begin(void (*next)(void), uint64_t s_cet)
; In: what IA32_S_CET is to be, if this CPU has a shadow stack.  From there on returns are checked, and no caller is returned to.
shadow_begin:
        mov     rsp, [gs:CPU_KERNEL_STACK]
        xor     ebp, ebp
        cmp     qword [gs:CPU_SHADOW_STACK], 0
        je      .begin
        mov     eax, esi
        xor     edx, edx
        mov     ecx, MSR_S_CET_NUMBER
        wrmsr
        setssbsy
.begin:
        call    rdi
        ud2

; 256 stubs of 16 bytes, which the longest fills: push an error code where the CPU has not, and the vector.
        align   16
vector_stubs:
%assign vector 0
%rep    256
        align   16
        endbr64
%if vector >= 32 || !((ERROR_CODE_VECTORS >> vector) & 1)
        push    0
%endif
        push    vector
%if vector >= 32
        jmp     interrupt
%elif vector == 1 || vector == 2 || vector == 8 || vector == 18
        jmp     paranoid
%else
        jmp     exception
%endif
%assign vector vector + 1
%endrep
        align   16
        times   256 * 16 - ($ - vector_stubs) int3      ; none is longer
