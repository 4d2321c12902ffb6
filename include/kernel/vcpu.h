/* SPDX-License-Identifier: Apache-2.0 */
/* A virtual CPU: the part that the vendor back-ends and the kernel share. */
#ifndef KERNEL_VCPU_H
#define KERNEL_VCPU_H

#include <abi/exit.h>
#include <kernel/object.h>
#include <lib/base.h>
#include <lib/list.h>

struct space;
struct thread;

struct vcpu {
	struct object object;
	struct space *space;		/* its guest space; NULL after that was destroyed: it can never run again */
	struct list in_space;		/* space->vcpus                                                          */
	struct tv_exit_page *page;	/* the state page, through the direct map                                */
	struct thread *thread;		/* who is inside vcpu_run on it; NULL: nobody                            */
	uint32_t kick;			/* sticky: vcpu_run returns at once                                      */
	uint64_t flush_seen;		/* space->flush_generation that the hardware has honoured                */
	void *hw;			/* struct vmx_vcpu or struct svm_vcpu                                    */
};

#endif
