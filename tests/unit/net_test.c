/* SPDX-License-Identifier: Apache-2.0 */
/* The network device: frames to a server and back, and what bad drivers and bad servers do. */
/* sources: vmm/virtio/net.c vmm/virtio/net_control.c vmm/rt/link.c vmm/virtio/virtio.c vmm/virtio/virtio_pci.c vmm/virtio/vq.c vmm/virtio/vq_split.c vmm/virtio/vq_packed.c vmm/gmem.c vmm/dev/msix.c vmm/dev/pci.c vmm/dev/pci_cfg.c vmm/bus.c tests/fake/dev_fake.c tests/fake/dev_lines.c */
#include "virtio_rig.h"

#include <linux/virtio_net.h>
#include <virtio/net.h>

_Static_assert(sizeof(struct virtio_net_hdr_mrg_rxbuf) == 12, "");
_Static_assert(VIRTIO_NET_HDR_GSO_TCPV4 == NET_SEG_TCP4 && VIRTIO_NET_HDR_GSO_TCPV6 == NET_SEG_TCP6, "");
_Static_assert(VIRTIO_NET_HDR_GSO_ECN == NET_SEG_ECN, "");

#define N(f)		BIT(VIRTIO_NET_F_##f)
#define FEATURES	(VF_VERSION_1 | VF_RING_RESET | N(CSUM) | N(GUEST_CSUM) | N(HOST_TSO4) | N(MRG_RXBUF) | N(STATUS) | N(CTRL_VQ) | \
			 N(CTRL_RX) | N(CTRL_MAC_ADDR) | N(MAC))
#define FRAME		(RAM + 0x10000)		/* a header, then the frame */
#define BUFFERS		(RAM + 0x20000)
#define COMMAND		(RAM + 0x8000)
#define MAC		0x563412005452ull	/* 52:54:00:12:34:56 */

static struct net_shared *shared;
static struct link sender, receiver;		/* the server's ends */
static struct net net;
static struct net_buffer buffers[LINK_TAGS];
static struct net_frame frames[LINK_TAGS];
static unsigned signals;

static void signal_server(void *arg)
{
	(void)arg;
	signals++;
}

static void accept_both(void)
{
	assert_int_equal(link_server_poll(&sender), LINK_NEW);
	link_server_accept(&sender);
	assert_int_equal(link_server_poll(&receiver), LINK_NEW);
	link_server_accept(&receiver);
}

static void server_begins(void)
{
	link_server_init(&sender, &shared->send);
	link_server_init(&receiver, &shared->receive);
	link_info_set(&shared->send.server, NET_INFO_LINK, 1);
	link_info_set(&shared->send.server, NET_INFO_MAC, MAC);
	link_info_set(&shared->send.server, NET_INFO_OFFLOADS, NET_TAKES_CSUM | NET_TAKES_SEG);
}

static int begin(uint64_t features)
{
	struct net_setup s = { .signal = signal_server, .buffer = buffers, .frame = frames };

	free(shared);
	s.shared = shared = calloc(1, sizeof(*shared));
	memset(buffers, 0, sizeof(buffers));
	memset(frames, 0, sizeof(frames));
	memset(&net, 0, sizeof(net));
	rig_buses();
	s.ram = drv[0].ram;
	server_begins();
	net_begin(&net, &s);
	assert_false(net_poll(&net));
	accept_both();
	assert_true(net_poll(&net));
	assert_true(net_init(&net, &pci, rig_mem, 1));
	rig_start(features, 32, true);
	signals = 0;
	return 0;
}

static int setup(void **state)
{
	(void)state;
	return begin(FEATURES);
}

/* Send a frame of @len bytes with @h before it, in pieces of 500. */
static void send_frame(const struct virtio_net_hdr_mrg_rxbuf *h, uint32_t len)
{
	struct vq_piece piece[20];
	unsigned n = 0;

	memcpy(vq_at(&drv[1], FRAME), h, sizeof(*h));
	for (uint32_t at = 0; at < len + 12; at += piece[n++].len)
		piece[n] = (struct vq_piece){ FRAME + at, len + 12 - at < 500 ? len + 12 - at : 500, false };
	vq_offer(&drv[1], piece, n, 0);
	rig_kick(1);
}

static void lend(unsigned i, uint32_t len)
{
	const struct vq_piece piece = { BUFFERS + 2048 * i, len, true };

	vq_offer(&drv[0], &piece, 1, 0);
	rig_kick(0);
}

