/* SPDX-License-Identifier: Apache-2.0 */
/* A monitor core that only records what the device models ask of it. */
#include "dev_fake.h"
#include "upcall.h"

uint64_t fake_now;

void fake_reset(struct vm *vm)
{
	memset(vm, 0, sizeof(*vm));
	vm->tx_room = sizeof(vm->tx);
	fake_now = 123456789;
}

void vcpu_notify(struct vcpu *v)
{
	__atomic_fetch_add(&v->notified, 1, __ATOMIC_SEQ_CST);		/* by any thread */
}

void vm_timers_changed(struct vm *vm)
{
	vm->timers_changed++;
}

void vm_dev_lock(struct vm *vm)
{
	assert_false(vm->locked);
	vm->locked = true;
	vm->locks++;
}

void vm_dev_unlock(struct vm *vm)
{
	assert_true(vm->locked);
	vm->locked = false;
}

void vm_poweroff(struct vm *vm)
{
	vm->poweroffs++;
}

bool vm_sleep(struct vm *vm)
{
	vm->sleeps++;
	return vm->can_sleep;
}

void vm_wake(struct vm *vm)
{
	vm->wakes++;
}

void vm_reset(struct vm *vm)
{
	vm->resets++;
}

void vm_debug_exit(struct vm *vm, uint32_t code)
{
	vm->debug_exits++;
	vm->debug_code = code;
}

void vm_guest_panicked(struct vm *vm, unsigned what)
{
	vm->panicked |= what;
}

bool vm_uart_tx(struct vm *vm, unsigned port, uint8_t byte)
{
	(void)port;
	if (!vm->tx_room)
		return false;
	vm->tx_room--;
	if (vm->tx_count < sizeof(vm->tx))
		vm->tx[vm->tx_count++] = (char)byte;
	return true;
}

void vm_uart_rx_space(struct vm *vm, unsigned port)
{
	(void)port;
	vm->rx_space++;
}

void vm_bus_unclaimed(struct vm *vm, const char *space, uint64_t addr, unsigned size, bool write, uint64_t val)
{
	(void)space;
	(void)write;
	vm->unclaimed++;
	vm->unclaimed_addr = addr;
	vm->unclaimed_size = size;
	vm->unclaimed_val = val;
}
