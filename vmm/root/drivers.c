/* SPDX-License-Identifier: Apache-2.0 */
/* Driver programs: see drivers.h. */
#include "drivers.h"

#include <rt/fmt.h>
#include <rt/log.h>
#include <rt/string.h>
#include <rt/time.h>

#include "mem.h"
#include "network.h"
#include "root.h"
#include "shell.h"
#include "term.h"

#define DRIVER_QUOTA	(256 * PAGE_SIZE)
#define DRIVER_HEAP	(512 * KIB)
#define DRIVER_DMA	(1 * MIB)
#define DRIVER_DMA_ADDR	0x33000000ull
#define LOG_LINE	256u

static struct driver_child drivers[CONFIG_DRIVERS];
static unsigned count;

unsigned drivers_count(void) { return count; }
struct driver_child *driver_get(unsigned index) { return &drivers[index]; }
uint64_t driver_ntfn(const struct driver_child *d) { return ROOT_SEL_DRIVER + d->index; }

struct driver_child *driver_find(const char *name)
{
	for (unsigned i = 0; i < count; i++)
		if (str_equal(drivers[i].config->name, name))
			return &drivers[i];
	return NULL;
}

static bool wants_device(const struct driver_child *d)
{
	return d->config->ids.count || d->config->class;
}

static void shared_renew(struct driver_child *d)
{
	memset(d->shared, 0, sizeof(*d->shared));
	ring_init(&d->shared->log);
}

static bool driver_spawn(struct driver_child *d)
{
	const struct child_limits limits = { .cpu = CONFIG_CPU_ROOT, .priority = ROOT_PRIORITY_DRIVER };
	const struct tv_root_module *m = mem_module(d->config->image, NULL);
	static struct driver_config c;
	struct child *child = &d->child;

	c = (struct driver_config){ .root_signal = BIT(ROOT_BIT_DRIVER + d->index), .client_count = d->client_count };
	memcpy(c.client, d->client_config, sizeof(c.client));
	shared_renew(d);
	child_begin(child, ROOT_CHILD_DRIVER + d->index, d->config->name, DRIVER_QUOTA, ROOT_BIT_DRIVER_END + d->index);
	if (m)
		child_load(child, m);
	else if (!child->wrong)
		child->wrong = "its boot module is missing";
	child_area(child, "shared", CHILD_SHARED, &d->shared_extent, TV_MAP_READ | TV_MAP_WRITE);
	child_heap(child, DRIVER_HEAP);
	child_give(child, "domain", child_domain(child), TV_RIGHT_MAP, 0, 0);
	child_give(child, "ntfn", driver_ntfn(d), TV_RIGHT_WAIT | TV_RIGHT_CONTROL, 0, 0);
	child_give(child, "root", ROOT_SEL_NTFN, TV_RIGHT_SIGNAL, c.root_signal, 0);
	if (d->device) {
		c.has_device = 1;
		c.device = *d->device;
		c.first_message = d->first_message;
		c.messages = d->messages;
		pci_give(d);
		child_area(child, "dma", DRIVER_DMA_ADDR, &d->dma, TV_MAP_READ | TV_MAP_WRITE);
		child_give(child, "dma", TV_SEL_REGION + d->dma.region, TV_RIGHT_READ | TV_RIGHT_WRITE, d->dma.base, d->dma.size);
	}
	driver_links_give(d);
	network_uplink_give(d, &c);
	child_thread(child, &limits);
	d->starts++;
	return child_start(child, &c, sizeof(c));
}

static void driver_start(void *arg)
{
	struct driver_child *d = arg;

	if (driver_spawn(d))
		return;
	root_say("driver %s: cannot be started: %s", d->config->name, d->child.wrong);
	child_end(&d->child);
}

/* It has ended, for the reason @why: start it again, later and later if that repeats itself. */
static void driver_again(struct driver_child *d, const char *why)
{
	uint64_t now = clock_now(), start = now;

	child_end(&d->child);
	(void)policy_ended(&d->policy, CONFIG_RESTART_ALWAYS, CONFIG_RESTART_LIMIT, VM_EXIT_RESET, now, root.tsc_hz, &start);
	event_timer_set(&root.loop, &d->restart, start);
	root_say("driver %s: %s; it is started again", d->config->name, why);
}