static bool server_takes(struct link *l, struct link_request *r, struct link_segment *seg) { return link_take(l, r, seg, 64); }

/* The server fills buffer @r with @len bytes of @byte; @first: of a frame in @buffers of them. */
static void fill(const struct link_request *r, const struct link_segment *seg, uint32_t len, uint8_t byte, bool first, uint64_t count)
{
	struct link_completion c = { .tag = r->tag, .arg = { 0, 0, len | count << 32 } };

	memset(drv[0].ram + seg->addr + (first ? r->arg[0] : 0), byte, len);
	assert_true(link_complete(&receiver, &c));
}

static void frames_reach_the_server_with_what_is_left_to_do(void **state)
{
	struct virtio_net_hdr_mrg_rxbuf h = { .hdr = { .flags = 1, .gso_type = 1, .hdr_len = 54, .gso_size = 1448, .csum_start = 34,
						       .csum_offset = 16 } };
	struct link_segment seg[64];
	struct link_request r;
	struct link_completion c = { 0 };
	struct net_offload o;

	(void)state;
	for (unsigned round = 0; round < 600; round++) {
		uint32_t len = 60 + round % 4000, sum = 0;

		send_frame(&h, len);
		assert_true(server_takes(&sender, &r, seg));
		o = net_offload_unpack(r.arg);
		assert_int_equal(o.kind, NET_SEG_TCP4);
		assert_int_equal(o.segment, 1448);
		assert_int_equal(o.csum_start, 34);
		assert_int_equal(o.csum_offset, 16);
		assert_int_equal(seg[0].addr, FRAME + 12 - RAM);
		for (unsigned i = 0; i < r.segments; i++)
			sum += seg[i].len;
		assert_int_equal(sum, len);
		assert_int_equal(rig_used(1), -1);
		c.tag = r.tag;
		assert_true(link_complete(&sender, &c));
		assert_true(net_poll(&net));
		assert_int_equal(rig_used(1), 0);
	}
}

static void frames_that_cannot_be_sent_are_dropped_and_returned(void **state)
{
	static const struct { struct virtio_net_hdr h; uint32_t len; } bad[] = {
		{ { 0 }, 13 }, { { 0 }, 0 }, { { .flags = 4 }, 60 }, { { .flags = 1, .csum_start = 60 }, 60 },
		{ { .flags = 1, .csum_start = 59, .csum_offset = 0 }, 60 }, { { .flags = 1, .csum_start = 65535, .csum_offset = 65535 }, 60 },
		{ { .gso_type = 1, .gso_size = 100 }, 60 }, { { .flags = 1, .gso_type = 1, .gso_size = 0 }, 60 },
		{ { .flags = 1, .gso_type = 3, .gso_size = 100 }, 60 }, { { .flags = 1, .gso_type = 4, .gso_size = 9 }, 60 },
		{ { .flags = 1, .gso_type = 77, .gso_size = 9 }, 60 }, { { .gso_type = 0x80 }, 60 },
		{ { .flags = 1, .gso_type = 1, .gso_size = 9, .hdr_len = 61 }, 60 },
	};
	const struct vq_piece tiny = { FRAME, 11, false }, huge = { FRAME, 0x20000, false };
	struct link_segment seg[64];
	struct link_request r;

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
		struct virtio_net_hdr_mrg_rxbuf h = { .hdr = bad[i].h };

		send_frame(&h, bad[i].len);
		assert_int_equal(rig_used(1), 0);
	}
	vq_offer(&drv[1], &tiny, 1, 0);
	vq_offer(&drv[1], &huge, 1, 0);
	rig_kick(1);
	assert_int_equal(rig_used(1), 0);
	assert_int_equal(rig_used(1), 0);
	assert_false(server_takes(&sender, &r, seg));
	assert_int_equal(net.dropped, ARRAY_LEN(bad) + 2);
	assert_int_equal(reg_in(C_STATUS, 1), 0xf);
}

static void a_frame_arrives_behind_its_header(void **state)
{
	struct virtio_net_hdr_mrg_rxbuf h;
	struct link_segment seg[64];
	struct link_request r;

	(void)state;
	for (unsigned round = 0; round < 600; round++) {
		lend(0, 1600);
		assert_true(server_takes(&receiver, &r, seg));
		fill(&r, seg, 60 + round, 0x77, true, 1);
		assert_true(net_poll(&net));
		assert_int_equal(rig_used(0), 72 + round);
		memcpy(&h, vq_at(&drv[0], BUFFERS), sizeof(h));
		assert_int_equal(h.num_buffers, 1);
		assert_int_equal(*(uint8_t *)vq_at(&drv[0], BUFFERS + 12), 0x77);
		assert_int_equal(msi_count[RIG_VECTOR(1)], round + 1);
	}
}

