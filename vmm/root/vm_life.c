/* SPDX-License-Identifier: Apache-2.0 */
/* How a VM begins, how it ends, and what follows; vms.h has the picture. */
#include <rt/fmt.h>
#include <rt/string.h>
#include <rt/sys.h>
#include <rt/time.h>

#include "drivers.h"
#include "mem.h"
#include "network.h"
#include "root.h"
#include "shell.h"
#include "system.h"
#include "term.h"
#include "vms.h"
#include "word.h"

#define VM_CONSOLE_RING		(64 * KIB)
#define VM_FORCE_MS		2000u		/* for a monitor to stop by itself before it is destroyed */

static void vm_signalled(void *arg);
static void vm_check(void *arg);
static void vm_timer(void *arg);

void vm_init(struct vm *v, const struct config_vm *config, unsigned index)
{
	struct extent e;

	*v = (struct vm){ .config = config, .index = index };
	v->shared = mem_keep(sizeof(*v->shared), &v->shared_extent);
	v->input = vm_ring_input(v->shared);
	v->output = vm_ring_output(v->shared);
	v->log = vm_ring_log(v->shared);
	vm_record_init(v);
	v->log_text = mem_keep(VM_LOG_KEPT, &e);
	event_timer_init(&v->timer, vm_timer, v);
	event_timer_init(&v->watchdog, vm_watchdog, v);
	vm_throttle_init(v);
	event_on(&root.loop, ROOT_BIT_VM + index, vm_signalled, v);
	event_on(&root.loop, ROOT_BIT_VM_END + index, vm_check, v);
	console_add(&root.console, config->name, mem_keep(VM_CONSOLE_RING, &e), VM_CONSOLE_RING);
}

/* Did the guest get as far as its first instruction? */
static void vm_look(struct vm *v)
{
	v->ran |= atomic_load(&v->shared->status.kernel_entry_tsc) != 0;
	v->ever_ran |= v->ran;
}

static void vm_signalled(void *arg)
{
	uint64_t since = clock_now();
	struct vm *v = arg;

	vm_look(v);
	if (v->phase == VM_RUNNING && vm_is_broken(v))
		vm_monitor_failed(v, "it has broken the protocol of the console");
	term_run();
	vm_throttle(v, since);
}

/* --- begin --- */

/* Memory for @v and a place for its virtual CPUs; NULL, or what there is not enough of. */
static const char *vm_admit(struct vm *v)
{
	static struct place place;
	static char text[96];
	char size[2][WORD_SIZE];
	const char *wrong;

	vms_place(&place);
	wrong = place_choose(&place, v->config, v->cpu);
	if (wrong)
		return wrong;
	v->ram_count = mem_take_ram(v->config->memory, v->ram, VM_RAM_PIECES);
	if (v->ram_count)
		return NULL;
	fmt_buf(text, sizeof(text), "there is not enough free memory (%s wanted, %s free)",
		word_size(v->config->memory, size[0]), word_size(align_down(mem_free_bytes(), MIB), size[1]));
	return text;
}

const char *vm_start(struct vm *v)
{
	const char *wrong;

	if (v->phase != VM_STOPPED && v->phase != VM_WAITING)
		return v->phase == VM_RUNNING ? "it runs already" : "it is busy starting or ending";
	wrong = vm_spawn_check(v->config);
	if (!wrong)
		wrong = vm_disks_take(v);
	if (!wrong)
		wrong = vm_admit(v);
	if (wrong)
		return wrong;
	event_timer_cancel(&v->timer);
	v->stopping = VM_STOP_NO;
	v->again = false;
	vm_scrub(v, VM_PREPARING);
	return NULL;
}

static void vm_failed(struct vm *v, const char *wrong)
{
	str_copy(v->last_reason, sizeof(v->last_reason), wrong);
	v->last_exit = VM_EXIT_REFUSED;
	v->ended = true;
	v->ran = false;
}

/* @v has come to rest: who is in front, who waits for it, and does the system end? */
static void vm_rests(struct vm *v)
{
	char key[8];

	v->phase = VM_STOPPED;
	if (root.console.front == v->index + 1 && v->ran)
		console_notice(&root.console, "\r\n[trivet: %s has stopped; %s 0: management shell]", v->config->name,
			       console_key(&root.console, key));
	vms_front_check();
	shell_vm_changed(v);
	system_vms_changed();
	term_run();
}

void vm_start_or_say(struct vm *v)
{
	const char *wrong = vm_start(v);

	if (!wrong)
		return;
	root_say("%s: cannot be started: %s", v->config->name, wrong);
	vm_failed(v, wrong);
	vm_rests(v);
}

/* Its memory is clean: make the domain and let it run. */
static void vm_prepared(struct vm *v)
{
	memset(v->shared, 0, sizeof(*v->shared));
	ring_init(&v->shared->input);
	ring_init(&v->shared->output);
	ring_init(&v->shared->log);
	vm_record_renew(v);
	console_restarted(&root.console, v->index + 1);
	v->ended = v->ran = false;
	v->starts++;
	v->started = clock_now();
	if (vm_spawn(v)) {
		v->phase = VM_RUNNING;
		v->beat = 0;
		vm_watch_start(v);
		vm_drain(v);			/* arms the rings */
		shell_vm_changed(v);
		term_run();			/* its monitor may never signal */
		return;
	}
	root_say("%s: cannot be started: %s%s", v->config->name, v->child.wrong,
		 v->child.err == TV_EQUOTA ? ": not enough kernel memory" : "");
	vm_failed(v, v->child.wrong);
	child_end(&v->child);
	network_unplug(v);
	vm_links_end(v);
	vm_scrub(v, VM_CLEANING);
}

