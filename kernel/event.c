/* SPDX-License-Identifier: Apache-2.0 */
/* Events of a guest that wait in its state page: which words are valid, and what becomes of two that meet. */
#include <kernel/event.h>

#define VECTOR_DF	8u
#define VECTOR_PF	14u
#define EXCEPTIONS	32u

#define NMI_VECTOR	2u
#define LEN_MAX		15u

/* Exceptions that push an error code, one bit a vector: #DF #TS #NP #SS #GP #PF #AC #CP #VC #SX. */
#define WITH_ERROR	0x60227d00u
/* Contributory exceptions: #DE #TS #NP #SS #GP #CP. */
#define CONTRIBUTORY	0x00203c01u

static unsigned vector_of(uint64_t e) { return TV_EVENT_VECTOR(e); }

static bool is_exception(uint64_t e)
{
	return TV_EVENT_TYPE(e) == TV_EVENT_EXC;
}

/* INT n, INT3, INTO: events whose delivery needs the CPU's help to be right. */
bool event_is_soft(uint64_t e)
{
	return TV_EVENT_TYPE(e) == TV_EVENT_SOFT_INT || TV_EVENT_TYPE(e) == TV_EVENT_SOFT_EXC;
}

/* Is @e a well-formed event; @len: instruction length if it is a software one? */
bool event_ok(uint64_t e, uint32_t len)
{
	unsigned vector = vector_of(e);
	bool len_ok = len >= 1 && len <= LEN_MAX;

	if (!(e & TV_EVENT_VALID) || e & TV_EVENT_RESERVED)
		return false;
	if (e & TV_EVENT_HAS_ERROR) {
		if (!is_exception(e) || vector >= EXCEPTIONS || !(WITH_ERROR >> vector & 1))
			return false;
	} else if (TV_EVENT_ERROR(e)) {
		return false;
	}
	switch (TV_EVENT_TYPE(e)) {
	case TV_EVENT_EXTINT:	return true;
	case TV_EVENT_NMI:	return vector == NMI_VECTOR;
	case TV_EVENT_EXC:	return vector < EXCEPTIONS && vector != NMI_VECTOR;
	case TV_EVENT_SOFT_INT:	return len_ok;
	case TV_EVENT_PRIV_EXC:	return len_ok && vector == 1;
	case TV_EVENT_SOFT_EXC:	return len_ok && (vector == 3 || vector == 4);
	default:		return false;
	}
}

/*
 * Exception @second was raised while @first was delivered.  false: triple fault; else *@result is what is to be delivered:
 * #DF, or @second alone.  An interrupt whose delivery faulted is not repeated, as on a processor, which acknowledged it.
 */
bool event_merge(uint64_t first, uint64_t second, uint64_t *result)
{
	unsigned v1 = vector_of(first), v2 = vector_of(second);
	bool contributory2 = v2 < EXCEPTIONS && CONTRIBUTORY >> v2 & 1;

	*result = second;
	if (!is_exception(first) || !is_exception(second))
		return true;
	if (v1 == VECTOR_DF)
		return !contributory2 && v2 != VECTOR_PF && v2 != VECTOR_DF;
	if ((v1 < EXCEPTIONS && CONTRIBUTORY >> v1 & 1 && contributory2) || (v1 == VECTOR_PF && (contributory2 || v2 == VECTOR_PF)))
		*result = TV_EVENT(TV_EVENT_EXC, VECTOR_DF) | TV_EVENT_HAS_ERROR;
	return true;
}

/* Read what waits in @p, once, check it, and merge an exception with the delivery that it met. */
enum event_result event_take(struct tv_exit_page *p, bool soft, struct event_queue *q)
{
	uint64_t pending = READ_ONCE(p->pending), inject = READ_ONCE(p->inject), merged;
	uint32_t pending_len = READ_ONCE(p->pending_len), inject_len = READ_ONCE(p->inject_len);
	bool has_pending = pending & TV_EVENT_VALID, has_inject = inject & TV_EVENT_VALID;

	*q = (struct event_queue){ 0 };
	if ((has_pending && (!event_ok(pending, pending_len) || (event_is_soft(pending) && !soft))) ||
	    (has_inject && (!event_ok(inject, inject_len) || (event_is_soft(inject) && !soft))))
		return EVENT_REFUSED;
	if (!has_pending && !has_inject)
		return EVENT_NONE;

	if (has_pending && has_inject && is_exception(inject)) {
		if (!event_merge(pending, inject, &merged)) {
			p->pending = p->inject = 0;
			return EVENT_TRIPLE;
		}
		p->pending = pending = merged;
		p->inject = 0;
		has_inject = false;
	}
	q->now_pending = has_pending;
	q->now = has_pending ? pending : inject;
	q->now_len = has_pending ? pending_len : inject_len;
	q->later = has_pending && has_inject ? inject : 0;
	return EVENT_WAITS;
}

/* @q->now was handed to the hardware: its slot in @p is free. */
void event_accepted(struct tv_exit_page *p, const struct event_queue *q)
{
	if (q->now_pending)
		p->pending = 0;
	else
		p->inject = 0;
}
