/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Local APIC: the register file, its two ways in (MMIO page and MSRs), and the mode.
 *
 *	disabled --EN--> xAPIC --EXTD--> x2APIC		IA32_APIC_BASE; every other step up or sideways is #GP
 *	   ^---------------+---------------+		going back to disabled resets the registers
 */
#include <rt/time.h>
#include "lapic_priv.h"
#include "upcall.h"

enum { R = 1, W = 2, X1 = 4, X2 = 8 };	/* readable, writable; exists in xAPIC mode, in x2APIC mode */

struct lapic_row {
	const char *name;
	uint8_t access;
	uint16_t word;		/* offset of the register in struct lapic_state, if @get or @wrote does not say otherwise */
	uint32_t writable;	/* bits that a write changes ... */
	uint32_t ignored;	/* ... and that it may set without effect; the rest is reserved: #GP by MSR */
	uint32_t (*get)(struct lapic *l);
	void (*wrote)(struct lapic *l, uint32_t val);	/* instead of storing */
};

static uint32_t get_id(struct lapic *l)
{
	return lapic_is_x2apic(l) ? l->s.id : l->s.id << 24;
}

/* Version 0x14, as in every integrated APIC; bit 24: EOI broadcasts can be suppressed. */
static uint32_t get_version(struct lapic *l)
{
	return 0x14 | (LVT_COUNT - 1) << 16 | (l->cfg.directed_eoi ? (uint32_t)BIT(24) : 0);
}

static uint32_t get_zero(struct lapic *l)
{
	(void)l;
	return 0;
}

static uint32_t get_ppr(struct lapic *l) { return lapic_ppr(l); }
static uint32_t get_ldr(struct lapic *l) { return lapic_ldr(l); }
static uint32_t get_icr(struct lapic *l) { return (uint32_t)l->s.icr; }
static uint32_t get_icr_high(struct lapic *l) { return (uint32_t)(l->s.icr >> 32); }
static uint32_t get_count(struct lapic *l) { return lapic_timer_count(l); }

static void wrote_tpr(struct lapic *l, uint32_t val)
{
	word_set(&l->s.tpr, val);
	lapic_priority_fell(l);
}

static void wrote_eoi(struct lapic *l, uint32_t val)
{
	(void)val;
	lapic_eoi(l);
}

/* Software-disabling the APIC masks its local interrupts.  SDM, "Local APIC State After It Has Been Software Disabled". */
static void wrote_svr(struct lapic *l, uint32_t val)
{
	word_set(&l->s.svr, val);
	if (val & SVR_ENABLE)
		return;
	for (unsigned i = 0; i < LVT_COUNT; i++)
		__atomic_fetch_or(&l->s.lvt[i], (uint32_t)LVT_MASKED, __ATOMIC_RELAXED);
}

/* A write makes the errors found since the last write readable. */
static void wrote_esr(struct lapic *l, uint32_t val)
{
	(void)val;
	l->s.esr_latched = __atomic_exchange_n(&l->s.esr, 0, __ATOMIC_RELAXED);
}

static void wrote_icr(struct lapic *l, uint32_t val)
{
	lapic_icr_write(l, (l->s.icr & MASK(63, 32)) | val);
}

static void wrote_icr_high(struct lapic *l, uint32_t val)
{
	l->s.icr = (uint64_t)val << 32 | (uint32_t)l->s.icr;
}

static uint32_t lvt_value(const struct lapic *l, uint32_t val)
{
	return l->s.svr & SVR_ENABLE ? val : val | (uint32_t)LVT_MASKED;
}

static void wrote_lvt_timer(struct lapic *l, uint32_t val)
{
	lapic_timer_lvt_write(l, lvt_value(l, val));
}

/* The PIC may be asking already when LINT0 is opened for it. */
static void wrote_lvt_lint0(struct lapic *l, uint32_t val)
{
	word_set(&l->s.lvt[LVT_LINT0], lvt_value(l, val));
	if (lapic_extint(l))
		vcpu_notify(l->vcpu);
}

