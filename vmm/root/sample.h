/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a VM has used and done up to a point in time, and between two such points.
 *
 * Run time is the kernel's count.  The rest is what the monitor says (svc/vm.h) and is believed for display only: each word is
 * read once, and a counter that runs backwards counts as not moved.
 */
#ifndef ROOT_SAMPLE_H
#define ROOT_SAMPLE_H

#include <abi/exit.h>
#include <lib/base.h>
#include <svc/vm.h>

struct vm;

struct sample_cpu {
	uint64_t run, halt, steal;		/* TSC ticks; steal, between two samples: wanted to run and could not */
	uint64_t exits[TV_EXIT_KINDS];
	uint64_t interrupts;
};

struct sample {
	uint64_t tsc;				/* when                                                 */
	unsigned start;				/* vm.starts: which run of the VM                       */
	unsigned cpus;				/* 0: it does not run                                   */
	struct sample_cpu cpu[VM_CPUS];
};

/* Ask the monitor of @v to bring its counters up to date; they are a few milliseconds later. */
void sample_request(struct vm *v);

void sample_take(const struct vm *v, struct sample *s);

/* What happened between @from and @to, to *@d; d->tsc becomes the ticks between them.  Of another run of the VM: since its start. */
void sample_between(const struct sample *from, const struct sample *to, struct sample *d);

/* All CPUs of @s added up. */
struct sample_cpu sample_sum(const struct sample *s);

/* All exits of @c. */
uint64_t sample_exits(const struct sample_cpu *c);

/* @part of @ticks in tenths of a percent; @count in @ticks as a number per second. */
uint64_t sample_permille(uint64_t part, uint64_t ticks);
uint64_t sample_per_second(uint64_t count, uint64_t ticks, uint64_t hz);

#endif