static void a_frame_in_several_buffers_is_seen_when_it_is_whole(void **state)
{
	struct virtio_net_hdr_mrg_rxbuf h;
	struct link_segment seg[3][64];
	struct link_request r[3];

	(void)state;
	for (unsigned packed = 0; packed < 2; packed++) {
		begin(FEATURES | (packed ? VF_PACKED : 0));
		for (unsigned i = 0; i < 3; i++) {
			lend(i, 1600);
			assert_true(server_takes(&receiver, &r[i], seg[i]));
		}
		fill(&r[0], seg[0], 1588, 1, true, 3);
		fill(&r[1], seg[1], 1600, 2, false, 0);
		assert_true(net_poll(&net));
		assert_int_equal(rig_used(0), -1);
		fill(&r[2], seg[2], 5, 3, false, 0);
		assert_true(net_poll(&net));
		assert_int_equal(rig_used(0), 1600);
		assert_int_equal(rig_used(0), 1600);
		assert_int_equal(rig_used(0), 5);
		memcpy(&h, vq_at(&drv[0], BUFFERS), sizeof(h));
		assert_int_equal(h.num_buffers, 3);
		assert_int_equal(*(uint8_t *)vq_at(&drv[0], BUFFERS + 2048), 2);
		assert_int_equal(atomic_load(&shared->send.client.info[NET_CLIENT_MERGES]), NET_MERGE_MAX);
	}
}

static void a_server_that_breaks_the_rules_is_left_and_the_guest_sees_nothing(void **state)
{
	static const uint64_t bad[] = { 1589 | 1ull << 32, 0 | 1ull << 32, 60, 60 | 19ull << 32, UINT32_MAX | 1ull << 32, UINT64_MAX };
	struct link_segment seg[64];
	struct link_request r;

	for (unsigned i = 0; i < ARRAY_LEN(bad) + 2; i++) {
		struct link_completion c = { .arg = { 0, 0, i < ARRAY_LEN(bad) ? bad[i] : 60 | 1ull << 32 } };

		setup(state);
		lend(0, 1600);
		assert_true(server_takes(&receiver, &r, seg));
		c.tag = i == ARRAY_LEN(bad) ? (r.tag + 1) % LINK_TAGS : r.tag;
		assert_true(link_complete(i == ARRAY_LEN(bad) + 1 ? &sender : &receiver, &c));
		(void)net_poll(&net);
		assert_int_equal(rig_used(0), -1);
		accept_both();
		assert_true(net_poll(&net));
		assert_true(server_takes(&receiver, &r, seg));		/* the buffer is offered again */
		fill(&r, seg, 100, 9, true, 1);
		assert_true(net_poll(&net));
		assert_int_equal(rig_used(0), 112);
	}
}

static void without_a_server_there_is_no_carrier_and_frames_are_dropped(void **state)
{
	const struct virtio_net_hdr_mrg_rxbuf h = { 0 };
	struct link_segment seg[64];
	struct link_request r;

	(void)state;
	assert_int_equal(reg_in(R_DEVICE + 6, 2), 1);
	send_frame(&h, 60);
	lend(0, 1600);
	assert_true(server_takes(&receiver, &r, seg));
	server_begins();					/* the old one is gone with what it had */
	(void)net_poll(&net);
	assert_int_equal(reg_in(R_DEVICE + 6, 2), 0);
	assert_int_equal(msi_count[RIG_VECTOR(0)], 1);
	send_frame(&h, 60);
	assert_int_equal(rig_used(1), 0);
	accept_both();
	assert_true(net_poll(&net));
	assert_int_equal(reg_in(R_DEVICE + 6, 2), 1);
	assert_int_equal(rig_used(1), 0);
	assert_true(server_takes(&receiver, &r, seg));
	fill(&r, seg, 60, 9, true, 1);
	assert_true(net_poll(&net));
	assert_int_equal(rig_used(0), 72);
}