static void wrote_lvt_thermal(struct lapic *l, uint32_t val) { word_set(&l->s.lvt[LVT_THERMAL], lvt_value(l, val)); }
static void wrote_lvt_perf(struct lapic *l, uint32_t val) { word_set(&l->s.lvt[LVT_PERF], lvt_value(l, val)); }
static void wrote_lvt_lint1(struct lapic *l, uint32_t val) { word_set(&l->s.lvt[LVT_LINT1], lvt_value(l, val)); }
static void wrote_lvt_error(struct lapic *l, uint32_t val) { word_set(&l->s.lvt[LVT_ERROR], lvt_value(l, val)); }

/* Only the model in bits 31:28 can be changed, the rest reads as ones. */
static void wrote_dfr(struct lapic *l, uint32_t val)
{
	word_set(&l->s.dfr, val | (uint32_t)MASK(27, 0));
}

#define WORD(field)	offsetof(struct lapic_state, field)
#define BLOCK(reg, text, field)								\
	[reg + 0] = { text "0", R | X1 | X2, WORD(field[0]), 0, 0, NULL, NULL },	\
	[reg + 1] = { text "1", R | X1 | X2, WORD(field[1]), 0, 0, NULL, NULL },	\
	[reg + 2] = { text "2", R | X1 | X2, WORD(field[2]), 0, 0, NULL, NULL },	\
	[reg + 3] = { text "3", R | X1 | X2, WORD(field[3]), 0, 0, NULL, NULL },	\
	[reg + 4] = { text "4", R | X1 | X2, WORD(field[4]), 0, 0, NULL, NULL },	\
	[reg + 5] = { text "5", R | X1 | X2, WORD(field[5]), 0, 0, NULL, NULL },	\
	[reg + 6] = { text "6", R | X1 | X2, WORD(field[6]), 0, 0, NULL, NULL },	\
	[reg + 7] = { text "7", R | X1 | X2, WORD(field[7]), 0, 0, NULL, NULL }
#define LVT_ROW(text, n, mask, ro, fn)	{ text, R | W | X1 | X2, WORD(lvt[n]), mask, ro, NULL, fn }

