/* SPDX-License-Identifier: Apache-2.0 */
/* What a virtual CPU did lately: see trace.h. */
#include "trace.h"

#include <rt/log.h>
#include <rt/time.h>

#include "vcpu.h"
#include "vm.h"

#define PUBLISH_HZ	200u		/* at most so often are the counters published */

static const char *const kind_name[] = {
	[TV_EXIT_NONE] = "none", [TV_EXIT_KICK] = "kick", [TV_EXIT_DEADLINE] = "deadline", [TV_EXIT_WINDOW] = "window",
	[TV_EXIT_CPUID] = "cpuid", [TV_EXIT_HLT] = "hlt", [TV_EXIT_PIO] = "pio", [TV_EXIT_MMIO] = "mmio",
	[TV_EXIT_RDMSR] = "rdmsr", [TV_EXIT_WRMSR] = "wrmsr", [TV_EXIT_CR] = "cr", [TV_EXIT_DR] = "dr",
	[TV_EXIT_EXC] = "exception", [TV_EXIT_HYPERCALL] = "hypercall", [TV_EXIT_XSETBV] = "xsetbv",
	[TV_EXIT_INSN] = "instruction", [TV_EXIT_SHUTDOWN] = "shutdown", [TV_EXIT_INIT] = "init",
	[TV_EXIT_TASK] = "task switch", [TV_EXIT_FAIL] = "fail",
};
_Static_assert(ARRAY_LEN(kind_name) == TV_EXIT_KINDS, "every exit kind has a name");

const char *trace_kind(uint32_t kind)
{
	return kind < TV_EXIT_KINDS ? kind_name[kind] : "unknown";
}

typedef unsigned long long ull;

static void dump_registers(const struct tv_exit_page *p)
{
	static const char *const seg_name[TV_SEGS] = { "es", "cs", "ss", "ds", "fs", "gs", "ldtr", "tr" };

	rt_log("  rax %016llx rcx %016llx rdx %016llx rbx %016llx", (ull)p->gpr[TV_RAX], (ull)p->gpr[TV_RCX],
	       (ull)p->gpr[TV_RDX], (ull)p->gpr[TV_RBX]);
	rt_log("  rsp %016llx rbp %016llx rsi %016llx rdi %016llx", (ull)p->gpr[TV_RSP], (ull)p->gpr[TV_RBP],
	       (ull)p->gpr[TV_RSI], (ull)p->gpr[TV_RDI]);
	rt_log("  r8  %016llx r9  %016llx r10 %016llx r11 %016llx", (ull)p->gpr[TV_R8], (ull)p->gpr[TV_R9],
	       (ull)p->gpr[TV_R10], (ull)p->gpr[TV_R11]);
	rt_log("  r12 %016llx r13 %016llx r14 %016llx r15 %016llx", (ull)p->gpr[TV_R12], (ull)p->gpr[TV_R13],
	       (ull)p->gpr[TV_R14], (ull)p->gpr[TV_R15]);
	rt_log("  rip %016llx rflags %06llx shadow %x inject %llx pending %llx", (ull)p->rip, (ull)p->rflags, p->shadow,
	       (ull)p->inject, (ull)p->pending);
	/* The rest is what the last exit that fetched it saw. */
	rt_log("  cr0 %08llx cr2 %016llx cr3 %016llx cr4 %08llx efer %llx (%s)", (ull)p->cr0, (ull)p->cr2, (ull)p->cr3,
	       (ull)p->cr4, (ull)p->efer, p->valid & TV_REGS_CR ? "now" : "earlier");
	if (!(p->valid & TV_REGS_SEG))
		return;
	for (unsigned i = 0; i < TV_SEGS; i++)
		rt_log("  %-4s %04x base %016llx limit %08x attr %04x", seg_name[i], p->seg[i].sel, (ull)p->seg[i].base,
		       p->seg[i].limit, p->seg[i].attr);
}

void trace_dump(const struct vcpu *v)
{
	const struct tv_exit_page *p = v->page;
	const struct trace *t = &v->trace;
	uint32_t count = t->next < TRACE_EXITS ? t->next : TRACE_EXITS;

	lock_take(&v->vm->dump_lock);
	rt_log("CPU %u%s: last exit %s, %llu exits, %llu entries, %llu interrupts", v->index, v->s.halted ? " (halted)" : "",
	       trace_kind(p->kind), (ull)p->exits, (ull)p->entries, (ull)t->injected);
	dump_registers(p);
	for (uint32_t kind = 0; kind < TV_EXIT_KINDS; kind++)
		if (t->exits[kind])
			rt_log("  %-12s %llu", trace_kind(kind), (ull)t->exits[kind]);
	for (uint32_t i = t->next - count; i != t->next; i++) {
		const struct trace_exit *e = &t->last[i % TRACE_EXITS];

		rt_log("  -%-2u %-12s rip %016llx arg0 %llx arg1 %llx len %u", t->next - i, trace_kind(e->kind), (ull)e->rip,
		       (ull)e->arg0, (ull)e->arg1, e->insn_len);
	}
	lock_release(&v->vm->dump_lock);
}

void trace_publish(struct vcpu *v)
{
	struct vm_cpu_status *s = &v->vm->shared->status.cpu[v->index];
	const struct board *b = &v->vm->board;

	v->trace.published = clock_now();
	for (unsigned kind = 0; kind < TV_EXIT_KINDS; kind++)
		atomic_store_explicit(&s->exits[kind], v->trace.exits[kind], memory_order_relaxed);
	atomic_store_explicit(&s->injected, v->trace.injected, memory_order_relaxed);
	atomic_store_explicit(&s->halted, v->trace.halted, memory_order_relaxed);
	if (v->index == 0)
		atomic_store_explicit(&v->vm->shared->status.unclaimed, b->pio.unclaimed + b->mmio.unclaimed,
				      memory_order_relaxed);
}

void trace_publish_lazily(struct vcpu *v)
{
	if (clock_now() - v->trace.published >= v->vm->tsc_hz / PUBLISH_HZ)
		trace_publish(v);
}

void trace_beat(struct vcpu *v)
{
	_Atomic uint32_t *answer = &v->vm->shared->status.cpu[v->index].beat;
	uint32_t beat = atomic_load_explicit(&v->vm->shared->beat, memory_order_relaxed);

	if (likely(beat == atomic_load_explicit(answer, memory_order_relaxed)))
		return;
	trace_publish(v);
	atomic_store_explicit(answer, beat, memory_order_release);
}
