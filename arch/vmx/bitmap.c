/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Permission maps: which ports and MSRs a guest may use without an exit.  SDM, "I/O-Bitmap Addresses" and "MSR-Bitmap Address".
 *
 * All vCPUs share one set of maps: no port, and of the MSRs those that are switched with the guest.  A vCPU that gets more has a
 * copy of its own.  Four MSRs that the CPU does not switch may be read at any time, but writing one exits; then the map is opened
 * until the next exit, after which the MSRs are read for what the guest has written.
 */
#include "vmx.h"

#include <mm/frame.h>
#include <mm/quota.h>
#include <x86/msr.h>
#include <x86/permission.h>

#define IO_PAGES	2u
#define MSR_PAGES	1u
#define PORTS		0x10000u

/* One bit an MSR, set: exits.  In each kibibyte: reading 0 to 1fff, reading c0000000 to c0001fff, writing the same two. */
#define MSR_RANGE	0x2000u
#define MSR_HIGH	0xc0000000u
#define MSR_MAP_HIGH	0x400u
#define MSR_MAP_WRITE	0x800u
#define MSR_READ	1u
#define MSR_WRITE	2u

/*
 * What may pass: MSRs that are switched with the guest, both ways; and some that tell about the CPU without giving power over it,
 * for reading.  Anything else stays the kernel's, whoever holds a capability for it.
 */
static const struct msr_row msr_rows[] = {
	{ 0x00000010, 0x00000010, MSR_READ, false },				/* TSC: the offset applies */
	{ 0x000000ce, 0x000000ce, MSR_READ, false },				/* PLATFORM_INFO           */
	{ 0x000000e7, 0x000000e8, MSR_READ, false },				/* MPERF, APERF            */
	{ MSR_IA32_SYSENTER_CS, MSR_IA32_SYSENTER_EIP, MSR_READ | MSR_WRITE, true },
	{ 0x00000198, 0x00000198, MSR_READ, false },				/* PERF_STATUS             */
	{ 0x0000019c, 0x0000019c, MSR_READ, false },				/* THERM_STATUS            */
	{ 0x00000606, 0x00000606, MSR_READ, false },				/* RAPL: units and energy  */
	{ 0x00000611, 0x00000611, MSR_READ, false },
	{ 0x00000619, 0x00000619, MSR_READ, false },
	{ 0x00000639, 0x00000639, MSR_READ, false },
	{ MSR_STAR, MSR_SFMASK, MSR_READ, true },
	{ MSR_FS_BASE, MSR_KERNEL_GS_BASE, MSR_READ | MSR_WRITE, true },
};

static uint8_t *shared_io, *shared_msr;
static uint8_t *shared_msr_open;	/* shared_msr with vmx_bitmap_opens() open */

bool vmx_bitmap_opens(uint32_t msr)
{
	return msr >= MSR_STAR && msr <= MSR_SFMASK;
}

/* @exits: MSR_*.  Every row's MSRs lie in one of the two ranges. */
static void msr_set(uint8_t *map, uint32_t msr, unsigned exits)
{
	uint8_t *at = msr >= MSR_HIGH ? map + MSR_MAP_HIGH : map;

	permission_set(at, msr % MSR_RANGE, exits & MSR_READ);
	permission_set(at + MSR_MAP_WRITE, msr % MSR_RANGE, exits & MSR_WRITE);
}

/* Let the guest write the MSRs of vmx_bitmap_opens(), or not. */
static void msr_set_open(uint8_t *map, bool open)
{
	for (uint32_t msr = MSR_STAR; msr <= MSR_SFMASK; msr++)
		msr_set(map, msr, open ? 0 : MSR_WRITE);
}

