/* SPDX-License-Identifier: Apache-2.0 */
/* One node of the configuration: a table says which properties it may have, and where they go. */
#ifndef ROOT_CONFIG_PROP_H
#define ROOT_CONFIG_PROP_H

#include <lib/base.h>

#include "config.h"

enum prop_kind { PROP_TEXT, PROP_WORD, PROP_U32, PROP_U64, PROP_LIST };

/* One property that a node may have. */
struct config_prop {
	const char *name;
	enum prop_kind kind;
	bool required;
	uint16_t offset;		/* of the member in the node's struct            */
	uint16_t size;			/* PROP_TEXT: bytes of the member with NUL       */
	uint64_t min, max;		/* of a number; PROP_LIST: of each of them       */
	const char *const *words;	/* PROP_WORD: the member becomes a word's index  */
};

/* Where we are, for messages. */
struct config_at {
	const void *fdt;
	config_report *report;
	const char *node;		/* path, such as "/vms/vm@0" */
};

/* Report "config: NODE: ...". */
void config_error(const struct config_at *at, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* Text that may reach a terminal and a command line: printable ASCII. */
bool config_printable(const char *s);

/*
 * Check all properties of the node at @offset against @table, which ends with a row without name and has at most 32 rows, and
 * read them into @node, which holds the defaults.  False after a report.
 */
bool config_node_read(const struct config_at *at, int offset, const struct config_prop *table, void *node) MUST_USE;

/* No node below the one at @offset may have a name that is not in @names, which ends with NULL.  False after a report. */
bool config_children_known(const struct config_at *at, int offset, const char *const *names) MUST_USE;

/* A name of letters, digits, - and _, and no - at the beginning. */
bool config_name_valid(const char *name);
/* Read the node /drivers into @c.  False after a report. */
bool config_drivers_read(struct config_at at, struct config *c) MUST_USE;
/* Is this the name of a disk's node? */
bool config_is_disk(const char *name);
/* Read the nodes disk@0 ... below @vm_node into @vm; @at is that of the VM.  False after a report. */
bool config_disks_read(struct config_at at, int vm_node, struct config_vm *vm) MUST_USE;


/* Read the nodes network@0 ... of "/networks" into @c.  False after a report. */
bool config_networks_read(struct config_at at, struct config *c) MUST_USE;
/* Is this the name of a network port's node? */
bool config_is_net(const char *name);
/* Read the nodes net@0 ... below @vm_node into @vm, which is not among the VMs of @c yet; @at is that of the VM.  False after a report. */
bool config_nets_read(struct config_at at, int vm_node, const struct config *c, struct config_vm *vm) MUST_USE;

#endif
