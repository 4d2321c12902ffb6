/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Instruction fetch: bytes at CS:RIP through the guest's page tables, decoded.
 *
 * Exits come again and again from the same few instructions, so each fetch leaves a memo: where the bytes are, what they were, and
 * which page-table entries led there.  The next fetch from the same place compares instead of walking and decoding; as soon as a
 * byte or an entry is another one, it does everything anew.
 */
#include "insn_exec.h"

#include <x86/cr.h>
#include <x86/msr.h>
#include <x86/seg.h>

#include "insn_priv.h"
#include "insn_seen.h"

#define WINDOW		16u		/* bytes that a memo compares */
#define CR3_TABLE	MASK(51, 12)
#define LEVEL4_SHIFT	39u

/* The kind of code that CS selects. */
enum insn_mode insn_mode(const struct tv_exit_page *st)
{
	uint16_t attr = st->seg[TV_CS].attr;

	if (st->efer & EFER_LMA && attr & BIT(9))
		return INSN_MODE_64;
	return attr & BIT(10) ? INSN_MODE_32 : INSN_MODE_16;
}

static uint64_t fetch_access(const struct tv_exit_page *st)
{
	return GWALK_FETCH | (st->cpl == 3 ? GWALK_USER : 0);
}

/*
 * The place of @m under another CR3, in long mode: kernels are mapped by the same upper tables in all their address spaces.  If
 * the new first table has the same entry, the memo moves over to it.  As insn_seen().
 */
struct insn_memo *insn_seen_elsewhere(struct insn_ctx *c, struct insn_memo *m)
{
	const struct tv_exit_page *st = c->st;
	uint64_t slot = (st->cr3 & CR3_TABLE) + (st->rip >> LEVEL4_SHIFT & 511) * sizeof(uint64_t);
	const uint64_t *at;

	if (insn_mode(st) != INSN_MODE_64)
		return NULL;
	at = c->vm->ram(c->vm->opaque, (gpa_t){ slot }, sizeof(*at), false);
	if (!at || __atomic_load_n(at, __ATOMIC_RELAXED) != m->walk.entry[0].value)
		return NULL;
	m->walk.entry[0].at = at;
	m->cr3 = st->cr3;
	return insn_memo_holds(m) ? m : NULL;
}

/*
 * Append instruction bytes at CS:RIP + *@count to @bytes, which has room for 16 more, up to 16 bytes in all and not beyond the page
 * and the limit of CS.  Each byte of guest memory is read once.
 */
static enum insn_result fetch_bytes(struct insn_ctx *c, enum insn_mode mode, uint8_t *bytes, unsigned *count)
{
	uint64_t access = fetch_access(c->st), linear = c->st->rip + *count, room = 16 - *count, value[2];
	const struct tv_segment *cs = &c->st->seg[TV_CS];
	struct insn_span span;
	enum insn_result r;

	if (mode == INSN_MODE_64) {
		if (!insn_canonical(c->st, linear))
			return insn_raise_error(c, EXC_GP, 0);
	} else {
		linear &= MASK(31, 0);
		if (linear > cs->limit)
			return insn_raise_error(c, EXC_GP, 0);
		room = min_u64(room, cs->limit - linear + 1);
		linear = (cs->base + linear) & MASK(31, 0);
	}
	room = min_u64(room, PAGE_SIZE - (linear & PAGE_MASK));
	r = insn_map_linear(c, linear, (unsigned)room, access, NULL, &span);
	if (r)
		return r;
	if (!span.part[0].ram)
		return INSN_UNSUPPORTED;	/* code in a device */
	insn_span_read(c, &span, value);
	__builtin_memcpy(bytes + *count, value, sizeof(value));
	*count += (unsigned)room;
	return INSN_DONE;
}

/* Linear address of RIP, if the 15 bytes from there on are inside CS. */
static bool code_address(const struct tv_exit_page *st, enum insn_mode mode, uint64_t *linear)
{
	const struct tv_segment *cs = &st->seg[TV_CS];

	if (mode == INSN_MODE_64) {
		*linear = st->rip;
		return insn_canonical(st, st->rip);
	}
	*linear = (cs->base + st->rip) & MASK(31, 0);
	return st->rip <= cs->limit && cs->limit - st->rip >= INSN_MAX_LENGTH - 1;
}

/*
 * Fill @m, but for the decoded instruction, with the window of memory that RIP is in, and put what of it begins at RIP to @bytes:
 * the number of bytes, or 0: fetch_bytes() knows why, or can do it.  Each byte of guest memory is read once.
 */
