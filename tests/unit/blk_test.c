/* SPDX-License-Identifier: Apache-2.0 */
/* The block device over a disk in memory: what a driver reads is what was written last, and bad requests touch nothing. */
/* sources: vmm/virtio/blk.c vmm/virtio/blk_ram.c vmm/virtio/virtio.c vmm/virtio/virtio_pci.c vmm/virtio/vq.c vmm/virtio/vq_split.c vmm/virtio/vq_packed.c vmm/gmem.c vmm/dev/msix.c vmm/dev/pci.c vmm/dev/pci_cfg.c vmm/bus.c tests/fake/dev_fake.c tests/fake/dev_lines.c */
#include "virtio_rig.h"

#include <linux/virtio_blk.h>
#include <virtio/blk_ram.h>

_Static_assert(offsetof(struct virtio_blk_config, num_queues) == 34 && offsetof(struct virtio_blk_config, max_discard_sectors) == 36, "");
_Static_assert(offsetof(struct virtio_blk_config, write_zeroes_may_unmap) == 56, "");

#define WRITING		(BIT(VIRTIO_BLK_F_FLUSH) | BIT(VIRTIO_BLK_F_DISCARD) | BIT(VIRTIO_BLK_F_WRITE_ZEROES))
#define HEADER		(RAM + 0x8000)
#define STATUS		(RAM + 0x8100)
#define DATA		(RAM + 0x10000)
#define DISK_SIZE	(64 * 4096ull)
#define IMAGE_SIZE	(10 * 4096ull + 700)	/* the image ends in the middle of a block */
#define SECTORS		(DISK_SIZE / 512)

static uint8_t image[IMAGE_SIZE], data[DISK_SIZE], model[DISK_SIZE];
static uint64_t bits[2];
static struct blk_ram ram;
static struct blk blk;
static struct blk_request request;

static void device(bool read_only)
{
	struct blk_setup s = {
		.pci = &pci, .slot = 1, .queues = 1, .requests = 1, .request = &request, .back = &blk_ram_back,
		.back_state = &ram,
	};

	memset(bits, 0, sizeof(bits));
	memset(data, 0xee, sizeof(data));		/* what was never written must never be seen */
	for (unsigned i = 0; i < IMAGE_SIZE; i++)
		image[i] = (uint8_t)(i * 7 + i / 256);
	memset(model, 0, sizeof(model));
	memcpy(model, image, IMAGE_SIZE);
	ram = (struct blk_ram){ image, IMAGE_SIZE, read_only ? NULL : data, DISK_SIZE, read_only ? NULL : bits };
	s.geometry = blk_ram_geometry(&ram, "serial-number-of-more-than-20");
	rig_buses();
	s.mem = rig_mem;
	assert_true(blk_init(&blk, &s));
	rig_start(VF_VERSION_1 | (read_only ? 0 : WRITING), 16, true);
}

static int setup(void **state)
{
	(void)state;
	device(false);
	return 0;
}

static void header(uint32_t type, uint64_t sector)
{
	struct virtio_blk_outhdr h = { .type = type, .sector = sector };

	memcpy(vq_at(&drv[0], HEADER), &h, sizeof(h));
	*(uint8_t *)vq_at(&drv[0], STATUS) = 0xaa;
}

static int64_t used;			/* bytes written, of the last request */

/* One request with @len bytes at DATA; its status, or -1 if it did not come back. */
static int ask(uint32_t type, uint64_t sector, uint32_t len, bool write)
{
	const struct vq_piece piece[] = { { HEADER, 16, false }, { DATA, len, write }, { STATUS, 1, true } };
	const struct vq_piece empty[] = { piece[0], piece[2] };

	header(type, sector);
	vq_offer(&drv[0], len ? piece : empty, len ? 3 : 2, 0);
	rig_kick(0);
	used = rig_used(0);
	return used < 0 ? -1 : *(uint8_t *)vq_at(&drv[0], STATUS);
}

static void the_configuration_says_what_the_disk_is(void **state)
{
	(void)state;
	assert_int_equal(cfg_in(0, 4), 0x10421af4);
	assert_int_equal(reg_in(R_DEVICE, 8), SECTORS);
	assert_int_equal(reg_in(R_DEVICE + 12, 4), BLK_SEGMENTS);
	assert_int_equal(reg_in(R_DEVICE + 20, 4), 512);
	assert_int_equal(reg_in(R_DEVICE + 24, 1), 3);
	assert_int_equal(reg_in(R_DEVICE + 34, 2), 1);
	for (unsigned off = 0; off < 0x1000; off++)
		for (unsigned size = 1; size <= 8; size *= 2)
			(void)reg_in(R_DEVICE + off, size);
	assert_int_equal(reg_in(R_DEVICE + 60, 4), 0);
}

