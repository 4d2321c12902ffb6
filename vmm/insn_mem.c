/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory accesses of an emulated instruction: segment checks, translation of every page that is touched, and only then the
 * transfer.  What is not RAM goes to the devices in pieces of 1, 2, 4 or 8 bytes that cross no page.
 *
 * SDM, "Limit Checking", "Type Checking", "Canonical Addressing".
 */
#include "insn_mem.h"

#include <x86/cr.h>
#include <x86/msr.h>
#include <x86/seg.h>

static uint64_t load(const void *p, unsigned size)
{
	switch (size) {
	case 8:		return *(const volatile any64 *)p;
	case 4:		return *(const volatile any32 *)p;
	case 2:		return *(const volatile any16 *)p;
	default:	return *(const volatile uint8_t *)p;
	}
}

static void store(void *p, unsigned size, uint64_t v)
{
	switch (size) {
	case 8:		*(volatile any64 *)p = v; break;
	case 4:		*(volatile any32 *)p = (uint32_t)v; break;
	case 2:		*(volatile any16 *)p = (uint16_t)v; break;
	default:	*(volatile uint8_t *)p = (uint8_t)v; break;
	}
}

/* Largest power of two, at most 8, that is not more than @n. */
static unsigned piece(unsigned n)
{
	return n >= 8 ? 8 : n >= 4 ? 4 : n >= 2 ? 2 : 1;
}

/* Raise exception @vector without an error code. */
enum insn_result insn_raise(struct insn_ctx *c, uint8_t vector)
{
	c->fault = (struct insn_fault){ .vector = vector };
	return INSN_EXCEPTION;
}

/* Raise exception @vector with an error code, which real mode does not have. */
enum insn_result insn_raise_error(struct insn_ctx *c, uint8_t vector, uint32_t error)
{
	c->fault = (struct insn_fault){ .vector = vector };
	if (c->st->cr0 & CR0_PE) {
		c->fault.has_error = true;
		c->fault.error = error;
	}
	return INSN_EXCEPTION;
}

/* Is @address canonical for the paging mode of @st? */
bool insn_canonical(const struct tv_exit_page *st, uint64_t address)
{
	unsigned shift = st->cr4 & CR4_LA57 ? 64 - 57 : 64 - 48;

	return (uint64_t)((int64_t)(address << shift) >> shift) == address;
}

/* May the segment be used for this access?  Only in protected mode; a null selector has left it without P. */
static bool segment_allows(const struct tv_segment *s, bool write)
{
	bool code = s->attr & BIT(3), rw = s->attr & BIT(1);	/* rw: code is readable, data is writable */

	if (s->attr & TV_SEG_UNUSABLE || !(s->attr & BIT(7)))
		return false;
	return write ? !code && rw : !code || rw;
}

static bool inside_limit(const struct tv_segment *s, uint64_t off, unsigned size)
{
	uint64_t last = off + size - 1;

	if ((s->attr & (BIT(3) | BIT(2))) == BIT(2))	/* data, expand-down */
		return off > s->limit && last <= (s->attr & BIT(10) ? MASK(31, 0) : MASK(15, 0));
	return last <= s->limit;
}

/* Segment to linear address: *@linear is set on INSN_DONE; else #SS(0) or #GP(0) is noted. */
enum insn_result insn_linear(struct insn_ctx *c, const struct insn_access *a, uint64_t *linear)
{
	const struct tv_exit_page *st = c->st;
	const struct tv_segment *s = &st->seg[a->seg];
	uint8_t vector = a->seg == TV_SS ? EXC_SS : EXC_GP;
	uint64_t address = a->off;

	if (a->mode == INSN_MODE_64) {
		if (a->seg == TV_FS || a->seg == TV_GS)
			address += s->base;
		if (!insn_canonical(st, address) || !insn_canonical(st, address + a->size - 1))
			return insn_raise_error(c, vector, 0);
		*linear = address;
		return INSN_DONE;
	}
	if (st->cr0 & CR0_PE && !(st->rflags & RFLAGS_VM) && !segment_allows(s, a->write))
		return insn_raise_error(c, vector, 0);
	if (!inside_limit(s, a->off, a->size))
		return insn_raise_error(c, vector, 0);
	*linear = (address + s->base) & MASK(31, 0);
	return INSN_DONE;
}

static enum insn_result translate(struct insn_ctx *c, uint64_t linear, uint64_t access, struct insn_tlb *tlb, gpa_t *gpa)
{
	struct gwalk_result result;

	if (tlb && (tlb->page == linear >> PAGE_SHIFT || tlb->page == INSN_TLB_ANY)) {
		gpa->v = tlb->gpa.v | (linear & PAGE_MASK);
		return INSN_DONE;
	}
	switch (gwalk(c->vm, c->st, (gva_t){ linear }, access, &result)) {
	case GWALK_OK:
		*gpa = result.gpa;
		if (tlb)
			*tlb = (struct insn_tlb){ linear >> PAGE_SHIFT, { result.gpa.v & ~PAGE_MASK } };
		return INSN_DONE;
	case GWALK_FAULT:
		insn_raise_error(c, EXC_PF, result.error);
		c->fault.cr2 = linear;
		return INSN_EXCEPTION;
	case GWALK_RETRY:
		return INSN_RETRY;
	case GWALK_NO_TABLE:
		break;
	}
	return INSN_UNSUPPORTED;
}

/*
 * Translate @size bytes (1 ... 16) at a linear address that passed the segment checks, for @access (GWALK_*).  Both pages of
 * a crossing access are checked before the function succeeds; nothing is read or written.  @tlb may be NULL; one tlb serves
 * accesses of one kind only.
 */
