/* SPDX-License-Identifier: Apache-2.0 */
/* A disk behind a server: requests go through once, wait while there is no server, and are asked for again when it comes back. */
/* sources: vmm/virtio/blk.c vmm/virtio/blk_link.c vmm/rt/link.c vmm/virtio/virtio.c vmm/virtio/virtio_pci.c vmm/virtio/vq.c vmm/virtio/vq_split.c vmm/virtio/vq_packed.c vmm/gmem.c vmm/dev/msix.c vmm/dev/pci.c vmm/dev/pci_cfg.c vmm/bus.c tests/fake/dev_fake.c tests/fake/dev_lines.c */
#include "virtio_rig.h"

#include <linux/virtio_blk.h>
#include <virtio/blk_link.h>

#define HEADER		(RAM + 0x8000)
#define STATUS		(RAM + 0x8100)
#define DATA		(RAM + 0x10000)
#define SECTORS		1000u

static struct link_shared *shared;
static struct link server;
static struct blk_link bl;
static struct blk blk;
static struct blk_request request[4];
static unsigned signals;

static void signal_server(void *arg)
{
	(void)arg;
	signals++;
}

static void info(unsigned i, uint64_t v) { link_info_set(&shared->server, i, v); }

static void server_says(void)
{
	info(BLK_INFO_VERSION, BLK_VERSION);
	info(BLK_INFO_SECTORS, SECTORS);
	info(BLK_INFO_FLAGS, BLK_HAS_FLUSH);
	info(BLK_INFO_BLOCK, 4096);
	info(BLK_INFO_MAX_SEGMENTS, LINK_SEGMENTS);
}

static void accept_client(void)
{
	assert_int_equal(link_server_poll(&server), LINK_NEW);
	link_server_accept(&server);
}

static int setup(void **state)
{
	struct blk_setup s = {
		.pci = &pci, .slot = 1, .queues = 1, .requests = 4, .request = request, .back = &blk_link_back, .back_state = &bl,
	};

	(void)state;
	free(shared);
	shared = calloc(1, sizeof(*shared));
	memset(request, 0, sizeof(request));
	rig_buses();
	s.mem = rig_mem;
	server_says();
	link_server_init(&server, shared);
	blk_link_init(&bl, shared, drv[0].ram, signal_server, NULL);
	assert_false(blk_link_poll(&bl));
	accept_client();
	assert_true(blk_link_poll(&bl));
	s.geometry = bl.geometry;
	assert_true(blk_init(&blk, &s));
	bl.blk = &blk;
	assert_true(blk_link_poll(&bl));
	rig_start(VF_VERSION_1 | VF_RING_RESET | BIT(VIRTIO_BLK_F_FLUSH), 32, true);
	signals = 0;
	return 0;
}

/* @n requests with their numbers as sectors. */
static void ask(unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		struct virtio_blk_outhdr h = { .type = VIRTIO_BLK_T_IN, .sector = i };
		const struct vq_piece piece[] = { { HEADER + 16 * i, 16, false }, { DATA + 512 * i, 512, true }, { STATUS + i, 1, true } };

		memcpy(vq_at(&drv[0], HEADER + 16 * i), &h, sizeof(h));
		*(uint8_t *)vq_at(&drv[0], STATUS + i) = 0xaa;
		vq_offer(&drv[0], piece, 3, 0);
	}
	rig_kick(0);
}

static uint8_t status(unsigned i) { return *(uint8_t *)vq_at(&drv[0], STATUS + i); }

/* The server does all that it is asked; how many that were. */
static unsigned serve(void)
{
	struct link_segment seg[BLK_SEGMENTS];
	struct link_request r;
	unsigned n = 0;

	for (; link_take(&server, &r, seg, BLK_SEGMENTS); n++) {
		struct link_completion c = { .tag = r.tag };

		assert_int_equal(r.segments, 1);
		assert_int_equal(seg[0].len, 512);
		assert_int_equal(seg[0].addr, DATA - RAM + 512 * r.arg[0]);
		memset(drv[0].ram + seg[0].addr, (int)r.arg[0] + 1, seg[0].len);
		assert_true(link_complete(&server, &c));
	}
	return n;
}