static void what_is_read_is_the_image_under_what_was_written(void **state)
{
	(void)state;
	srand(2);
	for (unsigned round = 0; round < 5000; round++) {
		uint64_t sector = (unsigned)rand() % SECTORS;
		uint32_t len = 512 * (1 + (unsigned)rand() % (SECTORS - sector < 24 ? SECTORS - sector : 24));
		unsigned what = (unsigned)rand() % 8;
		struct virtio_blk_discard_write_zeroes range = { sector, len / 512, what == 7 };

		if (what < 4) {
			memset(vq_at(&drv[0], DATA), 0x33, len);
			assert_int_equal(ask(VIRTIO_BLK_T_IN, sector, len, true), VIRTIO_BLK_S_OK);
			assert_int_equal(used, len + 1);
			assert_memory_equal(vq_at(&drv[0], DATA), model + sector * 512, len);
		} else if (what < 6) {
			for (unsigned i = 0; i < len; i++)
				((uint8_t *)vq_at(&drv[0], DATA))[i] = model[sector * 512 + i] = (uint8_t)rand();
			assert_int_equal(ask(VIRTIO_BLK_T_OUT, sector, len, false), VIRTIO_BLK_S_OK);
		} else {
			memset(model + sector * 512, 0, len);
			memcpy(vq_at(&drv[0], DATA), &range, sizeof(range));
			assert_int_equal(ask(VIRTIO_BLK_T_WRITE_ZEROES, 0, sizeof(range), false), VIRTIO_BLK_S_OK);
		}
	}
	assert_int_equal(ask(VIRTIO_BLK_T_FLUSH, 0, 0, false), VIRTIO_BLK_S_OK);
}

static void header_and_status_can_share_pieces_with_the_data(void **state)
{
	const struct vq_piece piece[] = { { HEADER, 5, false }, { HEADER + 5, 11, false }, { DATA, 513, true } };

	(void)state;
	header(VIRTIO_BLK_T_IN, 3);
	vq_offer(&drv[0], piece, 3, 0);
	rig_kick(0);
	assert_int_equal(rig_used(0), 513);
	assert_memory_equal(vq_at(&drv[0], DATA), model + 3 * 512, 512);
	assert_int_equal(*(uint8_t *)vq_at(&drv[0], DATA + 512), VIRTIO_BLK_S_OK);
}

static void requests_beyond_the_end_or_not_of_whole_sectors_fail(void **state)
{
	static const struct { uint64_t sector; uint32_t len; } bad[] = {
		{ SECTORS, 512 }, { SECTORS - 1, 1024 }, { UINT64_MAX, 512 }, { UINT64_MAX - 1, 2048 }, { 1ull << 55, 512 },
		{ (1ull << 55) - 1, 1024 }, { 0, 511 }, { 0, 513 }, { 0, 1 },
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
		assert_int_equal(ask(VIRTIO_BLK_T_IN, bad[i].sector, bad[i].len, true), VIRTIO_BLK_S_IOERR);
		assert_int_equal(ask(VIRTIO_BLK_T_OUT, bad[i].sector, bad[i].len, false), VIRTIO_BLK_S_IOERR);
	}
	assert_int_equal(bits[0] | bits[1], 0);
	assert_int_equal(ask(VIRTIO_BLK_T_IN, SECTORS, 0, true), VIRTIO_BLK_S_OK);
	assert_int_equal(reg_in(C_STATUS, 1), 0xf);
}

static void buffers_on_the_wrong_side_are_not_taken_for_data(void **state)
{
	(void)state;
	assert_int_equal(ask(VIRTIO_BLK_T_IN, 0, 512, false), VIRTIO_BLK_S_OK);	/* a read of nothing */
	assert_int_equal(used, 1);
	assert_int_equal(ask(VIRTIO_BLK_T_OUT, 0, 512, true), VIRTIO_BLK_S_OK);
	assert_int_equal(bits[0], 0);
}

static void unknown_types_are_not_supported(void **state)
{
	static const uint32_t types[] = { 2, 3, 5, 7, 9, 10, 12, 14, 0x80000000u, UINT32_MAX };

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(types); i++)
		assert_int_equal(ask(types[i], 0, 512, true), VIRTIO_BLK_S_UNSUPP);
}

