/* SPDX-License-Identifier: Apache-2.0 */
/* Commands of the management shell that show VMs: for people, and as JSON for scripts. */
#ifndef ROOT_LOOK_H
#define ROOT_LOOK_H

#include <lib/base.h>

#include "json.h"
#include "vms.h"

/* All VMs, a line each. */
void look_list(bool json);
/* Everything about one VM. */
void look_status(const struct vm *v, bool json);

/* A JSON writer on the shell. */
struct json look_json(void);
/* The members "name", "number", "state" and "memory" of @v. */
void look_json_vm(struct json *j, const struct vm *v);
/* The member "exits": counts by kind, but for those that are 0. */
void look_json_exits(struct json *j, const uint64_t *exits);

#endif
