/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Local APIC of one vCPU: xAPIC (MMIO page) and x2APIC (MSRs).
 *
 * Threads.  The functions below are for the vCPU's own thread and need no lock, except those marked "any thread".
 * Interrupts from elsewhere only set bits with atomic operations and then call vcpu_notify().  Never call them with the
 * device lock held (they may take it, for the EOI of a level-triggered interrupt).
 *
 * How a vCPU thread uses it, before every entry:
 *
 *	lapic_timer_run(l, clock_now());
 *	ev = lapic_events_take(l, LAPIC_EV_INIT | LAPIC_EV_SIPI | ...);	INIT: vCPU reset + lapic_reset(l, true)
 *	if (lapic_extint(l) && can inject)		inject(irqchip_inta(chip));
 *	else if ((v = lapic_pending(l)) >= 0 && can inject)	{ lapic_accept(l, v); inject(v); }
 *	vcpu_run(..., min(lapic_deadline(l), timer_queue_next(q)));
 *
 * Only when injection is certain is an interrupt accepted: accepting moves it from IRR to ISR.
 */
#ifndef DEV_LAPIC_H
#define DEV_LAPIC_H

#include "irqchip.h"
#include "timer.h"

#define LAPIC_DEFAULT_BASE	0xfee00000ull
#define LAPIC_MMIO_SIZE		0x1000ull
#define LAPIC_NO_MMIO		UINT64_MAX
#define LAPIC_BUS_HZ		1000000000ull	/* the timer's input clock; CPUID leaf 0x15 ECX / 0x40000010 EBX should agree */

/* IA32_APIC_BASE.  SDM, "Local APIC Status and Location". */
#define APIC_BASE_BSP		BIT(8)
#define APIC_BASE_EXTD		BIT(10)
#define APIC_BASE_EN		BIT(11)

/* Pending events besides interrupts; LAPIC_EV_SIPI carries its vector, see lapic_sipi_vector(). */
enum lapic_event {
	LAPIC_EV_NMI	= 1u << 0,
	LAPIC_EV_INIT	= 1u << 1,
	LAPIC_EV_SIPI	= 1u << 2,
	LAPIC_EV_SMI	= 1u << 3,	/* there is no SMM: the core drops it */
	LAPIC_EV_EXTINT	= 1u << 4,	/* for lapic_extint(); the core leaves it alone */
};

enum lapic_lvt { LVT_TIMER, LVT_THERMAL, LVT_PERF, LVT_LINT0, LVT_LINT1, LVT_ERROR, LVT_COUNT };

/* Everything the guest can see or that decides what it will see.  Plain data: may be saved and restored. */
struct lapic_state {
	uint64_t base;				/* IA32_APIC_BASE; atomic */
	uint64_t icr;
	uint32_t id;				/* x2APIC ID; the xAPIC one is its low byte */
	uint32_t tpr, ldr, dfr, svr;
	uint32_t esr, esr_latched;		/* errors since the last write of ESR; what that write made readable */
	uint32_t lvt[LVT_COUNT];
	uint32_t timer_initial, timer_divide;	/* as written */
	uint64_t timer_zero;			/* bus tick at which the count reaches 0, 0 = not counting */
	uint64_t timer_fire;			/* host TSC of the next expiry in any mode, TIMER_NEVER = disarmed */
	uint64_t tsc_deadline;			/* IA32_TSC_DEADLINE, guest TSC */
	uint64_t tsc_offset;			/* guest TSC - host TSC */
	uint32_t irr[8], isr[8], tmr[8];	/* irr, tmr: atomic, written by any thread */
	uint32_t events;			/* atomic: enum lapic_event, SIPI vector in bits 15:8 */
	uint32_t lint0;				/* atomic: level of the LINT0 input */
};

struct lapic_config {
	uint32_t id;				/* unique; CPUID and MADT must give the same */
	bool bsp;
	bool x2apic;				/* offered in CPUID: else IA32_APIC_BASE.EXTD is reserved */
	bool tsc_deadline;			/* offered in CPUID */
	bool directed_eoi;			/* "EOI-broadcast suppression" in the version register */
	uint8_t phys_bits;			/* MAXPHYADDR of the guest, for reserved bits of IA32_APIC_BASE */
	uint64_t tsc_hz;
	uint64_t tsc_offset;
};

struct lapic {
	struct lapic_state s;
	struct lapic_config cfg;
	struct clock_rate bus;			/* LAPIC_BUS_HZ */
	struct irqchip *chip;
	struct vcpu *vcpu;
};

/* Power-up state; registers the APIC with @chip.  False: @chip has no room, or the ID is taken. */
bool lapic_init(struct lapic *l, struct irqchip *chip, struct vcpu *v, const struct lapic_config *cfg) MUST_USE;

