/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What CPUs do for each other.
 *
 * What belongs to a CPU (threads, contexts, timers, its TLB) is changed by that CPU alone, between two of its operations: in user
 * mode, in guest mode, when it idles, and while it waits for the tree lock.  Others ask it to.  Only the holder of the tree lock asks, so
 * there is one question at a time, and whoever waits for the lock answers meanwhile.
 *
 * An answer also says that its CPU uses no pointer any more that it found without the lock before: cross_sync() is the end of the time
 * for which memory that was withdrawn must stay.
 */
#ifndef KERNEL_CROSS_H
#define KERNEL_CROSS_H

#include <kernel/cpu.h>
#include <lib/base.h>

struct user_frame;

/* Take the tree lock for the hypercall of the current thread in @f.  If that thread may not go on afterwards, this does not return, and
 * the hypercall begins again when it may. */
void tree_lock(struct user_frame *f);
/* Free what was withdrawn under the lock (kernel/limbo.h), and release it. */
void tree_unlock(void);

/* Run @fn(@arg) on CPU @cpu, and return when it is done.  The caller holds the tree lock. */
void cross_call(uint32_t cpu, void (*fn)(void *arg), void *arg);
/* The same on all CPUs of @set at the same time; @set NULL: on every CPU. */
void cross_call_set(const struct cpu_set *set, void (*fn)(void *arg), void *arg);
/* Every other CPU has passed a point between two operations. */
void cross_sync(void);

/* Do what another CPU asks for, if one does; at a point between two operations. */
void cross_answer(struct cpu *c);
static inline void cross_serve(struct cpu *c)
{
	if (unlikely(__atomic_load_n(&c->asked, __ATOMIC_ACQUIRE)))
		cross_answer(c);
}

/* The wait of @t, whose CPU is another one, was ended: t->result and t->taken say how.  Its CPU does the rest.  Without the tree lock. */
void mail_send(struct thread *t);
/* Take what mail_send() has left for this CPU. */
void mail_take(struct cpu *c);

#endif
