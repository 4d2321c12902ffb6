/* SPDX-License-Identifier: Apache-2.0 */
/* What a BIOS leaves behind when it hands a PC over, for guests that start without firmware. */
#ifndef VMM_LEGACY_H
#define VMM_LEGACY_H

#include <lib/base.h>

struct vm;
struct gmem;

/*
 * Low memory: a real-mode interrupt table whose handlers acknowledge and return, and the two words of the BIOS data area that old
 * code looks up.  False: there is no such memory.
 */
bool legacy_memory(const struct gmem *m) MUST_USE;

/* The PIC with a BIOS' vectors and masks, and the PIT ticking 18.2 times a second.  Before the VM runs. */
void legacy_devices(struct vm *vm);

#endif
