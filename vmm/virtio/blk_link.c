/* SPDX-License-Identifier: Apache-2.0 */
/* A disk behind a server: see blk_link.h. */
#include <virtio/blk_link.h>

/* What the server says about the disk; false: it cannot be true. */
static bool geometry_read(struct blk_geometry *g, const struct link_side *server)
{
	uint64_t block = link_info_get(server, BLK_INFO_BLOCK), sectors = link_info_get(server, BLK_INFO_SECTORS);
	uint64_t discard = link_info_get(server, BLK_INFO_MAX_DISCARD), serial[3];

	if (link_info_get(server, BLK_INFO_VERSION) != BLK_VERSION || !sectors || sectors > UINT64_MAX / BLK_SECTOR ||
	    block < BLK_SECTOR || block > MIB || block & (block - 1) ||
	    link_info_get(server, BLK_INFO_MAX_SEGMENTS) < BLK_SEGMENTS)
		return false;
	*g = (struct blk_geometry){
		.sectors = sectors, .block = (uint32_t)block,
		.flags = link_info_get(server, BLK_INFO_FLAGS) &
			 (BLK_READ_ONLY | BLK_HAS_FLUSH | BLK_HAS_DISCARD | BLK_HAS_ZEROES),
		.max_discard = discard > INT32_MAX ? INT32_MAX : (uint32_t)discard,
	};
	for (unsigned i = 0; i < ARRAY_LEN(serial); i++)
		serial[i] = link_info_get(server, BLK_INFO_SERIAL + i);
	__builtin_memcpy(g->serial, serial, BLK_SERIAL);
	return true;
}

/* --- requests -------------------------------------------------------------------------------------------------------- */

static bool put(struct blk_link *l, unsigned tag)
{
	const struct blk_request *r = &l->blk->request[tag];
	struct link_segment seg[BLK_SEGMENTS];
	struct link_request q = {
		.tag = tag, .op = r->op, .flags = r->flags, .segments = (uint16_t)r->count, .arg = { r->sector, r->sectors },
	};

	for (unsigned i = 0; i < r->count; i++)
		seg[i] = (struct link_segment){ (uint64_t)(r->seg[i].p - l->ram), r->seg[i].len, 0 };
	return link_request(&l->link, &q, seg);
}

static void put_waiting(struct blk_link *l)
{
	for (unsigned i = 0; i < l->blk->requests; i++)
		if (l->waiting[i] && put(l, i))
			l->waiting[i] = false;
}

static unsigned submit(struct blk *b, struct blk_request *r)
{
	struct blk_link *l = b->back_state;
	unsigned tag = (unsigned)(r - b->request);

	l->waiting[tag] = !put(l, tag);
	return BLK_PENDING;
}

static void commit(struct blk *b)
{
	struct blk_link *l = b->back_state;

	if (link_needs_signal(&l->link, false))
		l->signal(l->signal_arg);
}

static void begin_anew(struct blk_link *l)
{
	link_client_restart(&l->link);
	l->signal(l->signal_arg);
}

/* The server lets go of everything before it accepts the link again; then dropped requests end, and the others are put again. */
static void drop(struct blk *b)
{
	begin_anew(b->back_state);
}

const struct blk_back blk_link_back = { .submit = submit, .commit = commit, .drop = drop };

/* --- the server's signal --------------------------------------------------------------------------------------------- */

/* The server is new, or has let go of what was under way. */
static void came_up(struct blk_link *l)
{
	struct blk *b = l->blk;

	for (unsigned i = 0; i < b->requests; i++) {
		l->waiting[i] = b->request[i].used && !b->request[i].dropped;
		if (b->request[i].used && b->request[i].dropped)
			blk_done(b, &b->request[i], BLK_EIO);
	}
	if (l->geometry.sectors != b->geometry.sectors) {
		b->geometry.sectors = l->geometry.sectors;
		virtio_config_changed(&b->virtio);
	}
}

static void take(struct blk_link *l)
{
	struct blk *b = l->blk;
	struct link_completion c;

	while (link_completion(&l->link, &c)) {
		if (c.tag >= b->requests || !b->request[c.tag].used || l->waiting[c.tag]) {
			begin_anew(l);		/* it answers what nobody has asked */
			return;
		}
		blk_done(b, &b->request[c.tag], c.status);
	}
	if (link_broken(&l->link))
		begin_anew(l);
}

bool blk_link_poll(struct blk_link *l)
{
	enum link_state state;
	bool signal;

	do {
		state = link_client_poll(&l->link, &signal);
		if (signal)
			l->signal(l->signal_arg);
		if (state == LINK_NEW && !geometry_read(&l->geometry, &l->link.shared->server)) {
			link_client_restart(&l->link);	/* not signalled: a server that is wrong is not asked again and again */
			state = LINK_DOWN;
		}
		if (!l->blk || state == LINK_DOWN)
			return state != LINK_DOWN;
		if (state == LINK_NEW)
			came_up(l);
		take(l);
		put_waiting(l);
	} while (!link_sleep(&l->link, false) && !link_broken(&l->link));
	blk_resume(l->blk);
	commit(l->blk);
	return true;
}

void blk_link_init(struct blk_link *l, struct link_shared *shared, const uint8_t *ram, void (*signal)(void *arg), void *arg)
{
	*l = (struct blk_link){ .signal = signal, .signal_arg = arg, .ram = ram };
	link_client_init(&l->link, shared);
	signal(arg);
}
