/* SPDX-License-Identifier: Apache-2.0 */
/* GUID partition tables: see drv/gpt.h. */
#include <drv/gpt.h>
#include <lib/bytes.h>

#define HEADER_SIZE	92u		/* what is defined; the block may have more */
#define HDR_REVISION	8u
#define HDR_SIZE	12u
#define HDR_CRC		16u
#define HDR_SELF	24u
#define HDR_FIRST	40u
#define HDR_LAST	48u
#define HDR_ENTRIES	72u
#define HDR_COUNT	80u
#define HDR_ENTRY	84u
#define HDR_ENTRIES_CRC	88u
#define REVISION_1	0x00010000u
#define PART_TYPE	16u		/* bytes; all 0: not in use */
#define PART_FIRST	32u
#define PART_LAST	40u
#define PART_NAME	56u
#define CRC_POLYNOMIAL	0xedb88320u	/* CRC-32 of ISO 3309, reflected */

/* Of @size bytes; those in [@hole, @hole + 4) count as 0. */
static uint32_t crc32(const uint8_t *p, uint64_t size, uint64_t hole)
{
	uint32_t crc = ~0u;

	for (uint64_t i = 0; i < size; i++) {
		crc ^= i - hole < 4 ? 0 : p[i];
		for (unsigned bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? CRC_POLYNOMIAL : 0);
	}
	return ~crc;
}

bool gpt_header_read(struct gpt_header *h, const uint8_t *block, uint32_t block_size, uint64_t at, uint64_t blocks)
{
	uint64_t size = read_le(block + HDR_SIZE, 4), array;

	if (__builtin_memcmp(block, "EFI PART", 8) || read_le(block + HDR_REVISION, 4) != REVISION_1 ||
	    size < HEADER_SIZE || size > block_size || read_le(block + HDR_CRC, 4) != crc32(block, size, HDR_CRC) ||
	    read_le(block + HDR_SELF, 8) != at)
		return false;
	*h = (struct gpt_header){
		.entries = read_le(block + HDR_ENTRIES, 8), .count = (uint32_t)read_le(block + HDR_COUNT, 4),
		.size = (uint32_t)read_le(block + HDR_ENTRY, 4), .crc = (uint32_t)read_le(block + HDR_ENTRIES_CRC, 4),
		.first = read_le(block + HDR_FIRST, 8), .last = read_le(block + HDR_LAST, 8),
	};
	if (!h->count || h->count > GPT_ENTRIES_MAX || h->size < GPT_ENTRY_MIN || h->size > GPT_ENTRY_MAX || h->size & (h->size - 1))
		return false;
	array = align_up(gpt_bytes(h), block_size) / block_size;
	return h->first <= h->last && h->last < blocks && range_inside(h->entries, array, blocks);
}

static void name_read(char *name, const uint8_t *utf16)
{
	unsigned n = 0;

	for (; n < GPT_NAME - 1; n++) {
		uint64_t c = read_le(utf16 + 2 * n, 2);

		if (!c)
			break;
		name[n] = c >= '!' && c <= '~' ? (char)c : '?';
	}
	name[n] = 0;
}

/* Entry @number; false: not in use, or not where a partition can be. */
static bool entry_read(const struct gpt_header *h, const uint8_t *entry, unsigned number, struct gpt_part *p)
{
	uint64_t first = read_le(entry + PART_FIRST, 8), last = read_le(entry + PART_LAST, 8);
	uint8_t type = 0;

	for (unsigned i = 0; i < PART_TYPE; i++)
		type |= entry[i];
	if (!type || first < h->first || last > h->last || first > last)
		return false;
	p->first = first;
	p->count = last - first + 1;
	p->number = number;
	name_read(p->name, entry + PART_NAME);
	return true;
}

unsigned gpt_entries_read(const struct gpt_header *h, const uint8_t *entries, struct gpt_part *part, unsigned max, bool *ok)
{
	unsigned found = 0;

	*ok = crc32(entries, gpt_bytes(h), gpt_bytes(h)) == h->crc;
	for (uint32_t i = 0; *ok && i < h->count && found < max; i++) {
		struct gpt_part *p = &part[found];
		bool clear = entry_read(h, entries + (uint64_t)i * h->size, i + 1, p);

		for (unsigned k = 0; k < found && clear; k++)
			clear = p->first >= part[k].first + part[k].count || part[k].first >= p->first + p->count;
		found += clear;
	}
	return found;
}
