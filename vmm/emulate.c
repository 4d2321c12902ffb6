/* SPDX-License-Identifier: Apache-2.0 */
/* Between the instruction executor and the machine: see emulate.h. */
#include "emulate.h"

#include <x86/cr.h>

#include "inject.h"
#include "retire.h"
#include "upcall.h"
#include "vcpu.h"
#include "vector.h"
#include "vm.h"

#define REP_ITERATIONS	1024u		/* of a string instruction, before interrupts get a chance again */
#define RETRY_MAX	10000u		/* attempts in a row without any progress */

uint64_t emulate_mmio_read(struct vcpu *v, gpa_t gpa, unsigned size)
{
	uint64_t off = gpa.v - lapic_mmio_base(&v->lapic), val;

	if (off < LAPIC_MMIO_SIZE)
		return lapic_mmio_read(&v->lapic, off, size);
	vm_dev_lock(v->vm);
	val = bus_read(&v->vm->board.mmio, gpa.v, size);
	vm_dev_unlock(v->vm);
	return val;
}

void emulate_mmio_write(struct vcpu *v, gpa_t gpa, unsigned size, uint64_t val)
{
	uint64_t off = gpa.v - lapic_mmio_base(&v->lapic);

	if (off < LAPIC_MMIO_SIZE) {
		lapic_mmio_write(&v->lapic, off, size, val);
		return;
	}
	vm_dev_lock(v->vm);
	bus_write(&v->vm->board.mmio, gpa.v, size, val);
	vm_dev_unlock(v->vm);
}

static uint64_t op_mmio_read(void *cpu, gpa_t gpa, unsigned size)
{
	return emulate_mmio_read(cpu, gpa, size);
}

static void op_mmio_write(void *cpu, gpa_t gpa, unsigned size, uint64_t val)
{
	emulate_mmio_write(cpu, gpa, size, val);
}

static uint32_t op_port_in(void *cpu, uint16_t port, unsigned size)
{
	struct vm *vm = ((struct vcpu *)cpu)->vm;
	uint32_t val;

	vm_dev_lock(vm);
	val = (uint32_t)bus_read(&vm->board.pio, port, size);
	vm_dev_unlock(vm);
	return val;
}

static void op_port_out(void *cpu, uint16_t port, unsigned size, uint32_t val)
{
	struct vm *vm = ((struct vcpu *)cpu)->vm;

	vm_dev_lock(vm);
	bus_write(&vm->board.pio, port, size, val);
	vm_dev_unlock(vm);
}

static void op_vector_get(void *cpu, enum insn_kind kind, unsigned n, uint64_t value[2])
{
	(void)cpu;
	if (kind == INSN_OPERAND_XMM)
		vector_get_xmm(n, value);
	else
		vector_get_mmx(n, value);
}

static void op_vector_set(void *cpu, enum insn_kind kind, unsigned n, const uint64_t value[2])
{
	(void)cpu;
	if (kind == INSN_OPERAND_XMM)
		vector_set_xmm(n, value);
	else
		vector_set_mmx(n, value);
}

static const struct insn_ops emulate_ops = {
	.mmio_read = op_mmio_read, .mmio_write = op_mmio_write,
	.port_in = op_port_in, .port_out = op_port_out,
	.vector_get = op_vector_get, .vector_set = op_vector_set,
};

void emulate_init(struct vcpu *v)
{
	v->insn = (struct insn_ctx){
		.st = v->page, .vm = &v->vm->walk, .ops = &emulate_ops, .cpu = v, .max_iterations = REP_ITERATIONS,
		.modes = INSN_MODES_UNKNOWN,
	};
}

enum vm_next emulate_failed(struct vcpu *v, enum insn_result result)
{
	const struct insn_fault *f = &v->insn.fault;

	/* A page fault loads CR2, and with it the whole group. */
	if (result == INSN_EXCEPTION && !vcpu_need(v, TV_REGS_CR | TV_REGS_SEG))
		return VM_NEXT_RUN;
	if (result == INSN_EXCEPTION)
		return f->vector == EXC_PF ? inject_page_fault(v, f->error, f->cr2) :
					     inject_exception(v, f->vector, f->error);
	if (result == INSN_RETRY && ++v->mismatches <= RETRY_MAX)
		return VM_NEXT_RUN;
	/* A program of the guest must not be able to end the guest. */
	if (v->page->cpl)
		return inject_ud(v);
	return vm_stop(v->vm, VM_EXIT_CRASH, "instruction at 0x%llx cannot be emulated (exit %s, address 0x%llx)",
		       (unsigned long long)v->page->rip, trace_kind(v->page->kind), (unsigned long long)v->page->arg0);
}

/* MOV SS and POP SS hold interrupts and single steps back until the next instruction is through. */
static enum vm_next stack_switched(struct vcpu *v)
{
	(void)retire_done(v, false);
	v->page->shadow |= TV_SHADOW_MOVSS;
	return VM_NEXT_RUN;
}

enum vm_next emulate_insn(struct vcpu *v, const struct insn *in)
{
	bool tf = v->page->rflags & RFLAGS_TF;
	enum insn_result result;

	/* With TF set, each iteration of a REP traps. */
	v->insn.max_iterations = tf ? 1 : REP_ITERATIONS;
	result = insn_exec(&v->insn, in);
	if (result == INSN_DONE || result == INSN_RESTART) {
		v->mismatches = 0;
		if (in->dst.kind == INSN_OPERAND_SREG && in->dst.reg == TV_SS)
			return stack_switched(v);
		return result == INSN_DONE || tf ? retire_done(v, tf) : VM_NEXT_RUN;
	}
	return emulate_failed(v, result);
}

/* In 64-bit mode most instructions depend on no segment, and on nothing of CR0 that changes without an exit. */
static bool needs_code_only(const struct insn *in)
{
	return in->mode == INSN_MODE_64 && in->op < INSN_PUSH && in->seg != TV_FS && in->seg != TV_GS &&
	       in->dst.kind != INSN_OPERAND_SREG && in->src.kind != INSN_OPERAND_SREG;
}

enum vm_next emulate(struct vcpu *v)
{
	uint32_t groups = TV_REGS_CR | TV_REGS_SEG | (v->page->rflags & RFLAGS_TF ? TV_REGS_DR : 0);
	enum insn_result result;
	struct insn in;

	if ((!(v->page->valid & TV_REGS_CODE) || groups & TV_REGS_DR) && !vcpu_need(v, groups))
		return VM_NEXT_RUN;
	result = insn_fetch(&v->insn, &in);
	if ((result != INSN_DONE || !needs_code_only(&in)) && !vcpu_need(v, groups))
		return VM_NEXT_RUN;
	return result == INSN_DONE ? emulate_insn(v, &in) : emulate_failed(v, result);
}
