/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers of 1 to 8 bytes at any address, little-endian and big-endian. */
#ifndef LIB_BYTES_H
#define LIB_BYTES_H

#include <stdint.h>

/* The number in the @size bytes at @p. */
static inline uint64_t read_le(const uint8_t *p, unsigned size)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < size; i++)
		v |= (uint64_t)p[i] << (8 * i);
	return v;
}

/* Store the low @size bytes of @v at @p. */
static inline void write_le(uint8_t *p, unsigned size, uint64_t v)
{
	for (unsigned i = 0; i < size; i++)
		p[i] = (uint8_t)(v >> (8 * i));
}

static inline uint64_t read_be(const uint8_t *p, unsigned size)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < size; i++)
		v = v << 8 | p[i];
	return v;
}

static inline void write_be(uint8_t *p, unsigned size, uint64_t v)
{
	for (unsigned i = size; i--; v >>= 8)
		p[i] = (uint8_t)v;
}

#endif
