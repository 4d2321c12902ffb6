/* SPDX-License-Identifier: Apache-2.0 */
/* Network device: frames between the guest's queues and the links to the server.  See net.h. */
#include <virtio/net.h>

#define CLASS_NETWORK	0x02000000u

/* "Feature bits" */
#define F_CSUM		BIT(0)
#define F_GUEST_CSUM	BIT(1)
#define F_MTU		BIT(3)
#define F_MAC		BIT(5)
#define F_GUEST_TSO4	BIT(7)
#define F_GUEST_TSO6	BIT(8)
#define F_HOST_TSO4	BIT(11)
#define F_HOST_TSO6	BIT(12)
#define F_MERGE		BIT(15)
#define F_STATUS	BIT(16)
#define F_CONTROL	BIT(17)
#define F_CONTROL_RX	BIT(18)
#define F_CONTROL_MAC	BIT(23)

enum { CFG_MAC = 0, CFG_STATUS = 6, CFG_MTU = 10, CFG_SIZE = 12 };
enum { RX = 0, TX = 1, CONTROL = 2 };

/* "Device Operation": before each frame, in both directions. */
struct header {
	uint8_t flags, kind;
	uint16_t header, segment, csum_start, csum_offset, buffers;
};
_Static_assert(sizeof(struct header) == 12, "virtio");
#define HEADER		((uint32_t)sizeof(struct header))
#define H_CSUM_NEEDED	1u
#define H_CSUM_VALID	2u

static struct net *net_of(struct virtio *v) { return container_of(v, struct net, virtio); }

static uint64_t config_read(struct virtio *v, uint64_t off, unsigned size)
{
	const struct net *n = net_of(v);
	uint8_t image[CFG_SIZE] = { 0 };
	uint64_t val = 0;

	if (!range_inside(off, size, CFG_SIZE))
		return 0;
	__builtin_memcpy(image + CFG_MAC, n->mac, sizeof(n->mac));
	image[CFG_STATUS] = n->carrier;
	__builtin_memcpy(image + CFG_MTU, &n->mtu, sizeof(n->mtu));
	__builtin_memcpy(&val, image + off, size);
	return val;
}

/* --- sending --------------------------------------------------------------------------------------------------------- */

/* Is what the guest asks to be done with the frame of @len bytes possible, and does it lie inside? */
static bool header_valid(const struct net *n, const struct header *h, uint32_t len)
{
	uint8_t kind = h->kind & (uint8_t)~NET_SEG_ECN;

	if (len < NET_FRAME_MIN || len > NET_FRAME_MAX || h->flags & ~H_CSUM_NEEDED)
		return false;
	if (h->flags && (!virtio_has(&n->virtio, F_CSUM) || (uint32_t)h->csum_start + h->csum_offset + 2 > len))
		return false;
	if (kind == NET_SEG_NONE)
		return h->kind == NET_SEG_NONE;
	/* A frame is cut into several only with their checksums computed. */
	return h->segment && h->flags && h->header <= len &&
	       ((kind == NET_SEG_TCP4 && virtio_has(&n->virtio, F_HOST_TSO4)) ||
		(kind == NET_SEG_TCP6 && virtio_has(&n->virtio, F_HOST_TSO6)));
}

static unsigned frame_take(const struct net *n)
{
	unsigned tag = 0;

	while (tag < LINK_TAGS && n->frame[tag].used)
		tag++;
	return tag;
}

/* Hand the frame in n->chain to the server.  False: it is dropped. */
static bool frame_send(struct net *n)
{
	struct link_segment seg[NET_TX_SEGMENTS];
	struct vq_segment piece[NET_TX_SEGMENTS];
	uint32_t len = n->chain.out_len - HEADER, sum = 0;
	struct link_request r = { .op = NET_SEND };
	struct header h;
	unsigned tag;

	if (n->chain.out_len < HEADER || vq_copy_out(&n->chain, 0, &h, HEADER) != HEADER || !header_valid(n, &h, len)) {
		n->dropped++;
		return false;
	}
	r.segments = (uint16_t)vq_slice(&n->chain, false, HEADER, len, piece, NET_TX_SEGMENTS);
	for (unsigned i = 0; i < r.segments; sum += piece[i++].len)
		seg[i] = (struct link_segment){ (uint64_t)(piece[i].p - n->ram), piece[i].len, 0 };
	tag = frame_take(n);
	if (sum != len || tag == LINK_TAGS)
		return false;
	net_offload_pack(&(struct net_offload){ h.flags ? NET_CSUM_NEEDED : 0, h.kind, h.header, h.segment, h.csum_start, h.csum_offset },
			 r.arg);
	r.tag = tag;
	if (!link_request(&n->send, &r, seg))
		return false;
	n->frame[tag] = (struct net_frame){ .used = true, .id = n->chain.id, .slots = n->chain.slots };
	return true;
}

