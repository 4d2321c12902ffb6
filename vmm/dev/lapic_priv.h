/* SPDX-License-Identifier: Apache-2.0 */
/* What the four files of the local APIC share. */
#ifndef DEV_LAPIC_PRIV_H
#define DEV_LAPIC_PRIV_H

#include <dev/lapic.h>

/* Register numbers: MMIO offset / 16 = MSR - 0x800.  SDM, "Local APIC Register Address Map". */
enum lapic_reg {
	REG_ID = 0x02, REG_VERSION = 0x03, REG_TPR = 0x08, REG_APR = 0x09, REG_PPR = 0x0a, REG_EOI = 0x0b, REG_RRD = 0x0c,
	REG_LDR = 0x0d, REG_DFR = 0x0e, REG_SVR = 0x0f, REG_ISR = 0x10, REG_TMR = 0x18, REG_IRR = 0x20, REG_ESR = 0x28,
	REG_ICR = 0x30, REG_ICR_HIGH = 0x31, REG_LVT_TIMER = 0x32, REG_LVT_THERMAL = 0x33, REG_LVT_PERF = 0x34,
	REG_LVT_LINT0 = 0x35, REG_LVT_LINT1 = 0x36, REG_LVT_ERROR = 0x37, REG_TIMER_INITIAL = 0x38,
	REG_TIMER_COUNT = 0x39, REG_TIMER_DIVIDE = 0x3e, REG_SELF_IPI = 0x3f,
};

#define SVR_ENABLE		BIT(8)
#define SVR_FOCUS		BIT(9)
#define SVR_NO_BROADCAST	BIT(12)		/* "Suppress EOI Broadcasts" */

#define LVT_MASKED		BIT(16)
#define LVT_MODE(lvt)		((lvt) >> 8 & 7)	/* enum apic_mode */
#define LVT_TIMER_MODE(lvt)	((lvt) >> 17 & 3)	/* enum timer_mode */

enum timer_mode { TIMER_ONE_SHOT, TIMER_PERIODIC, TIMER_TSC_DEADLINE, TIMER_RESERVED };

/* ESR.  SDM, "Error Status Register". */
#define ESR_SEND_ILLEGAL	BIT(5)
#define ESR_RECEIVE_ILLEGAL	BIT(6)
#define ESR_ILLEGAL_REGISTER	BIT(7)

/* Vectors 0 ... 15 cannot be delivered through the APIC. */
#define APIC_FIRST_VECTOR	16

/*
 * Registers that other threads read (to match destinations) or write (IRR, TMR): single words without order among them.
 * Where order matters, the code says so and uses the builtin itself.
 */
static inline uint32_t word_get(const uint32_t *w) { return __atomic_load_n(w, __ATOMIC_RELAXED); }
static inline void word_set(uint32_t *w, uint32_t v) { __atomic_store_n(w, v, __ATOMIC_RELAXED); }

/* lapic_irq.c */
int lapic_highest(const uint32_t words[8]);
uint32_t lapic_ppr(const struct lapic *l);
void lapic_eoi(struct lapic *l);
void lapic_priority_fell(struct lapic *l);
void lapic_error(struct lapic *l, uint32_t bits);
void lapic_events_set(struct lapic *l, uint32_t set, uint32_t clear);
bool lapic_lvt_deliver(struct lapic *l, enum lapic_lvt source);

/* lapic_timer.c */
void lapic_timer_stop(struct lapic *l);
void lapic_timer_lvt_write(struct lapic *l, uint32_t lvt);
void lapic_timer_start(struct lapic *l, uint32_t initial);
void lapic_timer_divide_write(struct lapic *l, uint32_t divide);
uint32_t lapic_timer_count(struct lapic *l);
void lapic_timer_restore(struct lapic *l);

/* lapic_ipi.c */
uint32_t lapic_ldr(const struct lapic *l);
void lapic_icr_write(struct lapic *l, uint64_t icr);
void lapic_self_ipi(struct lapic *l, uint32_t val);

#endif
