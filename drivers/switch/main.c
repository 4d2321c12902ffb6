/* SPDX-License-Identifier: Apache-2.0 */
/* The switch of one network as a program: what root gives it, signals both ways, and lines about what was dropped. */
#include <rt/heap.h>
#include <rt/log.h>
#include <rt/start.h>
#include <rt/sys.h>
#include <rt/time.h>
#include <svc/switch.h>

#include "switch.h"

#define REPORT_S	10u		/* between two lines about dropped frames of a port */
/*
 * The switch runs above the guests, and none of them shall get all of a CPU by sending: of each hundredth of a second it works at most
 * half.  A budget of the kernel's would be a promise as well, and be missing for those who are promised something on this CPU.
 */
#define PERIODS		100u		/* of a second */
#define WORK_SHARE	2u		/* of a period: one part in so many */

static struct {
	struct net_switch *sw;
	const struct switch_config *config;
	struct switch_shared *shared;
	uint64_t ntfn, root, hz;
	uint64_t reported[SWITCH_PORTS];	/* TSC of the last line */
	uint64_t dropped[SWITCH_PORTS][SWITCH_DROPS];	/* what it said */
	uint64_t period, worked;		/* TSC at which the period has begun, and ticks of it that were used */
} self;

static uint8_t *memory(unsigned n) { return (uint8_t *)switch_memory(n); }

static void signal_root(void)
{
	(void)sys_ntfn_signal(self.root, self.config->root_signal);
}

static void log_write(const char *text, size_t length)
{
	struct ring log = switch_ring_log(self.shared);

	if (ring_space(&log) < length)
		return;
	(void)ring_put(&log, text, (uint32_t)length);
	if (ring_wake_getter(&log))
		signal_root();
}

static void signal_clients(void)
{
	for (unsigned i = 0; i < self.config->port_count; i++)
		if (port_needs_signal(&self.sw->port[i]))
			(void)sys_ntfn_signal(self.config->client + i, self.config->port[i].signal);
}

/* A line for each port that has dropped what no well-behaved guest sends, now and then; *@when: look again. */
static void report(uint64_t now, uint64_t *when)
{
	static const char *const why[SWITCH_DROPS] = {
		[SWITCH_DROP_MALFORMED] = "malformed", [SWITCH_DROP_SOURCE] = "from an address that is not its own",
		[SWITCH_DROP_VLAN] = "in a VLAN that is not its own", [SWITCH_DROP_RECEIVE_ONLY] = "sent by a capture port",
	};

	for (unsigned i = 0; i < self.config->port_count; i++)
		for (unsigned d = 0; d < SWITCH_DROPS; d++) {
			uint64_t n = atomic_load_explicit(&self.shared->port[i].dropped[d], memory_order_relaxed);

			if (!why[d] || n == self.dropped[i][d])
				continue;
			if (self.reported[i] && now - self.reported[i] < REPORT_S * self.hz) {
				*when = min_u64(*when, self.reported[i] + REPORT_S * self.hz);
				continue;
			}
			rt_log("%s: %lu frames dropped: %s", self.config->port[i].name, n - self.dropped[i][d], why[d]);
			self.dropped[i][d] = n;
			self.reported[i] = now;
		}
}

/* It has worked since @begin: enough for this period?  Then the rest of it belongs to others.  True: signals were taken meanwhile. */
static bool pace(uint64_t begin)
{
	uint64_t now = clock_now(), length = self.hz / PERIODS, end = self.period + length, bits;

	if (now >= end) {
		self.period = now;
		self.worked = 0;
		return false;
	}
	self.worked += now - begin;
	if (self.worked <= length / WORK_SHARE)
		return false;
	while (clock_now() < end)
		(void)sys_ntfn_wait(self.ntfn, end, &bits);
	return true;
}

/* Root's word, but a mistake here would be one in all that follows. */
static bool config_valid(const struct switch_config *c)
{
	if (!c->port_count || c->port_count > SWITCH_PORTS)
		return false;
	for (unsigned i = 0; i < c->port_count; i++)
		if (c->port[i].tagged_count > SWITCH_VLANS || c->port[i].flags & ~SWITCH_FLAGS || c->port[i].vlan > SWITCH_VLAN_MAX ||
		    c->port[i].name[SWITCH_PORT_NAME - 1])
			return false;
	return true;
}

static bool setup(const struct tv_start *start)
{
	uint64_t size = 0, ports_size = 0;
	struct net_shared *ports = start_area(start, "ports", &ports_size);

	self.config = start_config(start, sizeof(*self.config));
	self.shared = start_area(start, "shared", &size);
	self.ntfn = start_cap(start, "ntfn");
	self.root = start_cap(start, "root");
	self.hz = rt_info()->tsc_hz;
	if (!self.config || !self.shared || size != sizeof(*self.shared) || !config_valid(self.config) || !ports ||
	    ports_size < self.config->port_count * sizeof(*ports))
		return false;
	rt_log_to(log_write);
	self.sw = heap_alloc(sizeof(*self.sw));
	switch_init(self.sw, self.config, self.shared, ports, self.hz, clock_now());
	return true;
}

uint64_t rt_main(const struct tv_start *start)
{
	uint64_t bits;

	if (!start || !setup(start))
		return SWITCH_EXIT_CONFIG;
	for (;;) {
		uint64_t now = clock_now(), when = TV_NEVER;
		bool again;

		if (switch_plugs(self.sw, memory))
			signal_root();
		again = switch_turn(self.sw, now, &when);
		signal_clients();
		again |= pace(now);
		report(now, &when);
		if (!again)
			(void)sys_ntfn_wait(self.ntfn, when, &bits);
	}
}
