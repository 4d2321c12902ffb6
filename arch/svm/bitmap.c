/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Permission maps: which ports and MSRs a guest may use without an exit.  APM volume 2, "I/O Permissions Map" and "MSR
 * Permissions Map".
 *
 * All vCPUs share one pair of maps: no port, and of the MSRs those that VMLOAD and VMSAVE switch.  A vCPU that gets more has a
 * copy of its own.
 */
#include "svm.h"

#include <mm/frame.h>
#include <mm/quota.h>
#include <x86/msr.h>
#include <x86/permission.h>

#define IOPM_PAGES	3u	/* 64 Ki ports, and an access to the last ones may cross the end */
#define MSRPM_PAGES	2u
#define PORTS		0x10000u

/* Each range of 8192 MSRs has 2 KiB of the map, two bits an MSR: bit set: read exits, write exits. */
#define MSRPM_RANGE	0x2000u
#define MSRPM_READ	1u
#define MSRPM_WRITE	2u
static const uint32_t msrpm_base[] = { 0x00000000, 0xc0000000, 0xc0010000 };

/*
 * What may pass: MSRs that are switched with the guest, both ways; and some that tell about the CPU without giving power over it,
 * for reading.  Anything else stays the kernel's, whoever holds a capability for it.
 */
static const struct msr_row msr_rows[] = {
	{ 0x00000010, 0x00000010, MSRPM_READ, false },				/* TSC: the offset applies   */
	{ 0x000000e7, 0x000000e8, MSRPM_READ, false },				/* MPERF, APERF              */
	{ MSR_IA32_SYSENTER_CS, MSR_IA32_SYSENTER_EIP, MSRPM_READ | MSRPM_WRITE, true },
	{ MSR_STAR, MSR_SFMASK, MSRPM_READ | MSRPM_WRITE, true },
	{ MSR_FS_BASE, MSR_KERNEL_GS_BASE, MSRPM_READ | MSRPM_WRITE, true },
	{ 0xc0010015, 0xc0010015, MSRPM_READ, false },				/* HWCR                      */
	{ 0xc0010061, 0xc001006b, MSRPM_READ, false },				/* P-states: limit to values */
	{ 0xc0010299, 0xc001029b, MSRPM_READ, false },				/* RAPL: units and energy    */
};

static uint8_t *shared_iopm, *shared_msrpm;

/* Where MSR @msr stands in the map: byte, and shift of its two bits.  false: in no range; such an MSR always exits. */
static bool msrpm_find(uint32_t msr, unsigned *byte, unsigned *shift)
{
	for (unsigned i = 0; i < ARRAY_LEN(msrpm_base); i++) {
		uint32_t n = msr - msrpm_base[i];

		if (n < MSRPM_RANGE) {
			*byte = i * (MSRPM_RANGE / 4) + n / 4;
			*shift = n % 4 * 2;
			return true;
		}
	}
	return false;
}

static void msrpm_set(uint8_t *map, uint32_t msr, unsigned exits)
{
	unsigned byte, shift;

	if (msrpm_find(msr, &byte, &shift))
		map[byte] = (uint8_t)((map[byte] & ~(3u << shift)) | exits << shift);
}

/* Make the shared maps.  Boot CPU only; TV_EQUOTA without memory. */
enum tv_err svm_bitmap_init(void)
{
	shared_iopm = frame_alloc_many(IOPM_PAGES);
	shared_msrpm = frame_alloc_many(MSRPM_PAGES);
	if (!shared_iopm || !shared_msrpm) {
		if (shared_iopm)
			frame_free_many(shared_iopm, IOPM_PAGES);
		if (shared_msrpm)
			frame_free_many(shared_msrpm, MSRPM_PAGES);
		return TV_EQUOTA;
	}
	__builtin_memset(shared_iopm, 0xff, IOPM_PAGES * PAGE_SIZE);
	__builtin_memset(shared_msrpm, 0xff, MSRPM_PAGES * PAGE_SIZE);
	for (unsigned i = 0; i < ARRAY_LEN(msr_rows); i++) {
		for (uint32_t msr = msr_rows[i].first; msr_rows[i].always && msr <= msr_rows[i].last; msr++)
			msrpm_set(shared_msrpm, msr, 0);
	}
	return TV_OK;
}

uint64_t svm_iopm_pa(const struct svm_vcpu *s)
{
	return frame_pa(s->iopm ? s->iopm : shared_iopm).v;
}

uint64_t svm_msrpm_pa(const struct svm_vcpu *s)
{
	return frame_pa(s->msrpm ? s->msrpm : shared_msrpm).v;
}

/* The next entry takes the maps that are valid now. */
static void maps_changed(struct svm_vcpu *s)
{
	s->vmcb->iopm_pa = svm_iopm_pa(s);
	s->vmcb->msrpm_pa = svm_msrpm_pa(s);
	svm_changed(s->vmcb, CLEAN_IOPM);
}

/* Let ports [@first, @first + @count) pass, or not.  The range lies within the 65536 ports.  TV_EQUOTA changes nothing. */
enum tv_err svm_ports(struct vcpu *v, unsigned first, unsigned count, bool allow, struct quota *q)
{
	struct svm_vcpu *s = svm_of(v);
	enum tv_err err;

	if (!range_inside(first, count, PORTS))
		return TV_EINVAL;
	if (!allow && !s->iopm)
		return TV_OK;
	err = permission_own(&s->iopm, shared_iopm, IOPM_PAGES, q);
	if (err)
		return err;
	for (unsigned port = first; port < first + count; port++)
		permission_set(s->iopm, port, !allow);
	maps_changed(s);
	return TV_OK;
}

/*
 * Let MSRs [@first, @first + @count) pass, as far as msr_rows allows for each (some for reading only), or not.  TV_EUNSUP: one
 * of them never can; TV_EQUOTA.  Neither changes anything.
 */
enum tv_err svm_msrs(struct vcpu *v, uint32_t first, uint32_t count, bool allow, struct quota *q)
{
	struct svm_vcpu *s = svm_of(v);
	enum tv_err err;

	/* An MSR without a row stops the first loop early, so neither of them is long. */
	for (uint32_t i = 0; allow && i < count; i++) {
		if (!msr_row_find(msr_rows, ARRAY_LEN(msr_rows), first + i))
			return TV_EUNSUP;
	}
	if (!allow && !s->msrpm)
		return TV_OK;
	err = permission_own(&s->msrpm, shared_msrpm, MSRPM_PAGES, q);
	if (err)
		return err;
	for (uint32_t i = 0; i < count; i++) {
		const struct msr_row *row = msr_row_find(msr_rows, ARRAY_LEN(msr_rows), first + i);
		unsigned exits = MSRPM_READ | MSRPM_WRITE;

		if (row && (allow || row->always))
			exits &= ~(unsigned)row->open;
		if (row)
			msrpm_set(s->msrpm, first + i, exits);
	}
	maps_changed(s);
	return TV_OK;
}

/* Give the vCPU's own maps back. */
void svm_bitmap_fini(struct svm_vcpu *s, struct quota *q)
{
	if (s->iopm)
		quota_frames_free(q, s->iopm, IOPM_PAGES);
	if (s->msrpm)
		quota_frames_free(q, s->msrpm, MSRPM_PAGES);
	s->iopm = s->msrpm = NULL;
}
