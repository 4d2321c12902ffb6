/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Doorbells: I/O ports of a guest space whose OUT signals a notification instead of ending vcpu_run.
 *
 * Ports only: their exits tell the instruction's length on every CPU, so that the kernel can retire it without decoding it.
 */
#ifndef KERNEL_DOORBELL_H
#define KERNEL_DOORBELL_H

#include <kernel/notify.h>
#include <kernel/space.h>
#include <kernel/vcpu.h>
#include <mm/quota.h>

#define DOORBELLS	40u		/* of one space */

struct doorbells {
	uint32_t count;			/* entries that were ever used: what lies beyond is not looked at */
	uint16_t port[DOORBELLS];
	struct notify_hook hook[DOORBELLS];	/* without a target: free                                 */
};

/*
 * From now on an OUT to @port signals @bits of @n; @n NULL: it exits again.  The tree lock is held.  TV_EDEAD: the space is being
 * destroyed; TV_EQUOTA; TV_EBUSY: it has DOORBELLS already.
 */
enum tv_err doorbell_bind(struct space *s, uint16_t port, struct notification *n, uint64_t bits) MUST_USE;
/* The exit in the state page of @v is an I/O instruction: is a call of doorbell_ring() worth it? */
static inline bool doorbell_possible(const struct vcpu *v)
{
	return !(READ_ONCE(v->page->arg1) & (TV_PIO_IN | TV_PIO_STRING | TV_PIO_REP)) && READ_ONCE(v->space->doorbells);
}
/* The exit in the state page of @v is an I/O instruction.  True: it was an OUT to a doorbell, and is done. */
bool doorbell_ring(struct vcpu *v) MUST_USE;
/* All of @s go with it. */
void doorbells_end(struct space *s);

#endif
