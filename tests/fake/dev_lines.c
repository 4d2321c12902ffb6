/* SPDX-License-Identifier: Apache-2.0 */
/* Records interrupt lines where a test wants to see them instead of an interrupt controller. */
#include "dev_fake.h"
#include "irqchip.h"

struct fake_line fake_line[24];

void irq_line_set(struct irqchip *c, unsigned gsi, bool level)
{
	(void)c;
	assert_true(gsi < ARRAY_LEN(fake_line));
	fake_line[gsi].rises += level && !fake_line[gsi].level;
	fake_line[gsi].level = level;
}

bool fake_replaced;

void irq_legacy_set(struct irqchip *c, unsigned gsi, bool level)
{
	irq_line_set(c, gsi, level);
}

void irq_legacy_replace(struct irqchip *c, bool on)
{
	(void)c;
	fake_replaced = on;
}