/* --- end --- */

void vm_ended(struct vm *v, enum vm_exit exit, const char *reason)
{
	bool failed = exit == VM_EXIT_CRASH || exit == VM_EXIT_MONITOR || exit == VM_EXIT_REFUSED;

	vm_look(v);
	vm_drain(v);
	v->consumed = vm_consumed(v);
	child_end(&v->child);
	network_unplug(v);
	vm_links_end(v);
	vm_record_forget(v);
	event_timer_cancel(&v->timer);
	event_timer_cancel(&v->watchdog);
	event_timer_cancel(&v->throttle);
	v->ended = true;
	v->last_exit = exit;
	str_copy(v->last_reason, sizeof(v->last_reason), reason);
	(failed || reason[0] ? root_say : root_note)("%s: %s%s%s", v->config->name, vm_exit_text(exit), reason[0] ? ": " : "", reason);
	vm_scrub(v, VM_CLEANING);
}

/* Its memory is clean: free it.  And now? */
static void vm_cleaned(struct vm *v)
{
	uint64_t now = clock_now(), start = now;
	enum policy_what what = POLICY_STAY;

	while (v->ram_count)
		mem_give_back(&v->ram[--v->ram_count]);
	if (system_is_ending())
		;
	else if (v->again)
		what = POLICY_RESTART;
	else if (!v->stopping)
		what = policy_ended(&v->policy, (enum config_restart)v->config->restart, v->config->restart_limit, v->last_exit,
				    now, root.tsc_hz, &start);
	if (what == POLICY_GIVE_UP)
		root_say("%s: given up: it has ended %u times within %u seconds", v->config->name,
			 v->config->restart_limit + 1, POLICY_WINDOW_S);
	if (what == POLICY_RESTART) {
		if (start - now >= root.tsc_hz)
			root_say("%s: starts again in %lu s", v->config->name, (start - now) / root.tsc_hz);
		v->phase = VM_WAITING;
		event_timer_set(&root.loop, &v->timer, start);
	} else {
		vm_rests(v);
	}
}

void vm_scrubbed(struct vm *v)
{
	if (v->phase == VM_PREPARING)
		vm_prepared(v);
	else
		vm_cleaned(v);
}

/* Thread 0 of the monitor has exited with @code. */
static void vm_exited(struct vm *v, uint64_t code)
{
	char reason[VM_REASON];

	memcpy(reason, v->shared->status.reason, sizeof(reason));
	reason[sizeof(reason) - 1] = 0;
	for (char *c = reason; *c; c++)
		if (*c < ' ' || *c > '~')
			*c = '?';
	if (code < VM_EXITS && code != VM_EXIT_MONITOR) {
		vm_ended(v, (enum vm_exit)code, reason);
		return;
	}
	if (code != VM_EXIT_MONITOR)
		fmt_buf(reason, sizeof(reason), code == RT_EXIT_PANIC ? "panic (see its log)" : "exit code %lu", code);
	vm_monitor_failed(v, reason);
}

static void vm_faulted(struct vm *v, const struct sys_thread_info *info)
{
	char text[VM_REASON];

	fmt_buf(text, sizeof(text), "exception %u, error 0x%x, at 0x%lx, address 0x%lx", (unsigned)(info->fault & 0xffffffff),
		(unsigned)(info->fault >> 32), info->rip, info->addr);
	vm_monitor_failed(v, text);
}

/* A thread of the monitor has stopped: which, and why? */
static void vm_check(void *arg)
{
	struct vm *v = arg;
	struct sys_thread_info info;

	for (unsigned i = 0; v->phase == VM_RUNNING && i < v->child.thread_count; i++) {
		if (sys_thread_info(child_thread_sel(&v->child, i), &info) != TV_OK)
			continue;
		if (info.state == TV_THREAD_FAULTED) {
			vm_faulted(v, &info);
			break;
		}
		if (info.state == TV_THREAD_EXITED && (i == 0 || info.code == RT_EXIT_PANIC)) {
			vm_exited(v, info.code);
			break;
		}
	}
	term_run();
}

/* --- stopping --- */

const char *vm_stop(struct vm *v, bool force, bool again)
{
	switch (v->phase) {
	case VM_STOPPED:
		return "it does not run";
	case VM_WAITING:
		event_timer_cancel(&v->timer);
		vm_rests(v);
		return again ? vm_start(v) : NULL;
	case VM_PREPARING:
		vm_scrub(v, VM_CLEANING);
		break;
	case VM_RUNNING:
		if (force) {
			vm_ended(v, VM_EXIT_STOPPED, "destroyed");
		} else {
			vm_request(v, VM_REQUEST_POWER_BUTTON);
			event_timer_set(&root.loop, &v->timer, root_after_ms(VM_PATIENCE_MS));
		}
		break;
	default:
		break;
	}
	v->stopping = VM_STOP_BUTTON;
	v->again = again;
	return NULL;
}

/* The pause before a restart is over, or the patience with a VM that should stop is. */
static void vm_timer(void *arg)
{
	struct vm *v = arg;

	if (v->phase == VM_WAITING) {
		vm_start_or_say(v);
	} else if (v->phase == VM_RUNNING && v->stopping == VM_STOP_BUTTON) {
		v->stopping = VM_STOP_ASKED;
		vm_request(v, VM_REQUEST_STOP);
		event_timer_set(&root.loop, &v->timer, root_after_ms(VM_FORCE_MS));
	} else if (v->phase == VM_RUNNING && v->stopping == VM_STOP_ASKED) {
		vm_ended(v, VM_EXIT_STOPPED, "destroyed: its monitor did not answer");
		term_run();
	}
}