/* Index: register number.  The mask bits that depend on the configuration are taken out in row_writable(). */
static const struct lapic_row rows[64] = {
	[REG_ID]	    = { "ID", R | X1 | X2, 0, 0, 0, get_id, NULL },
	[REG_VERSION]	    = { "VERSION", R | X1 | X2, 0, 0, 0, get_version, NULL },
	[REG_TPR]	    = { "TPR", R | W | X1 | X2, WORD(tpr), 0xff, 0, NULL, wrote_tpr },
	[REG_APR]	    = { "APR", R | X1, 0, 0, 0, get_zero, NULL },
	[REG_PPR]	    = { "PPR", R | X1 | X2, 0, 0, 0, get_ppr, NULL },
	[REG_EOI]	    = { "EOI", W | X1 | X2, 0, 0, 0, get_zero, wrote_eoi },
	[REG_RRD]	    = { "RRD", R | X1, 0, 0, 0, get_zero, NULL },
	[REG_LDR]	    = { "LDR", R | W | X1 | X2, WORD(ldr), 0xff000000, 0, get_ldr, NULL },
	[REG_DFR]	    = { "DFR", R | W | X1, WORD(dfr), 0xf0000000, 0, NULL, wrote_dfr },
	[REG_SVR]	    = { "SVR", R | W | X1 | X2, WORD(svr), 0x11ff, SVR_FOCUS, NULL, wrote_svr },
	BLOCK(REG_ISR, "ISR", isr),
	BLOCK(REG_TMR, "TMR", tmr),
	BLOCK(REG_IRR, "IRR", irr),
	[REG_ESR]	    = { "ESR", R | W | X1 | X2, WORD(esr_latched), 0, 0, NULL, wrote_esr },
	[REG_ICR]	    = { "ICR", R | W | X1 | X2, 0, 0xccfff, 0x1000, get_icr, wrote_icr },
	[REG_ICR_HIGH]	    = { "ICR_HIGH", R | W | X1, 0, 0xff000000, 0, get_icr_high, wrote_icr_high },
	[REG_LVT_TIMER]	    = LVT_ROW("LVT_TIMER", LVT_TIMER, 0x700ff, 0x1000, wrote_lvt_timer),
	[REG_LVT_THERMAL]   = LVT_ROW("LVT_THERMAL", LVT_THERMAL, 0x107ff, 0x1000, wrote_lvt_thermal),
	[REG_LVT_PERF]	    = LVT_ROW("LVT_PERF", LVT_PERF, 0x107ff, 0x1000, wrote_lvt_perf),
	[REG_LVT_LINT0]	    = LVT_ROW("LVT_LINT0", LVT_LINT0, 0x1a7ff, 0x5000, wrote_lvt_lint0),
	[REG_LVT_LINT1]	    = LVT_ROW("LVT_LINT1", LVT_LINT1, 0x1a7ff, 0x5000, wrote_lvt_lint1),
	[REG_LVT_ERROR]	    = LVT_ROW("LVT_ERROR", LVT_ERROR, 0x100ff, 0x1000, wrote_lvt_error),
	[REG_TIMER_INITIAL] = { "TIMER_INITIAL", R | W | X1 | X2, WORD(timer_initial), 0xffffffff, 0, NULL, lapic_timer_start },
	[REG_TIMER_COUNT]   = { "TIMER_COUNT", R | X1 | X2, 0, 0, 0, get_count, NULL },
	[REG_TIMER_DIVIDE]  = { "TIMER_DIVIDE", R | W | X1 | X2, WORD(timer_divide), 0xb, 0, NULL, lapic_timer_divide_write },
	[REG_SELF_IPI]	    = { "SELF_IPI", W | X2, 0, 0xff, 0, NULL, lapic_self_ipi },
};

/* The row of register @reg if it exists in the present mode, else NULL. */
static const struct lapic_row *row_find(const struct lapic *l, uint64_t reg)
{
	uint8_t mode = lapic_is_x2apic(l) ? X2 : X1;

	return reg < ARRAY_LEN(rows) && (rows[reg].access & mode) ? &rows[reg] : NULL;
}

static uint32_t row_writable(const struct lapic *l, const struct lapic_row *r)
{
	if (r == &rows[REG_LVT_TIMER] && !l->cfg.tsc_deadline)
		return r->writable & ~(uint32_t)BIT(18);
	if (r == &rows[REG_SVR] && !l->cfg.directed_eoi)
		return r->writable & ~(uint32_t)SVR_NO_BROADCAST;
	return r->writable;
}

static uint32_t *row_word(struct lapic *l, const struct lapic_row *r)
{
	return (uint32_t *)(void *)((char *)&l->s + r->word);
}

static uint32_t row_read(struct lapic *l, const struct lapic_row *r)
{
	return r->get ? r->get(l) : word_get(row_word(l, r));
}

static void row_write(struct lapic *l, const struct lapic_row *r, uint32_t val)
{
	val &= row_writable(l, r);
	if (r->wrote)
		r->wrote(l, val);
	else
		word_set(row_word(l, r), val);
}

uint64_t lapic_mmio_base(const struct lapic *l)
{
	return lapic_enabled(l) && !lapic_is_x2apic(l) ? l->s.base & ~PAGE_MASK : LAPIC_NO_MMIO;
}

/*
 * Registers are 32 bits wide at multiples of 16.  SDM leaves all other accesses undefined: parts of a register can be
 * read, everything else reads as ones and is ignored when written.
 */
