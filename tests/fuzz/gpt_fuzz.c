/* SPDX-License-Identifier: Apache-2.0 */
/* Partition tables of any bytes: whatever is accepted lies on the disk, in the usable blocks, and apart from all others. */
/* sources: drivers/block/gpt.c */
#include <drv/gpt.h>
#include <lib/bytes.h>

#include <stdlib.h>
#include <string.h>

#include "crc.h"

#define BLOCK	512u
#define BLOCKS	4096u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
	if (!holds)
		abort();
}

/* The header is the first block of the input, with its checksum put right; what follows are the entries. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t block[BLOCK] = { 0 };
	struct gpt_part part[8];
	struct gpt_header h;
	uint64_t length;
	uint8_t *entries;
	unsigned count;
	bool ok;

	if (size < BLOCK)
		return 0;
	memcpy(block, data, BLOCK);
	length = read_le(block + 12, 4);
	write_le(block + 16, 4, 0);
	if (length <= BLOCK)
		write_le(block + 16, 4, fake_crc(block, length));
	if (!gpt_header_read(&h, block, BLOCK, 1, BLOCKS))
		return 0;
	check(gpt_bytes(&h) <= GPT_ENTRIES_MAX * GPT_ENTRY_MAX && h.last < BLOCKS && h.entries < BLOCKS);
	entries = calloc(1, gpt_bytes(&h));
	memcpy(entries, data + BLOCK, size - BLOCK < gpt_bytes(&h) ? size - BLOCK : gpt_bytes(&h));
	h.crc = fake_crc(entries, gpt_bytes(&h));
	count = gpt_entries_read(&h, entries, part, 8, &ok);
	check(ok && count <= 8);
	for (unsigned i = 0; i < count; i++) {
		check(part[i].count && part[i].first >= h.first && part[i].first + part[i].count - 1 <= h.last);
		check(strnlen(part[i].name, GPT_NAME) < GPT_NAME);
		for (unsigned k = 0; k < i; k++)
			check(part[i].first >= part[k].first + part[k].count || part[k].first >= part[i].first + part[i].count);
	}
	free(entries);
	return 0;
}
