/* SPDX-License-Identifier: Apache-2.0 */
/* What a panic wants to know about the CPU that it happened on. */
#ifndef ARCH_DEBUG_H
#define ARCH_DEBUG_H

#include <lib/base.h>

struct user_frame;

/* Registers of @f (NULL: no trap) and the control registers. */
void debug_registers(const struct user_frame *f);
/* Is [@addr, @addr + 16) inside one of this CPU's kernel stacks?  A frame-pointer chain is followed only there. */
bool debug_on_stack(uint64_t addr);

/* Stop every other CPU for good, wherever it is. */
void debug_stop_others(void);

#endif
