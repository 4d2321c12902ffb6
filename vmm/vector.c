/* SPDX-License-Identifier: Apache-2.0 */
/* The guest's vector registers: see vector.h.  The compiler never uses them, so no register needs to be named as changed. */
#include "vector.h"

#define EACH8(X)	X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7)
#define EACH16(X)	EACH8(X) X(8) X(9) X(10) X(11) X(12) X(13) X(14) X(15)

struct vector128 {
	uint64_t half[2];
};

void vector_get_xmm(unsigned n, uint64_t value[2])
{
	struct vector128 *v = (struct vector128 *)value;

#define GET(i) case i: __asm__ volatile("movdqu %%xmm" #i ", %0" : "=m"(*v)); break;
	switch (n) { EACH16(GET) default: break; }
#undef GET
}

void vector_set_xmm(unsigned n, const uint64_t value[2])
{
	const struct vector128 *v = (const struct vector128 *)value;

#define SET(i) case i: __asm__ volatile("movdqu %0, %%xmm" #i : : "m"(*v)); break;
	switch (n) { EACH16(SET) default: break; }
#undef SET
}

void vector_get_mmx(unsigned n, uint64_t *value)
{
#define GET(i) case i: __asm__ volatile("movq %%mm" #i ", %0" : "=m"(*value)); break;
	switch (n) { EACH8(GET) default: break; }
#undef GET
}

void vector_set_mmx(unsigned n, const uint64_t *value)
{
#define SET(i) case i: __asm__ volatile("movq %0, %%mm" #i : : "m"(*value)); break;
	switch (n) { EACH8(SET) default: break; }
#undef SET
}
