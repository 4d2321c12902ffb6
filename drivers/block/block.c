/* SPDX-License-Identifier: Apache-2.0 */
/* The block service: requests under way, and the clients' links.  See drv/block.h. */
#include "block_priv.h"

#include <rt/fmt.h>
#include <rt/heap.h>
#include <rt/log.h>
#include <rt/sys.h>
#include <rt/time.h>

#define PATIENCE_S	30u		/* with a request; slow media, and emulators on busy machines */
#define WATCH_S		2u

struct block_request *block_request(struct block *b, unsigned index) { return &b->request[index]; }
unsigned block_request_index(const struct block *b, const struct block_request *r) { return (unsigned)(r - b->request); }
struct block_unit *block_unit(struct block *b, unsigned unit) { return unit < BLOCK_UNITS ? &b->unit[unit] : NULL; }

struct block_request *request_take(struct block *b)
{
	for (unsigned i = 0; i < BLOCK_REQUESTS; i++) {
		struct block_request *r = &b->request[i];

		if (r->used)
			continue;
		*r = (struct block_request){ .used = true };
		b->used++;
		return r;
	}
	return NULL;
}

void request_free(struct block *b, struct block_request *r)
{
	r->used = false;
	b->used--;
}

bool request_submit(struct block *b, struct block_request *r)
{
	r->begun = clock_now();
	return b->ops->submit(b->device, r);
}

static void watch(void *arg)
{
	struct block *b = arg;
	uint64_t now = clock_now(), hz = rt_info()->tsc_hz;

	for (unsigned i = 0; i < BLOCK_REQUESTS; i++)
		if (b->request[i].used && now - b->request[i].begun > PATIENCE_S * hz)
			rt_panic("request %u of disk %u has not ended within %u seconds", i, b->request[i].unit, PATIENCE_S);
	event_timer_set(&b->driver->loop, &b->watch, now + WATCH_S * hz);
}

static void client_signal(const struct block_client *c)
{
	(void)sys_ntfn_signal(DRIVER_SEL_CLIENT(c->index), c->config->signal);
}

void client_reply(struct block_client *c, uint32_t tag, enum blk_status status)
{
	const struct link_completion done = { .tag = tag, .status = status };

	if (!link_complete(&c->link, &done))
		return;			/* it is broken until it begins anew */
	atomic_fetch_add_explicit(&c->block->driver->shared->requests, 1, memory_order_relaxed);
	if (status != BLK_OK)
		atomic_fetch_add_explicit(&c->block->driver->shared->errors, 1, memory_order_relaxed);
}

void block_done(struct block *b, struct block_request *r, enum blk_status status)
{
	if (r->client < 0) {
		r->status = (uint8_t)status;
		r->done = true;
		return;
	}
	struct block_client *c = &b->client[r->client];

	c->under_way--;
	client_reply(c, r->tag, status);
	request_free(b, r);
}

/* --- a client ---------------------------------------------------------------------------------------------------------- */

/* Its data memory as it is now: root puts the capabilities there when the client begins. */
static void pieces_read(struct block_client *c)
{
	struct sys_cap_info info;

	c->pieces = 0;
	for (unsigned i = 0; i < DRIVER_PIECES; i++) {
		if (sys_cap_info(DRIVER_SEL_CLIENT(c->index) + 1 + i, &info) != TV_OK || info.type != TV_CAP_REGION)
			break;
		c->piece[c->pieces++] = (struct block_piece){ info.base, info.size };
	}
}

static void accept(struct block_client *c)
{
	struct link_side *own = &c->link.shared->server;
	const struct block_unit *u = c->unit;
	uint64_t serial[3] = { 0 };

	pieces_read(c);
	c->waits = false;
	__builtin_memcpy(serial, u->serial, BLK_SERIAL);
	link_info_set(own, BLK_INFO_VERSION, BLK_VERSION);
	link_info_set(own, BLK_INFO_SECTORS, c->sectors);
	link_info_set(own, BLK_INFO_FLAGS, u->flags | (c->config->read_only ? BLK_READ_ONLY : 0));
	link_info_set(own, BLK_INFO_BLOCK, u->block);
	link_info_set(own, BLK_INFO_MAX_SEGMENTS, BLOCK_SEGMENTS - DRIVER_PIECES);
	link_info_set(own, BLK_INFO_MAX_SECTORS, u->max_sectors);
	link_info_set(own, BLK_INFO_MAX_DISCARD, u->max_discard);
	for (unsigned i = 0; i < ARRAY_LEN(serial); i++)
		link_info_set(own, BLK_INFO_SERIAL + i, serial[i]);
	link_server_accept(&c->link);
	client_signal(c);
}

