/* SPDX-License-Identifier: Apache-2.0 */
/* Device interrupts of the host, by number: global system interrupts, and messages from TV_IRQ_MESSAGE on. */
#ifndef ARCH_IRQ_H
#define ARCH_IRQ_H

#include <abi/object.h>
#include <abi/status.h>
#include <lib/base.h>

/* Number of global system interrupts that the IOAPICs have. */
unsigned irq_count(void);

/*
 * Route @gsi to the CPU that executes this and leave it masked.  @flags: TV_IRQ_* (abi/object.h); with TV_IRQ_DEFAULT the MADT's
 * override decides, else ISA (edge, high) below 16 and PCI (level, low) above.  From then on kernel_irq(@gsi) is called for each interrupt, after the machine has
 * masked it if it is level-triggered and sent the EOI.  TV_EUNSUP: no vector left; TV_EINVAL: no such GSI.
 */
enum tv_err irq_route(unsigned gsi, uint32_t flags) MUST_USE;
void irq_mask(unsigned gsi);
void irq_unmask(unsigned gsi);
/* Undo irq_route: masked, vector free again. */
void irq_unroute(unsigned gsi);

/*
 * What a device writes where to send message @n < TV_IRQ_MESSAGES to the CPU that executes this.  From then on
 * kernel_irq(TV_IRQ_MESSAGE + @n) is called for each, after the EOI: an edge, which only its device can mask.  TV_EUNSUP: messages do
 * not reach this CPU.
 */
struct irq_message {
	uint64_t address;
	uint32_t data;
};
enum tv_err irq_message(unsigned n, struct irq_message *out) MUST_USE;

/* Make CPU @cpu pass through kernel_ipi() soon, out of user or guest mode if need be. */
void irq_send_ipi(unsigned cpu);

#endif
