/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ACPI fixed hardware: PM1a events and control, PM timer, an empty GPE0 block.
 *
 * For the FADT: SCI_EN is always set and there is no SMI command port (SMI_CMD = 0, ACPI_ENABLE = ACPI_DISABLE = 0), so no
 * operating system needs to switch to ACPI mode.  TMR_VAL_EXT set (32-bit timer).  PWR_BUTTON clear (there is a fixed
 * power button), SLP_BUTTON set (no sleep button), FIX_RTC clear (the alarm of the RTC is an event, too).
 */
#ifndef DEV_PM_H
#define DEV_PM_H

#include "bus.h"
#include "timer.h"
#include <dev/env.h>

#define PM_BASE		0x600	/* the block's ports, 0x40 of them */
#define PM_LEN		0x40
enum pm_offset {
	PM1A_EVT = 0x00, PM1A_EVT_LEN = 4,	/* status word, enable word */
	PM1A_CNT = 0x04, PM1A_CNT_LEN = 2,
	PM_TMR	 = 0x08, PM_TMR_LEN = 4,
	PM_GPE0	 = 0x20, PM_GPE0_LEN = 8,	/* 4 bytes status, 4 bytes enable: no event exists */
	PM_SMI_EN = 0x30,			/* firmware finds SMIs set up already, for there is no SMM */
};
#define PM_S5_TYPE_UEFI	0	/* what OVMF writes, without looking at the DSDT */
#define PM_S3_TYPE	1	/* the same of suspend to memory, \_S3 */
#define PM_S5_TYPE	5	/* SLP_TYPa of soft-off: the value for \_S5 in the DSDT */
#define PM_TIMER_HZ	3579545ull

struct pm_state {
	uint16_t sts, en, cnt;
	uint32_t gpe_en;
	uint64_t tmr_synced;		/* PM timer tick up to which TMR_STS is computed */
	bool sci;			/* level of the SCI */
	bool asleep;			/* until one of the wake events that are enabled */
};

struct pm {
	struct pm_state s;
	struct clock_rate rate;
	struct timer timer;		/* next change of the timer's top bit, while TMR_EN is set */
	struct dev_env env;
};

extern const struct bus_ops pm_ops;		/* PM_LEN ports, up to 4 bytes wide, dev = struct pm */

void pm_init(struct pm *p, const struct dev_env *env);
void pm_reset(struct pm *p);
bool pm_restore(void *dev, const void *state) MUST_USE;
/* The RTC's alarm interrupted. */
void pm_rtc_alarm(void *pm);
/* The power button was pressed: an ACPI operating system shuts down.  Device lock held. */
void pm_power_button(struct pm *p);

#endif