static void a_request_without_header_or_status_needs_a_reset(void **state)
{
	const struct vq_piece no_status = { HEADER, 16, false }, no_header = { STATUS, 1, true };
	const struct vq_piece short_header[] = { { HEADER, 15, false }, { STATUS, 1, true } };

	for (unsigned i = 0; i < 3; i++) {
		setup(state);
		header(VIRTIO_BLK_T_FLUSH, 0);
		if (i == 2)
			vq_offer(&drv[0], short_header, 2, 0);
		else
			vq_offer(&drv[0], i ? &no_status : &no_header, 1, 0);
		rig_kick(0);
		assert_int_equal(rig_used(0), -1);
		assert_true(reg_in(C_STATUS, 1) & VIRTIO_NEEDS_RESET);
	}
}

static void clearing_takes_one_range_inside_the_disk(void **state)
{
	static const struct virtio_blk_discard_write_zeroes bad[] = {
		{ SECTORS, 1, 0 }, { 0, SECTORS + 1, 0 }, { UINT64_MAX, 2, 0 }, { 1, UINT32_MAX, 0 },
	};
	struct virtio_blk_discard_write_zeroes many[2] = { { 0, 1, 0 }, { 1, 1, 0 } };
	const struct virtio_blk_discard_write_zeroes flags = { 0, 1, 1 };

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
		memcpy(vq_at(&drv[0], DATA), &bad[i], sizeof(bad[i]));
		assert_int_equal(ask(VIRTIO_BLK_T_DISCARD, 0, sizeof(bad[i]), false), VIRTIO_BLK_S_IOERR);
		assert_int_equal(ask(VIRTIO_BLK_T_WRITE_ZEROES, 0, sizeof(bad[i]), false), VIRTIO_BLK_S_IOERR);
	}
	memcpy(vq_at(&drv[0], DATA), many, sizeof(many));
	assert_int_equal(ask(VIRTIO_BLK_T_DISCARD, 0, sizeof(many), false), VIRTIO_BLK_S_IOERR);
	assert_int_equal(ask(VIRTIO_BLK_T_DISCARD, 0, 15, false), VIRTIO_BLK_S_IOERR);
	assert_int_equal(ask(VIRTIO_BLK_T_DISCARD, 0, 0, false), VIRTIO_BLK_S_IOERR);
	memcpy(vq_at(&drv[0], DATA), &flags, sizeof(flags));
	assert_int_equal(ask(VIRTIO_BLK_T_DISCARD, 0, sizeof(flags), false), VIRTIO_BLK_S_UNSUPP);
	assert_int_equal(bits[0], 0);
}

static void the_serial_number_has_at_most_20_characters(void **state)
{
	(void)state;
	memset(vq_at(&drv[0], DATA), 0x55, 64);
	assert_int_equal(ask(VIRTIO_BLK_T_GET_ID, 0, 64, true), VIRTIO_BLK_S_OK);
	assert_memory_equal(vq_at(&drv[0], DATA), "serial-number-of-mor\x55", 21);
	assert_int_equal(ask(VIRTIO_BLK_T_GET_ID, 0, 4, true), VIRTIO_BLK_S_OK);
	assert_int_equal(used, 4);
}

static void a_read_only_disk_offers_no_writing_and_refuses_it(void **state)
{
	(void)state;
	device(true);
	assert_true(rig_offered() & BIT(VIRTIO_BLK_F_RO));
	assert_false(rig_offered() & (BIT(VIRTIO_BLK_F_DISCARD) | BIT(VIRTIO_BLK_F_WRITE_ZEROES)));
	assert_int_equal(ask(VIRTIO_BLK_T_OUT, 0, 512, false), VIRTIO_BLK_S_IOERR);
	assert_int_equal(ask(VIRTIO_BLK_T_WRITE_ZEROES, 0, 16, false), VIRTIO_BLK_S_UNSUPP);
	assert_int_equal(ask(VIRTIO_BLK_T_IN, 0, 4096, true), VIRTIO_BLK_S_OK);
	assert_memory_equal(vq_at(&drv[0], DATA), image, 4096);
}

static void one_interrupt_comes_for_a_batch(void **state)
{
	const struct vq_piece piece[] = { { HEADER, 16, false }, { STATUS, 1, true } };

	(void)state;
	header(VIRTIO_BLK_T_FLUSH, 0);
	for (unsigned i = 0; i < 8; i++)
		vq_offer(&drv[0], piece, 2, 0);
	rig_kick(0);
	for (unsigned i = 0; i < 8; i++)
		assert_int_equal(rig_used(0), 0);
	assert_int_equal(msi_count[RIG_VECTOR(1)], 1);
}

/* --- a back-end that takes its time ---------------------------------------------------------------------------------- */

