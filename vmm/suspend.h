/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Suspend to memory (ACPI S3) of guests that started without firmware, for which the monitor does what their firmware would: all CPUs
 * and devices lose their state, the first CPU waits for a wake event, and begins where the guest's FACS says.
 */
#ifndef VMM_SUSPEND_H
#define VMM_SUSPEND_H

#include <lib/base.h>

struct vcpu;

/* By the thread of @v, when it is notified: take part in a suspend that was asked for, and end it when the time has come. */
void suspend_events(struct vcpu *v);

#endif
