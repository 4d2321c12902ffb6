/* SPDX-License-Identifier: Apache-2.0 */
/* Capability types, rights, and the selectors that every domain starts with. */
#ifndef ABI_OBJECT_H
#define ABI_OBJECT_H

#include <stdint.h>

/*
 * Two sorts of capability.  Object capabilities name a kernel object, which lives exactly as long as the capability that
 * its creation made.  Range capabilities (REGION, PORTS, MSRS, IRQS) name numbers [base, base + size) and need no object.
 */
enum tv_cap_type {
	TV_CAP_NONE         = 0,
	TV_CAP_DOMAIN       = 1,
	TV_CAP_SPACE        = 2,
	TV_CAP_THREAD       = 3,
	TV_CAP_SCHED        = 4,	/* scheduling context                              */
	TV_CAP_VCPU         = 5,
	TV_CAP_ENDPOINT     = 6,
	TV_CAP_NOTIFICATION = 7,
	TV_CAP_LOG          = 8,	/* the kernel log                                  */
	TV_CAP_REGION       = 9,	/* physical addresses, in bytes, page granular     */
	TV_CAP_PORTS        = 10,	/* I/O ports                                       */
	TV_CAP_MSRS         = 11,	/* model-specific registers                        */
	TV_CAP_IRQS         = 12,	/* interrupts: lines and messages                  */
	TV_CAP_TYPES
};

/* Rights are one mask whose bits each type reads in its own way.  A derived capability never has more than its source. */
#define TV_RIGHT_DERIVE		(1u << 0)	/* every type: copies may be derived from it             */
#define TV_RIGHT_CONTROL	(1u << 1)	/* DOMAIN: destroy, quota, watch, create threads in it
						   THREAD: start, suspend, set CPU, bind
						   SCHED: bind, create from it
						   VCPU: map state page, grant ports and MSRs
						   NOTIFICATION: bind to threads and IRQs
						   LOG: bind                                      */
#define TV_RIGHT_READ		(1u << 2)	/* REGION: map readable; *: info calls; LOG: read        */
#define TV_RIGHT_WRITE		(1u << 3)	/* REGION: map writable; LOG: write                      */
#define TV_RIGHT_EXEC		(1u << 4)	/* REGION: map executable                                */
#define TV_RIGHT_MAP		(1u << 5)	/* DOMAIN, SPACE: map, unmap, protect                    */
#define TV_RIGHT_GRANT		(1u << 6)	/* DOMAIN: put capabilities into its table, grant ports  */
#define TV_RIGHT_SIGNAL		(1u << 7)	/* NOTIFICATION: signal; ENDPOINT: call; VCPU: kick      */
#define TV_RIGHT_WAIT		(1u << 8)	/* NOTIFICATION: wait, poll; ENDPOINT: wait, reply       */
#define TV_RIGHT_RUN		(1u << 9)	/* VCPU: run                                             */
#define TV_RIGHT_USE		(1u << 10)	/* PORTS, MSRS: be granted; IRQS: bind, acknowledge, mask
						   SPACE: create vCPUs on it                      */
#define TV_RIGHT_ALL		0x7ffu

/* A domain's table holds selectors 0 ... TV_SEL_MAX - 1; 0 is never valid. */
#define TV_SEL_MAX		4096u

/* What root, the first domain, starts with; its further capabilities are listed in struct tv_rootinfo. */
enum tv_root_sel {
	TV_SEL_DOMAIN = 1,	/* itself               */
	TV_SEL_THREAD = 2,	/* its first thread     */
	TV_SEL_SCHED  = 3,	/* its scheduling context: highest priority, no limit, on the boot CPU */
	TV_SEL_LOG    = 4,
	TV_SEL_PORTS  = 5,	/* all 65536 ports      */
	TV_SEL_MSRS   = 6,	/* all MSRs that a guest may be given */
	TV_SEL_IRQS   = 7,	/* all interrupts: TV_IRQ_MAX  */
	TV_SEL_REGION = 16,	/* the first of rootinfo.region_count regions */
};

/* Kinds of space that space_create makes; a domain's host space is reached through the domain's own capability. */
enum tv_space_kind {
	TV_SPACE_GUEST = 1,
};

/* Flags of mem_map and mem_protect. */
#define TV_MAP_READ		(1u << 0)
#define TV_MAP_WRITE		(1u << 1)
#define TV_MAP_EXEC		(1u << 2)
#define TV_MAP_RIGHTS		0x7u
/* Memory type, mem_map only; REGION capabilities of RAM allow WB only, those of MMIO all but WB. */
#define TV_MAP_WB		(0u << 4)
#define TV_MAP_UC		(1u << 4)
#define TV_MAP_WC		(2u << 4)
#define TV_MAP_TYPE		(3u << 4)
#define TV_MAP_FLAGS		(TV_MAP_RIGHTS | TV_MAP_TYPE)

/*
 * Interrupt numbers: global system interrupts, the lines of the IOAPICs, and above them messages (MSI, MSI-X), which devices
 * send by writing the word that irq_bind returns to the address that it returns.
 */
#define TV_IRQ_MESSAGE		1024u		/* the first message     */
#define TV_IRQ_MESSAGES		96u
#define TV_IRQ_MAX		(TV_IRQ_MESSAGE + TV_IRQ_MESSAGES)

/* Flags of irq_bind; messages have none. */
#define TV_IRQ_DEFAULT		0u		/* trigger mode and polarity as the firmware's MADT says */
#define TV_IRQ_LEVEL		(1u << 0)
#define TV_IRQ_EDGE		(1u << 1)
#define TV_IRQ_LOW		(1u << 2)	/* active low; otherwise active high */
#define TV_IRQ_FLAGS		0x7u

/* User addresses that mem_map accepts in a host space: everything below the info page, but never page 0. */
#define TV_USER_MIN		0x1000ull
#define TV_USER_MAX		0x00007fffffff0000ull
#define TV_INFO_ADDR		0x00007fffffff0000ull	/* struct tv_info, read-only, in every domain            */

#endif
