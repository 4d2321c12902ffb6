/* SPDX-License-Identifier: Apache-2.0 */
/* The hot half of insn_fetch.c: is the instruction at RIP one that was fetched from there before? */
#ifndef VMM_INSN_SEEN_H
#define VMM_INSN_SEEN_H

#include "insn_exec.h"

/* CS as far as it decides what the bytes at RIP mean: selector, attributes and limit, which are its first word. */
static inline uint64_t insn_code_segment(const struct tv_exit_page *st)
{
	uint64_t word;

	_Static_assert(offsetof(struct tv_segment, base) == sizeof(word), "all before the base");
	__builtin_memcpy(&word, &st->seg[TV_CS], sizeof(word));
	return word;
}

static inline struct insn_memo *insn_memo_slot(struct insn_ctx *c)
{
	uint64_t rip = c->st->rip;

	return &c->memo[(rip ^ rip >> 6 ^ rip >> 12) % INSN_MEMOS];
}

/* Are the bytes of @m, and the page-table entries that lead to them, still the same? */
static inline bool insn_memo_holds(const struct insn_memo *m)
{
	return !((m->at[0] ^ m->bytes[0]) | (m->at[1] ^ m->bytes[1]) | gwalk_note_differs(&m->walk));
}

/* The memo of the instruction at RIP, if a fetch would find just this instruction there now; else NULL. */
static ALWAYS_INLINE struct insn_memo *insn_seen(struct insn_ctx *c)
{
	const struct tv_exit_page *st = c->st;
	struct insn_memo *m = insn_memo_slot(c);

	if (unlikely(!m->at || (m->rip ^ st->rip) | (m->cs ^ insn_code_segment(st)) | (m->cs_base ^ st->seg[TV_CS].base) |
		     (m->mode ^ c->modes ^ st->cpl)))
		return NULL;
	if (unlikely(m->cr3 != st->cr3))
		return insn_seen_elsewhere(c, m);
	return likely(insn_memo_holds(m)) ? m : NULL;
}

#endif
