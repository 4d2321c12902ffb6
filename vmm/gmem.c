/* SPDX-License-Identifier: Apache-2.0 */
/* Guest memory: see gmem.h. */
#include "gmem.h"

bool gmem_add(struct gmem *m, gpa_t base, uint64_t size, void *hva, bool writable)
{
	if (m->count == GMEM_REGIONS || !size || size - 1 > UINT64_MAX - base.v)
		return false;
	for (unsigned i = 0; i < m->count; i++) {
		const struct gmem_region *r = &m->region[i];

		/* Disjoint means that each one's first byte lies outside the other. */
		if (base.v - r->base < r->size || r->base - base.v < size)
			return false;
	}
	m->region[m->count++] = (struct gmem_region){ base.v, size, hva, writable };
	return true;
}

void *gmem_at(const struct gmem *m, gpa_t gpa, uint64_t len, bool write)
{
	for (unsigned i = 0; i < m->count; i++) {
		const struct gmem_region *r = &m->region[i];
		uint64_t off = gpa.v - r->base;		/* wraps if below: then off >= size */

		if (off < r->size && len <= r->size - off && (!write || r->writable))
			return r->hva + off;
	}
	return NULL;
}

bool gmem_read(const struct gmem *m, gpa_t gpa, void *buf, uint64_t len)
{
	const void *p = gmem_at(m, gpa, len, false);

	if (!p)
		return false;
	__builtin_memcpy(buf, p, len);
	return true;
}

bool gmem_write(const struct gmem *m, gpa_t gpa, const void *buf, uint64_t len)
{
	void *p = gmem_at(m, gpa, len, true);

	if (!p)
		return false;
	__builtin_memcpy(p, buf, len);
	return true;
}

uint64_t gmem_bytes_below(const struct gmem *m, uint64_t limit)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < m->count; i++)
		if (m->region[i].base < limit)
			sum += min_u64(m->region[i].size, limit - m->region[i].base);
	return sum;
}
