/* SPDX-License-Identifier: Apache-2.0 */
/* Switches as root's children: their start and their end.  See network.h. */
#include <rt/fmt.h>
#include <rt/log.h>
#include <rt/string.h>
#include <rt/time.h>

#include "mem.h"
#include "network_priv.h"
#include "term.h"

#define SWITCH_MODULE		"switch"
#define SWITCH_HEAP		(256 * KIB)
#define QUOTA_SWITCH		96u		/* pages: tables, program, rings */
#define QUOTA_PORT		4u		/* ... of a port, beside one for each GiB of memory */
#define RETRY_MS		5000u
#define LOG_LINE		256u

struct network networks[CONFIG_NETWORKS];

static uint64_t switch_quota(const struct network *n)
{
	uint64_t pages = QUOTA_SWITCH;

	for (unsigned i = 0; i < n->config.port_count; i++)
		pages += QUOTA_PORT + (n->port[i].vm ? n->port[i].vm->config->memory / GIB : 0);
	return pages * PAGE_SIZE;
}

/* Nothing of an old switch's is left but what the ports say; its log begins anew. */
static void shared_renew(struct network *n)
{
	ring_init(&n->shared->log);
	for (unsigned i = 0; i < SWITCH_PORTS; i++)
		atomic_store(&n->shared->port[i].wanted, 0);
	for (unsigned i = 0; i < SWITCH_PORTS; i++)
		atomic_store(&n->shared->port[i].done, 0);
}

static bool network_spawn(struct network *n, const struct tv_root_module *m)
{
	const struct child_limits limits = { .cpu = CONFIG_CPU_ROOT, .priority = ROOT_PRIORITY_DRIVER };

	shared_renew(n);
	child_begin(&n->child, ROOT_CHILD_NETWORK + n->index, SWITCH_MODULE, switch_quota(n), ROOT_BIT_NETWORK_END + n->index);
	child_load(&n->child, m);
	child_area(&n->child, "shared", CHILD_SHARED, &n->shared_extent, TV_MAP_READ | TV_MAP_WRITE);
	child_area(&n->child, "ports", CHILD_NET, &n->links_extent, TV_MAP_READ | TV_MAP_WRITE);
	child_heap(&n->child, SWITCH_HEAP);
	child_give(&n->child, "ntfn", network_ntfn(n), TV_RIGHT_WAIT, 0, 0);
	child_give(&n->child, "root", ROOT_SEL_NTFN, TV_RIGHT_SIGNAL, n->config.root_signal, 0);
	child_thread(&n->child, &limits);
	if (!n->child.wrong && n->child.start.free_sel > SWITCH_CLIENTS)
		n->child.wrong = "its selectors";
	for (unsigned i = 0; i < n->config.port_count && !n->child.wrong; i++)
		if (n->port[i].plugged)
			network_port_plug(n, i);
	return child_start(&n->child, &n->config, sizeof(n->config));
}

void network_start(void *arg)
{
	struct network *n = arg;
	const struct tv_root_module *m = mem_module(SWITCH_MODULE, NULL);

	event_timer_cancel(&n->restart);
	if (m && network_spawn(n, m)) {
		n->starts++;
		return;
	}
	root_say("network %s: its switch cannot be started: %s", n->name, m ? n->child.wrong : "there is no boot module \"" SWITCH_MODULE "\"");
	child_end(&n->child);
	network_releases(n);
	event_timer_set(&root.loop, &n->restart, root_after_ms(RETRY_MS));
}

/* Lines of the switch's log appear on the shell. */
static void network_log(struct network *n)
{
	char line[LOG_LINE];
	uint32_t length = 0;

	for (uint32_t left = ring_used(&n->log); left; left--) {
		char c = (char)ring_peek(&n->log, 0);

		ring_skip(&n->log, 1);
		if (c >= ' ' && c <= '~' && length + 1 < sizeof(line)) {
			line[length++] = c;
		} else if (c == '\n') {
			line[length] = 0;
			length = 0;
			root_note("network %s: %s", n->name, line);
		}
	}
	if (!ring_sleep_data(&n->log))
		(void)sys_ntfn_signal(ROOT_SEL_NTFN, BIT(ROOT_BIT_NETWORK + n->index));
}

static void network_signalled(void *arg)
{
	struct network *n = arg;

	if (ring_broken(&n->log)) {
		network_again(n, "it has broken the protocol of its log");
		return;
	}
	network_log(n);
	network_releases(n);
	term_run();
}

void network_again(struct network *n, const char *why)
{
	uint64_t now = clock_now(), start = now;

	child_end(&n->child);
	network_releases(n);
	(void)policy_ended(&n->policy, CONFIG_RESTART_ALWAYS, CONFIG_RESTART_LIMIT, VM_EXIT_RESET, now, root.tsc_hz, &start);
	event_timer_set(&root.loop, &n->restart, start);
	root_say("network %s: %s; its switch is started again", n->name, why);
}

static void network_ended(void *arg)
{
	struct network *n = arg;
	struct sys_thread_info info;
	char why[96];

	if (!n->child.alive || sys_thread_info(child_thread_sel(&n->child, 0), &info) != TV_OK)
		return;
	if (info.state == TV_THREAD_FAULTED)
		fmt_buf(why, sizeof(why), "exception %u at 0x%lx, address 0x%lx", (unsigned)info.fault, info.rip, info.addr);
	else if (info.state == TV_THREAD_EXITED)
		fmt_buf(why, sizeof(why), "exit code %lu", info.code);
	else
		return;
	network_log(n);
	network_again(n, why);
	term_run();
}

/* --- setting up ------------------------------------------------------------------------------------------------------ */

static void patience_over(void *arg)
{
	network_again(arg, "it does not let go of a port");
}

static void network_init(struct network *n, unsigned index)
{
	n->index = index;
	n->name = root.config.network[index].name;
	n->config.root_signal = BIT(ROOT_BIT_NETWORK + index);
	n->config.client = SWITCH_CLIENTS;
	event_timer_init(&n->restart, network_start, n);
	event_timer_init(&n->patience, patience_over, n);
	event_on(&root.loop, ROOT_BIT_NETWORK + index, network_signalled, n);
	event_on(&root.loop, ROOT_BIT_NETWORK_END + index, network_ended, n);
	if (sys_ntfn_create(network_ntfn(n)) != TV_OK)
		rt_panic("network %s: no notification", n->name);
}

void networks_init(void)
{
	for (unsigned i = 0; i < root.config.network_count; i++)
		network_init(&networks[i], i);
	for (unsigned i = 0; i < vms_count(); i++)
		for (unsigned k = 0; k < vms_get(i)->config->net_count; k++)
			network_port_add(vms_get(i), k);
	for (unsigned i = 0; i < root.config.network_count; i++) {
		struct network *n = &networks[i];
		struct driver_child *uplink = driver_find(root.config.network[i].uplink);

		if (uplink)
			network_uplink_add(n, uplink);
		if (!n->config.port_count)
			continue;
		n->shared = mem_keep(sizeof(*n->shared), &n->shared_extent);
		n->links = mem_keep(n->config.port_count * sizeof(*n->links), &n->links_extent);
		n->log = switch_ring_log(n->shared);
		network_start(n);
	}
}