uint64_t lapic_mmio_read(struct lapic *l, uint64_t off, unsigned size)
{
	const struct lapic_row *r = row_find(l, off / 16);

	if (off % 16 + size > 4)
		return ~0ull;
	if (!r) {
		lapic_error(l, ESR_ILLEGAL_REGISTER);
		return 0;
	}
	if (!(r->access & R))
		return 0;
	return row_read(l, r) >> (off % 16 * 8);
}

void lapic_mmio_write(struct lapic *l, uint64_t off, unsigned size, uint64_t val)
{
	const struct lapic_row *r = row_find(l, off / 16);

	if (off % 16 || size != 4)
		return;
	if (!r)
		lapic_error(l, ESR_ILLEGAL_REGISTER);
	else if (r->access & W)
		row_write(l, r, (uint32_t)val);
}

bool lapic_msr_read(struct lapic *l, uint32_t msr, uint64_t *val)
{
	const struct lapic_row *r = row_find(l, msr - 0x800u);

	if (!lapic_is_x2apic(l) || !r || !(r->access & R))
		return false;
	*val = r == &rows[REG_ICR] ? l->s.icr : row_read(l, r);
	return true;
}

bool lapic_msr_write(struct lapic *l, uint32_t msr, uint64_t val)
{
	const struct lapic_row *r = row_find(l, msr - 0x800u);
	uint64_t high = 0;

	/* LDR is the one register that becomes read-only. */
	if (!lapic_is_x2apic(l) || !r || !(r->access & W) || r == &rows[REG_LDR])
		return false;
	if (r == &rows[REG_ICR])
		high = MASK(63, 32);
	if (val & ~(row_writable(l, r) | r->ignored | high))
		return false;
	if (r == &rows[REG_ICR])
		lapic_icr_write(l, val & ~BIT(12));
	else
		row_write(l, r, (uint32_t)val);
	return true;
}

/* Registers as after power-up; mode, ID, pending events and the level of LINT0 are not touched. */
static void lapic_reset_registers(struct lapic *l)
{
	struct lapic_state *s = &l->s;

	lapic_timer_stop(l);
	s->icr = 0;
	s->timer_divide = 0;
	s->esr_latched = 0;
	word_set(&s->esr, 0);
	word_set(&s->tpr, 0);
	word_set(&s->ldr, 0);
	word_set(&s->dfr, UINT32_MAX);
	word_set(&s->svr, 0xff);
	for (unsigned i = 0; i < LVT_COUNT; i++)
		word_set(&s->lvt[i], LVT_MASKED);
	for (unsigned i = 0; i < 8; i++) {
		word_set(&s->irr[i], 0);
		word_set(&s->isr[i], 0);
		word_set(&s->tmr[i], 0);
	}
}

void lapic_reset(struct lapic *l, bool init)
{
	/* With INIT, the SIPI that follows it may be here already. */
	uint32_t gone = LAPIC_EV_NMI | LAPIC_EV_SMI | LAPIC_EV_EXTINT;

	lapic_reset_registers(l);
	if (!init) {
		uint64_t base = LAPIC_DEFAULT_BASE | APIC_BASE_EN | (l->cfg.bsp ? APIC_BASE_BSP : 0);

		__atomic_store_n(&l->s.base, base, __ATOMIC_RELAXED);
		gone |= LAPIC_EV_INIT | LAPIC_EV_SIPI;
	}
	lapic_events_take(l, gone);
}

bool lapic_init(struct lapic *l, struct irqchip *chip, struct vcpu *v, const struct lapic_config *cfg)
{
	*l = (struct lapic){ .cfg = *cfg, .chip = chip, .vcpu = v };
	l->s.id = cfg->id;
	l->s.tsc_offset = cfg->tsc_offset;
	clock_rate_init(&l->bus, cfg->tsc_hz, LAPIC_BUS_HZ);
	lapic_reset(l, false);
	return irqchip_add_lapic(chip, l);
}

void lapic_virtual_wire(struct lapic *l)
{
	wrote_svr(l, 0xff | SVR_ENABLE);
	wrote_lvt_lint0(l, APIC_EXTINT << 8);
	wrote_lvt_lint1(l, APIC_NMI << 8);
}