static void transmit(struct net *n)
{
	struct virtio *v = &n->virtio;

	do {
		while (virtio_pop(v, TX, &n->chain))
			if (!frame_send(n))
				virtio_push(v, TX, &n->chain, 0);
	} while (virtio_more(v, TX));
	if (link_needs_signal(&n->send, false))
		n->signal(n->signal_arg);
	virtio_interrupt(v, TX);
}

static void frame_done(struct net *n, unsigned tag)
{
	struct net_frame *f = &n->frame[tag];

	if (!f->dropped)
		vq_push(&n->virtio.queue[TX], f->id, f->slots, 0);
	f->used = false;
}

/* --- receiving ------------------------------------------------------------------------------------------------------- */

static bool buffer_put(struct net *n, unsigned tag)
{
	const struct net_buffer *b = &n->buffer[tag];
	struct link_segment seg[NET_RX_SEGMENTS];
	struct link_request r = { .tag = tag, .op = NET_BUFFER, .segments = b->count, .arg = { HEADER } };

	for (unsigned i = 0; i < b->count; i++)
		seg[i] = (struct link_segment){ (uint64_t)(b->seg[i].p - n->ram), b->seg[i].len, 0 };
	return link_request(&n->receive, &r, seg);
}

/* Lend what the guest has lent; the header must be in one piece, which no driver makes different. */
static void receive(struct net *n)
{
	struct virtio *v = &n->virtio;

	do {
		unsigned tag = 0;

		for (;;) {
			struct net_buffer *b;

			while (tag < LINK_TAGS && n->buffer[tag].used)
				tag++;
			if (tag == LINK_TAGS)
				return;		/* as many as a queue has */
			if (!virtio_pop(v, RX, &n->chain))
				break;
			b = &n->buffer[tag];
			b->count = (uint16_t)vq_slice(&n->chain, true, 0, n->chain.in_len, b->seg, NET_RX_SEGMENTS);
			if (n->chain.in > NET_RX_SEGMENTS || !b->count || b->seg[0].len < HEADER) {
				virtio_broken(v);
				return;
			}
			b->used = true;
			b->dropped = false;
			b->id = n->chain.id;
			b->slots = n->chain.slots;
			b->room = n->chain.in_len;
			b->waiting = !buffer_put(n, tag);
		}
	} while (virtio_more(v, RX));
	if (link_needs_signal(&n->receive, false))
		n->signal(n->signal_arg);
}

/* The first buffer of a frame: its header.  False: the server breaks the rules. */
static bool frame_begin(struct net *n, const struct net_buffer *b, const struct link_completion *c)
{
	struct net_offload o = net_offload_unpack(c->arg);
	uint32_t buffers = (uint32_t)(c->arg[2] >> 32);
	struct header h = {
		.flags = o.flags & NET_CSUM_NEEDED ? H_CSUM_NEEDED : o.flags & NET_CSUM_VALID ? H_CSUM_VALID : 0, .kind = o.kind,
		.header = o.header, .segment = o.segment, .csum_start = o.csum_start, .csum_offset = o.csum_offset,
		.buffers = (uint16_t)buffers,
	};

	if (!buffers || buffers > (virtio_has(&n->virtio, F_MERGE) ? NET_MERGE_MAX : 1u))
		return false;
	n->arriving = buffers;
	__builtin_memcpy(b->seg[0].p, &h, HEADER);
	return true;
}

