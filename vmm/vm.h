/* SPDX-License-Identifier: Apache-2.0 */
/* A virtual machine: its memory, its devices, its CPUs, and what it shares with root. */
#ifndef VMM_VM_H
#define VMM_VM_H

#include <stdatomic.h>

#include <dev/ahci.h>
#include <dev/board.h>
#include <dev/testdev.h>
#include <lib/base.h>
#include <svc/vm.h>
#include <virtio/devices.h>

#include "cpuid.h"
#include "gmem.h"
#include "gwalk.h"
#include "lock.h"
#include "msr.h"
#include "resume.h"
#include "timer.h"
#include "vcpu.h"

struct vm {
	struct gmem mem;
	struct gwalk_vm walk;
	struct cpuid_model cpuid;
	struct msr_log msr_log;

	struct lock dev_lock;			/* guards board, msr_log and the next four */
	struct board board;
	struct vm_virtio virtio;
	struct testdev testdev;			/* unused unless configured, as are these: */
	struct ahci ahci;
	struct blk_ram sata[AHCI_PORTS];
	struct timer flush;			/* when collected console output is signalled at the latest */
	struct timer input_retry;		/* the guest has room for console input again               */
	_Atomic uint32_t output_collected;	/* console output that root has not been told of            */
	_Atomic uint64_t timer_next;		/* timer_queue_next(), readable without the lock            */

	struct vcpu *vcpu[VM_CPUS];
	unsigned cpu_count;
	struct lock dump_lock;			/* the registers of one CPU stay together in the log        */
	_Atomic uint64_t resting;		/* CPUs that only an NMI, INIT or SIPI could wake: see mp.c */
	_Atomic uint32_t suspends, wakes;	/* see suspend.c                                            */
	bool can_suspend;
	_Atomic uint32_t ended;			/* CPUs whose threads have left their loops                 */

	struct vm_shared *shared;
	struct ring input, output;
	uint64_t root;				/* selector of root's notification, 0: none */
	uint64_t root_signal;			/* the bit to signal on it */
	uint64_t tsc_hz;
	struct clock_rate ns;			/* nanoseconds */
	struct clock_rate hv_rate;		/* HV_TIME_HZ */
	struct hv_vm hv;
	struct start_state start;		/* when the VM was made: its system time 0 */
	uint64_t features;			/* TV_FEAT_* of the machine */
	uint64_t memory;			/* bytes of guest RAM */

	struct hvc *hvc;			/* virtio console; NULL: there is none; with what it does: */
	enum hvc_took (*hvc_input)(struct hvc *h, uint8_t byte);
	void (*hvc_input_done)(struct hvc *h);
	void (*hvc_room)(struct hvc *h);
	void (*signalled)(struct vm *vm, uint64_t bits);	/* servers of devices; NULL: there are none */
	_Atomic uint32_t stop;			/* VM_RUNNING, or 1 + enum vm_exit */
};
#define VM_RUNNING	0u

/* What a VM is made from. */
struct vm_setup {
	struct vm_shared *shared;
	uint64_t root;
	const struct tv_info *info;
	const struct vm_config *config;
	uint64_t ntfn;			/* of the first thread */
	const struct vm_net_place *net;		/* of each network port */
	const struct vm_disk_place *disk;	/* of each disk of @config */
	uint8_t *ram;			/* guest RAM, mapped in one piece in guest-address order, the VGA hole included */
	struct cpuid_regs (*host_cpuid)(uint32_t leaf, uint32_t sub);
};

/*
 * Everything but the vCPUs: guest memory, CPUID model, devices.  False, with the reason in the status page: the configuration
 * cannot be run.
 */
bool vm_init(struct vm *vm, const struct vm_setup *setup) MUST_USE;

/* The devices that the configuration asks for, without those of virtio (devices.c).  False after vm_stop(). */
bool vm_devices_init(struct vm *vm, const struct vm_setup *setup) MUST_USE;

/*
 * Stop the VM with exit code @code; the first caller's code and reason count.  @fmt: what root shows to people; NULL if the
 * code says all.  Any thread.  Always VM_NEXT_STOP, so that a handler can return it.
 */
enum vm_next vm_stop(struct vm *vm, enum vm_exit code, const char *fmt, ...) PRINTF_LIKE(3, 4);

static inline bool vm_stopped(struct vm *vm)
{
	return atomic_load_explicit(&vm->stop, memory_order_relaxed) != VM_RUNNING;
}

/* The code given to vm_stop(). */
enum vm_exit vm_exit_code(struct vm *vm);

/* Run the timers that are due. */
void vm_timers_run(struct vm *vm, uint64_t now);

/* Root's signal: its requests, console input, room for console output (console.c). */
void vm_signal(struct vm *vm);
/* The notification of a thread had @bits. */
static inline void vm_signals(struct vm *vm, uint64_t bits)
{
	if (bits & VM_SIGNAL_ROOT)
		vm_signal(vm);
	if (unlikely(bits & VM_SIGNAL_DEVICES) && vm->signalled)
		vm->signalled(vm, bits);
}

/* Tell root of collected console output: device lock held, or, before a thread sleeps, not held (console.c). */
void vm_console_init(struct vm *vm);
void vm_console_flush(struct vm *vm);
/* Output of the guest; returns how many bytes there was room for.  The device lock is held. */
uint32_t vm_console_put(struct vm *vm, const void *bytes, uint32_t len);
/* A device can take input again. */
void vm_console_retry(struct vm *vm);
void vm_console_idle(struct vm *vm);

/* The thread of @v does no more for the guest.  The first CPU's waits for all others, for a while, and tells root what is left. */
void vm_cpu_ended(struct vcpu *v);

/* Send the lines of rt_log() to the ring that root reads (log.c). */
void vm_log_init(struct vm *vm);

#endif
