/* SPDX-License-Identifier: Apache-2.0 */
/* Devices for test guests: see testdev.h. */
#include <dev/testdev.h>

#include <lib/bytes.h>

#include "irqchip.h"
#include "upcall.h"

#define PORT_SCRATCH	0xe0u
#define PORT_FLUSH	0xe4u		/* a page that shall fault at the next access */
#define PORT_EXIT	0xf4u
#define PORT_LINES	0x2000u

static uint64_t memory_read(void *dev, uint64_t off, unsigned size)
{
	const struct testdev *t = dev;

	return read_le(t->memory + off, size);
}

static void memory_write(void *dev, uint64_t off, unsigned size, uint64_t val)
{
	struct testdev *t = dev;

	write_le(t->memory + off, size, val);
}

static uint64_t scratch_read(void *dev, uint64_t off, unsigned size)
{
	const struct testdev *t = dev;

	return read_le(t->port + off, size);
}

static void scratch_write(void *dev, uint64_t off, unsigned size, uint64_t val)
{
	struct testdev *t = dev;

	write_le(t->port + off, size, val);
}

/* Guest memory never goes away here, so there is nothing to do: the guest tests then run without such faults. */
static void flush_write(void *dev, uint64_t off, unsigned size, uint64_t val)
{
	(void)dev;
	(void)off;
	(void)size;
	(void)val;
}

static void exit_write(void *dev, uint64_t off, unsigned size, uint64_t val)
{
	struct testdev *t = dev;

	(void)off;
	(void)size;
	vm_debug_exit(t->env.vm, (uint32_t)val);
}

static void line_write(void *dev, uint64_t off, unsigned size, uint64_t val)
{
	struct testdev *t = dev;

	(void)size;
	irq_line_set(t->env.chip, (unsigned)off, val & 1);
}

static const struct bus_ops memory_ops = { memory_read, memory_write };
static const struct bus_ops scratch_ops = { scratch_read, scratch_write };
static const struct bus_ops flush_ops = { NULL, flush_write };
static const struct bus_ops exit_ops = { NULL, exit_write };
static const struct bus_ops line_ops = { NULL, line_write };

bool testdev_init(struct testdev *t, const struct dev_env *env, struct bus *pio, struct bus *mmio, uint8_t *memory)
{
	const struct bus_range ports[] = {
		{ PORT_SCRATCH, sizeof(t->port), &scratch_ops, t, "test scratch", 4 },
		{ PORT_FLUSH, 4, &flush_ops, t, "test flush", 4 },
		{ PORT_EXIT, 4, &exit_ops, t, "debug exit", 4 },
		{ PORT_LINES, IRQCHIP_GSIS, &line_ops, t, "test lines", 4 },
	};
	const struct bus_range area = { TESTDEV_MEMORY, TESTDEV_MEMORY_SIZE, &memory_ops, t, "test memory", 8 };

	*t = (struct testdev){ .env = *env, .memory = memory };
	for (unsigned i = 0; i < ARRAY_LEN(ports); i++)
		if (!bus_add(pio, &ports[i]))
			return false;
	return bus_add(mmio, &area);
}

static uint64_t pvpanic_read(void *dev, uint64_t off, unsigned size)
{
	(void)dev;
	(void)off;
	(void)size;
	return PVPANIC_PANICKED | PVPANIC_CRASH_LOADED;
}

static void pvpanic_write(void *dev, uint64_t off, unsigned size, uint64_t val)
{
	(void)off;
	(void)size;
	vm_guest_panicked(dev, (unsigned)val & (PVPANIC_PANICKED | PVPANIC_CRASH_LOADED));
}

static const struct bus_ops pvpanic_ops = { pvpanic_read, pvpanic_write };

bool pvpanic_init(const struct dev_env *env, struct bus *pio)
{
	return bus_add(pio, &(struct bus_range){ PVPANIC_PORT, 1, &pvpanic_ops, env->vm, "pvpanic", 1 });
}
