/* SPDX-License-Identifier: Apache-2.0 */
/* The end of the system: stop the VMs, bring out the last output, switch off or reset. */
#ifndef ROOT_SYSTEM_H
#define ROOT_SYSTEM_H

#include <lib/base.h>

enum system_end { SYSTEM_RUNS, SYSTEM_POWER_OFF, SYSTEM_REBOOT };

void system_init(void);
/* Stop all VMs, by their power buttons first unless @force, then end the system in the way @end.  May be called again. */
void system_finish(enum system_end end, bool force);
/* Is the end under way? */
bool system_is_ending(void);
/* A VM has stopped or started: is it time to end? */
void system_vms_changed(void);

#endif
