/* SPDX-License-Identifier: Apache-2.0 */
/* A kernel and a machine for root on the host: counts objects, keeps 64 MiB of memory, and moves time from one event to the next. */
#ifndef FAKE_ROOT_FAKE_H
#define FAKE_ROOT_FAKE_H

#include <lib/base.h>
#include <root/pool.h>
#include <rt/sys.h>

#define ROOT_FAKE_HZ	1000000ull
#define ROOT_FAKE_CPUS	2u
#define ROOT_FAKE_DATA	0x500000ull	/* where the monitor's writable memory is */

/* Forget everything; the table of VMs included. */
void root_fake_reset(void);
/* Run root's loop for @seconds of its time, as long as something is due. */
void root_fake_run(unsigned seconds);
/* Set bits of root's notification. */
void root_fake_signal(uint64_t bits);
/* The thread with selector @sel has stopped. */
void root_fake_thread_stops(uint64_t sel, enum tv_thread_state state, uint64_t code);
/* What the kernel tells of the scheduling context with selector @sel: TSC ticks consumed. */
void root_fake_consumed(uint64_t sel, uint64_t ticks);
/* The @n-th hypercall from now on that can fail does; 0: none. */
void root_fake_fail_at(unsigned n);
/* The CPU that the scheduling context with selector @sel was made for. */
uint64_t root_fake_sched_cpu(uint64_t sel);
/* Has root said, or noted, something that contains @text? */
bool root_fake_said(const char *text);

struct root_fake_cap {
	uint64_t source, base, size;
	uint32_t rights;
};
/* What was last derived for the VM "web" under @name. */
const struct root_fake_cap *root_fake_derived(const char *name);

/* Everything that must be the same before a VM starts and after it has stopped. */
struct root_fake_balance {
	uint64_t memory, domains, threads, scheds, ntfns, windows;
};
struct root_fake_balance root_fake_balance(void);

/* Does a switch still touch the memory of VMs that have ended?  False after a reset. */
void root_fake_switch_holds(bool holds);

/* Physical memory. */
void root_fake_dirty_memory(void);
bool root_fake_is_zero(const struct extent *e);

#endif
