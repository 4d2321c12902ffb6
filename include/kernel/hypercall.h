/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hypercall handlers.  A handler gets the calling thread and its registers, checks everything first, and returns the status.
 * One that blocks ends in sched_dispatch(); one that has more to do ends in hypercall_restart(), so that interrupts come in between.
 */
#ifndef KERNEL_HYPERCALL_H
#define KERNEL_HYPERCALL_H

#include <abi/hypercall.h>
#include <abi/status.h>
#include <arch/user.h>
#include <lib/base.h>

struct thread;

/* Let the thread execute its SYSCALL again, with the arguments that stand in its frame now.  For the calls that hold the
 * tree lock (kernel/cross.h), which it releases. */
NORETURN void hypercall_restart(struct thread *t);

/* hc_cap.c */
enum tv_err hc_cap_derive(struct thread *t, struct user_frame *f);
enum tv_err hc_cap_delete(struct thread *t, struct user_frame *f);
enum tv_err hc_cap_revoke(struct thread *t, struct user_frame *f);
enum tv_err hc_cap_info(struct thread *t, struct user_frame *f);
/* hc_domain.c */
enum tv_err hc_domain_create(struct thread *t, struct user_frame *f);
enum tv_err hc_domain_destroy(struct thread *t, struct user_frame *f);
enum tv_err hc_domain_quota(struct thread *t, struct user_frame *f);
enum tv_err hc_domain_info(struct thread *t, struct user_frame *f);
enum tv_err hc_domain_watch(struct thread *t, struct user_frame *f);
/* hc_mem.c */
enum tv_err hc_space_create(struct thread *t, struct user_frame *f);
enum tv_err hc_mem_map(struct thread *t, struct user_frame *f);
enum tv_err hc_mem_unmap(struct thread *t, struct user_frame *f);
enum tv_err hc_mem_protect(struct thread *t, struct user_frame *f);
/* hc_thread.c, hc_sched.c */
enum tv_err hc_thread_create(struct thread *t, struct user_frame *f);
enum tv_err hc_thread_start(struct thread *t, struct user_frame *f);
enum tv_err hc_thread_suspend(struct thread *t, struct user_frame *f);
enum tv_err hc_thread_reset(struct thread *t, struct user_frame *f);
enum tv_err hc_thread_bind(struct thread *t, struct user_frame *f);
enum tv_err hc_thread_info(struct thread *t, struct user_frame *f);
enum tv_err hc_thread_exit(struct thread *t, struct user_frame *f);
enum tv_err hc_sched_create(struct thread *t, struct user_frame *f);
enum tv_err hc_sched_bind(struct thread *t, struct user_frame *f);
enum tv_err hc_sched_info(struct thread *t, struct user_frame *f);
enum tv_err hc_cpu_info(struct thread *t, struct user_frame *f);
/* hc_vcpu.c */
enum tv_err hc_vcpu_create(struct thread *t, struct user_frame *f);
enum tv_err hc_vcpu_map(struct thread *t, struct user_frame *f);
enum tv_err hc_vcpu_run(struct thread *t, struct user_frame *f);
enum tv_err hc_vcpu_kick(struct thread *t, struct user_frame *f);
/* ep.c, hc_ipc.c */
enum tv_err hc_ep_create(struct thread *t, struct user_frame *f);
enum tv_err hc_ep_call(struct thread *t, struct user_frame *f);
enum tv_err hc_ep_wait(struct thread *t, struct user_frame *f);
enum tv_err hc_ep_reply_wait(struct thread *t, struct user_frame *f);
enum tv_err hc_ntfn_create(struct thread *t, struct user_frame *f);
enum tv_err hc_ntfn_signal(struct thread *t, struct user_frame *f);
enum tv_err hc_ntfn_wait(struct thread *t, struct user_frame *f);
enum tv_err hc_ntfn_poll(struct thread *t, struct user_frame *f);
/* hc_dev.c */
enum tv_err hc_irq_bind(struct thread *t, struct user_frame *f);
enum tv_err hc_irq_ack(struct thread *t, struct user_frame *f);
enum tv_err hc_irq_mask(struct thread *t, struct user_frame *f);
enum tv_err hc_port_grant(struct thread *t, struct user_frame *f);
enum tv_err hc_msr_grant(struct thread *t, struct user_frame *f);
enum tv_err hc_doorbell_bind(struct thread *t, struct user_frame *f);
/* klog.c */
enum tv_err hc_log_write(struct thread *t, struct user_frame *f);
enum tv_err hc_log_read(struct thread *t, struct user_frame *f);
enum tv_err hc_log_bind(struct thread *t, struct user_frame *f);

/* The table that kernel_hypercall() dispatches through; indexed by enum tv_hypercall. */
extern enum tv_err (*const hypercall_table[])(struct thread *t, struct user_frame *f);

#endif