enum insn_result insn_map_linear(struct insn_ctx *c, uint64_t linear, unsigned size, uint64_t access, struct insn_tlb *tlb,
				 struct insn_span *s)
{
	uint64_t room = PAGE_SIZE - (linear & PAGE_MASK);
	enum insn_result r;

	s->part[0].len = (uint8_t)min_u64(size, room);
	s->parts = 1;
	s->write = access & GWALK_WRITE;
	if (size > room && tlb && tlb->page == INSN_TLB_ANY)
		tlb = NULL;
	r = translate(c, linear, access, tlb, &s->part[0].gpa);
	if (r)
		return r;
	if (size > room) {
		uint64_t next = linear + room;

		if (!(c->st->efer & EFER_LMA))		/* linear addresses have 32 bits */
			next &= MASK(31, 0);
		s->part[1].len = (uint8_t)(size - room);
		s->parts = 2;
		r = translate(c, next, access, NULL, &s->part[1].gpa);
		if (r)
			return r;
	}
	for (unsigned i = 0; i < s->parts; i++)
		s->part[i].ram = c->vm->ram(c->vm->opaque, s->part[i].gpa, s->part[i].len, s->write);
	return INSN_DONE;
}

/* Check and translate a memory operand with the rights of the guest's CPL; as insn_map_linear(). */
enum insn_result insn_map(struct insn_ctx *c, const struct insn_access *a, struct insn_tlb *tlb, struct insn_span *s)
{
	const struct tv_exit_page *st = c->st;
	uint64_t linear, access = a->write ? GWALK_WRITE : 0;
	enum insn_result r;

	r = insn_linear(c, a, &linear);
	if (r)
		return r;
	if (a->aligned && linear % a->size)
		return insn_raise_error(c, EXC_GP, 0);
	if (st->cpl == 3) {
		access |= GWALK_USER;
		if (st->cr0 & CR0_AM && st->rflags & RFLAGS_AC && a->size <= 8 && linear & (a->size - 1u))
			return insn_raise_error(c, EXC_AC, 0);
	}
	return insn_map_linear(c, linear, a->size, access, tlb, s);
}

/* Read the bytes of @s, zero-extended.  A span that was mapped for writing may turn out to be read-only memory. */
void insn_span_read(struct insn_ctx *c, const struct insn_span *s, uint64_t value[2])
{
	uint8_t *to = (uint8_t *)value;

	value[0] = value[1] = 0;
	for (unsigned i = 0; i < s->parts; i++) {
		const struct insn_part *p = &s->part[i];
		const uint8_t *ram = p->ram;

		if (!ram && s->write)
			ram = c->vm->ram(c->vm->opaque, p->gpa, p->len, false);
		for (unsigned done = 0, n; done < p->len; done += n) {
			n = piece(p->len - done);
			store(to + done, n, ram ? load(ram + done, n) : c->ops->mmio_read(c->cpu, (gpa_t){ p->gpa.v + done }, n));
		}
		to += p->len;
	}
}

/* Write the low bytes of @value to @s, which was mapped for writing. */
void insn_span_write(struct insn_ctx *c, const struct insn_span *s, const uint64_t value[2])
{
	const uint8_t *from = (const uint8_t *)value;

	for (unsigned i = 0; i < s->parts; i++) {
		const struct insn_part *p = &s->part[i];

		for (unsigned done = 0, n; done < p->len; done += n) {
			n = piece(p->len - done);
			if (p->ram)
				store(p->ram + done, n, load(from + done, n));
			else
				c->ops->mmio_write(c->cpu, (gpa_t){ p->gpa.v + done }, n, load(from + done, n));
		}
		from += p->len;
	}
}

static bool exchange16(void *p, const uint64_t old[2], const uint64_t value[2])
{
	uint64_t low = old[0], high = old[1];
	bool done;

	__asm__ volatile("lock cmpxchg16b %1" : "=@ccz"(done), "+m"(*(uint64_t (*)[2])p), "+a"(low), "+d"(high)
			 : "b"(value[0]), "c"(value[1]) : "memory");
	return done;
}

/*
 * Write @value if the memory still holds @old: the second half of a locked instruction.  False: another CPU was faster, and
 * nothing was written.  Atomic on naturally aligned RAM only; on devices and across a page it is a plain write.
 */
bool insn_span_exchange(struct insn_ctx *c, const struct insn_span *s, const uint64_t old[2], const uint64_t value[2])
{
	const struct insn_part *p = &s->part[0];
	uint8_t old8 = (uint8_t)old[0];
	uint16_t old16 = (uint16_t)old[0];
	uint32_t old32 = (uint32_t)old[0];
	uint64_t old64 = old[0];

	if (s->parts == 1 && p->ram && !((uintptr_t)p->ram & (p->len - 1u))) {
		switch (p->len) {
		case 1:	return __atomic_compare_exchange_n(p->ram, &old8, (uint8_t)value[0], false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
		case 2:	return __atomic_compare_exchange_n((uint16_t *)(void *)p->ram, &old16, (uint16_t)value[0], false,
							   __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
		case 4:	return __atomic_compare_exchange_n((uint32_t *)(void *)p->ram, &old32, (uint32_t)value[0], false,
							   __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
		case 8:	return __atomic_compare_exchange_n((uint64_t *)(void *)p->ram, &old64, value[0], false,
							   __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
		case 16:return exchange16(p->ram, old, value);
		default:break;
		}
	}
	insn_span_write(c, s, value);
	return true;
}
