/* SPDX-License-Identifier: Apache-2.0 */
/* The info page that every domain can read at TV_INFO_ADDR, and the page that root receives beside it. */
#ifndef ABI_INFO_H
#define ABI_INFO_H

#include <stddef.h>
#include <stdint.h>

#define TV_ABI_VERSION		1u
#define TV_INFO_MAGIC		0x4f464e4954ull		/* "TINFO" */

/* Hardware features in use, as the boot log prints them. */
#define TV_FEAT_VMX		(1ull << 0)
#define TV_FEAT_SVM		(1ull << 1)
#define TV_FEAT_NEXT_RIP	(1ull << 2)	/* exits come with the instruction length */
#define TV_FEAT_DECODE_ASSIST	(1ull << 3)
#define TV_FEAT_XSAVE		(1ull << 4)
#define TV_FEAT_GUEST_1G	(1ull << 5)

/* What sort of core a CPU is, where a machine has several. */
enum tv_cpu_kind {
	TV_CPU_ANY   = 0,	/* all are alike, or it is not known */
	TV_CPU_FAST  = 1,
	TV_CPU_SMALL = 2,	/* made for efficiency               */
};

struct tv_cpu {
	uint32_t apic_id;
	uint32_t kind;			/* enum tv_cpu_kind                                */
};

#define TV_CPUS			256u

struct tv_info {
	uint64_t magic;			/* TV_INFO_MAGIC                                   */
	uint32_t abi_version;		/* TV_ABI_VERSION                                  */
	uint32_t cpu_count;
	uint64_t tsc_hz;		/* ticks of the TSC per second                     */
	uint64_t features;		/* TV_FEAT_*                                       */
	uint64_t xcr0_mask;		/* XCR0 bits that a guest may set                  */
	uint32_t phys_bits;		/* physical address width                          */
	uint32_t guest_phys_bits;	/* width of guest-physical addresses               */
	uint64_t reserved[2];
	struct tv_cpu cpu[TV_CPUS];	/* @cpu_count of them, by the number that sched_create takes; 0 is the boot CPU */
};
_Static_assert(offsetof(struct tv_info, cpu) == 64, "ABI");
_Static_assert(sizeof(struct tv_info) == 64 + 8 * TV_CPUS, "ABI");

/* What a region of root's is. */
enum tv_region_kind {
	TV_REGION_RAM    = 1,	/* free memory; contents undefined                                  */
	TV_REGION_MODULE = 2,	/* a boot module, page aligned; @arg: its index                     */
	TV_REGION_MMIO   = 3,	/* everything that is no memory: devices, holes                     */
	TV_REGION_ACPI   = 4,	/* ACPI tables and NVS, firmware data: read-only                    */
};

struct tv_root_region {
	uint64_t base, size;	/* bytes, page granular                                             */
	uint32_t kind;		/* enum tv_region_kind; the capability is TV_SEL_REGION + index     */
	uint32_t arg;
};

struct tv_root_module {
	uint64_t size;		/* bytes that are the file's; the rest of its last page is zero     */
	uint32_t region;	/* index of its region                                              */
	uint32_t reserved;
	char cmdline[96];	/* its name is the first word; NUL-terminated                       */
};

#define TV_ROOT_REGIONS		64u
#define TV_ROOT_MODULES		32u
#define TV_ROOT_INFO_ADDR	0x00007ffffffe0000ull	/* struct tv_rootinfo, read-only, in root only */
#define TV_ROOT_INFO_PAGES	2u

struct tv_rootinfo {
	uint32_t version;		/* TV_ABI_VERSION                                  */
	uint32_t region_count, module_count;
	uint32_t gsi_count;
	uint64_t rsdp;			/* physical address of the ACPI RSDP; 0: none      */
	uint64_t kernel_memory;		/* bytes that the kernel keeps for itself          */
	uint64_t fb_base;		/* framebuffer, 0: none                            */
	uint32_t fb_width, fb_height, fb_pitch, fb_bpp;
	char cmdline[256];		/* of the hypervisor                               */
	struct tv_root_region region[TV_ROOT_REGIONS];
	struct tv_root_module module[TV_ROOT_MODULES];
};
_Static_assert(offsetof(struct tv_rootinfo, cmdline) == 56, "ABI");
_Static_assert(offsetof(struct tv_rootinfo, region) == 312, "ABI");
_Static_assert(offsetof(struct tv_rootinfo, module) == 1848, "ABI");
_Static_assert(sizeof(struct tv_rootinfo) == 5432, "ABI");

#endif
