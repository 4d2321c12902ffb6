/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel's own function symbols, sorted by address; generated from the first link and linked in by the second. */
#ifndef KERNEL_KSYMS_H
#define KERNEL_KSYMS_H

#include <lib/base.h>

extern const uint32_t ksyms_count;	/* 0 in the first link                            */
extern const uint32_t ksyms_addr[];	/* offset from kernel_base (linker.ld)           */
extern const uint32_t ksyms_name[];	/* offset of the name in ksyms_strings            */
extern const char ksyms_strings[];

#endif
