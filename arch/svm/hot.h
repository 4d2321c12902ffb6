/* SPDX-License-Identifier: Apache-2.0 */
/* What nearly every exit needs of state.c and exit.c, to be inlined into the loop of run.c: groups RIP and CODE, and the table of exits. */
#ifndef SVM_HOT_H
#define SVM_HOT_H

#include "svm.h"

#include <x86/cr.h>
#include <x86/msr.h>
#include <x86/seg.h>

#define ATTR_HW		MASK(11, 0)
#define INSN_MAX	15u

/* --- group RIP -------------------------------------------------------------------------------------------------------- */

/* As read from the page. */
struct rip_group {
	uint64_t rip, rflags, rsp;
	uint32_t shadow;
};

static inline void load_rip(struct vmcb *b, const struct rip_group *g, uint64_t int_state)
{
	b->rip = g->rip;
	b->rflags = g->rflags;
	b->rsp = g->rsp;
	b->int_state = int_state;
}

/* state.c: the same with a blocking of interrupts or NMIs, old or new, which is rare; and its way back. */
bool svm_push_blocking(struct svm_vcpu *s, uint64_t rip, uint64_t rflags, uint64_t rsp, uint32_t shadow) MUST_USE;
uint32_t svm_shadow(const struct svm_vcpu *s);

static inline bool push_rip(struct vcpu *v)
{
	const struct tv_exit_page *p = v->page;
	struct svm_vcpu *s = svm_of(v);
	struct vmcb *b = s->vmcb;
	const struct rip_group g = { READ_ONCE(p->rip), READ_ONCE(p->rflags), READ_ONCE(p->gpr[TV_RSP]), READ_ONCE(p->shadow) };

	if (unlikely(!guest_rip_ok(g.rip, g.rflags)))
		return false;
	if (unlikely(g.rflags & RFLAGS_VM) && (!(b->cr0 & CR0_PE) || b->efer & EFER_LMA))
		return false;
	if (unlikely(g.shadow | s->nmi))
		return svm_push_blocking(s, g.rip, g.rflags, g.rsp, g.shadow);
	load_rip(b, &g, 0);
	return true;
}

static inline void pull_rip(struct tv_exit_page *p, const struct svm_vcpu *s)
{
	const struct vmcb *b = s->vmcb;

	p->rip = b->rip;
	p->rflags = b->rflags;
	p->gpr[TV_RSP] = b->rsp;
	p->shadow = unlikely((b->int_state & INT_SHADOW) | s->nmi) ? svm_shadow(s) : 0;
}

/* --- segments, group CODE --------------------------------------------------------------------------------------------- */

/*
 * Segments as the page wants them, whatever the CPU left: implementations differ in G, in the busy bit of TR and in the
 * accessed bits, and keep old attributes of segments that became unusable.
 *
 * Where the CPU tells neither lengths nor bytes of instructions, most exits fetch one.  So a segment is taken as two
 * words: the first has selector, attributes and limit in both structures.
 */
#define HEAD_ATTR(bits)		((uint64_t)(bits) << 16)
#define HEAD_LIMIT_BYTES	(0xfffffull << 32 | MASK(31, 0))	/* up to here the limit can be one in bytes */
_Static_assert(offsetof(struct vmcb_seg, attr) == 2 && offsetof(struct tv_segment, attr) == 2 &&
	       offsetof(struct vmcb_seg, limit) == 4 && offsetof(struct tv_segment, limit) == 4, "the heads are alike");

static NOINLINE uint64_t unusable(uint64_t head)
{
	return (head & ~HEAD_ATTR(0xffff & ~SEG_DPL)) | HEAD_ATTR(TV_SEG_UNUSABLE);
}

/* @i is a constant everywhere, so that each call is straight code. */
static inline void pull_segment(struct tv_segment *g, const struct vmcb_seg *hw, unsigned i, uint64_t cpl)
{
	uint64_t head;

	__builtin_memcpy(&head, hw, sizeof(head));
	head &= ~HEAD_ATTR((0xffff & ~ATTR_HW) | SEG_G);
	if (i == TV_SS)
		head = (head & ~HEAD_ATTR(SEG_DPL)) | HEAD_ATTR(cpl << 5);
	if (i != TV_CS && i != TV_TR && unlikely(!(head & HEAD_ATTR(SEG_P))))
		head = unusable(head);
	else
		head |= HEAD_ATTR(SEG_P | (i == TV_TR ? SEG_TYPE_TSS_BUSY : i == TV_LDTR ? 0 : SEG_ACCESSED)) |
			(head > HEAD_LIMIT_BYTES ? HEAD_ATTR(SEG_G) : 0);
	__builtin_memcpy(g, &head, sizeof(head));
	g->base = i >= TV_FS ? hw->base : (uint32_t)hw->base;
}

/* Where the CPU does not tell the length of instructions, every exit of one fetches this. */
static inline void pull_code(struct tv_exit_page *p, const struct svm_vcpu *s)
{
	const struct vmcb *b = s->vmcb;

	p->cr3 = b->cr3;
	p->cpl = b->cpl;
	pull_segment(&p->seg[TV_CS], &b->cs, TV_CS, 0);
}

/* --- exits ------------------------------------------------------------------------------------------------------------ */

struct exit_row {
	uint8_t kind;		/* enum tv_exit_kind of a complete row; else TV_EXIT_NONE    */
	uint8_t insn;		/* TV_EXIT_INSN: enum tv_insn                                */
	uint32_t (*decode)(struct vcpu *v, const struct vmcb *b);	/* else; NULL: unknown */
};

/* exit.c: exits by code; those beyond the table or not in it; an exit after an entry that was more than one. */
extern const struct exit_row svm_exit_table[SVM_EXIT_TABLE];
uint32_t svm_exit_other(struct vcpu *v, const struct vmcb *b);
uint32_t svm_exit_aftermath(struct vcpu *v, struct svm_vcpu *s, struct vmcb *b);

/* The instruction's length from the address of the next one; 0: not known. */
static inline uint32_t length_to(const struct vmcb *b, uint64_t next)
{
	uint64_t length = next - b->rip;

	return next && length <= INSN_MAX ? (uint32_t)length : 0;
}

static ALWAYS_INLINE uint32_t exit_decode(struct vcpu *v, const struct vmcb *b)
{
	struct tv_exit_page *p = v->page;
	uint32_t code = (uint32_t)b->exit_code;
	const struct exit_row *row;

	p->insn_len = svm.next_rip ? length_to(b, b->next_rip) : 0;
	p->insn_count = 0;
	if (unlikely(code >= SVM_EXIT_TABLE))
		return svm_exit_other(v, b);
	row = &svm_exit_table[code];
	if (row->kind) {
		p->arg0 = row->insn;
		return row->kind;
	}
	return likely(row->decode) ? row->decode(v, b) : svm_exit_other(v, b);
}

#endif
