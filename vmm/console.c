/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guest's first serial port and root's console, and root's requests.
 *
 * Output is collected: root is signalled when the ring is half full, VM_OUTPUT_DELAY_US after the first byte, and before the
 * monitor sleeps; so a line of text costs one signal and not eighty.  The second serial port has no other end.
 */
#include <rt/sys.h>
#include <rt/time.h>

#include "upcall.h"
#include "vm.h"

#define CONSOLE_PORT	0u
#define INPUT_CHUNK	64u

/* One byte of input, to the virtio console once the guest drives it, else to the serial port.  False: it cannot take more now. */
static bool input_byte(struct vm *vm, uint8_t byte)
{
	enum hvc_took took = vm->hvc ? vm->hvc_input(vm->hvc, byte) : HVC_NOT_USED;

	return took == HVC_NOT_USED ? uart_rx(&vm->board.com[CONSOLE_PORT], byte) : took == HVC_TOOK;
}

/* A request or input came, or there is room for output again: without waiting, as all of it may be stale. */
static void console_input(struct vm *vm)
{
	do {
		while (ring_used(&vm->input)) {
			if (!input_byte(vm, ring_peek(&vm->input, 0)))
				goto full;		/* vm_console_retry() goes on */
			ring_skip(&vm->input, 1);
		}
	} while (!ring_sleep_data(&vm->input));
full:
	if (vm->hvc)
		vm->hvc_input_done(vm->hvc);
	if (ring_wake_putter(&vm->input))
		(void)sys_ntfn_signal(vm->root, vm->root_signal);
}

static void requests(struct vm *vm)
{
	uint32_t r = atomic_exchange(&vm->shared->request, 0);

	for (unsigned i = 0; r & VM_REQUEST_DUMP && i < vm->cpu_count; i++) {
		atomic_store(&vm->vcpu[i]->dump, 1);
		vcpu_notify(vm->vcpu[i]);
	}
	for (unsigned i = 0; r & VM_REQUEST_BEAT && i < vm->cpu_count; i++)
		vcpu_notify(vm->vcpu[i]);
	if (r & VM_REQUEST_STOP)
		(void)vm_stop(vm, VM_EXIT_STOPPED, NULL);
	if (r & VM_REQUEST_RESET)
		(void)vm_stop(vm, VM_EXIT_RESET, NULL);
	if (r & VM_REQUEST_POWER_BUTTON) {
		vm_dev_lock(vm);
		pm_power_button(&vm->board.pm);
		vm_dev_unlock(vm);
	}
}

void vm_signal(struct vm *vm)
{
	struct uart *u = &vm->board.com[CONSOLE_PORT];

	requests(vm);
	vm_dev_lock(vm);
	if (uart_tx_pending(u))
		uart_tx_ready(u);
	if (vm->hvc)
		vm->hvc_room(vm->hvc);
	console_input(vm);
	vm_dev_unlock(vm);
}

/* Called from inside a device: the rest of the input must wait until it has returned. */
void vm_console_retry(struct vm *vm)
{
	timer_arm(&vm->board.timers, &vm->input_retry, clock_now());
}

/* The guest has emptied its receive FIFO. */
void vm_uart_rx_space(struct vm *vm, unsigned port)
{
	if (port == CONSOLE_PORT)
		vm_console_retry(vm);
}

static void input_retry(struct timer *t, uint64_t now)
{
	(void)now;
	console_input(container_of(t, struct vm, input_retry));
}

uint32_t vm_console_put(struct vm *vm, const void *bytes, uint32_t len)
{
	uint32_t done = ring_put(&vm->output, bytes, len);

	if (done < len && !ring_sleep_space(&vm->output))
		done += ring_put(&vm->output, (const uint8_t *)bytes + done, len - done);
	if (done < len) {
		vm_console_flush(vm);
		return done;
	}
	if (ring_used(&vm->output) >= VM_OUTPUT_SIZE / 2) {
		vm_console_flush(vm);
	} else if (!atomic_load_explicit(&vm->output_collected, memory_order_relaxed)) {
		atomic_store_explicit(&vm->output_collected, 1, memory_order_relaxed);
		timer_arm(&vm->board.timers, &vm->flush, clock_now() + vm->tsc_hz / 1000000 * VM_OUTPUT_DELAY_US);
	}
	return done;
}

bool vm_uart_tx(struct vm *vm, unsigned port, uint8_t byte)
{
	return port != CONSOLE_PORT || vm_console_put(vm, &byte, 1);
}

void vm_console_flush(struct vm *vm)
{
	atomic_store_explicit(&vm->output_collected, 0, memory_order_relaxed);
	if (ring_wake_getter(&vm->output))
		(void)sys_ntfn_signal(vm->root, vm->root_signal);
}

void vm_console_idle(struct vm *vm)
{
	if (!atomic_load_explicit(&vm->output_collected, memory_order_relaxed))
		return;
	vm_dev_lock(vm);
	vm_console_flush(vm);
	vm_dev_unlock(vm);
}

static void flush_due(struct timer *t, uint64_t now)
{
	(void)now;
	vm_console_flush(container_of(t, struct vm, flush));
}

void vm_console_init(struct vm *vm)
{
	vm->input = vm_ring_input(vm->shared);
	vm->output = vm_ring_output(vm->shared);
	timer_init(&vm->flush, flush_due);
	timer_init(&vm->input_retry, input_retry);
	/* The first look at the input also says that its arrival is waited for. */
	timer_arm(&vm->board.timers, &vm->input_retry, clock_now());
}
