/* SPDX-License-Identifier: Apache-2.0 */
/* Between the instruction executor and the machine: its way to devices and vector registers, and what follows its results. */
#ifndef VMM_EMULATE_H
#define VMM_EMULATE_H

#include "exit.h"
#include "insn_exec.h"

/* Prepare v->insn, once. */
void emulate_init(struct vcpu *v);

/* Emulate the instruction at RIP: one that needs the executor.  All register groups it needs are asked for. */
enum vm_next emulate(struct vcpu *v);

/* The same for an instruction that has been fetched. */
enum vm_next emulate_insn(struct vcpu *v, const struct insn *in);

/* What follows from a result that is not INSN_DONE. */
enum vm_next emulate_failed(struct vcpu *v, enum insn_result result);

/* A read or write of guest-physical memory that is not RAM. */
uint64_t emulate_mmio_read(struct vcpu *v, gpa_t gpa, unsigned size);
void emulate_mmio_write(struct vcpu *v, gpa_t gpa, unsigned size, uint64_t val);

#endif