/* One filled buffer.  The guest sees a frame when its last one is there.  False: the server breaks the rules. */
static bool buffer_done(struct net *n, const struct link_completion *c)
{
	struct net_buffer *b = &n->buffer[c->tag];
	uint32_t len = (uint32_t)c->arg[2], front = n->arriving ? 0 : HEADER;

	if (!b->used || b->waiting || b->arrived || c->status != NET_OK || len > b->room - front || !len)
		return false;
	if (!n->arriving && !frame_begin(n, b, c))
		return false;
	n->arrived[n->arrived_count] = (struct vq_returned){ b->id, b->slots, front + len };
	n->arrived_tag[n->arrived_count++] = (uint8_t)c->tag;
	b->arrived = true;
	if (n->arrived_count < n->arriving)
		return true;
	for (unsigned i = 0; i < n->arrived_count; i++)
		n->buffer[n->arrived_tag[i]].used = n->buffer[n->arrived_tag[i]].arrived = false;
	vq_push_all(&n->virtio.queue[RX], n->arrived, n->arrived_count);
	n->arriving = n->arrived_count = 0;
	return true;
}
_Static_assert(LINK_TAGS <= 256, "a tag is a byte");

/* --- the server ------------------------------------------------------------------------------------------------------ */

/* What we can take depends on what the driver has accepted. */
static void client_says(struct net *n)
{
	struct link_side *own = &n->send.shared->client;
	uint64_t offloads = 0;

	if (virtio_has(&n->virtio, F_GUEST_CSUM))
		offloads |= NET_TAKES_CSUM;
	if (virtio_has(&n->virtio, F_GUEST_TSO4) && virtio_has(&n->virtio, F_GUEST_TSO6))
		offloads |= NET_TAKES_SEG;
	link_info_set(own, NET_CLIENT_OFFLOADS, offloads);
	link_info_set(own, NET_CLIENT_MERGES, virtio_has(&n->virtio, F_MERGE) ? NET_MERGE_MAX : 1);
}

static void begin_anew(struct net *n)
{
	link_client_restart(&n->send);
	link_client_restart(&n->receive);
	n->signal(n->signal_arg);
}

/* The send link is new: what was on its way is lost, as on any wire. */
static void send_came_up(struct net *n)
{
	for (unsigned i = 0; i < LINK_TAGS; i++)
		if (n->frame[i].used)
			frame_done(n, i);
}

/* The receive link is new: the guest's buffers are offered again, a frame that was coming in is not. */
static void receive_came_up(struct net *n)
{
	n->arriving = n->arrived_count = 0;
	for (unsigned i = 0; i < LINK_TAGS; i++) {
		struct net_buffer *b = &n->buffer[i];

		b->used = b->used && !b->dropped;
		b->arrived = false;
		b->waiting = b->used && !buffer_put(n, i);
	}
}

static void take(struct net *n)
{
	struct link_completion c;
	bool good = true;

	while (good && link_completion(&n->send, &c)) {
		good = n->frame[c.tag].used;
		if (good)
			frame_done(n, c.tag);
	}
	while (good && link_completion(&n->receive, &c))
		good = buffer_done(n, &c);
	if (!good || link_broken(&n->send) || link_broken(&n->receive))
		begin_anew(n);
}

static void put_waiting(struct net *n)
{
	for (unsigned i = 0; i < LINK_TAGS; i++)
		if (n->buffer[i].used && n->buffer[i].waiting)
			n->buffer[i].waiting = !buffer_put(n, i);
	if (link_needs_signal(&n->receive, false))
		n->signal(n->signal_arg);
}

/* Resets of the device or of a queue that waited for the server to let go. */
static void resets_end(struct net *n)
{
	bool send = true, rcv = true;

	for (unsigned i = 0; i < LINK_TAGS; i++) {
		send = send && !(n->frame[i].used && n->frame[i].dropped);
		rcv = rcv && !(n->buffer[i].used && n->buffer[i].dropped);
	}
	if (send && rcv)
		virtio_stopped(&n->virtio, VIRTIO_ALL);
	if (send)
		virtio_stopped(&n->virtio, TX);
	if (rcv)
		virtio_stopped(&n->virtio, RX);
}

