/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The virtual machines: each from its configuration to a monitor in a domain of its own, and back.
 *
 *	             vm_start              memory clean           the monitor ends
 *	 STOPPED ---------------> PREPARING ------------> RUNNING ----------------> CLEANING
 *	  ^   ^                       ^                                               |  |
 *	  |   |        pause over     |                    restart policy             |  |
 *	  |   +------------------- WAITING <------------------------------------------+  |
 *	  +------------------------------------------------------------------------------+
 */
#ifndef ROOT_VMS_H
#define ROOT_VMS_H

#include <lib/base.h>
#include <rt/event.h>
#include <rt/ring.h>
#include <svc/record.h>
#include <svc/vm.h>

#include "child.h"
#include "config.h"
#include "place.h"
#include "policy.h"
#include "pool.h"

#define VM_LOG_KEPT	(16 * KIB)	/* the monitor's last lines */

enum vm_phase { VM_STOPPED, VM_PREPARING, VM_RUNNING, VM_CLEANING, VM_WAITING, VM_PHASES };

/* How far stopping has come. */
enum vm_stopping { VM_STOP_NO, VM_STOP_BUTTON, VM_STOP_ASKED };

/* What the watchdog remembers of a thread. */
struct vm_watch {
	uint32_t beat;			/* its last answer                                         */
	uint64_t since;			/* when that was seen, TSC                                 */
	uint64_t consumed;		/* CPU ticks of the thread then                            */
};

struct driver_link;

struct vm {
	const struct config_vm *config;
	unsigned index;			/* in the configuration; its console is index + 1          */
	enum vm_phase phase;
	enum vm_stopping stopping;	/* somebody wants it to stop: the restart policy is silent */
	bool again;			/* start it again as soon as it has stopped                */
	bool ran;			/* the guest was entered since the last start              */
	bool ever_ran;
	struct child child;
	uint32_t cpu[VM_CPUS];		/* PREPARING, RUNNING: where its virtual CPUs run          */

	struct vm_shared *shared;
	struct extent shared_extent;
	struct ring input, output, log;
	char *log_text;			/* VM_LOG_KEPT bytes, a ring                               */
	uint64_t log_end;		/* bytes that ever came in                                 */

	struct record *record;		/* svc/record.h: where its monitor keeps what                 */
	struct extent record_extent;
	struct extent old;		/* memory of the monitor before, which the record is about; size 0: none */
	uint64_t old_addr;		/* where that was in the monitor                           */
	uint32_t generation;		/* monitors after the first one of this run                */
	unsigned resumed;		/* how often a new monitor went on with a guest            */
	struct policy resumes;

	struct extent ram[VM_RAM_PIECES];
	unsigned ram_count;
	struct extent disk[VM_DISKS];	/* of its disks that can be written, from the first start on; size 0: none yet */
	struct driver_link *disk_link[VM_DISKS];	/* of its disks that are behind a driver           */
	unsigned scrub_piece;		/* PREPARING, CLEANING: how far ...                        */
	uint64_t scrub_offset;		/* ... its memory has been cleaned                         */

	unsigned signals;		/* of its monitor, and ...                                 */
	uint64_t signals_time;		/* ... root's ticks for them, since ...                    */
	uint64_t signals_since;		/* ... this TSC                                            */
	struct event_timer throttle;	/* armed: its threads stand still                          */
	uint32_t stopped;		/* which of them                                           */
	unsigned throttled;		/* how often they have been stopped                        */

	uint32_t beat;			/* the last one that was asked for                         */
	struct vm_watch watch[VM_CPUS];
	struct event_timer watchdog;

	struct policy policy;
	struct event_timer timer;	/* the restart pause, or the patience with its stopping    */
	unsigned starts;
	uint64_t started;		/* TSC of the last start                                   */
	uint64_t consumed;		/* CPU ticks of the last run that has ended                */
	bool ended;			/* the next two say how the last run ended                 */
	enum vm_exit last_exit;
	char last_reason[VM_REASON];
};

/* --- vms.c: all of them --- */

/* One for each entry of the configuration, and their console sources; starts nothing. */
void vms_init(void);
/* The drivers are known: make their devices clients. */
void vms_link(void);
/* Start those that the configuration wants. */
void vms_autostart(void);
unsigned vms_count(void);
struct vm *vms_get(unsigned index);
/* By name or by number from 1 on; NULL: no such VM. */
struct vm *vms_find(const char *word);
/* When the VM in front has stopped before its guest ran, there is nothing to see: show the next one that lives, or the shell. */
void vms_front_check(void);
/* Stop all, for good. */
void vms_stop_all(bool force);
/* Does none run or wait for a restart? */
bool vms_all_stopped(void);
/* Has a guest of any run since boot? */
bool vms_any_ran(void);
/* What the VMs that run, or are about to, were promised of the machine's CPUs. */
void vms_place(struct place *p);