/* Make the shared maps.  Boot CPU only; TV_EQUOTA without memory. */
enum tv_err vmx_bitmap_init(void)
{
	shared_io = frame_alloc_many(IO_PAGES);
	shared_msr = frame_alloc();
	shared_msr_open = frame_alloc();
	if (!shared_io || !shared_msr || !shared_msr_open) {
		if (shared_io)
			frame_free_many(shared_io, IO_PAGES);
		if (shared_msr)
			frame_free(shared_msr);
		if (shared_msr_open)
			frame_free(shared_msr_open);
		return TV_EQUOTA;
	}
	__builtin_memset(shared_io, 0xff, IO_PAGES * PAGE_SIZE);
	__builtin_memset(shared_msr, 0xff, PAGE_SIZE);
	for (unsigned i = 0; i < ARRAY_LEN(msr_rows); i++) {
		for (uint32_t msr = msr_rows[i].first; msr_rows[i].always && msr <= msr_rows[i].last; msr++)
			msr_set(shared_msr, msr, (MSR_READ | MSR_WRITE) & ~(unsigned)msr_rows[i].open);
	}
	__builtin_memcpy(shared_msr_open, shared_msr, PAGE_SIZE);
	msr_set_open(shared_msr_open, true);
	return TV_OK;
}

/* The current VMCS, that of @s, gets the maps that are valid now. */
void vmx_bitmap_load(struct vmx_vcpu *s)
{
	uint64_t io = frame_pa(s->io_map ? s->io_map : shared_io).v;

	if (s->msr_map)
		msr_set_open(s->msr_map, s->msr_open);
	vmcs_write64(VMCS_IO_BITMAP_A, io);
	vmcs_write64(VMCS_IO_BITMAP_B, io + PAGE_SIZE);
	vmcs_write64(VMCS_MSR_BITMAP, frame_pa(s->msr_map ? s->msr_map : s->msr_open ? shared_msr_open : shared_msr).v);
	s->maps_changed = false;
}

static void maps_changed(struct vmx_vcpu *s)
{
	s->maps_changed = true;
	vmx_update_attention(s);
}

/* Let ports [@first, @first + @count) pass, or not.  The range lies within the 65536 ports.  TV_EQUOTA changes nothing. */
enum tv_err vmx_ports(struct vcpu *v, unsigned first, unsigned count, bool allow, struct quota *q)
{
	struct vmx_vcpu *s = vmx_of(v);
	enum tv_err err;

	if (!range_inside(first, count, PORTS))
		return TV_EINVAL;
	if (!allow && !s->io_map)
		return TV_OK;
	err = permission_own(&s->io_map, shared_io, IO_PAGES, q);
	if (err)
		return err;
	for (unsigned port = first; port < first + count; port++)
		permission_set(s->io_map, port, !allow);
	maps_changed(s);
	return TV_OK;
}

/*
 * Let MSRs [@first, @first + @count) pass, as far as msr_rows allows for each (some for reading only), or not.  TV_EUNSUP: one
 * of them never can; TV_EQUOTA.  Neither changes anything.
 */
enum tv_err vmx_msrs(struct vcpu *v, uint32_t first, uint32_t count, bool allow, struct quota *q)
{
	struct vmx_vcpu *s = vmx_of(v);
	enum tv_err err;

	/* An MSR without a row stops the loop early; without @allow only MSRs that were granted are taken back. */
	for (uint32_t i = 0; allow && i < count; i++) {
		if (!msr_row_find(msr_rows, ARRAY_LEN(msr_rows), first + i))
			return TV_EUNSUP;
	}
	if (!allow && !s->msr_map)
		return TV_OK;
	err = permission_own(&s->msr_map, shared_msr, MSR_PAGES, q);
	if (err)
		return err;
	for (uint32_t i = 0; i < count; i++) {
		const struct msr_row *row = msr_row_find(msr_rows, ARRAY_LEN(msr_rows), first + i);
		unsigned exits = MSR_READ | MSR_WRITE;

		if (row && (allow || row->always))
			exits &= ~(unsigned)row->open;
		if (row)
			msr_set(s->msr_map, first + i, exits);
	}
	maps_changed(s);
	return TV_OK;
}

/* Give the vCPU's own maps back. */
void vmx_bitmap_fini(struct vmx_vcpu *s, struct quota *q)
{
	if (s->io_map)
		quota_frames_free(q, s->io_map, IO_PAGES);
	if (s->msr_map)
		quota_frames_free(q, s->msr_map, MSR_PAGES);
	s->io_map = s->msr_map = NULL;
}
