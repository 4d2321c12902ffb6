/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a user program begins.
 *
 * A program that root starts gets one read-only page, struct tv_start, which names everything it was given: capabilities by
 * selector, shared memory by address, and its configuration.  The argument of each of its threads (RDI) is the address of
 * this page plus the number of the thread: the page is page-aligned, so the low twelve bits are free.
 *
 *   thread 0        crt0 -> rt_start -> rt_main(start)           its return value ends the thread as exit code
 *   thread n        crt0 -> rt_start -> rt_thread_main(start, n) created suspended by root; the program starts it with
 *                                                                sys_thread_start() on its capability "threadN"
 *
 * The first program of the system (root, or a test program in its place) is started by the kernel and has no start page:
 * rt_main(NULL) runs on the stack that the kernel provides.
 */
#ifndef RT_START_H
#define RT_START_H

#include <abi/info.h>
#include <abi/object.h>
#include <lib/base.h>

#define TV_START_MAGIC		0x5452545354415254ull	/* "TRTSTART" */
#define TV_START_VERSION	1u

#define TV_START_CAPS		56u
#define TV_START_AREAS		14u
#define TV_START_CONFIG		2560u

struct tv_start_cap {
	char name[12];		/* NUL-terminated          */
	uint32_t sel;
};

/* Memory that root has mapped for the program, readable and writable. */
struct tv_start_area {
	char name[16];		/* NUL-terminated          */
	uint64_t addr, size;	/* page granular           */
};

struct tv_start {
	uint64_t magic;		/* TV_START_MAGIC          */
	uint32_t version;	/* TV_START_VERSION        */
	uint32_t size;		/* sizeof(struct tv_start) */
	char name[32];		/* of the VM or the driver */
	uint32_t cap_count, area_count;
	uint32_t free_sel;	/* this selector and all above it are the program's own to fill */
	uint32_t config_size;
	struct tv_start_cap cap[TV_START_CAPS];
	struct tv_start_area area[TV_START_AREAS];
	uint64_t config[TV_START_CONFIG / 8];	/* struct vm_config (svc/vm.h), struct serial_config (svc/serial.h) */
};
_Static_assert(offsetof(struct tv_start, cap) == 64, "protocol");
_Static_assert(offsetof(struct tv_start, area) == 960, "protocol");
_Static_assert(offsetof(struct tv_start, config) == 1408, "protocol");
_Static_assert(sizeof(struct tv_start) <= 4096, "one page");

/* Exit codes that the runtime itself gives; a program's own codes stand in the protocol of its kind (svc/). */
#define RT_EXIT_PANIC		100u	/* rt_panic: the program found itself wrong       */
#define RT_EXIT_START		101u	/* the start page was not what this program knows */

/* What the program provides. */
uint64_t rt_main(const struct tv_start *start);
void rt_thread_main(const struct tv_start *start, unsigned index);	/* only programs with further threads */

/* C entry of every thread, called by crt0.asm with RDI as the thread got it. */
NORETURN void rt_start(uint64_t arg);

/* The selector of capability @name; 0 when the program was not given it. */
uint64_t start_cap(const struct tv_start *start, const char *name);
/* The address of area @name and, unless @size is NULL, its size; NULL when there is none. */
void *start_area(const struct tv_start *start, const char *name, uint64_t *size);
/* The configuration, or NULL if it has not exactly @size bytes. */
const void *start_config(const struct tv_start *start, size_t size);

/* The page that the kernel maps into every domain. */
const struct tv_info *rt_info(void);

#endif
