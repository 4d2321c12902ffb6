/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A whole virtual machine without a kernel below it: memory, devices, one vCPU, and a state page that the test fills in as the
 * kernel would.  Tests that use it name vmm/'s sources and tests/fake/vm_rig.c in their "sources:" line.
 */
#ifndef FAKE_VM_RIG_H
#define FAKE_VM_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>
#include <rt/time.h>

#include "inject.h"
#include "vcpu.h"
#include "vm.h"

#define RIG_MEMORY	(32 * MIB)
#define RIG_HZ		2000000000ull
#define RIG_CODE	0x200000ull		/* where rig_code() puts instructions */

extern struct vm rig_vm;
extern struct vcpu rig_cpu;
extern struct tv_exit_page rig_page;
extern struct vm_shared rig_shared;

/* What the fake kernel was asked for. */
extern unsigned rig_signals;			/* ntfn_signal calls */
extern uint64_t rig_ntfn_bits;			/* what poll and wait will return */
extern uint64_t rig_consumed;			/* what the thread has run, in ticks */
extern unsigned rig_waits;
extern unsigned rig_runs;
extern void (*rig_on_run)(void);		/* what the guest does in vcpu_run; NULL: nothing */

/* A host CPU for the CPUID model: vendor and all features that this test host pretends to have. */
extern const char *rig_vendor;			/* twelve characters */
struct cpuid_regs rig_cpuid(uint32_t leaf, uint32_t sub);

/*
 * A fresh machine whose vCPU is in 64-bit mode at RIG_CODE with identity-mapped memory, CPL 0, interrupts off.
 * @features: TV_FEAT_* of the host.
 */
void rig_reset(uint64_t features);

/* Put instruction bytes at RIP. */
void rig_code(const void *bytes, unsigned count);

/*
 * Exit with @kind for an instruction of @len bytes (0: unknown), delivering exactly the groups that want[] asks for, and handle it;
 * a handler that needs more gets its second exit.
 */
enum vm_next rig_exit(uint32_t kind, unsigned len);

/* The vector injected, or -1; an error code in *@error unless NULL. */
int rig_injected(uint32_t *error);

#endif
