/* SPDX-License-Identifier: Apache-2.0 */
/* Networks on the management shell. */
#include <rt/string.h>

#include "command.h"
#include "network_priv.h"

static struct network *network_find(const char *name)
{
	for (unsigned i = 0; i < root.config.network_count; i++)
		if (str_equal(networks[i].name, name))
			return &networks[i];
	return NULL;
}

bool network_named(const char *word) { return network_find(word) != NULL; }

void network_restart(const char *name)
{
	struct network *n = network_find(name);

	if (!n || !n->config.port_count)
		return;
	child_end(&n->child);
	network_releases(n);
	network_start(n);
}

static uint64_t word(const _Atomic uint64_t *w) { return atomic_load_explicit(w, memory_order_relaxed); }

void network_show(const char *name)
{
	const struct network *n = network_find(name);

	if (!n || !n->config.port_count) {
		shell_print("network %s: no ports", name);
		return;
	}
	shell_print("network %s: %s, started %u times, %lu addresses learned", name, n->child.alive ? "running" : "not running", n->starts,
		    word(&n->shared->learned));
	for (unsigned i = 0; i < n->config.port_count; i++) {
		const struct switch_port *p = &n->shared->port[i];

		shell_print("  %-19s %-4s in %lu frames, %lu bytes; out %lu frames, %lu bytes", n->config.port[i].name,
			    word(&p->up) ? "up" : "down", word(&p->in_frames), word(&p->in_bytes), word(&p->out_frames), word(&p->out_bytes));
		shell_print("  %-24s dropped: %lu malformed, %lu wrong source, %lu wrong VLAN, %lu from a capture port, %lu without room", "",
			    word(&p->dropped[SWITCH_DROP_MALFORMED]), word(&p->dropped[SWITCH_DROP_SOURCE]),
			    word(&p->dropped[SWITCH_DROP_VLAN]), word(&p->dropped[SWITCH_DROP_RECEIVE_ONLY]),
			    word(&p->dropped[SWITCH_DROP_NO_ROOM]));
	}
}
