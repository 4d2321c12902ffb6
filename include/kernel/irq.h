/* SPDX-License-Identifier: Apache-2.0 */
/* Device interrupts as signals. */
#ifndef KERNEL_IRQ_H
#define KERNEL_IRQ_H

#include <kernel/cap.h>
#include <kernel/notify.h>
#include <lib/base.h>
#include <mm/quota.h>

struct irq_binding {
	struct node node;		/* below the IRQS capability it was made from  */
	struct notify_hook hook;
	struct quota *quota;		/* paid for it                                 */
	uint32_t gsi;
};

/* Allocate the table of bindings; boot only. */
void irq_init(void);
/* Mask and unroute the interrupt, free @b. */
void irq_unbind(struct irq_binding *b);

#endif
