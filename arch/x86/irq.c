/* SPDX-License-Identifier: Apache-2.0 */
/* External interrupts by vector: timer, IPI, lines and messages of devices, and what should not happen. */
#include <arch/cpu.h>
#include <arch/irq.h>
#include <kernel/log.h>
#include <kernel/upcall.h>
#include <x86/apic.h>

#include "apic.h"
#include "machine.h"
#include "smp.h"

_Static_assert(VECTOR_TIMER - VECTOR_MESSAGE == TV_IRQ_MESSAGES, "a vector for each");

void irq_send_ipi(unsigned cpu)
{
	lapic_ipi(smp_apic_id(cpu), VECTOR_IPI);
}

/* SDM, "Message Address Register Format": physical destination, no redirection; "Message Data Register Format": fixed, edge. */
enum tv_err irq_message(unsigned n, struct irq_message *out)
{
	uint32_t id = arch_cpu()->apic_id;

	/* Eight bits for the CPU; to reach others would take interrupt remapping. */
	if (id >= LAPIC_XAPIC_BROADCAST)
		return TV_EUNSUP;
	*out = (struct irq_message){ LAPIC_MSI_BASE | id << 12, VECTOR_MESSAGE + n };
	return TV_OK;
}

static void apic_error(void)
{
	static unsigned logged;
	uint32_t status = lapic_error();

	lapic_eoi();
	if (logged++ < 8)
		log_warn("local APIC error %#x", status);
}

void irq_dispatch(unsigned vector)
{
	switch (vector) {
	case VECTOR_TIMER:
		lapic_eoi();
		kernel_timer();
		return;
	case VECTOR_IPI:
		lapic_eoi();
		kernel_ipi();
		return;
	case VECTOR_ERROR:
		apic_error();
		return;
	case VECTOR_SPURIOUS:
		return;			/* no EOI: nothing is in service */
	default:
		break;
	}
	if (vector >= VECTOR_MESSAGE && vector < VECTOR_TIMER) {
		lapic_eoi();
		kernel_irq(TV_IRQ_MESSAGE + (vector - VECTOR_MESSAGE));
	} else if (vector >= VECTOR_DEVICE && vector < VECTOR_MESSAGE) {
		ioapic_dispatch(vector);
	} else if (vector >= VECTOR_PIC + PIC_VECTORS) {
		lapic_eoi();
	}
	/* else the 8259's spurious interrupt: it has nothing in service, nor has the local APIC */
}
