/* SPDX-License-Identifier: Apache-2.0 */
/* Ports of a PC that are a latch and little more: POST code (80h ...), A20 and fast reset (92h), APM scratch (B2h-B3h). */
#ifndef DEV_MISC_H
#define DEV_MISC_H

#include "bus.h"
#include <dev/env.h>

struct misc_state {
	uint8_t post[16];		/* ports 80h-8Fh: POST code and DMA page registers */
	uint8_t port92;
	uint8_t apm[2];
};

struct misc {
	struct misc_state s;
	struct dev_env env;
};

extern const struct bus_ops misc_post_ops;	/* 16 ports from 80h, byte wide, dev = struct misc */
extern const struct bus_ops misc_port92_ops;	/* port 92h */
extern const struct bus_ops misc_apm_ops;	/* 2 ports from B2h */

void misc_init(struct misc *m, const struct dev_env *env);
void misc_reset(struct misc *m);
bool misc_restore(void *dev, const void *state) MUST_USE;

#endif
