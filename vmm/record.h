/* SPDX-License-Identifier: Apache-2.0 */
/* Reading and writing the record of svc/record.h: a table of what is kept, and nothing about devices. */
#ifndef VMM_RECORD_H
#define VMM_RECORD_H

#include <svc/record.h>

/* One thing that is kept: where it is here, and how it comes back. */
struct record_row {
	enum record_kind kind;
	uint32_t index;
	void *dev;			/* what @restore gets                              */
	const void *state;		/* what goes into the record                       */
	uint32_t size;
	/* Make @dev what @state, @size bytes, says.  False: it is impossible, and @dev may be anything. */
	bool (*restore)(void *dev, const void *state);
};

/* The memory of the old monitor. */
struct record_old {
	const struct record *record;
	const uint8_t *memory;
	uint64_t addr, size;		/* where @memory was                               */
};

/* List all @rows in @r.  False: there are too many. */
bool record_write(struct record *r, const struct record_row *rows, unsigned count, uint64_t generation) MUST_USE;

/*
 * Restore all @rows, in their order, each from a copy.  NULL, or what was wrong with the record, good until the next call; then
 * nothing that was restored may be used.
 */
const char *record_read(const struct record_old *old, const struct record_row *rows, unsigned count) MUST_USE;

/* A truth value out of a record, where a byte may hold anything. */
static inline bool record_bool(const bool *b)
{
	uint8_t byte;

	__builtin_memcpy(&byte, b, sizeof(byte));
	return byte != 0;
}

#endif
