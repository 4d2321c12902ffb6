/* SPDX-License-Identifier: Apache-2.0 */
/* Local APIC, I/O APIC, 8259 and 8254.  SDM, "Advanced Programmable Interrupt Controller (APIC)"; 82093AA data sheet. */
#ifndef X86_APIC_H
#define X86_APIC_H

#include <lib/base.h>

/* Local APIC register offsets; as an x2APIC MSR: MSR_X2APIC_BASE + offset / 16. */
#define LAPIC_ID		0x020u
#define LAPIC_VERSION		0x030u
#define LAPIC_TPR		0x080u
#define LAPIC_EOI		0x0b0u
#define LAPIC_LDR		0x0d0u
#define LAPIC_SVR		0x0f0u
#define LAPIC_ESR		0x280u
#define LAPIC_ICR_LOW		0x300u
#define LAPIC_ICR_HIGH		0x310u
#define LAPIC_LVT_TIMER		0x320u
#define LAPIC_LVT_THERMAL	0x330u
#define LAPIC_LVT_PERF		0x340u
#define LAPIC_LVT_LINT0		0x350u
#define LAPIC_LVT_LINT1		0x360u
#define LAPIC_LVT_ERROR		0x370u
#define LAPIC_TIMER_INITIAL	0x380u
#define LAPIC_TIMER_CURRENT	0x390u
#define LAPIC_TIMER_DIVIDE	0x3e0u
#define LAPIC_SIZE		0x1000u

#define LAPIC_VERSION_MAX_LVT(v)	((v) >> 16 & 0xff)
#define LAPIC_SVR_ENABLE		BIT(8)
#define LAPIC_LVT_MASKED		BIT(16)
#define LAPIC_LVT_NMI			(4ull << 8)
#define LAPIC_LVT_ACTIVE_LOW		BIT(13)
#define LAPIC_LVT_LEVEL			BIT(15)
#define LAPIC_LVT_TIMER_ONE_SHOT	(0ull << 17)
#define LAPIC_LVT_TIMER_DEADLINE	(2ull << 17)
#define LAPIC_TIMER_DIVIDE_BY_1		0xbu
#define LAPIC_ICR_NMI			(4ull << 8)	/* delivery modes */
#define LAPIC_ICR_INIT			(5ull << 8)
#define LAPIC_ICR_STARTUP		(6ull << 8)
#define LAPIC_ICR_OTHERS		(3ull << 18)	/* shorthand: all but this one */
#define LAPIC_ICR_PENDING		BIT(12)
#define LAPIC_ICR_ASSERT		BIT(14)
#define LAPIC_ICR_DEST_SHIFT		24	/* in ICR_HIGH; x2APIC: the upper 32 bits of the one ICR */

#define LAPIC_XAPIC_BROADCAST		0xffu		/* no single CPU's id in xAPIC mode */

/* Where MSIs and inter-processor messages go: no memory, no device. */
#define LAPIC_MSI_BASE		0xfee00000ull
#define LAPIC_MSI_SIZE		0x00100000ull

/* I/O APIC: an index and a data register in memory. */
#define IOAPIC_INDEX		0x00u
#define IOAPIC_DATA		0x10u
#define IOAPIC_SIZE		0x1000u
#define IOAPIC_REG_VERSION	0x01u
#define IOAPIC_REG_RTE(n)	(0x10u + 2 * (n))	/* low half; + 1: high half */
#define IOAPIC_VERSION_MAX_RTE(v)	((v) >> 16 & 0xff)
#define IOAPIC_RTE_ACTIVE_LOW	BIT(13)
#define IOAPIC_RTE_LEVEL	BIT(15)
#define IOAPIC_RTE_MASKED	BIT(16)
#define IOAPIC_RTE_DEST_SHIFT	56

/* The two 8259. */
#define PIC1_COMMAND		0x20u
#define PIC1_DATA		0x21u
#define PIC2_COMMAND		0xa0u
#define PIC2_DATA		0xa1u
#define PIC_ICW1_INIT		0x11u	/* edge, cascade, ICW4 follows */
#define PIC_ICW4_8086		0x01u

/* The 8254, counter 2, and its gate and output in port 61h. */
#define PIT_HZ			1193182u
#define PIT_COUNTER2		0x42u
#define PIT_COMMAND		0x43u
#define PIT_MODE0_COUNTER2	0xb0u	/* counter 2, low then high byte, interrupt on terminal count */
#define PIT_LATCH_COUNTER2	0x80u
#define PORT61			0x61u
#define PORT61_GATE2		0x01u
#define PORT61_SPEAKER		0x02u

/* ACPI power-management timer. */
#define PM_TIMER_HZ		3579545u

#endif
