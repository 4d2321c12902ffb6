/* SPDX-License-Identifier: Apache-2.0 */
/* An address space of a VM, I/O ports or MMIO: which model answers at which addresses. */
#ifndef VMM_BUS_H
#define VMM_BUS_H

#include <lib/base.h>

struct vm;

/*
 * How a model is reached.  @off counts from the base of the range; @size is 1, 2, 4 or 8 and [@off, @off + @size) is inside.
 * Either may be NULL: such accesses are unclaimed.
 */
struct bus_ops {
	uint64_t (*read)(void *dev, uint64_t off, unsigned size);
	void (*write)(void *dev, uint64_t off, unsigned size, uint64_t val);
};

struct bus_range {
	uint64_t base, len;
	const struct bus_ops *ops;
	void *dev;		/* first argument of the operations */
	const char *name;
	unsigned max_size;	/* widest access the model knows (1, 2, 4, 8): wider ones are split, low address first */
};

#define BUS_RANGES	64	/* ranges one bus can hold */
#define BUS_SEEN	128	/* unclaimed addresses it remembers; the ones beyond are counted, not logged */

struct bus {
	struct vm *vm;
	const char *name;			/* "port" or "mmio", for the log */
	uint64_t last;				/* highest address of this space */
	struct bus_range range[BUS_RANGES];	/* sorted by base, never overlapping */
	unsigned count;
	unsigned hit;				/* index of the range found last: a guess for the next search */
	uint64_t unclaimed;			/* accesses that no model claimed */
	uint64_t seen[BUS_SEEN];
	unsigned seen_count;
};

/* An empty bus for addresses 0 ... @last. */
void bus_init(struct bus *b, struct vm *vm, const char *name, uint64_t last);

/* Add a copy of @r.  False, and nothing changed: @r is empty, reaches beyond the bus, overlaps a range, or the bus is full. */
bool bus_add(struct bus *b, const struct bus_range *r) MUST_USE;

/* Remove the range that starts at @base.  False: there is none. */
bool bus_remove(struct bus *b, uint64_t base);

/*
 * One access of @size 1, 2, 4 or 8 bytes, at any alignment; device lock held.  Bytes that no model claims read as ones,
 * writes to them are dropped; they are counted, and vm_bus_unclaimed() is called once per address.
 */
uint64_t bus_read(struct bus *b, uint64_t addr, unsigned size);
void bus_write(struct bus *b, uint64_t addr, unsigned size, uint64_t val);

#endif
