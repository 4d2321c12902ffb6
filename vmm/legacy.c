/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state of a PC after its BIOS: see legacy.h.  IBM, "PS/2 and PC BIOS Interface Technical Reference"; the handlers lie where the
 * first PC had them.
 */
#include "legacy.h"

#include "gmem.h"
#include "layout.h"
#include "upcall.h"
#include "vm.h"

#define BDA_EBDA_SEGMENT	0x40eull
#define BDA_MEMORY_KIB		0x413ull

#define BIOS_SEGMENT	0xf000u
#define AT_RETURN	0xff53u		/* "dummy return" */
#define AT_MASTER	0xfea5u		/* "timer interrupt" */
#define AT_SLAVE	0xfeb0u
#define VECTORS		256u
#define MASTER_VECTORS	0x08u
#define SLAVE_VECTORS	0x70u
#define PIC_LINES	8u

static const uint8_t code_return[] = { 0xcf };						/* iret */
static const uint8_t code_master[] = { 0x50, 0xb0, 0x20, 0xe6, 0x20, 0x58, 0xcf };	/* EOI to the first PIC */
static const uint8_t code_slave[] = { 0x50, 0xb0, 0x20, 0xe6, 0xa0, 0xe6, 0x20, 0x58, 0xcf };	/* EOI to both */

/* Offset of the handler of @vector. */
static uint32_t handler(unsigned vector)
{
	if (vector - MASTER_VECTORS < PIC_LINES)
		return AT_MASTER;
	return vector - SLAVE_VECTORS < PIC_LINES ? AT_SLAVE : AT_RETURN;
}

static bool put_code(const struct gmem *m, uint32_t offset, const uint8_t *code, uint64_t size)
{
	return gmem_write(m, (gpa_t){ ((uint64_t)BIOS_SEGMENT << 4) + offset }, code, size);
}

bool legacy_memory(const struct gmem *m)
{
	const uint16_t ebda = LAYOUT_EBDA >> 4, kib = LAYOUT_EBDA / KIB;

	for (unsigned i = 0; i < VECTORS; i++) {
		const uint32_t entry = BIOS_SEGMENT << 16 | handler(i);

		if (!gmem_write(m, (gpa_t){ i * sizeof(entry) }, &entry, sizeof(entry)))
			return false;
	}
	return put_code(m, AT_RETURN, code_return, sizeof(code_return)) &&
	       put_code(m, AT_MASTER, code_master, sizeof(code_master)) &&
	       put_code(m, AT_SLAVE, code_slave, sizeof(code_slave)) &&
	       gmem_write(m, (gpa_t){ BDA_EBDA_SEGMENT }, &ebda, sizeof(ebda)) &&
	       gmem_write(m, (gpa_t){ BDA_MEMORY_KIB }, &kib, sizeof(kib));
}

void legacy_devices(struct vm *vm)
{
	/* Both PICs: edge, cascaded, 8086 mode, all masked but what a BIOS has handlers for; PIT channel 0: rate generator, 65536. */
	static const struct {
		uint8_t port, val;
	} writes[] = {
		{ 0x20, 0x11 }, { 0x21, MASTER_VECTORS }, { 0x21, 0x04 }, { 0x21, 0x01 }, { 0x21, 0xb8 },
		{ 0xa0, 0x11 }, { 0xa1, SLAVE_VECTORS }, { 0xa1, 0x02 }, { 0xa1, 0x01 }, { 0xa1, 0x8e },
		{ 0x43, 0x34 }, { 0x40, 0x00 }, { 0x40, 0x00 },
	};

	vm_dev_lock(vm);
	for (unsigned i = 0; i < ARRAY_LEN(writes); i++)
		bus_write(&vm->board.pio, writes[i].port, 1, writes[i].val);
	vm_dev_unlock(vm);
}
