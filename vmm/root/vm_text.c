/* SPDX-License-Identifier: Apache-2.0 */
/* Words for what a VM does and has done. */
#include <rt/sys.h>

#include "vms.h"

const char *vm_phase_text(const struct vm *v)
{
	static const char *const text[VM_PHASES] = {
		[VM_STOPPED] = "stopped", [VM_PREPARING] = "starting", [VM_RUNNING] = "running",
		[VM_CLEANING] = "ending", [VM_WAITING] = "waits for restart",
	};

	return v->phase == VM_RUNNING && v->stopping ? "stopping" : text[v->phase];
}

const char *vm_exit_text(enum vm_exit exit)
{
	static const char *const text[VM_EXITS] = {
		[VM_EXIT_POWEROFF] = "the guest has switched itself off", [VM_EXIT_RESET] = "the guest has reset itself",
		[VM_EXIT_STOPPED] = "stopped", [VM_EXIT_CRASH] = "the guest has crashed",
		[VM_EXIT_MONITOR] = "its monitor has failed", [VM_EXIT_REFUSED] = "it cannot be run",
	};

	return text[exit];
}

const char *vm_kind_text(unsigned kind)
{
	static const char *const text[] = {
		[TV_EXIT_NONE] = "none", [TV_EXIT_KICK] = "kick", [TV_EXIT_DEADLINE] = "deadline", [TV_EXIT_WINDOW] = "window",
		[TV_EXIT_CPUID] = "cpuid", [TV_EXIT_HLT] = "hlt", [TV_EXIT_PIO] = "pio", [TV_EXIT_MMIO] = "mmio",
		[TV_EXIT_RDMSR] = "rdmsr", [TV_EXIT_WRMSR] = "wrmsr", [TV_EXIT_CR] = "cr", [TV_EXIT_DR] = "dr",
		[TV_EXIT_EXC] = "exception", [TV_EXIT_HYPERCALL] = "hypercall", [TV_EXIT_XSETBV] = "xsetbv",
		[TV_EXIT_INSN] = "insn", [TV_EXIT_SHUTDOWN] = "shutdown", [TV_EXIT_INIT] = "init", [TV_EXIT_TASK] = "task",
		[TV_EXIT_FAIL] = "fail",
	};
	_Static_assert(ARRAY_LEN(text) == TV_EXIT_KINDS, "every exit kind has a name");

	return text[kind];
}

uint64_t vm_consumed(const struct vm *v)
{
	uint64_t sum = 0;
	struct sys_sched_info info;

	if (v->phase != VM_RUNNING)
		return v->consumed;
	for (unsigned i = 0; i < v->child.thread_count; i++)
		if (sys_sched_info(child_sched_sel(&v->child, i), &info) == TV_OK)
			sum += info.consumed;
	return sum;
}
