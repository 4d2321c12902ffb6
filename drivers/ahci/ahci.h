/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An AHCI controller and its disks.  Serial ATA AHCI Specification, "Generic Host Control", "Port Registers (one set per port)", "System
 * Memory Structures"; commands: ATA Command Set (ACS).
 *
 * Reads and writes are queued by the disk (NCQ).  A flush is not, and must not meet queued commands: it waits until they are done, and they
 * wait for it.  After an error, what was under way is tried once more, one after the other, so that only what is really wrong fails.
 */
#ifndef AHCI_AHCI_H
#define AHCI_AHCI_H

#include <drv/block.h>

#define AHCI_SLOTS	32u
#define AHCI_MAX_SECTORS 8192u		/* 4 MiB: what one entry of a table can hold */

struct ahci_header {			/* of a command: in the list */
	uint16_t flags, entries;
	uint32_t bytes;
	uint64_t table;
	uint32_t reserved[4];
};

struct ahci_entry {
	uint64_t addr;
	uint32_t reserved;
	uint32_t last;			/* length - 1 */
};

struct ahci_table {
	uint8_t fis[64];
	uint8_t reserved[64];
	struct ahci_entry entry[BLOCK_SEGMENTS];
	uint8_t pad[96];		/* tables are aligned to 128 bytes */
};
_Static_assert(sizeof(struct ahci_header) == 32, "layout");
_Static_assert(offsetof(struct ahci_table, entry) == 0x80, "layout");
_Static_assert(sizeof(struct ahci_table) % 128 == 0, "layout");

struct ahci_port {
	volatile uint32_t *regs;
	struct block *block;
	struct ahci_header *list;
	struct ahci_table *table;
	uint64_t table_addr;
	unsigned slots;			/* that the controller and the disk have            */
	bool ncq;
	bool alone;			/* what is under way excludes all else: a flush     */
	uint32_t active;		/* slots under way                                  */
	uint32_t retry;			/* slots that are to be tried again, one by one     */
	uint8_t request[AHCI_SLOTS];	/* of the block service                             */
	bool identifying, identified;
};

/* Let the disk begin; AHCI_LINK_MS later it has answered, or there is none. */
void ahci_port_power(volatile uint32_t *regs);
#define AHCI_LINK_MS	100u
/* Make the port work.  False: no disk there, or memory is used up.  @slots: of the controller. */
bool ahci_port_begin(struct ahci_port *p, struct driver *d, volatile uint32_t *regs, unsigned slots) MUST_USE;
/* Ask the disk what it is; the answer goes to @u.  False: it is none that can be used. */
bool ahci_port_identify(struct ahci_port *p, struct driver *d, bool controller_ncq, struct block_unit *u) MUST_USE;
/* As struct block_ops. */
bool ahci_port_submit(struct ahci_port *p, const struct block_request *r, unsigned index) MUST_USE;
/* The port has interrupted. */
void ahci_port_interrupt(struct ahci_port *p);

#endif
