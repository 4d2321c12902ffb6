/* SPDX-License-Identifier: Apache-2.0 */
/* sources: */
/* The checker of ELF files: whatever it accepts can be loaded without looking outside the file or the address range. */
#include <lib/elf.h>

#include <stdlib.h>

#define LOWEST	0x1000ull
#define LIMIT	0x00007fffffff0000ull

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool ok)
{
	if (!ok)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct elf_layout l;
	struct elf_error e;
	uint64_t sum = 0;
	bool entry = false;

	if (!elf_check(data, size, LOWEST, LIMIT, &l, &e)) {
		require(e.text[0] != 0);
		return 0;
	}
	require(l.count > 0 && l.count <= ELF_SEGMENTS);
	for (unsigned i = 0; i < l.count; i++) {
		const struct elf_segment *s = &l.segment[i];

		require(s->filesz <= s->memsz && s->vaddr >= LOWEST && s->memsz <= LIMIT && s->vaddr <= LIMIT - s->memsz);
		require((s->flags & (ELF_W | ELF_X)) != (ELF_W | ELF_X));
		entry |= s->flags & ELF_X && l.entry >= s->vaddr && l.entry < s->vaddr + s->memsz;
		/* The sanitizer sees a read outside the file. */
		for (uint64_t at = 0; at < s->filesz; at++)
			sum += data[s->offset + at];
		for (unsigned k = 0; k < i; k++)
			require(align_down(s->vaddr, PAGE_SIZE) >= align_up(l.segment[k].vaddr + l.segment[k].memsz, PAGE_SIZE) ||
				align_down(l.segment[k].vaddr, PAGE_SIZE) >= align_up(s->vaddr + s->memsz, PAGE_SIZE));
	}
	require(entry);
	return sum == 1 ? 0 : 0;
}
