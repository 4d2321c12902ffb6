/* SPDX-License-Identifier: Apache-2.0 */
/* External interrupts by vector: timer, IPI, devices, and what should not happen. */
#include <arch/irq.h>
#include <kernel/log.h>
#include <kernel/upcall.h>

#include "apic.h"
#include "machine.h"
#include "smp.h"

void irq_send_ipi(unsigned cpu)
{
	lapic_ipi(smp_apic_id(cpu), VECTOR_IPI);
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
	if (vector >= VECTOR_DEVICE && vector < VECTOR_TIMER)
		ioapic_dispatch(vector);
	else if (vector >= VECTOR_PIC + PIC_VECTORS)
		lapic_eoi();
	/* else the 8259's spurious interrupt: it has nothing in service, nor has the local APIC */
}
