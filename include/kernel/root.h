/* SPDX-License-Identifier: Apache-2.0 */
/* The first domain: created at boot, holding capabilities to everything. */
#ifndef KERNEL_ROOT_H
#define KERNEL_ROOT_H

#include <abi/status.h>
#include <lib/base.h>

/*
 * Load the boot module "root" into a domain of its own, with all memory, ports, MSRs and interrupts that the kernel does not keep,
 * and make its thread ready.  Stops with "cannot run" when there is no such module or it is no program that can be loaded.
 */
enum tv_err root_create(void) MUST_USE;

#endif
