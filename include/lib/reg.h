/* SPDX-License-Identifier: Apache-2.0 */
/* Hardware registers as distinct types, their fields as functions; bit numbers are typed as the manuals print them. */
#ifndef LIB_REG_H
#define LIB_REG_H

#include <lib/base.h>

/* REG(t): a distinct 64-bit register type.  REG_FIELD(t, f, hi, lo): getter t_f() and pure setter t_with_f(). */
#define REG(t) typedef struct { uint64_t v; } t
#define REG_FIELD(t, f, hi, lo)                                                                 \
	_Static_assert((hi) < 64 && (lo) <= (hi), #t "." #f);                                   \
	static inline uint64_t t##_##f(t r) { return (r.v & MASK(hi, lo)) >> (lo); }            \
	static inline t t##_with_##f(t r, uint64_t x)                                           \
	{                                                                                       \
		r.v = (r.v & ~MASK(hi, lo)) | (x << (lo) & MASK(hi, lo));                       \
		return r;                                                                       \
	}

#endif
