/* SPDX-License-Identifier: Apache-2.0 */
/* Guest memory: the only way from a guest-physical address to a pointer. */
#ifndef VMM_GMEM_H
#define VMM_GMEM_H

#include <lib/base.h>

#define GMEM_REGIONS	4

/* [base, base + size) of the guest-physical address space is backed by the monitor's own memory at @hva. */
struct gmem_region {
	uint64_t base, size;
	uint8_t *hva;
	bool writable;		/* by the guest, and by whoever acts for it */
};

/* The guest's memory; laid out before its first instruction and not changed afterwards, so no lock is needed to read it. */
struct gmem {
	struct gmem_region region[GMEM_REGIONS];
	unsigned count;
};

/*
 * Add memory.  False, and nothing changed: no room for another region, @size is 0, the end would wrap around, or the
 * range overlaps one that is there.
 */
bool gmem_add(struct gmem *m, gpa_t base, uint64_t size, void *hva, bool writable) MUST_USE;

/*
 * A pointer to @len bytes of guest memory at @gpa, or NULL if any of them lies outside of a region (also if the range
 * begins in one region and ends in another, or wraps around), or @write is asked for memory that the guest cannot write.
 * The bytes may change at any time: read each once into a local variable.
 */
void *gmem_at(const struct gmem *m, gpa_t gpa, uint64_t len, bool write);

/* Copy @len bytes between guest memory and @buf.  False: gmem_at() would have refused, and nothing was copied. */
bool gmem_read(const struct gmem *m, gpa_t gpa, void *buf, uint64_t len) MUST_USE;
bool gmem_write(const struct gmem *m, gpa_t gpa, const void *buf, uint64_t len) MUST_USE;

/* Bytes of memory below @limit. */
uint64_t gmem_bytes_below(const struct gmem *m, uint64_t limit);

#endif
