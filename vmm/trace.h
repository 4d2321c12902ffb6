/* SPDX-License-Identifier: Apache-2.0 */
/* What a virtual CPU did lately: a histogram of its exits, and the last of them. */
#ifndef VMM_TRACE_H
#define VMM_TRACE_H

#include <abi/exit.h>
#include <lib/base.h>

#define TRACE_EXITS	32u		/* a power of two */

struct trace_exit {
	uint64_t rip, arg0, arg1;
	uint32_t kind;
	uint32_t insn_len;
};

struct trace {
	uint64_t exits[TV_EXIT_KINDS];
	uint64_t injected;		/* interrupts delivered */
	uint64_t sleeps;		/* times the vCPU waited in HLT ... */
	uint64_t halted;		/* ... and how long, TSC ticks */
	uint64_t published;		/* TSC at which the counters were last published */
	uint32_t next;			/* in @last; counts on */
	struct trace_exit last[TRACE_EXITS];
};

struct vcpu;
struct vm;

/* Counters have one writer, the vCPU's thread; others may read them. */
static inline void trace_count(uint64_t *counter)
{
	__atomic_store_n(counter, *counter + 1, __ATOMIC_RELAXED);
}

/* Record the exit that stands in @p; its kind is below TV_EXIT_KINDS. */
static inline void trace_exit(struct trace *t, const struct tv_exit_page *p)
{
	struct trace_exit *e = &t->last[t->next++ % TRACE_EXITS];
	uint32_t kind = p->kind;

	trace_count(&t->exits[kind]);
	e->rip = p->rip;
	e->arg0 = p->arg0;
	e->arg1 = p->arg1;
	e->kind = kind;
	e->insn_len = p->insn_len;
}

/* The name of an exit kind. */
const char *trace_kind(uint32_t kind);

/* Write registers, counters and the last exits of @v into the log; by its thread. */
void trace_dump(const struct vcpu *v);

/* Make the counters of @v visible in the status page; by its thread. */
void trace_publish(struct vcpu *v);
/* The same, if that was not done just now. */
void trace_publish_lazily(struct vcpu *v);
/* Has root asked for a sign of life?  Then answer; by the thread of @v. */
void trace_beat(struct vcpu *v);

#endif
