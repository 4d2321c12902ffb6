/* SPDX-License-Identifier: Apache-2.0 */
/* The way into the kernel from user mode: the table of hypercalls, and interrupts. */
#include <kernel/cap.h>
#include <kernel/cpu.h>
#include <kernel/cross.h>
#include <kernel/hypercall.h>
#include <kernel/klog.h>
#include <kernel/sched.h>
#include <kernel/thread.h>
#include <kernel/timer.h>
#include <kernel/upcall.h>

enum tv_err (*const hypercall_table[])(struct thread *t, struct user_frame *f) = {
	[TV_CAP_DERIVE] = hc_cap_derive,
	[TV_CAP_DELETE] = hc_cap_delete,
	[TV_CAP_REVOKE] = hc_cap_revoke,
	[TV_CAP_INFO] = hc_cap_info,
	[TV_DOMAIN_CREATE] = hc_domain_create,
	[TV_DOMAIN_DESTROY] = hc_domain_destroy,
	[TV_DOMAIN_QUOTA] = hc_domain_quota,
	[TV_DOMAIN_INFO] = hc_domain_info,
	[TV_DOMAIN_WATCH] = hc_domain_watch,
	[TV_SPACE_CREATE] = hc_space_create,
	[TV_MEM_MAP] = hc_mem_map,
	[TV_MEM_UNMAP] = hc_mem_unmap,
	[TV_MEM_PROTECT] = hc_mem_protect,
	[TV_THREAD_CREATE] = hc_thread_create,
	[TV_THREAD_START] = hc_thread_start,
	[TV_THREAD_SUSPEND] = hc_thread_suspend,
	[TV_THREAD_BIND] = hc_thread_bind,
	[TV_THREAD_INFO] = hc_thread_info,
	[TV_THREAD_EXIT] = hc_thread_exit,
	[TV_SCHED_CREATE] = hc_sched_create,
	[TV_SCHED_BIND] = hc_sched_bind,
	[TV_SCHED_INFO] = hc_sched_info,
	[TV_VCPU_CREATE] = hc_vcpu_create,
	[TV_VCPU_MAP] = hc_vcpu_map,
	[TV_VCPU_RUN] = hc_vcpu_run,
	[TV_VCPU_KICK] = hc_vcpu_kick,
	[TV_EP_CREATE] = hc_ep_create,
	[TV_EP_CALL] = hc_ep_call,
	[TV_EP_WAIT] = hc_ep_wait,
	[TV_EP_REPLY_WAIT] = hc_ep_reply_wait,
	[TV_NTFN_CREATE] = hc_ntfn_create,
	[TV_NTFN_SIGNAL] = hc_ntfn_signal,
	[TV_NTFN_WAIT] = hc_ntfn_wait,
	[TV_NTFN_POLL] = hc_ntfn_poll,
	[TV_IRQ_BIND] = hc_irq_bind,
	[TV_IRQ_ACK] = hc_irq_ack,
	[TV_IRQ_MASK] = hc_irq_mask,
	[TV_PORT_GRANT] = hc_port_grant,
	[TV_MSR_GRANT] = hc_msr_grant,
	[TV_LOG_WRITE] = hc_log_write,
	[TV_LOG_READ] = hc_log_read,
	[TV_LOG_BIND] = hc_log_bind,
	[TV_THREAD_RESET] = hc_thread_reset,
	[TV_DOORBELL_BIND] = hc_doorbell_bind,
	[TV_CPU_INFO] = hc_cpu_info,
};
_Static_assert(ARRAY_LEN(hypercall_table) == TV_HYPERCALLS, "every hypercall number needs a handler");

/* Calls that change derivation trees or end objects: they hold the tree lock.  None of them blocks. */
#define TREE_CALLS	(BIT(TV_CAP_DERIVE) | BIT(TV_CAP_DELETE) | BIT(TV_CAP_REVOKE) | BIT(TV_CAP_INFO) | \
			 MASK(TV_DOMAIN_WATCH, TV_DOMAIN_CREATE) | MASK(TV_MEM_PROTECT, TV_SPACE_CREATE) | \
			 MASK(TV_THREAD_BIND, TV_THREAD_CREATE) | BIT(TV_SCHED_CREATE) | BIT(TV_SCHED_BIND) | \
			 BIT(TV_VCPU_CREATE) | BIT(TV_VCPU_MAP) | BIT(TV_EP_CREATE) | BIT(TV_NTFN_CREATE) | \
			 BIT(TV_IRQ_BIND) | BIT(TV_PORT_GRANT) | BIT(TV_MSR_GRANT) | BIT(TV_LOG_BIND) | \
			 BIT(TV_THREAD_RESET) | BIT(TV_DOORBELL_BIND))
_Static_assert(TV_HYPERCALLS <= 64, "TREE_CALLS has a bit for each");

static NOINLINE enum tv_err tree_call(struct thread *t, struct user_frame *f, uint64_t number)
{
	enum tv_err err;

	tree_lock(f);
	err = hypercall_table[number](t, f);
	tree_unlock();
	return err;
}

/* Every branch ends in a jump to the handler: nothing is saved for the way back, which is short. */
enum tv_err kernel_hypercall(struct user_frame *f, uint64_t number)
{
	struct thread *t = container_of(f, struct thread, arch.frame);

	/* The way of every VM exit: no table, no question. */
	if (likely(number == TV_VCPU_RUN))
		return hc_vcpu_run(t, f);
	if (unlikely(number >= TV_HYPERCALLS))
		return TV_ENOSYS;
	number = index_nospec(number, TV_HYPERCALLS);
	if (TREE_CALLS >> number & 1)
		return tree_call(t, f, number);
	return hypercall_table[number](t, f);
}

void kernel_hypercall_switch(struct user_frame *f, enum tv_err status)
{
	frame_set_status(f, status);
	sched_dispatch();
}

void hypercall_restart(struct thread *t)
{
	tree_unlock();
	frame_restart(&t->arch.frame, frame_number(&t->arch.frame));
	sched_return();
}

/* Interrupts are taken only in user mode, in guest mode, in cpu_idle() and cpu_take_interrupts(): nothing is half changed then. */
void kernel_timer(void)
{
	cpu_self()->count.timer++;
	timer_run();
	klog_check();
}

/* Mail, or a question; that is answered when nothing is being done any more. */
void kernel_ipi(void)
{
	struct cpu *c = cpu_self();

	c->count.message++;
	mail_take(c);
}

void kernel_after_interrupt(void)
{
	struct cpu *c = cpu_self();

	cross_serve(c);
	if (c->resched)
		sched_dispatch();
}
