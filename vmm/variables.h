/* SPDX-License-Identifier: Apache-2.0 */
/* The variables of UEFI firmware: a disk of the configuration that is a flash to the guest. */
#ifndef VMM_VARIABLES_H
#define VMM_VARIABLES_H

#include <lib/base.h>

struct vm;
struct vm_setup;

/*
 * Where the flash lies, if there is one, right below the firmware: maps it into the guest space @space from the capability
 * @region of its memory, and makes the device.  False after vm_stop().
 */
bool variables_init(struct vm *vm, const struct vm_setup *setup, unsigned disk, uint64_t space, uint64_t region) MUST_USE;

#endif
