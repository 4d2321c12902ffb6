/* SPDX-License-Identifier: Apache-2.0 */
/* Sizes of the kernel's stacks. */
#ifndef ARCH_X86_STACK_H
#define ARCH_X86_STACK_H

/* One stack per CPU.  The boot CPU's is boot_stack (boot/entry64.asm), with an unmapped page below it. */
#define KERNEL_STACK_SIZE	16384u
/* Each of the stacks for NMI, #DF, #MC and #DB: room for a panic. */
#define IST_STACK_SIZE		8192u

#endif
