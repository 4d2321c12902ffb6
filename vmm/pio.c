/* SPDX-License-Identifier: Apache-2.0 */
/* Port I/O exits: one access goes straight to the bus, string instructions through the executor. */
#include "emulate.h"
#include "retire.h"
#include "upcall.h"
#include "vcpu.h"
#include "vm.h"

static enum vm_next string_io(struct vcpu *v, uint16_t port, unsigned size)
{
	enum vm_next next;

	v->insn.io_port = port;
	v->insn.io_size = (uint8_t)size;
	next = emulate(v);
	v->insn.io_size = 0;
	return next;
}

enum vm_next exit_pio(struct vcpu *v)
{
	struct tv_exit_page *p = v->page;
	struct vm *vm = v->vm;
	uint16_t port = (uint16_t)p->arg0;
	unsigned size = TV_PIO_SIZE(p->arg1), len;
	uint64_t mask = size < 4 ? MASK(8 * size - 1, 0) : UINT32_MAX, rax = p->gpr[TV_RAX], val;

	if (p->arg1 & TV_PIO_STRING)
		return string_io(v, port, size);
	len = retire_length(v);
	if (!len)
		return VM_NEXT_RUN;
	vm_dev_lock(vm);
	if (p->arg1 & TV_PIO_IN) {
		val = bus_read(&vm->board.pio, port, size) & mask;
		p->gpr[TV_RAX] = size == 4 ? val : (rax & ~mask) | val;
	} else {
		bus_write(&vm->board.pio, port, size, rax & mask);
	}
	vm_dev_unlock(vm);
	return retire(v, len);
}