static void requests_reach_the_server_and_their_data_the_guest(void **state)
{
	(void)state;
	for (unsigned round = 0; round < 100; round++) {
		ask(10);
		for (unsigned done = 0; done < 10; assert_true(blk_link_poll(&bl)))
			done += serve();
		for (unsigned i = 0; i < 10; i++) {
			assert_int_equal(rig_used(0), 513);
			assert_int_equal(status(i), VIRTIO_BLK_S_OK);
			assert_int_equal(*(uint8_t *)vq_at(&drv[0], DATA + 512 * i + 511), i + 1);
		}
	}
}

static void the_server_is_signalled_once_for_a_batch(void **state)
{
	(void)state;
	assert_true(link_sleep(&server, true));
	ask(4);
	assert_int_equal(signals, 1);
	assert_int_equal(serve(), 4);
}

static void what_the_server_says_of_the_disk_is_what_the_guest_sees(void **state)
{
	(void)state;
	assert_int_equal(reg_in(R_DEVICE, 8), SECTORS);
	assert_int_equal(reg_in(R_DEVICE + 24, 1), 3);
}

static void a_server_that_says_nonsense_is_not_taken(void **state)
{
	static const struct { unsigned i; uint64_t v; } bad[] = {
		{ BLK_INFO_VERSION, 0 }, { BLK_INFO_SECTORS, 0 }, { BLK_INFO_SECTORS, UINT64_MAX }, { BLK_INFO_BLOCK, 0 },
		{ BLK_INFO_BLOCK, 256 }, { BLK_INFO_BLOCK, 1000 }, { BLK_INFO_BLOCK, 1ull << 40 }, { BLK_INFO_MAX_SEGMENTS, 1 },
	};

	for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
		setup(state);
		link_server_init(&server, shared);
		assert_false(blk_link_poll(&bl));
		info(bad[i].i, bad[i].v);
		accept_client();
		assert_false(blk_link_poll(&bl));
		assert_int_equal(reg_in(R_DEVICE, 8), SECTORS);
		server_says();
		accept_client();
		assert_true(blk_link_poll(&bl));
	}
}

static void failures_are_the_guests_to_see(void **state)
{
	struct link_segment seg[BLK_SEGMENTS];
	struct link_request r;

	(void)state;
	ask(3);
	for (unsigned i = 0; i < 3; i++) {
		struct link_completion c = { .status = i == 1 ? BLK_EUNSUP : i == 2 ? 77 : BLK_EIO };

		assert_true(link_take(&server, &r, seg, BLK_SEGMENTS));
		c.tag = r.tag;
		assert_true(link_complete(&server, &c));
	}
	assert_true(blk_link_poll(&bl));
	assert_int_equal(status(0), VIRTIO_BLK_S_IOERR);
	assert_int_equal(status(1), VIRTIO_BLK_S_UNSUPP);
	assert_int_equal(status(2), VIRTIO_BLK_S_IOERR);
}

static void what_was_not_completed_is_asked_of_the_next_server(void **state)
{
	struct link_segment seg[BLK_SEGMENTS];
	struct link_request r;
	struct link_completion c = { 0 };

	(void)state;
	ask(6);
	assert_true(link_take(&server, &r, seg, BLK_SEGMENTS));
	c.tag = r.tag;
	assert_true(link_complete(&server, &c));
	assert_true(blk_link_poll(&bl));			/* one of six is done */
	assert_true(link_take(&server, &r, seg, BLK_SEGMENTS));	/* another one is lost with the server */
	link_server_init(&server, shared);
	assert_false(blk_link_poll(&bl));
	assert_int_equal(signals > 0, 1);
	accept_client();
	for (unsigned done = 0; done < 5; assert_true(blk_link_poll(&bl)))
		done += serve();
	assert_true(blk_link_poll(&bl));
	for (unsigned i = 0; i < 6; i++)
		assert_int_equal(status(i), VIRTIO_BLK_S_OK);
	assert_int_equal(serve(), 0);
}