/* One request of @c; false: there is none, or no room for it. */
static bool client_take(struct block_client *c)
{
	struct block *b = c->block;
	struct block_request *r;
	struct link_request q;
	enum blk_status status;

	c->waits = b->used == BLOCK_REQUESTS || b->stuck;
	if (c->waits || !link_take(&c->link, &q, b->segment, LINK_SEGMENTS))
		return false;
	r = request_take(b);
	status = request_make(c, &q, b->segment, r);
	if (status != BLK_OK) {
		request_free(b, r);
		client_reply(c, q.tag, status);
		return true;
	}
	r->tag = q.tag;
	r->client = (int8_t)c->index;
	c->under_way++;
	if (!request_submit(b, r))
		b->stuck = r;
	return true;
}

/* The link as it stands; true: requests can be taken. */
static bool client_link(struct block_client *c)
{
	switch (link_server_poll(&c->link)) {
	case LINK_UP:
		return !link_broken(&c->link);
	case LINK_NEW:
		if (c->under_way)
			return false;	/* devices still write into memory of the old one */
		accept(c);
		return true;
	default:
		if (!c->under_way && atomic_load(&c->link.shared->server.hello)) {
			c->link.up = false;
			c->link.hello = 0;
			atomic_store(&c->link.shared->server.hello, 0);
		}
		return false;
	}
}

static void serve(struct block *b)
{
	bool more = true;

	if (b->stuck && request_submit(b, b->stuck))
		b->stuck = NULL;
	/* One of each in turn, so that nobody is starved of requests. */
	while (more) {
		more = false;
		for (unsigned i = 0; i < b->clients; i++) {
			struct block_client *c = &b->client[(b->turn + i) % b->clients];

			if (c->served && client_link(c))
				more |= client_take(c);
		}
		b->turn++;
	}
}

void block_batch(struct block *b)
{
	bool again;

	do {
		again = false;
		serve(b);
		b->ops->commit(b->device);
		for (unsigned i = 0; i < b->clients; i++) {
			struct block_client *c = &b->client[i];

			if (!c->served || !c->link.up)
				continue;
			if (link_needs_signal(&c->link, true))
				client_signal(c);
			/* A client that waits for room is looked at when a request has ended. */
			again |= !c->waits && !link_broken(&c->link) && !link_sleep(&c->link, true);
		}
	} while (again);
}

static void signalled(void *arg)
{
	block_batch(arg);
}

struct block *block_begin(struct driver *d, const struct block_ops *ops, void *device)
{
	struct block *b;

	if (heap_left() < sizeof(*b))
		return NULL;
	b = heap_alloc(sizeof(*b));
	b->driver = d;
	b->ops = ops;
	b->device = device;
	event_timer_init(&b->watch, watch, b);
	watch(b);
	return b;
}

void block_serve(struct block *b)
{
	char name[16];

	b->clients = b->driver->config->client_count;
	for (unsigned i = 0; i < b->clients && i < DRIVER_CLIENTS; i++) {
		struct block_client *c = &b->client[i];
		const char *wrong;
		struct link_shared *shared;
		uint64_t size = 0;

		fmt_buf(name, sizeof(name), "link%u", i);
		shared = start_area(b->driver->start, name, &size);
		*c = (struct block_client){ .block = b, .config = &b->driver->config->client[i], .index = i };
		wrong = !shared || size < sizeof(*shared) ? "it has no link" : client_find(c);
		if (wrong) {
			rt_log("client %u: disk %u %s: %s", i, c->config->unit, c->config->part, wrong);
			continue;
		}
		c->served = true;
		link_server_init(&c->link, shared);
		event_on(&b->driver->loop, DRIVER_BIT_CLIENT(i), signalled, b);
		client_signal(c);
	}
	driver_ready(b->driver);
	block_batch(b);
}