/* SDM, "x2APIC State Transitions". */
bool lapic_base_write(struct lapic *l, uint64_t val)
{
	uint64_t mode = APIC_BASE_EN | APIC_BASE_EXTD, from = l->s.base & mode, to = val & mode;

	if (val & (MASK(7, 0) | BIT(9)) || (l->cfg.phys_bits < 64 && val >> l->cfg.phys_bits))
		return false;
	if (to == APIC_BASE_EXTD || (to == mode && !l->cfg.x2apic))
		return false;
	if ((from == mode && to == APIC_BASE_EN) || (!from && to == mode))
		return false;
	__atomic_store_n(&l->s.base, val, __ATOMIC_RELAXED);
	if (!to && from)
		lapic_reset_registers(l);
	if (from == APIC_BASE_EN && to == mode)
		l->s.icr = (uint32_t)l->s.icr;	/* the destination field has another width now */
	vcpu_notify(l->vcpu);			/* whether the PIC gets through depends on the mode */
	return true;
}

uint64_t lapic_cr8_read(const struct lapic *l)
{
	return l->s.tpr >> 4;
}

bool lapic_cr8_write(struct lapic *l, uint64_t val)
{
	if (val & ~MASK(3, 0))
		return false;
	wrote_tpr(l, (uint32_t)val << 4);
	return true;
}

#define BUS_SECONDS	(LAPIC_BUS_HZ << 10)	/* no count is longer: 32 bits of ticks, 128 bus ticks each */

/* The registers behind rows: what could not have been written is not there. */
static void restore_masked(struct lapic *l, const struct lapic_state *s)
{
	static const uint8_t lvt_reg[LVT_COUNT] = {
		[LVT_TIMER] = REG_LVT_TIMER, [LVT_THERMAL] = REG_LVT_THERMAL, [LVT_PERF] = REG_LVT_PERF,
		[LVT_LINT0] = REG_LVT_LINT0, [LVT_LINT1] = REG_LVT_LINT1, [LVT_ERROR] = REG_LVT_ERROR,
	};

	l->s = *s;
	l->s.tpr &= 0xff;
	l->s.ldr &= rows[REG_LDR].writable;
	l->s.dfr |= (uint32_t)MASK(27, 0);
	l->s.svr &= row_writable(l, &rows[REG_SVR]);
	l->s.timer_divide &= rows[REG_TIMER_DIVIDE].writable;
	for (unsigned i = 0; i < LVT_COUNT; i++)
		l->s.lvt[i] = lvt_value(l, s->lvt[i] & row_writable(l, &rows[lvt_reg[i]]));
	l->s.irr[0] &= ~(uint32_t)MASK(APIC_FIRST_VECTOR - 1, 0);
	l->s.isr[0] &= ~(uint32_t)MASK(APIC_FIRST_VECTOR - 1, 0);
	l->s.events &= 0xff00u | LAPIC_EV_NMI | LAPIC_EV_INIT | LAPIC_EV_SIPI | LAPIC_EV_SMI | LAPIC_EV_EXTINT;
	l->s.lint0 = s->lint0 != 0;
}

bool lapic_restore(void *dev, const void *state)
{
	const struct lapic_state *s = state;
	uint64_t mode = s->base & (APIC_BASE_EN | APIC_BASE_EXTD);
	struct lapic *l = dev;

	if (s->id != l->cfg.id || mode == APIC_BASE_EXTD || (mode & APIC_BASE_EXTD && !l->cfg.x2apic) ||
	    s->base & (MASK(7, 0) | BIT(9)) || (l->cfg.phys_bits < 64 && s->base >> l->cfg.phys_bits))
		return false;
	if (s->timer_zero > clock_ticks(&l->bus, clock_now()) + BUS_SECONDS)
		return false;
	restore_masked(l, s);
	lapic_timer_restore(l);
	vcpu_notify(l->vcpu);
	return true;
}
