/* SPDX-License-Identifier: Apache-2.0 */
/* What the loop of vcpu_run needs besides the back-end, for tests of the back-end that never run it. */
#include <kernel/run_loop.h>

#include <stdlib.h>

const struct virt_ops *virt;

enum tv_err exit_refuse(struct thread *t, enum tv_err err, uint64_t word) { (void)t; (void)err; (void)word; abort(); }
enum tv_err exit_load(struct thread *t, struct vcpu *v, uint32_t groups) { (void)t; (void)v; (void)groups; abort(); }
enum tv_err exit_early(struct thread *t, struct vcpu *v, uint32_t kind) { (void)t; (void)v; (void)kind; abort(); }
uint32_t exit_deadline(struct thread *t) { (void)t; abort(); }
bool doorbell_ring(struct vcpu *v) { (void)v; abort(); }
void kernel_after_interrupt(void) { abort(); }