static void requests_made_while_there_is_no_server_wait_for_it(void **state)
{
	(void)state;
	link_server_init(&server, shared);
	assert_false(blk_link_poll(&bl));
	ask(4);
	assert_int_equal(rig_used(0), -1);
	accept_client();
	assert_true(blk_link_poll(&bl));
	assert_int_equal(serve(), 4);
	assert_true(blk_link_poll(&bl));
	assert_int_equal(rig_used(0), 513);
}

static void a_server_that_answers_what_was_not_asked_is_left(void **state)
{
	for (unsigned i = 0; i < 3; i++) {
		struct link_completion c = { .tag = i == 0 ? 0 : i == 1 ? 5 : LINK_TAGS - 1 };

		setup(state);
		assert_true(link_complete(&server, &c));
		assert_false(blk_link_poll(&bl) && link_client_poll(&bl.link, &(bool){ 0 }) == LINK_UP);
		assert_int_equal(reg_in(C_STATUS, 1), 0xf);
		accept_client();
		ask(1);
		assert_true(blk_link_poll(&bl));
		assert_int_equal(serve(), 1);
		assert_true(blk_link_poll(&bl));
		assert_int_equal(rig_used(0), 513);
	}
}

static void a_reset_waits_until_the_server_has_let_go(void **state)
{
	(void)state;
	ask(4);
	reg_out(C_STATUS, 1, 0);
	assert_int_not_equal(reg_in(C_STATUS, 1), 0);
	(void)serve();						/* whatever the server still does counts for nobody */
	assert_false(blk_link_poll(&bl));
	assert_int_not_equal(reg_in(C_STATUS, 1), 0);
	accept_client();
	assert_true(blk_link_poll(&bl));
	assert_int_equal(reg_in(C_STATUS, 1), 0);
	assert_int_equal(status(0), 0xaa);
	assert_int_equal(serve(), 0);
	rig_start(VF_VERSION_1 | BIT(VIRTIO_BLK_F_FLUSH), 32, true);
	ask(1);
	assert_int_equal(serve(), 1);
	assert_true(blk_link_poll(&bl));
	assert_int_equal(rig_used(0), 513);
}

static void a_disk_that_has_grown_is_announced(void **state)
{
	(void)state;
	link_server_init(&server, shared);
	assert_false(blk_link_poll(&bl));
	info(BLK_INFO_SECTORS, 2 * SECTORS);
	accept_client();
	assert_true(blk_link_poll(&bl));
	assert_int_equal(reg_in(R_DEVICE, 8), 2 * SECTORS);
	assert_int_equal(msi_count[RIG_VECTOR(0)], 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(requests_reach_the_server_and_their_data_the_guest, setup),
		cmocka_unit_test_setup(the_server_is_signalled_once_for_a_batch, setup),
		cmocka_unit_test_setup(what_the_server_says_of_the_disk_is_what_the_guest_sees, setup),
		cmocka_unit_test_setup(a_server_that_says_nonsense_is_not_taken, setup),
		cmocka_unit_test_setup(failures_are_the_guests_to_see, setup),
		cmocka_unit_test_setup(what_was_not_completed_is_asked_of_the_next_server, setup),
		cmocka_unit_test_setup(requests_made_while_there_is_no_server_wait_for_it, setup),
		cmocka_unit_test_setup(a_server_that_answers_what_was_not_asked_is_left, setup),
		cmocka_unit_test_setup(a_reset_waits_until_the_server_has_let_go, setup),
		cmocka_unit_test_setup(a_disk_that_has_grown_is_announced, setup),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	free(shared);
	free(drv[0].ram);
	return failed;
}
