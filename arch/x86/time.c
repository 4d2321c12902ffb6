/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Time: the frequency of the TSC, and the local APIC's timer, armed for absolute TSC values.
 *
 * The frequency comes from CPUID if it says so; else it is measured against the ACPI power-management timer, or the 8254
 * where that does not tick.  What CPUID says must agree with the measurement in its order of magnitude: emulators repeat
 * what a model's silicon has.
 */
#include <arch/time.h>
#include <kernel/log.h>
#include <kernel/panic.h>
#include <x86/apic.h>
#include <x86/cpuid.h>
#include <x86/insn.h>
#include <x86/msr.h>

#include "apic.h"
#include "features.h"
#include "time.h"

#define MEASURE_HZ	50u		/* a measurement lasts 1/50 s */
#define MEASURE_ROUNDS	3u
#define POLL_MAX	10000000u	/* reads of a clock that does not tick */
#define SCALE_SHIFT	32

static uint64_t tsc_hz;
static uint64_t timer_scale;		/* timer ticks per TSC tick << SCALE_SHIFT; 0: TSC-deadline mode */

uint64_t time_hz(void)
{
	return tsc_hz;
}

/* A clock of known frequency that counts up, at least @mask wide. */
struct reference {
	const char *name;
	uint32_t hz, mask;
	uint16_t port;			/* of the power-management timer; 0: the 8254 */
};

static uint32_t reference_read(const struct reference *r)
{
	uint8_t low, high;

	if (r->port)
		return in32(r->port) & r->mask;
	out8(PIT_COMMAND, PIT_LATCH_COUNTER2);
	low = in8(PIT_COUNTER2);
	high = in8(PIT_COUNTER2);
	return ~(uint32_t)(low | high << 8) & r->mask;		/* it counts down */
}

/* Let counter 2 run from its highest value, with its output not on the loudspeaker. */
static void pit_start(void)
{
	out8(PORT61, (uint8_t)((in8(PORT61) & ~PORT61_SPEAKER) | PORT61_GATE2));
	out8(PIT_COMMAND, PIT_MODE0_COUNTER2);
	out8(PIT_COUNTER2, 0xff);
	out8(PIT_COUNTER2, 0xff);
}

struct measurement {
	uint64_t tsc;			/* TSC ticks in 1/MEASURE_HZ s   */
	uint64_t timer;			/* local APIC timer ticks in it  */
};

/* One round; false: the reference does not tick. */
static bool measure_once(const struct reference *r, struct measurement *m)
{
	uint32_t target = r->hz / MEASURE_HZ, start, passed = 0, polls = 0;
	uint64_t tsc;

	if (!r->port)
		pit_start();
	start = reference_read(r);
	while (reference_read(r) == start)	/* begin at an edge */
		if (++polls == POLL_MAX)
			return false;
	start = reference_read(r);
	lapic_timer_count(~0u);
	tsc = time_now();
	for (polls = 0; passed < target; polls++) {
		passed = (reference_read(r) - start) & r->mask;
		if (polls == POLL_MAX)
			return false;
	}
	m->tsc = (time_now() - tsc) * target / passed;
	m->timer = (uint64_t)(~0u - lapic_timer_left()) * target / passed;
	lapic_timer_count(0);
	return true;
}

/* The shortest round is the one that was disturbed least. */
static bool measure(const struct reference *r, struct measurement *best)
{
	struct measurement m;

	*best = (struct measurement){ .tsc = ~0ull };
	for (unsigned i = 0; i < MEASURE_ROUNDS; i++) {
		if (!measure_once(r, &m))
			return false;
		if (m.tsc < best->tsc)
			*best = m;
	}
	best->tsc *= MEASURE_HZ;
	best->timer *= MEASURE_HZ;
	return best->tsc > 0 && best->timer > 0;
}

/* SDM, "Time Stamp Counter and Nominal Core Crystal Clock Information Leaf"; the hypervisors' leaf of the same purpose. */
static uint64_t reported_hz(void)
{
	struct cpuid_regs r;

	if (cpuid(CPUID_BASIC, 0).eax >= CPUID_TSC) {
		r = cpuid(CPUID_TSC, 0);
		if (r.eax && r.ebx && r.ecx)
			return (uint64_t)r.ecx * r.ebx / r.eax;
	}
	if (cpu_has(FEATURE_HYPERVISOR) && cpuid(CPUID_HYPERVISOR, 0).eax >= CPUID_HYPERVISOR_TSC &&
	    cpuid(CPUID_HYPERVISOR, 0).eax < CPUID_HYPERVISOR + 0x10000)
		return (uint64_t)cpuid(CPUID_HYPERVISOR_TSC, 0).eax * 1000;
	return 0;
}

/* Can a TSC of @reported Hz have been @measured?  Whatever disturbs a measurement does not double it. */
static bool plausible(uint64_t reported, uint64_t measured)
{
	return reported / 2 < measured && measured / 2 < reported;
}

void time_init(const struct acpi_info *acpi)
{
	const struct reference clocks[] = {
		{ "ACPI timer", PM_TIMER_HZ, acpi->pm_timer_32 ? ~0u : 0xffffffu, acpi->pm_timer_port },
		{ "8254", PIT_HZ, 0xffff, 0 },
	};
	bool deadline = cpu_has(FEATURE_TSC_DEADLINE);
	const char *source = "CPUID";
	struct measurement m = { .tsc = 0 };

	tsc_hz = reported_hz();
	lapic_timer_init(false);
	for (unsigned i = acpi->pm_timer_port ? 0 : 1; i < ARRAY_LEN(clocks) && !m.tsc; i++) {
		if (!measure(&clocks[i], &m))
			m.tsc = 0;
		else if (!plausible(tsc_hz, m.tsc))
			source = clocks[i].name;
	}
	if (!m.tsc && !(tsc_hz && deadline))
		cannot_run("no clock to measure the TSC with: neither the ACPI timer nor the 8254 ticks");
	if (m.tsc && !plausible(tsc_hz, m.tsc)) {
		if (tsc_hz)
			log_warn("time: CPUID reports a TSC of %lu kHz, which the %s contradicts", (unsigned long)(tsc_hz / 1000), source);
		tsc_hz = m.tsc;
	}
	if (!deadline)
		/* Both are below 2^35, so that the shifted value fits; rounded down: a timer that fires early is armed again. */
		timer_scale = (m.timer << 29) / m.tsc << (SCALE_SHIFT - 29);
	lapic_timer_init(deadline);
	time_arm(~0ull);
	log_info("time: TSC %lu kHz (%s), timer %s", (unsigned long)(tsc_hz / 1000), source,
		 deadline ? "TSC-deadline" : "one-shot");
}

void time_init_cpu(void)
{
	lapic_timer_init(!timer_scale);
	time_arm(~0ull);
}

void time_arm(uint64_t deadline)
{
	uint64_t now, ticks;

	if (!timer_scale) {
		wrmsr(MSR_IA32_TSC_DEADLINE, deadline == ~0ull ? 0 : deadline | !deadline);
		return;
	}
	if (deadline == ~0ull) {
		lapic_timer_count(0);
		return;
	}
	now = time_now();
	ticks = deadline > now ? (uint64_t)((unsigned __int128)(deadline - now) * timer_scale >> SCALE_SHIFT) : 0;
	lapic_timer_count((uint32_t)min_u64(max_u64(ticks, 1), ~0u));
}
