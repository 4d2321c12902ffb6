/* SPDX-License-Identifier: Apache-2.0 */
/* Model-specific registers of the guest: what is not in the policy table raises #GP. */
#ifndef VMM_MSR_H
#define VMM_MSR_H

#include <lib/base.h>

#include "exit.h"
#include "hyperv.h"

/* Registers that only store what was written; msr.c says which MSR is which. */
enum msr_slot {
	MSR_SLOT_MISC_ENABLE, MSR_SLOT_MISC_FEATURES, MSR_SLOT_MCG_STATUS, MSR_SLOT_HWCR, MSR_SLOT_DE_CFG, MSR_SLOT_NB_CFG,
	MSR_SLOT_MTRR_DEF_TYPE,
	MSR_SLOT_MTRR_PHYS,				/* base and mask in turn */
	MSR_SLOT_MTRR_FIXED = MSR_SLOT_MTRR_PHYS + 16,	/* 11 of them            */
	MSR_SLOTS = MSR_SLOT_MTRR_FIXED + 11
};

struct msr_state {
	uint64_t slot[MSR_SLOTS];
	uint64_t tsc_offset;		/* guest TSC - host TSC */
	uint64_t tsc_adjust;
	uint64_t pv_wall_clock, pv_system_time;	/* as written, pvclock.h */
	uint64_t pv_steal_time;		/* as written, steal.h */
	struct hv_cpu hv;
	unsigned row;			/* of the policy, that was looked at last */
};

/* Which MSRs were refused: each number is logged once, all accesses are counted.  Guarded by the device lock. */
#define MSR_SEEN	64
struct msr_log {
	uint64_t refused;
	uint32_t seen[MSR_SEEN];
	unsigned seen_count;
};

/* Values after power-up; the TSC goes on from @tsc_offset. */
void msr_reset(struct vcpu *v, uint64_t tsc_offset);

/* What an INIT changes: the guest's pages of the paravirtual clock are no longer written. */
void msr_init(struct vcpu *v);

/* What firmware would have set up: memory is write-back but for [@hole, 4 GiB). */
void msr_firmware_mtrrs(struct vcpu *v, uint64_t hole);

/* Make the registers of @dev, a struct vcpu, what @state out of a record says; after its local APIC.  False: impossible. */
bool msr_restore(void *dev, const void *state) MUST_USE;

enum msr_result {
	MSR_OK,
	MSR_FAULT,		/* raise #GP(0)                                              */
	MSR_RETRY,		/* register groups are missing: as after a failed vcpu_need() */
};

/* RDMSR and WRMSR on @v.  On MSR_FAULT and MSR_RETRY nothing was changed. */
enum msr_result msr_read(struct vcpu *v, uint32_t msr, uint64_t *val) MUST_USE;
enum msr_result msr_write(struct vcpu *v, uint32_t msr, uint64_t val) MUST_USE;

/* May @pat be loaded into IA32_PAT? */
bool msr_pat_valid(uint64_t pat);

/* For the test of the table's order: the number of rows, and the range of MSRs of each. */
unsigned msr_row_count(void);
void msr_row_range(unsigned row, uint32_t *first, uint32_t *last);

#endif
