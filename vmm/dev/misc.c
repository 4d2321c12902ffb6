/* SPDX-License-Identifier: Apache-2.0 */
/* POST code and DMA page latches, system control port A (92h), APM control and status. */
#include <dev/misc.h>
#include "upcall.h"

#define PORT92_RESET	0x01		/* 0 -> 1 resets the CPU */
#define PORT92_A20	0x02
#define PORT92_WRITABLE	0x03

static uint64_t post_read(void *dev, uint64_t off, unsigned size)
{
	const struct misc *m = dev;

	(void)size;
	return m->s.post[off % sizeof(m->s.post)];
}

static void post_write(void *dev, uint64_t off, unsigned size, uint64_t val)
{
	struct misc *m = dev;

	(void)size;
	m->s.post[off % sizeof(m->s.post)] = (uint8_t)val;
}

static uint64_t port92_read(void *dev, uint64_t off, unsigned size)
{
	const struct misc *m = dev;

	(void)off;
	(void)size;
	return m->s.port92;
}

/* A20 can be switched, but the address line is never masked: no guest of today depends on the wrap-around at 1 MiB. */
static void port92_write(void *dev, uint64_t off, unsigned size, uint64_t val)
{
	struct misc *m = dev;
	uint8_t old = m->s.port92;

	(void)off;
	(void)size;
	m->s.port92 = val & PORT92_WRITABLE;
	if (m->s.port92 & ~old & PORT92_RESET)
		vm_reset(m->env.vm);
}

static uint64_t apm_read(void *dev, uint64_t off, unsigned size)
{
	const struct misc *m = dev;

	(void)size;
	return m->s.apm[off % sizeof(m->s.apm)];
}

/* There is no system management mode that a command could reach: the value is kept, that is all. */
static void apm_write(void *dev, uint64_t off, unsigned size, uint64_t val)
{
	struct misc *m = dev;

	(void)size;
	m->s.apm[off % sizeof(m->s.apm)] = (uint8_t)val;
}

const struct bus_ops misc_post_ops = { post_read, post_write };
const struct bus_ops misc_port92_ops = { port92_read, port92_write };
const struct bus_ops misc_apm_ops = { apm_read, apm_write };

void misc_reset(struct misc *m)
{
	m->s = (struct misc_state){ .port92 = PORT92_A20 };
}

bool misc_restore(void *dev, const void *state)
{
	struct misc *m = dev;

	m->s = *(const struct misc_state *)state;
	m->s.port92 &= PORT92_WRITABLE;
	return true;
}

void misc_init(struct misc *m, const struct dev_env *env)
{
	*m = (struct misc){ .env = *env };
	misc_reset(m);
}