static void carrier_check(struct net *n, bool up)
{
	bool carrier = up && link_info_get(&n->send.shared->server, NET_INFO_LINK) == 1;

	if (carrier == n->carrier)
		return;
	n->carrier = carrier;
	if (n->begun && virtio_has(&n->virtio, F_STATUS))
		virtio_config_changed(&n->virtio);
}

bool net_poll(struct net *n)
{
	enum link_state send, rcv;
	bool signal[2];

	do {
		send = link_client_poll(&n->send, &signal[0]);
		rcv = link_client_poll(&n->receive, &signal[1]);
		if (signal[0] || signal[1])
			n->signal(n->signal_arg);
		carrier_check(n, send != LINK_DOWN);
		if (!n->begun)
			return send != LINK_DOWN && rcv != LINK_DOWN;
		if (send == LINK_NEW)
			send_came_up(n);
		if (rcv == LINK_NEW)
			receive_came_up(n);
		if (send == LINK_NEW || rcv == LINK_NEW)
			resets_end(n);
		take(n);
		put_waiting(n);
	} while ((send != LINK_DOWN && !link_sleep(&n->send, false)) || (rcv != LINK_DOWN && !link_sleep(&n->receive, false)));
	virtio_interrupt(&n->virtio, TX);
	virtio_interrupt(&n->virtio, RX);
	virtio_kick(&n->virtio, RX);
	return send != LINK_DOWN && rcv != LINK_DOWN;
}

/* --- the device ------------------------------------------------------------------------------------------------------ */

static void notify(struct virtio *v, unsigned q)
{
	struct net *n = net_of(v);

	client_says(n);
	if (q == RX)
		receive(n);
	else if (q == TX)
		transmit(n);
	else
		net_control(n, q);
}

/* The server lets go of what it was lent when its link begins anew. */
static bool stop(struct virtio *v, uint32_t q)
{
	struct net *n = net_of(v);
	bool idle = true;

	for (unsigned i = 0; i < LINK_TAGS; i++) {
		if (n->frame[i].used && (q == VIRTIO_ALL || q == TX))
			n->frame[i].dropped = !(idle = false);
		if (n->buffer[i].used && (q == VIRTIO_ALL || q == RX))
			n->buffer[i].dropped = !(idle = false);
	}
	if (q == VIRTIO_ALL)
		net_control_reset(n);
	if (!idle)
		begin_anew(n);
	return idle;
}

static const struct virtio_type net_type = {
	.name = "virtio-net", .id = VIRTIO_ID_NET, .class = CLASS_NETWORK, .notify = notify, .config_read = config_read, .stop = stop,
};

void net_begin(struct net *n, const struct net_setup *setup)
{
	n->signal = setup->signal;
	n->signal_arg = setup->signal_arg;
	n->ram = setup->ram;
	n->buffer = setup->buffer;
	n->frame = setup->frame;
	link_client_init(&n->send, &setup->shared->send);
	link_client_init(&n->receive, &setup->shared->receive);
	n->signal(n->signal_arg);
}

bool net_init(struct net *n, struct pci *pci, const struct gmem *mem, unsigned slot)
{
	const struct link_side *server = &n->send.shared->server;
	uint64_t takes = link_info_get(server, NET_INFO_OFFLOADS), mac = link_info_get(server, NET_INFO_MAC);
	uint64_t mtu = link_info_get(server, NET_INFO_MTU);

	n->virtio = (struct virtio){ .type = &net_type, .queue_count = 3 };
	n->virtio.offered = F_GUEST_CSUM | F_GUEST_TSO4 | F_GUEST_TSO6 | F_MTU | F_MAC | F_MERGE | F_STATUS | F_CONTROL | F_CONTROL_RX |
			    F_CONTROL_MAC;
	if (takes & NET_TAKES_CSUM)
		n->virtio.offered |= F_CSUM;
	if (takes & NET_TAKES_CSUM && takes & NET_TAKES_SEG)
		n->virtio.offered |= F_HOST_TSO4 | F_HOST_TSO6;
	__builtin_memcpy(n->mac, &mac, sizeof(n->mac));
	n->mtu = mtu < 68 || mtu > 65535 ? 1500 : (uint16_t)mtu;
	net_control_reset(n);
	n->begun = true;
	return virtio_init(&n->virtio, pci, mem, slot);
}
