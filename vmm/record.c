/* SPDX-License-Identifier: Apache-2.0 */
/* The record: see record.h. */
#include "record.h"

#include <stdatomic.h>

#include <rt/fmt.h>
#include <rt/string.h>

#define ROW_VERSION	1u		/* of all structures so far */
#define ROW_SIZE_MAX	8192u

static char why[96];

bool record_write(struct record *r, const struct record_row *rows, unsigned count, uint64_t generation)
{
	if (count > RECORD_ENTRIES)
		return false;
	for (unsigned i = 0; i < count; i++)
		r->entry[i] = (struct record_entry){ (uint16_t)rows[i].kind, ROW_VERSION, rows[i].index,
						     (uint64_t)rows[i].state, rows[i].size, 0 };
	r->magic = RECORD_MAGIC;
	r->version = RECORD_VERSION;
	r->count = count;
	/* Root looks at this when it chooses whose memory is the old one. */
	__atomic_store_n(&r->generation, generation, __ATOMIC_RELEASE);
	return true;
}

/* The only entry for @row in @r, a private copy.  NULL: there is none, or several. */
static const struct record_entry *entry_find(const struct record *r, const struct record_row *row)
{
	const struct record_entry *found = NULL;

	for (uint32_t i = 0; i < r->count; i++) {
		if (r->entry[i].kind != row->kind || r->entry[i].index != row->index)
			continue;
		if (found)
			return NULL;
		found = &r->entry[i];
	}
	return found;
}

static const char *row_read(const struct record_old *old, const struct record *r, const struct record_row *row)
{
	static uint8_t copy[ROW_SIZE_MAX] __attribute__((aligned(64)));
	const struct record_entry *e = entry_find(r, row);

	if (!e)
		return "not there once";
	if (e->version != ROW_VERSION || e->size != row->size || row->size > sizeof(copy))
		return "of another version";
	if (e->addr < old->addr || !range_inside(e->addr - old->addr, e->size, old->size))
		return "outside of the old monitor's memory";
	memcpy(copy, old->memory + (e->addr - old->addr), e->size);
	return row->restore(row->dev, copy) ? NULL : "impossible";
}

const char *record_read(const struct record_old *old, const struct record_row *rows, unsigned count)
{
	static struct record r;

	memcpy(&r, old->record, sizeof(r));
	if (r.magic != RECORD_MAGIC || r.version != RECORD_VERSION || r.count > RECORD_ENTRIES || r.count != count)
		return "no record of this version";
	for (unsigned i = 0; i < count; i++) {
		const char *wrong = row_read(old, &r, &rows[i]);

		if (!wrong)
			continue;
		fmt_buf(why, sizeof(why), "entry of kind %u, index %u: %s", (unsigned)rows[i].kind, rows[i].index, wrong);
		return why;
	}
	return NULL;
}
