/* SPDX-License-Identifier: Apache-2.0 */
/* Hardware task switches, which exit on every CPU that runs guests. */
#ifndef VMM_TASK_H
#define VMM_TASK_H

#include "exit.h"

/* TV_EXIT_TASK: carry out the switch that the exit describes, or raise what stands against it. */
enum vm_next exit_task(struct vcpu *v);

#endif
