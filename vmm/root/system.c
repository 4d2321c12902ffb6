/* SPDX-License-Identifier: Apache-2.0 */
/* The end of the system, in steps: all VMs stop; all output reaches the wire; the machine is switched off or reset. */
#include "system.h"

#include <rt/time.h>

#include "power.h"
#include "root.h"
#include "term.h"
#include "vms.h"

#define FLUSH_POLL_MS	2u
#define FLUSH_MS	5000u		/* patience with a terminal that takes nothing */

static enum system_end wanted;
static bool flushing;
static uint64_t flush_until;
static struct event_timer flush_timer;

static void system_flush(void *arg);

void system_init(void)
{
	event_timer_init(&flush_timer, system_flush, NULL);
}

bool system_is_ending(void)
{
	return wanted != SYSTEM_RUNS;
}

/* The VMs have stopped: wait until the last byte is out, then act. */
static void system_flush(void *arg)
{
	(void)arg;
	term_run();
	if (!term_flushed() && clock_now() < flush_until) {
		event_timer_set(&root.loop, &flush_timer, root_after_ms(FLUSH_POLL_MS));
		return;
	}
	if (wanted == SYSTEM_POWER_OFF)
		power_off();
	else
		power_reset();
	root_say("this machine cannot be %s by software", wanted == SYSTEM_POWER_OFF ? "switched off" : "reset");
	wanted = SYSTEM_RUNS;
	flushing = false;
	term_run();
}

void system_vms_changed(void)
{
	if (!system_is_ending() && root.config.power_off && vms_any_ran() && vms_all_stopped()) {
		root_say("all VMs have stopped: switching off");
		wanted = SYSTEM_POWER_OFF;
	}
	if (!system_is_ending() || flushing || !vms_all_stopped())
		return;
	flushing = true;
	flush_until = root_after_ms(FLUSH_MS);
	event_timer_set(&root.loop, &flush_timer, clock_now());
}

void system_finish(enum system_end end, bool force)
{
	wanted = end;
	vms_stop_all(force);
}
