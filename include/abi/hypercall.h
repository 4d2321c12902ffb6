/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hypercall numbers and registers.
 *
 *   SYSCALL with  RAX = number;  RDI = arg0  RSI = arg1  RDX = arg2  R10 = arg3  R8 = arg4  R9 = arg5
 *   returns       RAX = status (enum tv_err);  RDI = badge (endpoints);  RSI RDX R10 R8 R9 = message words 0 to 4
 *   destroys      RCX, R11 (SYSCALL itself).  RBX, RBP, RSP and R12 to R15 are kept.
 *
 * A call that returns no message leaves RSI, RDX, R10, R8 and R9 undefined, but never with kernel data in them.
 * docs/abi.md describes each call with every error and its cause.
 */
#ifndef ABI_HYPERCALL_H
#define ABI_HYPERCALL_H

#include <stdint.h>

enum tv_hypercall {
	/* capabilities */
	TV_CAP_DERIVE      = 0,		/* dst domain, dst sel, src sel, rights, base|badge, size                    */
	TV_CAP_DELETE      = 1,		/* sel                                                                       */
	TV_CAP_REVOKE      = 2,		/* sel                                                                       */
	TV_CAP_INFO        = 3,		/* sel -> type, rights, base|badge, size                                     */
	/* domains */
	TV_DOMAIN_CREATE   = 4,		/* dst sel, quota in bytes                                                   */
	TV_DOMAIN_DESTROY  = 5,		/* domain                                                                    */
	TV_DOMAIN_QUOTA    = 6,		/* domain, bytes (signed: + gives from the caller's own, - takes back)       */
	TV_DOMAIN_INFO     = 7,		/* domain -> quota, used, threads, peak                                      */
	TV_DOMAIN_WATCH    = 8,		/* domain, notification, bits: signalled when a thread of it faults or exits */
	/* spaces and memory; "space" is a SPACE capability, or a DOMAIN for its host space */
	TV_SPACE_CREATE    = 9,		/* dst sel, enum tv_space_kind                                               */
	TV_MEM_MAP         = 10,	/* space, address, region, offset, size, TV_MAP_*                            */
	TV_MEM_UNMAP       = 11,	/* space, address, size                                                      */
	TV_MEM_PROTECT     = 12,	/* space, address, size, TV_MAP_READ|WRITE|EXEC                              */
	/* threads and scheduling */
	TV_THREAD_CREATE   = 13,	/* dst sel, domain, rip, rsp, arg (RDI of the new thread), FS base           */
	TV_THREAD_START    = 14,	/* thread: run it for the first time, or again after suspend                 */
	TV_THREAD_SUSPEND  = 15,	/* thread                                                                    */
	TV_THREAD_BIND     = 16,	/* thread, notification: what kicks it out of vcpu_run                       */
	TV_THREAD_INFO     = 17,	/* thread -> state, fault code, rip, address, exit code                      */
	TV_THREAD_EXIT     = 18,	/* code                                                                      */
	TV_SCHED_CREATE    = 19,	/* dst sel, source sched, CPU, priority, budget ticks, period ticks          */
	TV_SCHED_BIND      = 20,	/* sched, thread                                                             */
	TV_SCHED_INFO      = 21,	/* sched -> consumed ticks, priority, CPU, budget, period                    */
	/* virtual CPUs */
	TV_VCPU_CREATE     = 22,	/* dst sel, guest space                                                      */
	TV_VCPU_MAP        = 23,	/* vcpu, address: the state page, in the caller's host space                 */
	TV_VCPU_RUN        = 24,	/* vcpu, absolute TSC deadline (TV_NEVER: none)                              */
	TV_VCPU_KICK       = 25,	/* vcpu                                                                      */
	/* communication */
	TV_EP_CREATE       = 26,	/* dst sel                                                                   */
	TV_EP_CALL         = 27,	/* endpoint, word 0 ... word 4 -> words                                      */
	TV_EP_WAIT         = 28,	/* endpoint -> badge, words                                                  */
	TV_EP_REPLY_WAIT   = 29,	/* endpoint, word 0 ... word 4 -> badge, words                               */
	TV_NTFN_CREATE     = 30,	/* dst sel                                                                   */
	TV_NTFN_SIGNAL     = 31,	/* notification, bits                                                        */
	TV_NTFN_WAIT       = 32,	/* notification, absolute TSC deadline -> bits (cleared)                     */
	TV_NTFN_POLL       = 33,	/* notification -> bits (cleared)                                            */
	/* devices */
	TV_IRQ_BIND        = 34,	/* irqs, number, notification, bits, TV_IRQ_* -> message's address, its data */
	TV_IRQ_ACK         = 35,	/* irqs, number: unmask after a signal                                       */
	TV_IRQ_MASK        = 36,	/* irqs, number                                                              */
	TV_PORT_GRANT      = 37,	/* domain or vcpu, ports                                                     */
	TV_MSR_GRANT       = 38,	/* vcpu, msrs                                                                */
	/* kernel log */
	TV_LOG_WRITE       = 39,	/* log, 40 bytes of text in words 0 ... 4, NUL-terminated if shorter         */
	TV_LOG_READ        = 40,	/* log, position -> next position, 32 bytes of text in words 1 ... 4          */
	TV_LOG_BIND        = 41,	/* log, notification, bits: signalled when the log grows                     */
	/* threads, again */
	TV_THREAD_RESET    = 42,	/* thread, rip, rsp, arg: begin anew, with the FPU state kept                */
	/* devices, again */
	TV_DOORBELL_BIND   = 43,	/* guest space, port, notification (0: none), bits                           */
	/* scheduling, again */
	TV_CPU_INFO        = 44,	/* sched -> of its CPU: idle ticks, timer, device, message interrupts, switches */
	TV_HYPERCALLS
};

#define TV_NEVER	(~0ull)

/* Shares of a CPU are parts of this. */
#define TV_SCHED_WHOLE	(1ull << 32)

/* thread_info word 0. */
enum tv_thread_state {
	TV_THREAD_SUSPENDED = 0,
	TV_THREAD_RUNNABLE  = 1,
	TV_THREAD_BLOCKED   = 2,	/* waits for a notification, an endpoint or a reply     */
	TV_THREAD_FAULTED   = 3,	/* word 1: exception vector | error code << 32; word 2: RIP; word 3: CR2 */
	TV_THREAD_EXITED    = 4,	/* word 4: code given to thread_exit                    */
};

#endif