static struct blk_request slow_request[3], *slow[8];
static unsigned slow_count, slow_dropped;

static unsigned slow_submit(struct blk *b, struct blk_request *r)
{
	(void)b;
	assert_true(slow_count < ARRAY_LEN(slow));
	slow[slow_count++] = r;
	return BLK_PENDING;
}

static void slow_drop(struct blk *b)
{
	(void)b;
	slow_dropped++;
}

static const struct blk_back slow_back = { .submit = slow_submit, .drop = slow_drop };

static void slow_device(void)
{
	struct blk_setup s = {
		.pci = &pci, .slot = 1, .queues = 1, .requests = 3, .request = slow_request, .back = &slow_back,
		.geometry = { .sectors = SECTORS, .flags = BLK_HAS_FLUSH, .block = 512 },
	};
	const struct vq_piece piece[] = { { HEADER, 16, false }, { STATUS, 1, true } };

	slow_count = slow_dropped = 0;
	memset(slow_request, 0, sizeof(slow_request));
	rig_buses();
	s.mem = rig_mem;
	assert_true(blk_init(&blk, &s));
	rig_start(VF_VERSION_1 | VF_RING_RESET | BIT(VIRTIO_BLK_F_FLUSH), 16, true);
	header(VIRTIO_BLK_T_FLUSH, 0);
	for (unsigned i = 0; i < 5; i++)
		vq_offer(&drv[0], piece, 2, 0);
	rig_kick(0);
}

static void more_requests_than_places_wait_and_none_is_forgotten(void **state)
{
	(void)state;
	slow_device();
	assert_int_equal(slow_count, 3);
	blk_done(&blk, slow[1], BLK_OK);
	blk_resume(&blk);
	assert_int_equal(slow_count, 4);
	for (unsigned i = 0; i < 5; i++) {
		if (i != 1)
			blk_done(&blk, slow[i], BLK_EIO);
		blk_resume(&blk);
	}
	assert_int_equal(slow_count, 5);
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(rig_used(0), 0);
	assert_int_equal(rig_used(0), -1);
}

static void a_reset_is_through_when_the_back_end_has_let_go(void **state)
{
	(void)state;
	for (unsigned all = 0; all < 2; all++) {
		slow_device();
		reg_out(C_QUEUE_SELECT, 2, 0);
		if (all)
			reg_out(C_STATUS, 1, 0);
		else
			reg_out(C_QUEUE_RESET, 2, 1);
		assert_int_equal(slow_dropped, 1);
		assert_int_equal(all ? reg_in(C_STATUS, 1) != 0 : reg_in(C_QUEUE_RESET, 2), 1);
		rig_kick(0);
		rig_queue_on(0);
		assert_int_equal(slow_count, 3);
		for (unsigned i = 0; i < 3; i++) {
			assert_int_equal(all ? reg_in(C_STATUS, 1) != 0 : reg_in(C_QUEUE_RESET, 2), 1);
			blk_done(&blk, slow[i], BLK_OK);
		}
		blk_resume(&blk);
		assert_int_equal(all ? reg_in(C_STATUS, 1) : reg_in(C_QUEUE_RESET, 2), 0);
		assert_int_equal(vq_used(&drv[0])->idx, 0);
		assert_int_equal(*(uint8_t *)vq_at(&drv[0], STATUS), 0xaa);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(the_configuration_says_what_the_disk_is, setup),
		cmocka_unit_test_setup(what_is_read_is_the_image_under_what_was_written, setup),
		cmocka_unit_test_setup(header_and_status_can_share_pieces_with_the_data, setup),
		cmocka_unit_test_setup(requests_beyond_the_end_or_not_of_whole_sectors_fail, setup),
		cmocka_unit_test_setup(buffers_on_the_wrong_side_are_not_taken_for_data, setup),
		cmocka_unit_test_setup(unknown_types_are_not_supported, setup),
		cmocka_unit_test_setup(a_request_without_header_or_status_needs_a_reset, setup),
		cmocka_unit_test_setup(clearing_takes_one_range_inside_the_disk, setup),
		cmocka_unit_test_setup(the_serial_number_has_at_most_20_characters, setup),
		cmocka_unit_test_setup(a_read_only_disk_offers_no_writing_and_refuses_it, setup),
		cmocka_unit_test_setup(one_interrupt_comes_for_a_batch, setup),
		cmocka_unit_test(more_requests_than_places_wait_and_none_is_forgotten),
		cmocka_unit_test(a_reset_is_through_when_the_back_end_has_let_go),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	free(drv[0].ram);
	return failed;
}
