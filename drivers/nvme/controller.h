/* SPDX-License-Identifier: Apache-2.0 */
/* The controller: registers, admin commands, namespaces. */
#ifndef NVME_CONTROLLER_H
#define NVME_CONTROLLER_H

#include "nvme.h"

#define NVME_NAMESPACES	8u		/* looked at */

struct nvme_namespace {
	unsigned shift;			/* of its block size */
};

struct nvme_controller {
	struct driver *driver;
	volatile uint32_t *regs, *bells;
	unsigned bell_step;		/* words */
	uint64_t cap, max_transfer;	/* bytes */
	struct nvme_queue admin, io;
	uint8_t *buffer;		/* one page, for what it says about itself */
	uint64_t buffer_addr;
	struct nvme_namespace namespace[NVME_NAMESPACES];
};

/* Reset it and let it work on admin commands.  False: it does not work. */
bool nvme_controller_begin(struct nvme_controller *c, struct driver *d) MUST_USE;
/* Ask what it has, fill in the units of @b, and make the queues for the namespaces, with message 0. */
bool nvme_controller_run(struct nvme_controller *c, struct block *b) MUST_USE;

#endif
