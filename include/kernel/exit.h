/* SPDX-License-Identifier: Apache-2.0 */
/* Exits on their way to the monitor. */
#ifndef KERNEL_EXIT_H
#define KERNEL_EXIT_H

#include <abi/exit.h>
#include <lib/base.h>

struct vcpu;

/* The state page of a new vCPU: version and size.  The back-end has filled in the registers. */
void exit_page_init(struct tv_exit_page *p);
/* Complete the record of an exit of @kind: the register groups that the monitor wants for it, and RIP always. */
void exit_deliver(struct vcpu *v, uint32_t kind);

#endif
