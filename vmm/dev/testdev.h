/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Devices that test guests expect, as QEMU has them: isa-debug-exit, which ends the VM with a code, and pc-testdev: memory that is
 * only reached by emulated instructions, ports that remember what was written, and interrupt lines at the guest's command.
 * And pvpanic, by which a guest says that it has crashed.
 */
#ifndef DEV_TESTDEV_H
#define DEV_TESTDEV_H

#include "bus.h"
#include <dev/env.h>

#define TESTDEV_MEMORY		0xff000000ull
#define TESTDEV_MEMORY_SIZE	0x10000u

struct testdev {
	struct dev_env env;
	uint8_t *memory;		/* TESTDEV_MEMORY_SIZE bytes */
	uint8_t port[4];
};

/* Put the device on the buses; @memory: TESTDEV_MEMORY_SIZE zeroed bytes that it may keep.  False: something is there already. */
bool testdev_init(struct testdev *t, const struct dev_env *env, struct bus *pio, struct bus *mmio, uint8_t *memory) MUST_USE;

/* QEMU, "PVPANIC DEVICE": one port, bits that say what happened. */
#define PVPANIC_PORT		0x505u
#define PVPANIC_PANICKED	0x01u
#define PVPANIC_CRASH_LOADED	0x02u	/* a crash kernel takes over */

bool pvpanic_init(const struct dev_env *env, struct bus *pio) MUST_USE;

#endif
