/* SPDX-License-Identifier: Apache-2.0 */
/* A virtual machine: making it, stopping it, and what its devices ask of it. */
#include "vm.h"

#include <rt/fmt.h>
#include <rt/log.h>
#include <rt/sys.h>
#include <rt/time.h>

#include "layout.h"
#include "upcall.h"

#define VCPU_SIGNAL_NOTIFY	(1ull << 1)	/* bit of a vCPU's notification: look at @notified */
#define END_PATIENCE_MS		500u		/* for the threads of the other CPUs, which may have used up their budgets */
#define IOAPIC_ID		0u		/* in another number space than the APIC IDs on this kind of machine */

/* --- making it ------------------------------------------------------------------------------------------------------- */

static void *walk_ram(void *opaque, gpa_t gpa, uint64_t len, bool write)
{
	return gmem_at(opaque, gpa, len, write);
}

/* The regions of layout.h over one piece of host memory, in which the VGA's hole is left unused. */
static bool memory_init(struct vm *vm, uint8_t *ram)
{
	uint64_t low = layout_low(vm->memory);

	return gmem_add(&vm->mem, (gpa_t){ 0 }, LAYOUT_VGA, ram, true) &&
	       gmem_add(&vm->mem, (gpa_t){ LAYOUT_ROM }, low - LAYOUT_ROM, ram + LAYOUT_ROM, true) &&
	       (vm->memory == low ||
		gmem_add(&vm->mem, (gpa_t){ LAYOUT_HIGH }, vm->memory - low, ram + low, true));
}

static bool board_setup(struct vm *vm)
{
	uint64_t low = layout_low(vm->memory);
	const struct board_config board = {
		.tsc_hz = vm->tsc_hz,
		.unix_time = (int64_t)vm->start.time,
		.ram_below_4g = low,
		.ram_above_4g = vm->memory - low,
		.ioapic_id = IOAPIC_ID,
	};

	return board_init(&vm->board, vm, &board);
}

bool vm_init(struct vm *vm, const struct vm_setup *setup)
{
	const struct vm_config *cfg = setup->config;
	struct cpuid_config cpu = {
		.cpu_count = cfg->cpus,
		.tsc_hz = setup->info->tsc_hz,
		.apic_bus_hz = LAPIC_BUS_HZ,
		.xcr0_mask = setup->info->xcr0_mask,
		.guest_phys_bits = (uint8_t)setup->info->guest_phys_bits,
		.gib_pages = (setup->info->features & TV_FEAT_GUEST_1G) != 0,
		.paravirt = (enum vm_paravirt)cfg->paravirt,
	};
	const char *wrong;

	vm->tsc_hz = setup->info->tsc_hz;
	vm->features = setup->info->features;
	vm->shared = setup->shared;
	vm->root = setup->root;
	vm->root_signal = cfg->root_signal;
	vm->start.tsc = clock_now();
	vm->start.time = cfg->wall_seconds + (vm->start.tsc - cfg->wall_tsc) / vm->tsc_hz;
	clock_rate_init(&vm->ns, vm->tsc_hz, 1000000000);
	clock_rate_init(&vm->hv_rate, vm->tsc_hz, HV_TIME_HZ);
	vm->memory = cfg->memory;
	vm->cpu_count = 0;
	atomic_store(&vm->timer_next, TIMER_NEVER);
	if (vm->memory < LAYOUT_MIN || !is_aligned(vm->memory, PAGE_SIZE)) {
		(void)vm_stop(vm, VM_EXIT_REFUSED, "memory: %llu bytes; at least %llu MiB are needed",
			      (unsigned long long)vm->memory, LAYOUT_MIN / MIB);
		return false;
	}
	if (vm->memory - layout_low(vm->memory) + LAYOUT_HIGH > BIT(cpu.guest_phys_bits)) {
		(void)vm_stop(vm, VM_EXIT_REFUSED, "memory: more than guest-physical addresses of %u bits reach",
			      cpu.guest_phys_bits);
		return false;
	}
	cpu.cpu = cfg->cpu && cfg->cpu < VM_CMDLINE ? cfg->cmdline + cfg->cpu : "";
	wrong = cpuid_build(&vm->cpuid, &cpu, setup->host_cpuid);
	if (wrong) {
		(void)vm_stop(vm, VM_EXIT_REFUSED, "cpu %s: %s", cpu.cpu, wrong);
		return false;
	}
	vm->walk = (struct gwalk_vm){ walk_ram, &vm->mem, vm->cpuid.phys_bits, vm->cpuid.gib_pages };
	if (!memory_init(vm, setup->ram) || !board_setup(vm)) {
		(void)vm_stop(vm, VM_EXIT_MONITOR, "the address map is inconsistent");
		return false;
	}
	vm_console_init(vm);
	return true;
}

