/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the device models ask of the monitor core.  The core implements each of these; unit tests bring their own.
 *
 * Unless said otherwise an upcall may come with the device lock held (see vmm/dev/board.h), so it must not take that
 * lock, must not call back into a device model, and must return at once: it notes what was asked and signals a thread.
 */
#ifndef VMM_UPCALL_H
#define VMM_UPCALL_H

#include <lib/base.h>

struct vm;
struct vcpu;

/*
 * Make the thread of @v look at its local APIC again before it next enters the guest or sleeps: an interrupt, NMI,
 * INIT or SIPI became pending, or the priority changed.  Callable from any thread, also from @v's own; must be sticky.
 */
void vcpu_notify(struct vcpu *v);

/* The earliest deadline of the VM's timer queue moved forward: whoever waits for it must read timer_queue_next() again. */
void vm_timers_changed(struct vm *vm);

/*
 * The device lock, not recursive.  The core takes it around bus_read(), bus_write(), timer_queue_run() and the backend
 * functions (uart_rx() ...).  Called from a vCPU's thread by lapic_*() and irqchip_inta() for the few cases in which
 * these must reach a device that is shared by all vCPUs.
 */
void vm_dev_lock(struct vm *vm);
void vm_dev_unlock(struct vm *vm);

/* The guest asked for soft-off (ACPI S5). */
void vm_poweroff(struct vm *vm);

/*
 * The guest asked to be suspended to memory (ACPI S3).  False: this one cannot be.  Then vm_wake() follows, when something happens
 * that shall wake it, perhaps before this returns to the guest.
 */
bool vm_sleep(struct vm *vm);
void vm_wake(struct vm *vm);

/* The guest asked for a reset: port 0xCF9, port 0x92 or the keyboard controller. */
void vm_reset(struct vm *vm);

/* The test device ends the VM. */
void vm_debug_exit(struct vm *vm, uint32_t code);

/* The guest says that it has crashed: PVPANIC_* of dev/testdev.h, or 0 for nothing. */
void vm_guest_panicked(struct vm *vm, unsigned what);

/*
 * Serial port @port (0 = COM1) sends @byte.  False: no room now; the byte was not taken and uart_tx_ready() must be
 * called later, when there is room again.  Must never block.
 */
bool vm_uart_tx(struct vm *vm, unsigned port, uint8_t byte);

/* After uart_rx() returned false: serial port @port can take input again. */
void vm_uart_rx_space(struct vm *vm, unsigned port);

/* First access to an address that no model claims; @space is the bus' name, @val the value of a write. */
void vm_bus_unclaimed(struct vm *vm, const char *space, uint64_t addr, unsigned size, bool write, uint64_t val);

#endif
