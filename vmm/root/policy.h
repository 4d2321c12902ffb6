/* SPDX-License-Identifier: Apache-2.0 */
/* What follows when a VM or a driver has ended: nothing, or another start, and after which pause. */
#ifndef ROOT_POLICY_H
#define ROOT_POLICY_H

#include <lib/base.h>
#include <svc/vm.h>

#include "config.h"

/* More restarts by policy than the configuration allows within this time, and it is given up. */
#define POLICY_WINDOW_S		60u
/* The pause before the n-th restart within the window: 0, 1, 2, 4 ... seconds, at most: */
#define POLICY_PAUSE_MAX_S	8u

enum policy_what {
	POLICY_STAY,		/* it stays stopped                                                  */
	POLICY_RESTART,		/* start it after the pause                                          */
	POLICY_GIVE_UP,		/* it would be restarted, but it has ended too often within the window */
};

/* The last restarts of one VM or driver; all zero at its first start. */
struct policy {
	unsigned count;				/* of @when in use */
	uint64_t when[CONFIG_RESTARTS];		/* absolute TSC    */
};

/*
 * What follows an end with code @exit under the restart policy @restart, with at most @limit (1 ... CONFIG_RESTARTS) restarts
 * within the window, at time @now.  With POLICY_RESTART *@start becomes the
 * TSC at which to start, never earlier than @now, and the restart is noted.  A reset that the guest asked for is always
 * followed by a restart, and is never given up; resets in quick succession are slowed down all the same.
 */
enum policy_what policy_ended(struct policy *p, enum config_restart restart, unsigned limit, enum vm_exit exit, uint64_t now,
			      uint64_t hz, uint64_t *start);

#endif
