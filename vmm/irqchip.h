/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The interrupt wiring of a VM: GSI lines to PIC and IOAPIC, interrupt messages to local APICs.
 *
 *   device line (GSI) --+--> PIC pair --INTR--> LINT0 of every LAPIC, pin 0 of the IOAPIC
 *                       +--> IOAPIC pin --message--+
 *   MSI ---------------------------message---------+--> irqchip_message() --> LAPICs that match
 *   IPI (ICR) ---------------------message---------+
 *
 * GSI n is IOAPIC pin n.  ISA interrupt n is GSI n, but ISA interrupt 0 (the PIT) is GSI 2: the MADT must say so.
 */
#ifndef VMM_IRQCHIP_H
#define VMM_IRQCHIP_H

#include <lib/base.h>

#define IRQCHIP_CPUS	64	/* most vCPUs of a VM */
#define IRQCHIP_GSIS	24

enum gsi {			/* the lines of the fixed devices */
	GSI_PIT	  = 2,
	GSI_KBD	  = 1,
	GSI_COM2  = 3,
	GSI_COM1  = 4,
	GSI_RTC	  = 8,
	GSI_SCI	  = 9,		/* level, active low as far as the IOAPIC is told; level in ELCR */
	GSI_PCI	  = 16,		/* first of the eight lines of PCI INTx */
};

struct vm;
struct lapic;
struct pic;
struct ioapic;

struct irqchip {
	struct vm *vm;
	struct pic *pic;
	struct ioapic *ioapic;
	struct lapic *lapic[IRQCHIP_CPUS];	/* every vCPU's, added before the VM runs */
	unsigned lapic_count;
	bool replaced;				/* the HPET has the lines of PIT and RTC ... */
	uint32_t legacy;			/* ... whose levels, a bit for each, are kept here */
};

/* SDM, "Local APIC: Interrupt Command Register": delivery modes, as also in IOAPIC entries and MSI data. */
enum apic_mode {
	APIC_FIXED = 0, APIC_LOWEST = 1, APIC_SMI = 2, APIC_NMI = 4, APIC_INIT = 5, APIC_SIPI = 6, APIC_EXTINT = 7,
};

/* "Destination Shorthand" of the ICR. */
enum apic_shorthand { APIC_DEST = 0, APIC_SELF = 1, APIC_ALL = 2, APIC_OTHERS = 3 };

/* An interrupt on its way to one or more local APICs. */
struct apic_msg {
	const struct lapic *from;	/* the sender of an IPI, or NULL */
	uint8_t shorthand;		/* enum apic_shorthand: other than APIC_DEST needs @from, @dest is then unused */
	uint32_t dest;		/* APIC ID or logical destination */
	uint8_t vector;
	uint8_t mode;		/* enum apic_mode, or a reserved value: dropped */
	bool logical;		/* @dest is a logical destination */
	bool level;		/* level triggered: the EOI goes to the IOAPIC */
	bool wide;		/* @dest has 32 bits (sent by an x2APIC), so the broadcast is 0xffffffff, not 0xff */
};

void irqchip_init(struct irqchip *c, struct vm *vm, struct pic *pic, struct ioapic *ioapic);

/* Register a vCPU's local APIC, called by lapic_init().  False: there are IRQCHIP_CPUS already. */
bool irqchip_add_lapic(struct irqchip *c, struct lapic *l) MUST_USE;

/* Drive line @gsi (ignored if there is no such line).  One driver per line; device lock held. */
void irq_line_set(struct irqchip *c, unsigned gsi, bool level);

/* The same for the PIT and the RTC, which the HPET can replace: then the level is only kept until they have their line back. */
void irq_legacy_set(struct irqchip *c, unsigned gsi, bool level);
void irq_legacy_replace(struct irqchip *c, bool on);

/* Hand @m to every local APIC it addresses (lowest priority: to one).  True if one took it.  Any thread, no lock. */
bool irqchip_message(struct irqchip *c, const struct apic_msg *m);

/* A device's memory write to the interrupt address range.  Any thread, no lock.  False: @addr is no such address. */
bool msi_deliver(struct irqchip *c, uint64_t addr, uint32_t data);

/*
 * The interrupt acknowledge cycle of a vCPU that takes an ExtINT: vector 0 ... 255 (the PIC's spurious one if the
 * request has gone).  Takes the device lock itself.
 */
uint8_t irqchip_inta(struct irqchip *c);

/* For the models themselves: is the PIC asking for an interrupt?  Any thread, no lock. */
bool irqchip_pic_intr(const struct irqchip *c);


/* ... a local APIC saw the EOI of level-triggered @vector (takes the device lock) ... */
void irqchip_eoi(struct irqchip *c, uint8_t vector);
/* ... the PIC's output changed (device lock held). */
void irqchip_pic_changed(struct irqchip *c, bool intr);

#endif
