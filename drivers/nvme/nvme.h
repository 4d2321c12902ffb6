/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An NVMe controller: one pair of admin queues, which the driver polls while it begins, and one pair for everything else.  NVM Express Base
 * Specification, "Controller Properties", "Data Structures"; NVM Command Set Specification.
 *
 * Commands name memory by pages (PRPs): each piece but the first begins at a page, each but the last ends at one.  Where a
 * request's pieces do not, it becomes several commands, and it has ended when they all have.
 */
#ifndef NVME_NVME_H
#define NVME_NVME_H

#include <drv/block.h>

#define NVME_PAGE	4096u
#define NVME_PRPS	(NVME_PAGE / 8)		/* in a list of one page; so a command transfers at most 2 MiB */

struct nvme_command {
	uint8_t opcode, flags;
	uint16_t id;
	uint32_t namespace;
	uint64_t reserved, metadata;
	uint64_t prp[2];
	uint32_t word[6];			/* 10 to 15 */
};
_Static_assert(sizeof(struct nvme_command) == 64, "layout");

struct nvme_completion {
	uint32_t result, reserved;
	uint16_t head, queue;
	uint16_t id;
	uint16_t status;			/* bit 0: phase */
};
_Static_assert(sizeof(struct nvme_completion) == 16, "layout");

#define NVME_DEPTH	64u

struct nvme_queue {
	volatile struct nvme_command *submission;
	volatile struct nvme_completion *completion;
	volatile uint32_t *submission_bell, *completion_bell;
	uint64_t submission_addr, completion_addr;
	uint16_t tail, head, told;
	uint16_t depth;
	uint16_t under_way;
	bool phase;
};

/* --- queue.c --- */

/* Memory for a pair of queues.  False: used up. */
bool nvme_queue_begin(struct nvme_queue *q, struct driver *d, unsigned depth) MUST_USE;
/* How many commands there is room for. */
unsigned nvme_queue_room(const struct nvme_queue *q);
/* Put @c; there is room. */
void nvme_queue_put(struct nvme_queue *q, const struct nvme_command *c);
/* Tell the controller about what was put since. */
void nvme_queue_tell(struct nvme_queue *q);
/* The next completion: its command's id and status, 0: well done.  False: none. */
bool nvme_queue_take(struct nvme_queue *q, uint16_t *id, uint16_t *status) MUST_USE;

/* --- prp.c --- */

/*
 * The next command's share of @r, from byte *@done on: PRPs to @c, further ones to the page @list, which the controller sees at @list_addr.
 * Advances *@done, and returns the bytes: whole sectors, at most @max.
 */
uint64_t nvme_prps(const struct block_request *r, uint64_t *done, uint64_t max, struct nvme_command *c, uint64_t *list, uint64_t list_addr);

#endif
