/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The record: where a monitor keeps what the next monitor of the same VM needs to go on with the guest.
 *
 * When a monitor ends although its guest could run on, root leaves the guest's memory, virtual CPUs and the threads' FPU state as they
 * are, loads the monitor anew, and lets it read the writable memory of the old one.  The area "record" survives, too: a page in
 * which the old monitor has listed, once, before its guest ran, what lies where in its memory.  So keeping the record costs a
 * running monitor nothing, whatever moment it ends at.
 *
 *	area "record"  struct record, read and write; all zero at the start of a VM
 *	area "old"     the old monitor's memory, read only; its first byte was at address vm_config.old_addr there.  Only
 *	               when vm_config.generation is not 0
 *
 * The record comes from a program that has failed, or that a guest has taken over: the reader believes no word of it.  What it
 * does not know, or finds impossible, makes it refuse, and root starts the VM from the beginning.
 */
#ifndef SVC_RECORD_H
#define SVC_RECORD_H

#include <lib/base.h>

#define RECORD_MAGIC	0x4452434552565254ull	/* "TRVRECRD" */
#define RECORD_VERSION	1u

/* What an entry is; a number never gets another meaning.  The structures are those of vmm/dev/ and vmm/. */
enum record_kind {
	RECORD_NONE   = 0,
	RECORD_START  = 1,	/* the VM's time 0             */
	RECORD_PIC    = 2,	/* struct pic_state[2]         */
	RECORD_IOAPIC = 3,	/* struct ioapic_state         */
	RECORD_PIT    = 4,	/* struct pit_state            */
	RECORD_RTC    = 5,	/* struct rtc_state            */
	RECORD_UART   = 6,	/* struct uart_state; index: port */
	RECORD_PM     = 7,	/* struct pm_state             */
	RECORD_I8042  = 8,	/* struct i8042_state          */
	RECORD_MISC   = 9,	/* struct misc_state           */
	RECORD_PCI    = 10,	/* struct pci_state            */
	RECORD_BRIDGE = 11,	/* struct pci_func             */
	RECORD_VIRTIO = 12,	/* struct virtio; index: slot  */
	RECORD_LAPIC  = 13,	/* struct lapic_state; index: virtual CPU, as for all that follow */
	RECORD_MSR    = 14,	/* struct msr_state            */
	RECORD_CPU    = 15,	/* struct vcpu_state           */
	RECORD_HPET   = 16,	/* struct hpet_state           */
	RECORD_AHCI   = 17,	/* struct ahci_state           */
	RECORD_HYPERV = 18,	/* struct hv_vm                */
};

struct record_entry {
	uint16_t kind;		/* enum record_kind                                    */
	uint16_t version;	/* of the structure                                    */
	uint32_t index;		/* which of several                                    */
	uint64_t addr;		/* where it was in the old monitor                     */
	uint32_t size;		/* bytes                                               */
	uint32_t reserved;
};

#define RECORD_ENTRIES	128u

struct record {
	uint64_t magic;		/* RECORD_MAGIC                                        */
	uint32_t version;	/* RECORD_VERSION                                      */
	uint32_t count;
	uint64_t generation;	/* vm_config.generation of who wrote this; written last */
	struct record_entry entry[RECORD_ENTRIES];
};
_Static_assert(sizeof(struct record_entry) == 24, "protocol");
_Static_assert(sizeof(struct record) <= 4096, "one page");

#endif