static void a_reset_waits_until_the_server_has_let_go_of_both(void **state)
{
	(void)state;
	lend(0, 1600);
	reg_out(C_STATUS, 1, 0);
	assert_int_not_equal(reg_in(C_STATUS, 1), 0);
	(void)net_poll(&net);
	assert_int_equal(link_server_poll(&sender), LINK_NEW);
	link_server_accept(&sender);
	(void)net_poll(&net);
	assert_int_not_equal(reg_in(C_STATUS, 1), 0);
	assert_int_equal(link_server_poll(&receiver), LINK_NEW);
	link_server_accept(&receiver);
	assert_true(net_poll(&net));
	assert_int_equal(reg_in(C_STATUS, 1), 0);
}

static void buffers_too_small_for_a_header_need_a_reset(void **state)
{
	(void)state;
	lend(0, 11);
	assert_true(reg_in(C_STATUS, 1) & VIRTIO_NEEDS_RESET);
}

/* A command with @len bytes of @data; what was answered. */
static int command(uint8_t class, uint8_t cmd, const void *data, uint32_t len)
{
	uint8_t *at = vq_at(&drv[2], COMMAND);
	const struct vq_piece piece[] = { { COMMAND, 2 + len, false }, { COMMAND + 0x800, 1, true } };

	at[0] = class;
	at[1] = cmd;
	memcpy(at + 2, data, len);
	at[0x800] = 0xaa;
	vq_offer(&drv[2], piece, 2, 0);
	rig_kick(2);
	return rig_used(2) < 0 ? -1 : at[0x800];
}

static uint64_t said(unsigned i) { return atomic_load(&shared->send.client.info[i]); }

static void commands_reach_the_server_as_filters(void **state)
{
	uint8_t table[4 + 2 * 6 + 4 + 6] = { 2, 0, 0, 0, 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 1, 0, 0, 0, 0x33, 0x33, 0, 0, 0, 1 };
	uint8_t many[8 + 20 * 6] = { 20 };
	const uint64_t mac = MAC, other = 0x010203040502;

	(void)state;
	assert_int_equal(command(0, 0, "\1", 1), 0);
	assert_int_equal(said(NET_CLIENT_FILTER), NET_PROMISC);
	assert_int_equal(command(0, 1, "\1", 1), 0);
	assert_int_equal(command(0, 0, "\0", 1), 0);
	assert_int_equal(said(NET_CLIENT_FILTER), NET_ALL_MULTICAST);
	assert_int_equal(command(0, 2, "\1", 1), 1);
	assert_int_equal(command(0, 0, "\2", 1), 1);
	assert_int_equal(command(1, 0, table, sizeof(table)), 0);
	assert_int_equal(said(NET_CLIENT_MACS), 3);
	assert_int_equal(said(NET_CLIENT_MAC0 + 2), 0x010000003333);
	assert_int_equal(command(1, 0, table, sizeof(table) - 1), 1);
	table[0] = 255;
	assert_int_equal(command(1, 0, table, sizeof(table)), 1);
	assert_int_equal(command(1, 0, many, sizeof(many)), 0);
	assert_int_equal(said(NET_CLIENT_MACS), NET_FILTER_MACS);
	assert_true(said(NET_CLIENT_FILTER) & NET_PROMISC);
	assert_int_equal(command(1, 1, &mac, 6), 0);
	assert_int_equal(command(1, 1, &other, 6), 1);
	assert_int_equal(command(1, 1, &mac, 5), 1);
	assert_int_equal(command(9, 9, "", 0), 1);
	assert_int_equal(command(4, 0, "\2", 2), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(frames_reach_the_server_with_what_is_left_to_do, setup),
		cmocka_unit_test_setup(frames_that_cannot_be_sent_are_dropped_and_returned, setup),
		cmocka_unit_test_setup(a_frame_arrives_behind_its_header, setup),
		cmocka_unit_test_setup(a_frame_in_several_buffers_is_seen_when_it_is_whole, setup),
		cmocka_unit_test_setup(a_server_that_breaks_the_rules_is_left_and_the_guest_sees_nothing, setup),
		cmocka_unit_test_setup(without_a_server_there_is_no_carrier_and_frames_are_dropped, setup),
		cmocka_unit_test_setup(a_reset_waits_until_the_server_has_let_go_of_both, setup),
		cmocka_unit_test_setup(buffers_too_small_for_a_header_need_a_reset, setup),
		cmocka_unit_test_setup(commands_reach_the_server_as_filters, setup),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	free(shared);
	free(drv[0].ram);
	return failed;
}
