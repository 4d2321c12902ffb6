/* SPDX-License-Identifier: Apache-2.0 */
/* fw_cfg: see fwcfg.h. */
#include <dev/fwcfg.h>

#define ID_TRADITIONAL	1u
#define ID_DMA		2u
#define DMA_SIGNATURE	0x51454d5520434647ull	/* "QEMU CFG", what the DMA register reads */

/* Control word of a transfer. */
#define DMA_ERROR	BIT(0)
#define DMA_READ	BIT(1)
#define DMA_SKIP	BIT(2)
#define DMA_SELECT	BIT(3)
#define DMA_WRITE	BIT(4)
#define DMA_KEY(c)	((c) >> 16)
#define DMA_MAX		(256 * MIB)		/* of one transfer: the device lock is held for so long */

struct dma_access {
	uint32_t control, length;		/* big-endian */
	uint64_t address;
};
_Static_assert(sizeof(struct dma_access) == 16, "fw_cfg");

static const struct fwcfg_item *selected(const struct fwcfg *f)
{
	for (unsigned i = 0; i < f->item_count; i++)
		if (f->item[i].key == f->selected)
			return &f->item[i];
	return NULL;
}

static void select_item(struct fwcfg *f, uint16_t key)
{
	f->selected = key;
	f->offset = 0;
}

/* Bytes of the selected item that are left. */
static uint32_t left(const struct fwcfg *f)
{
	const struct fwcfg_item *item = selected(f);

	return item && f->offset < item->size ? item->size - f->offset : 0;
}

static void advance(struct fwcfg *f, uint32_t count)
{
	f->offset = count > UINT32_MAX - f->offset ? UINT32_MAX : f->offset + count;
}

static uint64_t port_read(void *dev, uint64_t off, unsigned size)
{
	struct fwcfg *f = dev;
	uint64_t val = 0;

	if (size == 2 && off == 0)
		return f->selected;
	if (off != 1)
		return ~0ull;
	if (left(f))
		val = ((const uint8_t *)selected(f)->data)[f->offset];
	advance(f, 1);
	return val;
}

/* No item can be written. */
static void port_write(void *dev, uint64_t off, unsigned size, uint64_t val)
{
	if (off == 0 && size == 2)
		select_item(dev, (uint16_t)val);
}

/* @length bytes of the selected item to guest memory, zeroes behind its end. */
static bool dma_read(struct fwcfg *f, uint64_t address, uint32_t length)
{
	uint32_t have = left(f) < length ? left(f) : length;
	uint8_t *to = gmem_at(f->mem, (gpa_t){ address }, length, true);

	if (length && (!to || length > DMA_MAX))
		return false;
	if (have)
		__builtin_memcpy(to, (const uint8_t *)selected(f)->data + f->offset, have);
	if (length > have)
		__builtin_memset(to + have, 0, length - have);
	advance(f, length);
	return true;
}

/* The transfer that is described at @gpa; its control word tells how it went. */
static void dma_run(struct fwcfg *f, uint64_t gpa)
{
	struct dma_access a;
	uint32_t control, length, result = 0;

	if (!gmem_read(f->mem, (gpa_t){ gpa }, &a, sizeof(a)))
		return;
	control = __builtin_bswap32(a.control);
	length = __builtin_bswap32(a.length);
	if (control & DMA_SELECT)
		select_item(f, (uint16_t)DMA_KEY(control));
	if (control & DMA_READ)
		result = dma_read(f, __builtin_bswap64(a.address), length) ? 0 : (uint32_t)DMA_ERROR;
	else if (control & DMA_WRITE)
		result = DMA_ERROR;
	else if (control & DMA_SKIP)
		advance(f, length);
	result = __builtin_bswap32(result);
	if (!gmem_write(f->mem, (gpa_t){ gpa }, &result, sizeof(result)))
		return;			/* it lies in ROM: nobody waits for it */
}

static uint64_t dma_port_read(void *dev, uint64_t off, unsigned size)
{
	(void)dev;
	if (size == 8)
		return __builtin_bswap64(DMA_SIGNATURE);
	return size == 4 && off % 4 == 0 ? __builtin_bswap32((uint32_t)(DMA_SIGNATURE >> (32 - 8 * off))) : ~0ull;
}

/* The register is big-endian: its low half, written last, begins the transfer. */
static void dma_port_write(void *dev, uint64_t off, unsigned size, uint64_t val)
{
	struct fwcfg *f = dev;

	if (size != 4)
		return;
	if (off == 0) {
		f->dma = (uint64_t)__builtin_bswap32((uint32_t)val) << 32;
	} else if (off == 4) {
		uint64_t gpa = f->dma | __builtin_bswap32((uint32_t)val);

		f->dma = 0;
		dma_run(f, gpa);
	}
}

static const struct bus_ops port_ops = { port_read, port_write };
static const struct bus_ops dma_ops = { dma_port_read, dma_port_write };

bool fwcfg_add(struct fwcfg *f, uint16_t key, const void *data, uint32_t size)
{
	if (f->item_count == FWCFG_ITEMS)
		return false;
	f->item[f->item_count++] = (struct fwcfg_item){ key, data, size };
	return true;
}

bool fwcfg_add_number(struct fwcfg *f, uint16_t key, uint64_t value, uint32_t size)
{
	if (f->item_count == FWCFG_ITEMS)
		return false;
	f->number[f->item_count] = value;
	return fwcfg_add(f, key, &f->number[f->item_count], size);
}

bool fwcfg_add_file(struct fwcfg *f, const char *name, const void *data, uint32_t size)
{
	uint16_t key = (uint16_t)(FWCFG_FILE + f->file_count);
	uint64_t length = __builtin_strlen(name);

	if (f->file_count == FWCFG_FILES || length >= FWCFG_NAME || !fwcfg_add(f, key, data, size))
		return false;
	f->directory.file[f->file_count].size = __builtin_bswap32(size);
	f->directory.file[f->file_count].key = __builtin_bswap16(key);
	__builtin_memcpy(f->directory.file[f->file_count].name, name, length);
	f->directory.count = __builtin_bswap32(++f->file_count);
	return true;
}

bool fwcfg_init(struct fwcfg *f, const struct gmem *mem, struct bus *pio)
{
	*f = (struct fwcfg){ .mem = mem };
	return fwcfg_add(f, FWCFG_SIGNATURE, "QEMU", 4) && fwcfg_add_number(f, FWCFG_ID, ID_TRADITIONAL | ID_DMA, 4) &&
	       fwcfg_add(f, FWCFG_DIRECTORY, &f->directory, sizeof(f->directory)) &&
	       bus_add(pio, &(struct bus_range){ FWCFG_PORT, FWCFG_PORTS, &port_ops, f, "fw_cfg", 2 }) &&
	       bus_add(pio, &(struct bus_range){ FWCFG_DMA_PORT, FWCFG_DMA_PORTS, &dma_ops, f, "fw_cfg dma", 4 });
}