/* --- vm_life.c --- */

void vm_init(struct vm *v, const struct config_vm *config, unsigned index);
/* Start @v.  NULL, or why not; then nothing has changed.  What goes wrong later is said on the console. */
const char *vm_start(struct vm *v) MUST_USE;
/* vm_start() on nobody's order: what is wrong is said on the console, and kept as the reason. */
void vm_start_or_say(struct vm *v);
/*
 * Stop @v: press its power button, and destroy it when it still runs after VM_PATIENCE_MS; @force: destroy it now.  @again:
 * start it again then.  NULL, or why not.
 */
const char *vm_stop(struct vm *v, bool force, bool again) MUST_USE;
#define VM_PATIENCE_MS	20000u
/* The monitor has ended, or is to end now: take everything back, say so, and clean its memory. */
void vm_ended(struct vm *v, enum vm_exit exit, const char *reason);
/* Its memory is clean, in VM_PREPARING or VM_CLEANING. */
void vm_scrubbed(struct vm *v);

/* --- vm_resume.c --- */

/* Once for each VM; before each start; when no monitor will go on any more. */
void vm_record_init(struct vm *v);
void vm_record_renew(struct vm *v);
void vm_record_forget(struct vm *v);
/* The monitor of @v has failed: a new one goes on with the guest if that is wanted and possible, else the VM ends. */
void vm_monitor_failed(struct vm *v, const char *reason);
/* The same, because somebody wants it. */
void vm_monitor_restart(struct vm *v);

/* --- vm_throttle.c --- */

void vm_throttle_init(struct vm *v);
/* Its monitor has signalled, and root has worked for it since TSC @since: too often, or too long? */
void vm_throttle(struct vm *v, uint64_t since);

/* --- vm_watch.c --- */

/* Ask the threads of its monitor for a sign of life, and for up-to-date counters. */
void vm_beat(struct vm *v);
/* Its monitor has been started: watch it, if the configuration wants that. */
void vm_watch_start(struct vm *v);
/* The handler of vm.watchdog. */
void vm_watchdog(void *arg);

/* --- vm_spawn.c --- */

/* Are the boot modules there that @config names?  NULL, or what is missing, until the next call. */
const char *vm_spawn_check(const struct config_vm *config);
/* Make the domain of @v, whose memory is ready, and start its monitor.  False: v->child.wrong says why. */
bool vm_spawn(struct vm *v) MUST_USE;
/* Start the monitor anew in the domain of @v, after child_unload().  False: as above. */
bool vm_respawn(struct vm *v) MUST_USE;

/* --- vm_disk.c --- */

/* Make those of its disks that are behind drivers clients of these; once. */
void vm_disks_link(struct vm *v);
/* Memory for the disks of @v, at its first start.  NULL, or why not. */
const char *vm_disks_take(struct vm *v) MUST_USE;
/* Bytes of disks that its monitor maps, images and written data. */
uint64_t vm_disks_bytes(const struct config_vm *c);
/* Give them to its child, and say so in @c. */
void vm_disks_give(struct vm *v, struct vm_config *c);

/* --- vm_scrub.c --- */

void vm_scrub_init(void);
/* Clean the memory of @v in steps, in phase @phase; vm_scrubbed() follows. */
void vm_scrub(struct vm *v, enum vm_phase phase);

/* --- vm_io.c --- */

/* Is there room for console input?  If not, the monitor will signal when there is. */
bool vm_takes_input(struct vm *v) MUST_USE;
/* Console input for the guest; dropped when there is no room. */
void vm_input(struct vm *v, uint8_t byte);
/* Has its monitor broken the protocol of the rings? */
bool vm_is_broken(const struct vm *v);
/* Take the output that the console has room for, and the log. */
void vm_drain(struct vm *v);
/* Set VM_REQUEST_* for its monitor. */
void vm_request(struct vm *v, uint32_t request);

/* --- vm_text.c --- */

/* What it is doing, in a word or two. */
const char *vm_phase_text(const struct vm *v);
const char *vm_exit_text(enum vm_exit exit);
const char *vm_kind_text(unsigned kind);
/* CPU ticks that its threads have used since its last start. */
uint64_t vm_consumed(const struct vm *v);

#endif
