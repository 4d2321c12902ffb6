/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A child: a program that root has started in a domain of its own, with exactly the capabilities and memory named here.
 *
 *	child_begin -> child_load -> child_area, child_give ... -> child_thread ... -> child_start
 *
 * An error in between is kept; the following calls do nothing and child_start() reports it.  Whatever happened, child_end()
 * takes everything back.
 */
#ifndef ROOT_CHILD_H
#define ROOT_CHILD_H

#include <abi/info.h>
#include <abi/status.h>
#include <lib/base.h>
#include <rt/start.h>
#include <rt/sys.h>
#include <svc/vm.h>

#include "pool.h"

#define CHILD_SELS	32u		/* selectors in root's table for each child */
#define CHILD_THREADS	VM_CPUS
#define CHILD_SEGMENTS	6u		/* of its program                           */
#define CHILD_EXTENTS	(CHILD_SEGMENTS + CHILD_THREADS + 2)	/* ..., stacks, heap, start page */

/* Address space of a child, below VM_HOST_FREE; the program itself is linked to 4 MiB. */
#define CHILD_START	0x10000000ull	/* the start page                           */
#define CHILD_STACKS	0x20000000ull	/* CHILD_STACK_STEP apart                   */
#define CHILD_STACK	(64 * KIB)
#define CHILD_STACK_STEP (2 * CHILD_STACK)
#define CHILD_HEAP	0x28000000ull
#define CHILD_SHARED	0x30000000ull
#define CHILD_RECORD	0x31000000ull
#define CHILD_OLD	0x32000000ull
#define CHILD_NET	0x38000000ull	/* links of network ports, CHILD_NET_STEP apart */
#define CHILD_NET_STEP	0x100000ull
#define CHILD_PROGRAM_END CHILD_START	/* where a program must end                 */

struct child {
	uint32_t slot;			/* in root's selectors                                        */
	bool alive;			/* its domain exists                                          */
	const char *wrong;		/* the first thing that went wrong; NULL: nothing             */
	char wrong_text[160];		/* what @wrong may point at                                   */
	enum tv_err err;		/* what the kernel said to it; TV_OK: nothing                 */
	unsigned thread_count;
	uint64_t entry;
	unsigned data;			/* which of @extent is its writable segment ...               */
	uint64_t data_addr;		/* ... and where that is; 0: it has none                      */
	unsigned extent_count;
	struct extent extent[CHILD_EXTENTS];	/* its private memory                         */
	struct tv_start start;
};

/* How a thread of a child is scheduled. */
struct child_limits {
	uint32_t cpu;			/* of the machine                                             */
	uint32_t priority;
	uint32_t budget_us, period_us;	/* both 0: no limit                                           */
};

/* The selector in root's table of ... */
uint64_t child_domain(const struct child *c);
uint64_t child_ntfn(const struct child *c);
uint64_t child_thread_sel(const struct child *c, unsigned index);
uint64_t child_sched_sel(const struct child *c, unsigned index);

/* A new domain with @quota bytes of kernel memory and a notification; bit @end_bit of root's notification tells when a thread of it stops. */
void child_begin(struct child *c, unsigned slot, const char *name, uint64_t quota, unsigned end_bit);
/* Load the ELF file that the boot module @m is. */
void child_load(struct child *c, const struct tv_root_module *m);
/* Memory @e, which root keeps, appears with @rights (TV_MAP_*) at @addr as area @name. */
void child_area(struct child *c, const char *name, uint64_t addr, const struct extent *e, uint32_t rights);
/* A heap of @size bytes, the area "heap". */
void child_heap(struct child *c, uint64_t size);
/* Derive capability @name from @sel; @base, @size as in sys_cap_derive().  Returns the selector in the child. */
uint32_t child_give(struct child *c, const char *name, uint64_t sel, uint32_t rights, uint64_t base, uint64_t size);
/* The next thread with stack and scheduling context, and capabilities "threadN" and "schedN".  Returns the former's selector. */
uint32_t child_thread(struct child *c, const struct child_limits *limits);
/* Write the start page with @config of @size bytes and start thread 0.  False: see @wrong. */
bool child_start(struct child *c, const void *config, size_t size) MUST_USE;
/*
 * Stop its threads and take its memory away; the domain stays with all that the kernel keeps for it, capabilities included.  Then
 * child_load(), child_area() ... and child_threads_again() make a new program of it.  *@data, whose address was *@addr, becomes the memory
 * of its writable segment, which is the caller's from here on.  False: see @wrong.
 */
bool child_unload(struct child *c, struct extent *data, uint64_t *addr) MUST_USE;
/* Each thread gets a new stack and begins anew; all but the first one wait to be started. */
void child_threads_again(struct child *c);
/* Destroy everything; safe on a child that was never begun. */
void child_end(struct child *c);

#endif
