/* SPDX-License-Identifier: Apache-2.0 */
/* CRC-32 of ISO 3309, bit by bit: what tests compute beside the code that they check. */
#ifndef FAKE_CRC_H
#define FAKE_CRC_H

#include <stddef.h>
#include <stdint.h>

static inline uint32_t fake_crc(const uint8_t *p, size_t size)
{
	uint32_t c = ~0u;

	for (size_t i = 0; i < size; i++) {
		c ^= p[i];
		for (unsigned bit = 0; bit < 8; bit++)
			c = c & 1 ? c >> 1 ^ 0xedb88320u : c >> 1;
	}
	return ~c;
}

#endif
