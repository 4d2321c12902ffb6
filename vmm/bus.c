/* SPDX-License-Identifier: Apache-2.0 */
/* Port and MMIO maps: finding the model that answers, splitting accesses it cannot take whole, and accounting for the rest. */
#include "bus.h"
#include "upcall.h"

#define BUS_MAX_ACCESS 8u

void bus_init(struct bus *b, struct vm *vm, const char *name, uint64_t last)
{
	*b = (struct bus){ .vm = vm, .name = name, .last = last };
}

/* Index of the first range that ends above @addr: the one that contains @addr, or else the next one; count if none. */
static unsigned bus_search(struct bus *b, uint64_t addr)
{
	unsigned lo = 0, hi = b->count;

	if (b->hit < b->count && addr - b->range[b->hit].base < b->range[b->hit].len)
		return b->hit;
	while (lo < hi) {
		unsigned mid = (lo + hi) / 2;
		const struct bus_range *r = &b->range[mid];

		if (addr > r->base + (r->len - 1))
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

bool bus_add(struct bus *b, const struct bus_range *r)
{
	unsigned at;

	if (b->count == BUS_RANGES || !r->len || r->base > b->last || r->len - 1 > b->last - r->base)
		return false;
	at = bus_search(b, r->base);
	if (at < b->count && b->range[at].base <= r->base + (r->len - 1))
		return false;
	for (unsigned i = b->count; i > at; i--)
		b->range[i] = b->range[i - 1];
	b->range[at] = *r;
	b->count++;
	return true;
}

bool bus_remove(struct bus *b, uint64_t base)
{
	unsigned at = bus_search(b, base);

	if (at == b->count || b->range[at].base != base)
		return false;
	b->count--;
	for (unsigned i = at; i < b->count; i++)
		b->range[i] = b->range[i + 1];
	return true;
}

static void bus_note_unclaimed(struct bus *b, uint64_t addr, unsigned size, bool write, uint64_t val)
{
	b->unclaimed++;
	for (unsigned i = 0; i < b->seen_count; i++)
		if (b->seen[i] == addr)
			return;
	if (b->seen_count == BUS_SEEN)
		return;
	b->seen[b->seen_count++] = addr;
	vm_bus_unclaimed(b->vm, b->name, addr, size, write, val);
}

static uint64_t ones(unsigned size)
{
	return ~0ull >> (64 - 8 * size);
}

/*
 * How many of @left bytes at @addr go in one piece: a power of two that the model at @addr accepts and that does not
 * cross into another range.  *@r is the range, or NULL for a piece that nobody claims.
 */
static unsigned bus_piece(struct bus *b, uint64_t addr, unsigned left, const struct bus_range **r)
{
	unsigned at = bus_search(b, addr), n = BUS_MAX_ACCESS;
	uint64_t room = left;

	*r = NULL;
	if (at < b->count) {
		const struct bus_range *c = &b->range[at];

		if (addr >= c->base) {
			b->hit = at;
			*r = c;
			room = min_u64(min_u64(room, c->max_size), c->len - (addr - c->base));
		} else {
			room = min_u64(room, c->base - addr);
		}
	}
	while (n > 1 && n > room)
		n /= 2;
	return n;
}

/* The range that was hit last, if it takes the whole access in one piece; else NULL. */
static inline const struct bus_range *bus_again(const struct bus *b, uint64_t addr, unsigned size)
{
	const struct bus_range *r = &b->range[b->hit];
	uint64_t off = addr - r->base;

	return likely(b->hit < b->count && off < r->len && size - 1 < r->max_size && size <= r->len - off &&
		      !(size & (size - 1))) ? r : NULL;
}

static NOINLINE uint64_t read_pieces(struct bus *b, uint64_t addr, unsigned size)
{
	uint64_t val = 0;
	unsigned n;

	if (size == 0 || size > BUS_MAX_ACCESS)
		return ~0ull;
	for (unsigned done = 0; done < size; done += n) {
		const struct bus_range *r = NULL;
		uint64_t a = addr + done, v;

		n = 1;
		if (addr <= b->last && done <= b->last - addr)
			n = bus_piece(b, a, size - done, &r);
		if (r && r->ops->read) {
			v = r->ops->read(r->dev, a - r->base, n) & ones(n);
		} else {
			bus_note_unclaimed(b, a, n, false, 0);
			v = ones(n);
		}
		val |= v << (8 * done);
	}
	return val;
}

uint64_t bus_read(struct bus *b, uint64_t addr, unsigned size)
{
	const struct bus_range *r = bus_again(b, addr, size);

	if (likely(r && r->ops->read))
		return r->ops->read(r->dev, addr - r->base, size) & ones(size);
	return read_pieces(b, addr, size);
}

static NOINLINE void write_pieces(struct bus *b, uint64_t addr, unsigned size, uint64_t val)
{
	unsigned n;

	if (size == 0 || size > BUS_MAX_ACCESS)
		return;
	for (unsigned done = 0; done < size; done += n) {
		const struct bus_range *r = NULL;
		uint64_t a = addr + done, v;

		n = 1;
		if (addr <= b->last && done <= b->last - addr)
			n = bus_piece(b, a, size - done, &r);
		v = val >> (8 * done) & ones(n);
		if (r && r->ops->write)
			r->ops->write(r->dev, a - r->base, n, v);
		else
			bus_note_unclaimed(b, a, n, true, v);
	}
}

void bus_write(struct bus *b, uint64_t addr, unsigned size, uint64_t val)
{
	const struct bus_range *r = bus_again(b, addr, size);

	if (likely(r && r->ops->write))
		r->ops->write(r->dev, addr - r->base, size, val & ones(size));
	else
		write_pieces(b, addr, size, val);
}