static unsigned fetch_noted(struct insn_ctx *c, enum insn_mode mode, struct insn_memo *m, uint8_t *bytes)
{
	const struct tv_exit_page *st = c->st;
	struct gwalk_result found;
	uint64_t linear, begin;

	m->at = NULL;
	if (!code_address(st, mode, &linear) ||
	    gwalk_noted(c->vm, st, (gva_t){ linear }, fetch_access(st), &m->walk, &found) != GWALK_OK || m->walk.entries > GWALK_NOTED)
		return 0;
	begin = min_u64(linear & PAGE_MASK, PAGE_SIZE - WINDOW);
	m->at = c->vm->ram(c->vm->opaque, (gpa_t){ (found.gpa.v & ~PAGE_MASK) | begin }, WINDOW, false);
	if (!m->at)
		return 0;
	m->bytes[0] = m->at[0];
	m->bytes[1] = m->at[1];
	m->rip = st->rip;
	m->cs = insn_code_segment(st);
	m->cs_base = st->seg[TV_CS].base;
	m->mode = c->modes ^ st->cpl;
	m->cr3 = st->cr3;
	m->kind = m->plain = 0;
	begin = (linear & PAGE_MASK) - begin;
	__builtin_memcpy(bytes, (const uint8_t *)m->bytes + begin, WINDOW - begin);
	return (unsigned)(WINDOW - begin);
}

/* Decode from guest memory; the second page is only touched when the instruction reaches it. */
static enum insn_result fetch_memory(struct insn_ctx *c, enum insn_mode mode, struct insn *in, enum insn_status *status)
{
	uint8_t bytes[INSN_MAX_LENGTH + 16];
	struct insn_memo *m = insn_memo_slot(c);
	unsigned noted = fetch_noted(c, mode, m, bytes), count = noted;
	enum insn_result r;

	for (;;) {
		*status = count ? insn_decode(bytes, count, mode, in) : INSN_SHORT;
		if (*status != INSN_SHORT)
			break;
		r = fetch_bytes(c, mode, bytes, &count);
		if (r) {
			m->at = NULL;
			return r;
		}
	}
	if (*status == INSN_OK && in->length <= noted)
		m->in = *in;
	else
		m->at = NULL;
	return INSN_DONE;
}

/*
 * Decode the instruction at RIP into *@in: from the bytes that came with the exit if there are any and they are enough, else from
 * guest memory.  INSN_DONE, INSN_EXCEPTION (the fetch faulted, or the CPU would raise #UD or #GP for these bytes), INSN_RETRY, or
 * INSN_UNSUPPORTED.
 */
enum insn_result insn_fetch(struct insn_ctx *c, struct insn *in)
{
	enum insn_mode mode = insn_mode(c->st);
	enum insn_status status = INSN_SHORT;
	const struct insn_memo *m;
	enum insn_result r;

	if (c->st->insn_count) {
		status = insn_decode(c->st->insn, c->st->insn_count, mode, in);
	} else if ((m = insn_seen(c))) {
		*in = m->in;
		return INSN_DONE;
	}
	if (status == INSN_SHORT) {
		r = fetch_memory(c, mode, in, &status);
		if (r)
			return r;
	}
	switch (status) {
	case INSN_OK:		return INSN_DONE;
	case INSN_INVALID:	return insn_raise(c, EXC_UD);
	case INSN_TOO_LONG:	return insn_raise_error(c, EXC_GP, 0);
	default:		return INSN_UNSUPPORTED;
	}
}

/* The decoder knows none of these but the far jump through memory, which is as long as the call. */
unsigned insn_task_length(struct insn_ctx *c)
{
	enum insn_mode mode = insn_mode(c->st);
	uint8_t bytes[2 * 16];
	unsigned count = 0, at = 0, offset = mode == INSN_MODE_16 ? 2 : 4;
	struct insn in;

	if (fetch_bytes(c, mode, bytes, &count) != INSN_DONE)
		return 0;
	if (count < INSN_MAX_LENGTH)
		(void)fetch_bytes(c, mode, bytes, &count);	/* the next page, if there is one */
	for (; at < count; at++) {
		if (bytes[at] == 0x66)
			offset = mode == INSN_MODE_16 ? 4 : 2;
		else if (bytes[at] != 0x67 && (bytes[at] & 0xe7) != 0x26 && (bytes[at] & 0xfe) != 0x64)
			break;
	}
	if (at + 1 >= count)
		return at < count && bytes[at] >= 0xcc ? at + 1 : 0;
	switch (bytes[at]) {
	case 0x9a: case 0xea:
		return at + 1 + offset + 2;
	case 0xcc: case 0xce: case 0xcf:
		return at + 1;
	case 0xcd:
		return at + 2;
	case 0xff:
		bytes[at + 1] = (uint8_t)((bytes[at + 1] & ~0x38u) | 5u << 3);
		return insn_decode(bytes, count, mode, &in) == INSN_OK ? in.length : 0;
	default:
		return 0;
	}
}
