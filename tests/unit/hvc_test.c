/* SPDX-License-Identifier: Apache-2.0 */
/* The virtio console: no byte is lost in either direction, whatever room there is. */
/* sources: vmm/virtio/hvc.c vmm/virtio/virtio.c vmm/virtio/virtio_pci.c vmm/virtio/vq.c vmm/virtio/vq_split.c vmm/virtio/vq_packed.c vmm/gmem.c vmm/dev/msix.c vmm/dev/pci.c vmm/dev/pci_cfg.c vmm/bus.c tests/fake/dev_fake.c tests/fake/dev_lines.c */
#include "virtio_rig.h"

#include <virtio/hvc.h>

#define DATA	(RAM + 0x10000)

static struct hvc hvc;
static uint8_t sent[1u << 21];
static uint32_t sent_len, room;
static unsigned lent;

static uint32_t put(void *arg, const void *bytes, uint32_t len)
{
	(void)arg;
	len = len < room ? len : room;
	assert_true(sent_len + len <= sizeof(sent));
	memcpy(sent + sent_len, bytes, len);
	sent_len += len;
	room -= len;
	return len;
}

static void on_lent(void *arg)
{
	(void)arg;
	lent++;
}

static const struct hvc_ops ops = { put, on_lent };

static int setup(void **state)
{
	(void)state;
	sent_len = lent = 0;
	room = UINT32_MAX;
	rig_buses();
	assert_true(hvc_init(&hvc, &pci, rig_mem, 1, &ops, NULL));
	return 0;
}

static void offer(unsigned q, uint32_t at, uint32_t len)
{
	const struct vq_piece piece = { DATA + at, len, q == 0 };

	vq_offer(&drv[q], &piece, 1, 0);
}

static void output_comes_out_whole_and_in_order(void **state)
{
	(void)state;
	rig_start(VF_VERSION_1, 8, true);
	for (unsigned i = 0; i < 0x8000; i++)
		((uint8_t *)vq_at(&drv[1], DATA))[i] = (uint8_t)(i * 7);
	for (unsigned i = 0; i < 64; i++) {		/* two mebibytes */
		offer(1, 0, 0x8000);
		rig_kick(1);
		assert_int_equal(rig_used(1), 0);
	}
	assert_int_equal(sent_len, 64 * 0x8000);
	assert_int_equal(sent[12345], (uint8_t)(12345 * 7));
	assert_int_equal(msi_count[RIG_VECTOR(2)], 64);
}

static void output_without_a_reader_waits_in_the_guest(void **state)
{
	(void)state;
	rig_start(VF_VERSION_1, 8, true);
	room = 1000;
	for (unsigned i = 0; i < 4; i++) {
		memset(vq_at(&drv[1], DATA + i * 700), 'a' + (int)i, 700);
		offer(1, i * 700, 700);
	}
	rig_kick(1);
	assert_int_equal(sent_len, 1000);
	assert_int_equal(rig_used(1), 0);
	assert_int_equal(rig_used(1), -1);
	rig_kick(1);					/* asking again does not help */
	assert_int_equal(sent_len, 1000);
	for (unsigned i = 0; i < 18; i++) {
		room = 100;
		hvc_room(&hvc);
	}
	assert_int_equal(sent_len, 2800);
	for (unsigned i = 0; i < 2800; i++)
		assert_int_equal(sent[i], 'a' + i / 700);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(rig_used(1), 0);
}

static void input_fills_buffers_and_waits_for_more(void **state)
{
	unsigned taken = 0;

	(void)state;
	assert_int_equal(hvc_input(&hvc, 'x'), HVC_NOT_USED);
	rig_start(VF_VERSION_1 | VF_EVENT_IDX, 8, true);
	assert_int_equal(hvc_input(&hvc, 'x'), HVC_FULL);
	lent = 0;
	offer(0, 0, 4);
	offer(0, 16, 4);
	rig_kick(0);
	assert_int_equal(lent, 1);
	while (hvc_input(&hvc, (uint8_t)('0' + taken)) == HVC_TOOK)
		taken++;
	hvc_input_done(&hvc);
	assert_int_equal(taken, 8);
	assert_int_equal(rig_used(0), 4);
	assert_int_equal(rig_used(0), 4);
	assert_memory_equal(vq_at(&drv[0], DATA), "0123", 4);
	assert_memory_equal(vq_at(&drv[0], DATA + 16), "4567", 4);
	offer(0, 32, 64);
	rig_kick(0);
	assert_int_equal(hvc_input(&hvc, 'y'), HVC_TOOK);
	assert_int_equal(rig_used(0), -1);
	hvc_input_done(&hvc);				/* a buffer is not kept until it is full */
	assert_int_equal(rig_used(0), 1);
}

static void a_reset_forgets_what_was_under_way(void **state)
{
	(void)state;
	rig_start(VF_VERSION_1, 8, true);
	room = 10;
	offer(1, 0, 100);
	rig_kick(1);
	offer(0, 0, 64);
	assert_int_equal(hvc_input(&hvc, 'x'), HVC_TOOK);
	reg_out(C_STATUS, 1, 0);
	assert_int_equal(reg_in(C_STATUS, 1), 0);
	room = 1000;
	hvc_room(&hvc);
	hvc_input_done(&hvc);
	assert_int_equal(sent_len, 10);
	assert_int_equal(hvc_input(&hvc, 'x'), HVC_NOT_USED);
	rig_start(VF_VERSION_1, 8, true);
	assert_int_equal(hvc_input(&hvc, 'x'), HVC_FULL);
}

static void an_input_buffer_that_cannot_be_written_needs_a_reset(void **state)
{
	const struct vq_piece piece = { DATA, 16, false };

	(void)state;
	rig_start(VF_VERSION_1, 8, true);
	vq_offer(&drv[0], &piece, 1, 0);
	rig_kick(0);
	assert_int_equal(hvc_input(&hvc, 'x'), HVC_NOT_USED);
	assert_true(reg_in(C_STATUS, 1) & VIRTIO_NEEDS_RESET);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(output_comes_out_whole_and_in_order, setup),
		cmocka_unit_test_setup(output_without_a_reader_waits_in_the_guest, setup),
		cmocka_unit_test_setup(input_fills_buffers_and_waits_for_more, setup),
		cmocka_unit_test_setup(a_reset_forgets_what_was_under_way, setup),
		cmocka_unit_test_setup(an_input_buffer_that_cannot_be_written_needs_a_reset, setup),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	free(drv[0].ram);
	return failed;
}
