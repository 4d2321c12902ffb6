/* SPDX-License-Identifier: Apache-2.0 */
/* ACPI fixed hardware.  ACPI specification, "ACPI Hardware Specification": "Fixed Hardware Registers". */
#include <dev/pm.h>
#include <rt/time.h>
#include "irqchip.h"
#include "record.h"
#include "upcall.h"

#define STS_TMR		0x0001
#define STS_GBL		0x0020
#define STS_PWRBTN	0x0100
#define STS_RTC		0x0400
#define STS_WAK		0x8000
#define WAKES		(STS_PWRBTN | STS_RTC)
#define EVENTS		(STS_TMR | STS_GBL | STS_PWRBTN | STS_RTC)	/* what can be enabled */
#define CNT_SCI_EN	0x0001
#define CNT_WRITABLE	0x1c02		/* SLP_TYP, BM_RLD; SCI_EN is fixed, GBL_RLS and SLP_EN read as 0 */
#define CNT_SLP_TYP(v)	((v) >> 10 & 7)
#define CNT_SLP_EN	0x2000

#define SMI_EN_APMC	0x0020

#define TMR_HALF	BIT(31)		/* TMR_STS is set when the top bit of the 32-bit timer changes */

static uint64_t ticks_now(const struct pm *p)
{
	return clock_ticks(&p->rate, clock_now());
}

/* Bring TMR_STS up to date, drive the SCI, and have the timer look again at the next change while that can raise it. */
static void pm_update(struct pm *p)
{
	uint64_t now = ticks_now(p);
	bool sci;

	if (now / TMR_HALF != p->s.tmr_synced / TMR_HALF)
		p->s.sts |= STS_TMR;
	p->s.tmr_synced = now;
	if ((p->s.en & STS_TMR) && !(p->s.sts & STS_TMR))
		timer_arm(p->env.timers, &p->timer, clock_tsc(&p->rate, (now / TMR_HALF + 1) * TMR_HALF));
	else
		timer_cancel(&p->timer);
	if (p->s.asleep && p->s.sts & p->s.en & WAKES) {
		p->s.asleep = false;
		p->s.sts |= STS_WAK;
		vm_wake(p->env.vm);
	}
	sci = (p->s.sts & p->s.en & EVENTS) != 0;
	if (sci == p->s.sci)
		return;
	p->s.sci = sci;
	irq_line_set(p->env.chip, GSI_SCI, sci);
}

static void pm_fire(struct timer *t, uint64_t now)
{
	(void)now;
	pm_update(container_of(t, struct pm, timer));
}

void pm_power_button(struct pm *p)
{
	p->s.sts |= STS_PWRBTN;
	pm_update(p);
}

void pm_rtc_alarm(void *pm)
{
	struct pm *p = pm;

	p->s.sts |= STS_RTC;
	pm_update(p);
}

/* The aligned 32-bit word at @off; the registers are laid out in such words so that a read can be cut from two of them. */
static uint32_t word_read(struct pm *p, uint64_t off)
{
	switch (off) {
	case PM1A_EVT:
		pm_update(p);
		return p->s.sts | (uint32_t)p->s.en << 16;
	case PM1A_CNT:
		return p->s.cnt | CNT_SCI_EN;
	case PM_TMR:
		return (uint32_t)ticks_now(p);
	case PM_GPE0 + PM_GPE0_LEN / 2:
		return p->s.gpe_en;
	case PM_SMI_EN:
		return SMI_EN_APMC;
	default:
		return 0;
	}
}

static void cnt_write(struct pm *p, uint16_t val)
{
	p->s.cnt = val & CNT_WRITABLE;
	if ((val & CNT_SLP_EN) && (CNT_SLP_TYP(val) == PM_S5_TYPE || CNT_SLP_TYP(val) == PM_S5_TYPE_UEFI))
		vm_poweroff(p->env.vm);
	if ((val & CNT_SLP_EN) && CNT_SLP_TYP(val) == PM_S3_TYPE && vm_sleep(p->env.vm)) {
		p->s.asleep = true;
		pm_update(p);		/* an event that is there already */
	}
}

/* Write the bits of @mask to the aligned word at @off. */
static void word_write(struct pm *p, uint64_t off, uint32_t mask, uint32_t val)
{
	val &= mask;
	switch (off) {
	case PM1A_EVT:
		pm_update(p);
		p->s.sts &= (uint16_t)~val;
		p->s.en = (uint16_t)((p->s.en & ~(mask >> 16)) | (val >> 16 & EVENTS));
		pm_update(p);
		break;
	case PM1A_CNT:
		if (mask & 0xffff)
			cnt_write(p, (uint16_t)((p->s.cnt & ~mask) | val));
		break;
	case PM_GPE0 + PM_GPE0_LEN / 2:
		p->s.gpe_en = (p->s.gpe_en & ~mask) | val;
		break;
	default:		/* the timer is read-only; no GPE status bit is ever set */
		break;
	}
}

static uint64_t pm_read(void *dev, uint64_t off, unsigned size)
{
	uint64_t word = off & ~3ull, shift = off % 4 * 8, val = word_read(dev, word);

	if (off % 4 + size > 4)
		val |= (uint64_t)word_read(dev, word + 4) << 32;
	return val >> shift;
}

static void pm_write(void *dev, uint64_t off, unsigned size, uint64_t val)
{
	uint64_t word = off & ~3ull, shift = off % 4 * 8, mask = MASK(8 * size - 1, 0) << shift;

	val <<= shift;
	word_write(dev, word, (uint32_t)mask, (uint32_t)val);
	if (mask >> 32)
		word_write(dev, word + 4, (uint32_t)(mask >> 32), (uint32_t)(val >> 32));
}

const struct bus_ops pm_ops = { pm_read, pm_write };

void pm_reset(struct pm *p)
{
	bool sci = p->s.sci;

	p->s = (struct pm_state){ .sci = sci, .tmr_synced = ticks_now(p) };
	pm_update(p);
}

bool pm_restore(void *dev, const void *state)
{
	const struct pm_state *s = state;
	struct pm *p = dev;

	if (s->tmr_synced > ticks_now(p))
		return false;
	p->s = *s;
	p->s.sts &= EVENTS | STS_WAK;
	p->s.en &= EVENTS;
	p->s.cnt &= CNT_WRITABLE;
	p->s.sci = record_bool(&s->sci);
	p->s.asleep = false;
	irq_line_set(p->env.chip, GSI_SCI, p->s.sci);
	pm_update(p);
	return true;
}

void pm_init(struct pm *p, const struct dev_env *env)
{
	*p = (struct pm){ .env = *env };
	clock_rate_init(&p->rate, env->tsc_hz, PM_TIMER_HZ);
	timer_init(&p->timer, pm_fire);
	pm_reset(p);
}