/* --- stopping it ----------------------------------------------------------------------------------------------------- */

enum vm_next vm_stop(struct vm *vm, enum vm_exit code, const char *fmt, ...)
{
	struct vm_status *s = &vm->shared->status;
	uint32_t running = VM_RUNNING;
	va_list args;

	if (!atomic_compare_exchange_strong(&vm->stop, &running, 1 + (uint32_t)code))
		return VM_NEXT_STOP;
	atomic_store(&s->state, VM_STATE_STOPPING);
	if (fmt) {
		va_start(args, fmt);
		(void)fmt_vbuf(s->reason, sizeof(s->reason), fmt, args);
		va_end(args);
		rt_log("stop: %s", s->reason);
	}
	for (unsigned i = 0; i < vm->cpu_count; i++)
		vcpu_notify(vm->vcpu[i]);
	return VM_NEXT_STOP;
}

void vm_cpu_ended(struct vcpu *v)
{
	uint64_t deadline = clock_now() + v->vm->tsc_hz / 1000 * END_PATIENCE_MS, bits;
	struct vm *vm = v->vm;

	trace_publish(v);
	atomic_fetch_add(&vm->ended, 1);
	if (v->index) {
		(void)sys_ntfn_signal(vm->vcpu[0]->ntfn, VCPU_SIGNAL_NOTIFY);
		return;
	}
	while (atomic_load(&vm->ended) < vm->cpu_count && sys_ntfn_wait(v->ntfn, deadline, &bits) == TV_OK)
		;
	vm_console_idle(vm);
}

enum vm_exit vm_exit_code(struct vm *vm)
{
	uint32_t stop = atomic_load(&vm->stop);

	return stop == VM_RUNNING ? VM_EXIT_MONITOR : (enum vm_exit)(stop - 1);
}

void vm_poweroff(struct vm *vm)
{
	(void)vm_stop(vm, VM_EXIT_POWEROFF, NULL);
}

void vm_reset(struct vm *vm)
{
	(void)vm_stop(vm, VM_EXIT_RESET, NULL);
}

/* --- devices and threads --------------------------------------------------------------------------------------------- */

/* Set the flag, then look where the thread is; the thread says that it goes away, then looks at the flag (vcpu.c). */
void vcpu_notify(struct vcpu *v)
{
	atomic_store(&v->notified, 1);
	if (atomic_load(&v->where) != VCPU_AWAY)
		return;
	if (!atomic_load_explicit(&v->woken, memory_order_relaxed))
		atomic_store_explicit(&v->woken, clock_now(), memory_order_relaxed);
	(void)sys_ntfn_signal(v->ntfn, VCPU_SIGNAL_NOTIFY);
}

/* The first CPU's thread runs the timers. */
void vm_timers_changed(struct vm *vm)
{
	atomic_store(&vm->timer_next, timer_queue_next(&vm->board.timers));
	if (vm->cpu_count && atomic_load_explicit(&vm->vcpu[0]->where, memory_order_seq_cst) == VCPU_AWAY)
		(void)sys_ntfn_signal(vm->vcpu[0]->ntfn, VCPU_SIGNAL_NOTIFY);
}

void vm_timers_run(struct vm *vm, uint64_t now)
{
	vm_dev_lock(vm);
	timer_queue_run(&vm->board.timers, now);
	atomic_store(&vm->timer_next, timer_queue_next(&vm->board.timers));
	vm_dev_unlock(vm);
}

/* Held for the length of a register access. */
void vm_dev_lock(struct vm *vm)
{
	lock_take(&vm->dev_lock);
}

void vm_dev_unlock(struct vm *vm)
{
	lock_release(&vm->dev_lock);
}
