/* SPDX-License-Identifier: Apache-2.0 */
/* Placement of virtual CPUs on the CPUs of the machine. */
#include "place.h"

#include <rt/fmt.h>

/* Arguments for "%u.%u%%". */
#define PERCENT(share)	(unsigned)((share) / (PLACE_WHOLE / 100)), (unsigned)((share) / (PLACE_WHOLE / 1000) % 10)

static char why[128];

void place_init(struct place *p, unsigned cpus)
{
	*p = (struct place){ .cpus = (unsigned)min_u64(cpus, CONFIG_CPUS) };
}

uint32_t place_share(const struct config_vm *vm)
{
	return vm->budget_us ? (uint32_t)((uint64_t)vm->budget_us * PLACE_WHOLE / vm->period_us) : 0;
}

static void add_one(struct place *p, const struct config_vm *vm, uint32_t n)
{
	struct place_cpu *c = &p->cpu[n];

	c->share += place_share(vm);
	c->unpromised += !vm->budget_us;
	c->user = vm->name;
	c->exclusive = vm->exclusive != 0;
}

void place_add(struct place *p, const struct config_vm *vm, const uint32_t *cpu)
{
	for (unsigned i = 0; i < vm->cpus; i++)
		add_one(p, vm, cpu[i]);
}

/* May a virtual CPU of @vm run on CPU @n, which its list names?  NULL, or why not. */
static const char *listed_fits(const struct place *p, const struct config_vm *vm, uint32_t n)
{
	const struct place_cpu *c = &p->cpu[n];

	if (n >= p->cpus) {
		fmt_buf(why, sizeof(why), "CPU %u is in its list; this machine has %u, from 0 on", n, p->cpus);
		return why;
	}
	if (c->exclusive && c->user != vm->name) {
		fmt_buf(why, sizeof(why), "CPU %u is %s's alone", n, c->user);
		return why;
	}
	if (vm->exclusive && c->user && c->user != vm->name) {
		fmt_buf(why, sizeof(why), "CPU %u cannot be its alone: %s runs on it", n, c->user);
		return why;
	}
	if (c->share + place_share(vm) > PLACE_WHOLE) {
		fmt_buf(why, sizeof(why), "CPU %u: %u.%u%% wanted, %u.%u%% of it are promised already", n,
			PERCENT(place_share(vm)), PERCENT(c->share));
		return why;
	}
	return NULL;
}

static uint64_t load(const struct place_cpu *c)
{
	return c->share + (uint64_t)c->unpromised * PLACE_WHOLE;
}

/* The CPU with the least load that is nobody's alone and has room, to *@n. */
static const char *any_fits(const struct place *p, const struct config_vm *vm, uint32_t *n)
{
	const struct place_cpu *best = NULL, *widest = NULL;
	uint32_t share = place_share(vm);

	for (unsigned i = 0; i < p->cpus; i++) {
		const struct place_cpu *c = &p->cpu[i];

		if (c->exclusive)
			continue;
		if (!widest || c->share < widest->share)
			widest = c;
		if (c->share + share <= PLACE_WHOLE && (!best || load(c) < load(best)))
			best = c;
	}
	if (!widest)
		return "no CPU is left that is not another VM's alone";
	if (!best) {
		fmt_buf(why, sizeof(why), "%u.%u%% of a CPU wanted; of %u CPUs the emptiest has %u.%u%% left",
			PERCENT(share), p->cpus, PERCENT(PLACE_WHOLE - widest->share));
		return why;
	}
	*n = (uint32_t)(best - p->cpu);
	return NULL;
}

const char *place_choose(const struct place *p, const struct config_vm *vm, uint32_t *cpu)
{
	static struct place with;		/* @p and those virtual CPUs of @vm that have a place */
	const struct config_list *l = &vm->cpu_list;

	with = *p;
	for (unsigned i = 0; i < vm->cpus; i++) {
		const char *wrong;

		if (l->count)
			cpu[i] = l->item[i % l->count];
		wrong = l->count ? listed_fits(&with, vm, cpu[i]) : any_fits(&with, vm, &cpu[i]);
		if (wrong)
			return wrong;
		add_one(&with, vm, cpu[i]);
	}
	return NULL;
}
