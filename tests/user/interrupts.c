/* SPDX-License-Identifier: Apache-2.0 */
/* A driver's view: a timer chip programmed through granted ports, its interrupts as signals. */
#include <rt/io.h>
#include <rt/start.h>

#include "check.h"

#define NTFN		(SEL_FREE + 0)
#define PIT_PORTS	(SEL_FREE + 1)
#define PIT_IRQ		(SEL_FREE + 2)
#define PIT_GSI		2u		/* ISA interrupt 0, as the MADT of a PC says */
#define PIT_HZ		1193182u

/* Channel 0, mode 2: an interrupt every @count ticks of the chip. */
static void pit_start(uint16_t count)
{
	io_write8(0x43, 0x34);
	io_write8(0x40, (uint8_t)count);
	io_write8(0x40, (uint8_t)(count >> 8));
}

static unsigned count_signals(uint64_t ticks)
{
	uint64_t end = now() + ticks, bits;
	unsigned n = 0;

	while (sys_ntfn_wait(NTFN, end, &bits) == TV_OK) {
		expect(bits == 0x10);
		n++;
		(void)sys_irq_ack(PIT_IRQ, PIT_GSI);
	}
	return n;
}

uint64_t rt_main(const struct tv_start *start)
{
	uint64_t hz = rt_info()->tsc_hz, bits, address, data, other;
	unsigned n;

	(void)start;
	expect_err(sys_ntfn_create(NTFN), TV_OK);
	expect_err(sys_cap_derive(TV_SEL_DOMAIN, PIT_PORTS, TV_SEL_PORTS, TV_RIGHT_USE, 0x40, 4), TV_OK);
	expect_err(sys_cap_derive(TV_SEL_DOMAIN, PIT_IRQ, TV_SEL_IRQS, TV_RIGHT_USE, PIT_GSI, 1), TV_OK);
	expect_err(sys_port_grant(TV_SEL_DOMAIN, PIT_PORTS), TV_OK);
	expect_err(sys_irq_bind(PIT_IRQ, PIT_GSI, NTFN, 0x10, TV_IRQ_EDGE), TV_OK);
	pit_start(PIT_HZ / 100);
	n = count_signals(hz / 2);
	print("%u interrupts in half a second at 100 Hz\n", n);
	expect(n >= 10 && n <= 60);	/* fewer when the emulator is late */
	verdict("interrupts arrive as signals");

	expect_err(sys_irq_mask(PIT_IRQ, PIT_GSI), TV_OK);
	(void)sys_ntfn_poll(NTFN, &bits);
	expect(count_signals(hz / 10) == 0);
	expect_err(sys_irq_ack(PIT_IRQ, PIT_GSI), TV_OK);
	expect(count_signals(hz / 10) > 0);
	verdict("a masked interrupt stays away until it is acknowledged");

	expect_err(sys_irq_bind(TV_SEL_IRQS, PIT_GSI, NTFN, 1, 0), TV_EBUSY);
	expect_err(sys_cap_delete(PIT_IRQ), TV_OK);
	(void)sys_ntfn_poll(NTFN, &bits);
	expect(count_signals(hz / 10) == 0);
	expect_err(sys_irq_bind(TV_SEL_IRQS, PIT_GSI, NTFN, 0x10, TV_IRQ_DEFAULT), TV_OK);
	expect(count_signals(hz / 10) > 0);
	verdict("revoking the interrupt ends its signals, and it can be bound anew");

	expect_err(sys_irq_bind(TV_SEL_IRQS, 1000, NTFN, 1, 0), TV_EINVAL);
	expect_err(sys_irq_bind(TV_SEL_IRQS, TV_IRQ_MAX, NTFN, 1, 0), TV_ERANGE);
	verdict("an interrupt that does not exist is refused");

	expect_err(sys_irq_bind_message(TV_SEL_IRQS, TV_IRQ_MESSAGE + 3, NTFN, 1, &address, &data), TV_OK);
	expect(address >> 20 == 0xfee && data >= 0x30 && data < 0xf0);
	expect_err(sys_irq_bind_message(TV_SEL_IRQS, TV_IRQ_MESSAGE + 4, NTFN, 1, &address, &other), TV_OK);
	expect(other != data);
	verdict("each message has an address and data of its own");
	done();
}