static void driver_log(struct driver_child *d)
{
	char line[LOG_LINE];
	uint32_t length = 0;

	for (uint32_t left = ring_used(&d->log); left; left--) {
		char c = (char)ring_peek(&d->log, 0);

		ring_skip(&d->log, 1);
		if (c >= ' ' && c <= '~' && length + 1 < sizeof(line)) {
			line[length++] = c;
		} else if (c == '\n') {
			line[length] = 0;
			length = 0;
			root_say("driver %s: %s", d->config->name, line);
		}
	}
	(void)ring_sleep_data(&d->log);
}

static void driver_signalled(void *arg)
{
	struct driver_child *d = arg;

	if (!d->child.alive)
		return;
	if (ring_broken(&d->log))
		driver_again(d, "it has broken the protocol of its log");
	else
		driver_log(d);
	term_run();
}

static void driver_ended(void *arg)
{
	static const char *const exits[] = {
		[DRIVER_EXIT_REFUSED] = "it was not given what it needs", [DRIVER_EXIT_DEVICE] = "its device does not work",
	};
	struct driver_child *d = arg;
	struct sys_thread_info info;
	char why[96];

	if (!d->child.alive || sys_thread_info(child_thread_sel(&d->child, 0), &info) != TV_OK ||
	    (info.state != TV_THREAD_FAULTED && info.state != TV_THREAD_EXITED))
		return;
	driver_log(d);
	if (info.state == TV_THREAD_FAULTED)
		fmt_buf(why, sizeof(why), "exception %u at 0x%lx, address 0x%lx", (unsigned)info.fault, info.rip, info.addr);
	else if (info.code < ARRAY_LEN(exits) && exits[info.code])
		fmt_buf(why, sizeof(why), "%s", exits[info.code]);
	else
		fmt_buf(why, sizeof(why), "exit code %lu", info.code);
	driver_again(d, why);
	term_run();
}

void driver_restart(struct driver_child *d)
{
	event_timer_cancel(&d->restart);
	child_end(&d->child);
	driver_start(d);
}

void driver_status(const struct driver_child *d, char *buf, size_t size)
{
	const char *state = !d->child.alive ? "not running" : atomic_load(&d->shared->ready) ? "ready" : "starting";

	fmt_buf(buf, size, "%s, started %u times, %lu interrupts, %lu requests, %lu errors", state, d->starts,
		atomic_load(&d->shared->interrupts), atomic_load(&d->shared->requests), atomic_load(&d->shared->errors));
}

static void driver_init(struct driver_child *d, unsigned index)
{
	*d = (struct driver_child){ .config = &root.config.driver[index], .index = index };
	d->shared = mem_keep(sizeof(*d->shared), &d->shared_extent);
	d->log = driver_ring_log(d->shared);
	event_timer_init(&d->restart, driver_start, d);
	event_on(&root.loop, ROOT_BIT_DRIVER + index, driver_signalled, d);
	event_on(&root.loop, ROOT_BIT_DRIVER_END + index, driver_ended, d);
	RT_CHECK(sys_ntfn_create(driver_ntfn(d)) == TV_OK);
}

void drivers_init(void)
{
	const char *wrong = NULL;
	bool pci = false;

	for (; count < root.config.driver_count; count++) {
		driver_init(&drivers[count], count);
		pci |= wants_device(&drivers[count]);
	}
	vms_link();
	for (unsigned i = 0; i < count; i++)
		if (!wants_device(&drivers[i]))
			driver_start(&drivers[i]);
	if (pci)
		wrong = pci_start();
	if (wrong)
		root_say("driver pci: cannot be started: %s", wrong);
}

void drivers_devices(void)
{
	for (unsigned i = 0; i < count; i++) {
		struct driver_child *d = &drivers[i];

		if (!wants_device(d) || d->device)
			continue;
		if (!pci_claim(d))
			root_say("driver %s: there is no device for it", d->config->name);
		else if (!mem_take(DRIVER_DMA, &d->dma))
			root_say("driver %s: not enough memory", d->config->name);
		else
			driver_start(d);
	}
}
