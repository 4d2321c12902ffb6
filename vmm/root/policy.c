/* SPDX-License-Identifier: Apache-2.0 */
/* Restart policies and the brake on restart loops: pure functions of what happened and when. */
#include "policy.h"

static bool policy_wants(enum config_restart restart, enum vm_exit exit)
{
	switch (exit) {
	case VM_EXIT_RESET:
		return true;
	case VM_EXIT_POWEROFF:
		return restart == CONFIG_RESTART_ALWAYS;
	case VM_EXIT_CRASH:
	case VM_EXIT_MONITOR:
		return restart != CONFIG_RESTART_NEVER;
	default:			/* VM_EXIT_STOPPED: somebody wanted it; VM_EXIT_REFUSED: it would end in the same way */
		return false;
	}
}

/* Forget the restarts that lie outside the window. */
static void policy_age(struct policy *p, uint64_t now, uint64_t hz)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < p->count; i++)
		if (now - p->when[i] < POLICY_WINDOW_S * hz || p->when[i] > now)
			p->when[kept++] = p->when[i];
	p->count = kept;
}

static uint64_t policy_pause(unsigned restarts)
{
	uint64_t seconds = restarts ? BIT(restarts - 1) : 0;

	return min_u64(seconds, POLICY_PAUSE_MAX_S);
}

enum policy_what policy_ended(struct policy *p, enum config_restart restart, unsigned limit, enum vm_exit exit, uint64_t now,
			      uint64_t hz, uint64_t *start)
{
	if (!policy_wants(restart, exit))
		return POLICY_STAY;
	policy_age(p, now, hz);
	if (p->count == limit) {
		if (exit != VM_EXIT_RESET)
			return POLICY_GIVE_UP;
		p->count--;				/* the oldest one goes */
		for (unsigned i = 0; i < p->count; i++)
			p->when[i] = p->when[i + 1];
	}
	*start = now + policy_pause(p->count) * hz;
	p->when[p->count++] = *start;
	return POLICY_RESTART;
}
