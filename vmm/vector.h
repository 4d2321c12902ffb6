/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guest's vector registers.  They stay in the CPU while the vCPU's own monitor thread runs, because the monitor is built
 * without any use of them; so a MOV between XMM5 and a device is a MOV of the monitor's XMM5.
 */
#ifndef VMM_VECTOR_H
#define VMM_VECTOR_H

#include <lib/base.h>

/* Bits 127:0 of XMM register @n, 0 ... 15.  Setting it leaves the upper bits of the YMM register as they are. */
void vector_get_xmm(unsigned n, uint64_t value[2]);
void vector_set_xmm(unsigned n, const uint64_t value[2]);
/* MMX register @n, 0 ... 7. */
void vector_get_mmx(unsigned n, uint64_t *value);
void vector_set_mmx(unsigned n, const uint64_t *value);

#endif