/* Reset.  With @init, as by an INIT: the mode (IA32_APIC_BASE) and the ID stay. */
void lapic_reset(struct lapic *l, bool init);

bool lapic_restore(void *dev, const void *state) MUST_USE;

/*
 * What the firmware of a PC leaves on the bootstrap CPU ("virtual wire"): enabled, LINT0 = ExtINT (the PIC), LINT1 = NMI.
 * For loaders that start a guest without firmware; call after lapic_reset(l, false).
 */
void lapic_virtual_wire(struct lapic *l);

/* The mode.  Any thread. */
static inline bool lapic_enabled(const struct lapic *l)
{
	return (__atomic_load_n(&l->s.base, __ATOMIC_RELAXED) & APIC_BASE_EN) != 0;
}

static inline bool lapic_is_x2apic(const struct lapic *l)
{
	return (__atomic_load_n(&l->s.base, __ATOMIC_RELAXED) & APIC_BASE_EXTD) != 0;
}

/*
 * Where the 4 KiB of registers are now, LAPIC_NO_MMIO if disabled or in x2APIC mode.  The core compares the guest-physical
 * address of an MMIO exit with it before it asks the MMIO bus.  The guest may move the page to any address that exits;
 * moving it over RAM has no effect there.
 */
uint64_t lapic_mmio_base(const struct lapic *l);
uint64_t lapic_mmio_read(struct lapic *l, uint64_t off, unsigned size);
void lapic_mmio_write(struct lapic *l, uint64_t off, unsigned size, uint64_t val);

/* MSRs 0x800 ... 0x8FF.  False: raise #GP(0). */
bool lapic_msr_read(struct lapic *l, uint32_t msr, uint64_t *val) MUST_USE;
bool lapic_msr_write(struct lapic *l, uint32_t msr, uint64_t val) MUST_USE;

/* IA32_APIC_BASE (0x1B).  Reading is l->s.base.  False: raise #GP(0). */
bool lapic_base_write(struct lapic *l, uint64_t val) MUST_USE;

/* IA32_TSC_DEADLINE (0x6E0), if offered.  Outside TSC-deadline mode it reads 0 and ignores writes. */
uint64_t lapic_tsc_deadline_read(struct lapic *l);
void lapic_tsc_deadline_write(struct lapic *l, uint64_t val);

/* The guest wrote its TSC or TSC_ADJUST: guest TSC = host TSC + @offset from now on. */
void lapic_set_tsc_offset(struct lapic *l, uint64_t offset);

/* CR8 is the upper half of TPR.  lapic_cr8_write(): false if a reserved bit is set, raise #GP(0). */
uint64_t lapic_cr8_read(const struct lapic *l);
bool lapic_cr8_write(struct lapic *l, uint64_t val) MUST_USE;

/* The highest vector (16 ... 255) that may be delivered at the present priority, or -1. */
int lapic_pending(const struct lapic *l);
/* The same regardless of TPR and of what is in service: -1 if nothing is requested.  For a TPR threshold. */
int lapic_highest_irr(const struct lapic *l);
/* The CPU takes @vector, which lapic_pending() has just returned. */
void lapic_accept(struct lapic *l, int vector);
/* Should this vCPU take an interrupt from the PIC (vector from irqchip_inta())? */
bool lapic_extint(const struct lapic *l);
/* Anything at all to be done before this vCPU may sleep in HLT: interrupt, ExtINT, NMI, INIT, SIPI, SMI?  */
bool lapic_has_work(const struct lapic *l);

/* Pending events (enum lapic_event); take: those of @mask are returned and cleared in one atomic step. */
uint32_t lapic_events(const struct lapic *l);
uint32_t lapic_events_take(struct lapic *l, uint32_t mask);
/* The vector of the SIPI in @events, as lapic_events_take() returned it. */
static inline uint8_t lapic_sipi_vector(uint32_t events) { return (uint8_t)(events >> 8); }

/* The timer: absolute host TSC at which lapic_timer_run() wants to be called, or TIMER_NEVER. */
static inline uint64_t lapic_deadline(const struct lapic *l) { return l->s.timer_fire; }
void lapic_timer_run(struct lapic *l, uint64_t now);

/*
 * Any thread.  For irqchip.c: does @m address this APIC; take it (true if accepted); the priority of what this APIC is
 * doing, for lowest-priority delivery; the level of the LINT0 input, which is the PIC's output.
 */
bool lapic_matches(const struct lapic *l, const struct apic_msg *m);
bool lapic_post(struct lapic *l, const struct apic_msg *m);
uint32_t lapic_arbitration(const struct lapic *l);
void lapic_lint0_set(struct lapic *l, bool level);

/* Any thread.  A local interrupt source fires: thermal, performance counter, or an edge on LINT1 (NMI on PCs). */
void lapic_local(struct lapic *l, enum lapic_lvt source);

#endif
