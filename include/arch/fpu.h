/* SPDX-License-Identifier: Apache-2.0 */
/*
 * FPU, SSE and everything else that XSAVE covers.
 *
 * The kernel itself never uses these registers.  They belong to the current thread (arch_cpu.fpu_owner): user_switch() saves
 * them into the old thread's area and loads the new one's, always, never lazily.  A thread without an area runs with CR0.TS
 * set and with the registers in their reset state.
 *
 * A guest's FPU state is the FPU state of the thread that runs its vCPU: it stays in the registers from a VM exit through
 * the monitor to the next entry, and goes to that thread's area when another thread runs.  Therefore:
 *  - vcpu_run needs a thread with an area;
 *  - a back-end loads the guest's XCR0 (a subset of fpu_xcr0()) right before the entry and writes fpu_xcr0() back right after
 *    the exit, so that every save and load in the kernel covers all components;
 *  - CR0.TS is clear on the host side of vcpu_run, because the thread has an area.
 */
#ifndef ARCH_FPU_H
#define ARCH_FPU_H

#include <lib/base.h>

/* XCR0 of the host: all user components that the CPU has and that fit into one page.  0: the CPU has no XSAVE. */
uint64_t fpu_xcr0(void);

#endif
