/* SPDX-License-Identifier: Apache-2.0 */
/* Events of a guest that wait in its state page: which words are valid, and what becomes of two that meet. */
#ifndef KERNEL_EVENT_H
#define KERNEL_EVENT_H

#include <abi/exit.h>
#include <lib/base.h>

/* What the next entry has to deliver.  Words are TV_EVENT_*; without TV_EVENT_VALID there is none. */
struct event_queue {
	uint64_t now, later;		/* @later only behind @now                                        */
	uint32_t now_len;		/* instruction length of a software event, else undefined         */
	bool now_pending;		/* @now stands in page->pending, @later in page->inject; or @now in page->inject */
};

enum event_result {
	EVENT_NONE = 0,
	EVENT_WAITS,			/* the queue holds at least one                                   */
	EVENT_REFUSED,			/* a malformed word, or a software event without @soft            */
	EVENT_TRIPLE,			/* an exception during the delivery of #DF: the processor shuts down */
};

/* Is @e a well-formed event; @len: instruction length if it is a software one? */
bool event_ok(uint64_t e, uint32_t len);
/* INT n, INT3, INTO: events whose delivery needs the CPU's help to be right. */
bool event_is_soft(uint64_t e);
/*
 * Exception @second was raised while @first was delivered.  false: triple fault; else *@result is what is to be delivered.
 * SDM, "Double Fault Exception"; APM volume 2, "#DF Double-Fault Exception".
 */
bool event_merge(uint64_t first, uint64_t second, uint64_t *result);
/*
 * Read what waits in @p, once, and check it.  An exception in page->inject that meets an interrupted delivery in
 * page->pending is merged with it; both then stand in page->pending.  @soft: INT n, INT3 and INTO can be delivered.
 */
enum event_result event_take(struct tv_exit_page *p, bool soft, struct event_queue *q);
/* @q->now was handed to the hardware: its slot in @p is free. */
void event_accepted(struct tv_exit_page *p, const struct event_queue *q);

#endif
