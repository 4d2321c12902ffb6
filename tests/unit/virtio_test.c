/* SPDX-License-Identifier: Apache-2.0 */
/* The transport of virtio devices, with the entropy device on it: registers, capabilities, life, interrupts. */
/* sources: vmm/virtio/virtio.c vmm/virtio/virtio_pci.c vmm/virtio/rng.c vmm/virtio/vq.c vmm/virtio/vq_split.c vmm/virtio/vq_packed.c vmm/gmem.c vmm/dev/msix.c vmm/dev/pci.c vmm/dev/pci_cfg.c vmm/bus.c tests/fake/dev_fake.c tests/fake/dev_lines.c */
#include "virtio_rig.h"

#include <linux/virtio_config.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_pci.h>
#include <virtio/rng.h>

_Static_assert(C_NUM_QUEUES == VIRTIO_PCI_COMMON_NUMQ && C_STATUS == VIRTIO_PCI_COMMON_STATUS, "");
_Static_assert(C_QUEUE_SELECT == VIRTIO_PCI_COMMON_Q_SELECT && C_QUEUE_ENABLE == VIRTIO_PCI_COMMON_Q_ENABLE, "");
_Static_assert(C_QUEUE_DESC == VIRTIO_PCI_COMMON_Q_DESCLO && C_QUEUE_DEVICE == VIRTIO_PCI_COMMON_Q_USEDLO, "");
_Static_assert(C_QUEUE_RESET == sizeof(struct virtio_pci_common_cfg) + 2, "");
_Static_assert(VIRTIO_FEATURES_OK == VIRTIO_CONFIG_S_FEATURES_OK && VIRTIO_NEEDS_RESET == VIRTIO_CONFIG_S_NEEDS_RESET, "");
_Static_assert(VIRTIO_DRIVER_OK == VIRTIO_CONFIG_S_DRIVER_OK && VIRTIO_FAILED == VIRTIO_CONFIG_S_FAILED, "");
_Static_assert(VF_VERSION_1 == BIT(VIRTIO_F_VERSION_1) && VF_PACKED == BIT(VIRTIO_F_RING_PACKED), "");
_Static_assert(VF_PLATFORM == BIT(VIRTIO_F_ACCESS_PLATFORM), "");

#define DATA	(RAM + 0x10000)

static struct rng rng;
static uint64_t random_word;
static bool random_works;

static bool source(uint64_t *word)
{
	*word = random_word++;
	return random_works;
}

static int setup(void **state)
{
	(void)state;
	random_word = 0x1122334455667700;
	random_works = true;
	rig_buses();
	assert_true(rng_init(&rng, &pci, rig_mem, 1, source));
	return 0;
}

/* Ask for @len random bytes. */
static void ask(uint32_t len)
{
	const struct vq_piece piece = { DATA, len, true };

	vq_offer(&drv[0], &piece, 1, 0);
	rig_kick(0);
}

static void the_capabilities_lead_to_every_structure(void **state)
{
	unsigned at = (unsigned)cfg_in(PCI_CAPABILITIES, 1), seen = 0, steps = 0;

	(void)state;
	assert_int_equal(cfg_in(0, 4), 0x10441af4);
	assert_int_equal(cfg_in(8, 1), 1);
	assert_true(cfg_in(PCI_STATUS, 2) & PCI_STATUS_CAPS);
	for (; at; at = (unsigned)cfg_in(at + 1, 1)) {
		assert_true(++steps < 16 && at >= 0x40 && at % 4 == 0);
		if (cfg_in(at, 1) == 0x11) {
			assert_int_equal(cfg_in(at + 2, 2), 1);		/* two vectors */
			assert_int_equal(cfg_in(at + 4, 4), 0x4002);
			assert_int_equal(cfg_in(at + 8, 4), 0x5002);
			continue;
		}
		assert_int_equal(cfg_in(at, 1), 9);
		seen |= 1u << cfg_in(at + 3, 1);
		if (cfg_in(at + 3, 1) == VIRTIO_PCI_CAP_NOTIFY_CFG)
			assert_int_equal(cfg_in(at + 16, 4), 4);
		if (cfg_in(at + 3, 1) != VIRTIO_PCI_CAP_PCI_CFG)
			assert_true(cfg_in(at + 4, 1) == 0 || cfg_in(at + 4, 1) == 2);
	}
	assert_int_equal(seen, 0x3e);
}

static void a_driver_by_the_book_gets_its_bytes(void **state)
{
	(void)state;
	for (unsigned packed = 0; packed < 2; packed++) {
		setup(NULL);
		rig_start(VF_VERSION_1 | (packed ? VF_PACKED : 0), 8, true);
		for (unsigned i = 1; i < 100; i++) {
			memset(vq_at(&drv[0], DATA), 0, 64);
			ask(i % 40 + 1);
			assert_int_equal(rig_used(0), i % 40 + 1);
			assert_int_equal(*(uint8_t *)vq_at(&drv[0], DATA) != 0 || random_word % 256 < 8, 1);
			assert_int_equal(*(uint8_t *)vq_at(&drv[0], DATA + i % 40 + 1), 0);
			assert_int_equal(msi_count[RIG_VECTOR(1)], i);
		}
	}
}

static void features_are_offered_in_two_words_and_nothing_beyond(void **state)
{
	(void)state;
	rig_pci(false);
	assert_int_equal(rig_offered(), VF_COMMON);
	reg_out(C_DEVICE_SELECT, 4, 2);
	assert_int_equal(reg_in(C_DEVICE_FEATURE, 4), 0);
	reg_out(C_DEVICE_SELECT, 4, UINT32_MAX);
	assert_int_equal(reg_in(C_DEVICE_FEATURE, 4), 0);
}

static void features_that_were_not_offered_or_lack_version_1_are_not_ok(void **state)
{
	static const uint64_t bad[] = { 0, BIT(5) | BIT(32), BIT(63) | BIT(32), BIT(28) };

	(void)state;
	rig_pci(false);
	for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
		reg_out(C_STATUS, 1, 3);
		rig_features(bad[i]);
		reg_out(C_STATUS, 1, 0xb);
		assert_int_equal(reg_in(C_STATUS, 1), 3);
		reg_out(C_STATUS, 1, 0xf);			/* DRIVER_OK all the same */
		assert_int_equal(reg_in(C_STATUS, 1), 3);
		reg_out(C_STATUS, 1, 0);
	}
	rig_features(VF_VERSION_1);
	reg_out(C_STATUS, 1, 0xb);
	assert_int_equal(reg_in(C_STATUS, 1), 0xb);
	rig_features(VF_VERSION_1 | VF_PACKED);		/* too late */
	reg_out(C_DRIVER_SELECT, 4, 1);
	assert_int_equal(reg_in(C_DRIVER_FEATURE, 4), 1);
}

static void a_queue_cannot_be_changed_while_it_is_enabled(void **state)
{
	(void)state;
	rig_start(VF_VERSION_1, 8, true);
	reg_out(C_QUEUE_SELECT, 2, 0);
	reg_out(C_QUEUE_DESC, 4, 0x12340000);
	reg_out(C_QUEUE_DRIVER + 4, 4, 1);
	reg_out(C_QUEUE_SIZE, 2, 4);
	reg_out(C_QUEUE_ENABLE, 2, 0);
	reg_out(C_QUEUE_ENABLE, 2, 1);
	assert_int_equal(reg_in(C_QUEUE_DESC, 4), drv[0].desc);
	assert_int_equal(reg_in(C_QUEUE_DRIVER + 4, 4), 0);
	assert_int_equal(reg_in(C_QUEUE_SIZE, 2), 8);
	ask(16);
	assert_int_equal(rig_used(0), 16);
}

static void queues_that_do_not_exist_have_no_size_and_cannot_be_set_up(void **state)
{
	static const unsigned none[] = { 1, 15, 16, 255, 65535 };

	(void)state;
	rig_start(VF_VERSION_1, 8, true);
	for (unsigned i = 0; i < ARRAY_LEN(none); i++) {
		reg_out(C_QUEUE_SELECT, 2, none[i]);
		assert_int_equal(reg_in(C_QUEUE_SIZE, 2), 0);
		reg_out(C_QUEUE_SIZE, 2, 8);
		reg_out(C_QUEUE_ENABLE, 2, 1);
		reg_out(C_QUEUE_RESET, 2, 1);
		assert_int_equal(reg_in(C_QUEUE_ENABLE, 2), 0);
		assert_int_equal(reg_in(C_QUEUE_VECTOR, 2), 0xffff);
		rig_kick(none[i]);
		bus_write(&mmio, rig_regs + R_NOTIFY + 4 * (none[i] % 1024), 2, none[i]);
	}
	assert_int_equal(reg_in(C_STATUS, 1), 0xf);
}

static void a_queue_in_a_bad_place_needs_a_reset(void **state)
{
	(void)state;
	rig_pci(true);
	for (unsigned i = 0; i < 4; i++) {
		reg_out(C_STATUS, 1, 0);
		reg_out(C_STATUS, 1, 3);
		rig_features(VF_VERSION_1);
		reg_out(C_STATUS, 1, 0xb);
		rig_queue(0, 8, false);
		if (i == 0)
			drv[0].desc = 0;
		if (i == 1)
			drv[0].size = 0;
		if (i == 2)
			drv[0].size = 5;
		if (i == 3)
			drv[0].used = rig_regs;
		rig_queue_on(0);
		assert_int_equal(reg_in(C_QUEUE_ENABLE, 2), 0);
		assert_int_equal(reg_in(C_STATUS, 1), 0xb | VIRTIO_NEEDS_RESET);
	}
}

static void a_broken_ring_needs_a_reset_and_says_so_by_interrupt(void **state)
{
	(void)state;
	rig_start(VF_VERSION_1, 8, true);
	vq_avail(&drv[0])->idx = 9;
	rig_kick(0);
	assert_int_equal(reg_in(C_STATUS, 1), 0xf | VIRTIO_NEEDS_RESET);
	assert_int_equal(msi_count[RIG_VECTOR(0)], 1);
	vq_avail(&drv[0])->idx = 0;
	ask(16);
	assert_int_equal(rig_used(0), -1);
	reg_out(C_STATUS, 1, 0);
	assert_int_equal(reg_in(C_STATUS, 1), 0);
	rig_start(VF_VERSION_1, 8, true);
	ask(16);
	assert_int_equal(rig_used(0), 16);
}

static void notifications_before_driver_ok_or_without_bus_mastering_wait(void **state)
{
	(void)state;
	rig_start(VF_VERSION_1, 8, true);
	cfg_out(PCI_COMMAND, 2, PCI_COMMAND_IO | PCI_COMMAND_MEMORY);
	ask(16);
	assert_int_equal(rig_used(0), -1);
	cfg_out(PCI_COMMAND, 2, PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	assert_int_equal(rig_used(0), 16);
	reg_out(C_STATUS, 1, 0);
	ask(16);
	assert_int_equal(rig_used(0), -1);
	reg_out(C_STATUS, 1, 0xb);
	rig_features(VF_VERSION_1);
	reg_out(C_STATUS, 1, 0xb);
	rig_queue(0, 8, false);
	rig_queue_on(0);
	ask(16);
	assert_int_equal(rig_used(0), -1);
	reg_out(C_STATUS, 1, 0xf);				/* now it runs, and looks by itself */
	assert_int_equal(rig_used(0), 16);
}

static void a_queue_can_be_reset_alone_and_set_up_again(void **state)
{
	(void)state;
	rig_start(VF_VERSION_1 | VF_RING_RESET, 8, true);
	ask(16);
	assert_int_equal(rig_used(0), 16);
	reg_out(C_QUEUE_SELECT, 2, 0);
	reg_out(C_QUEUE_RESET, 2, 1);
	assert_int_equal(reg_in(C_QUEUE_RESET, 2), 0);
	assert_int_equal(reg_in(C_QUEUE_ENABLE, 2), 0);
	assert_int_equal(reg_in(C_QUEUE_SIZE, 2), VQ_SIZE_MAX);
	assert_int_equal(reg_in(C_STATUS, 1), 0xf);
	rig_queue(0, 4, false);
	rig_queue_on(0);
	ask(20);
	assert_int_equal(rig_used(0), 20);
}

static void the_reset_of_a_queue_must_have_been_negotiated(void **state)
{
	(void)state;
	rig_start(VF_VERSION_1, 8, true);
	reg_out(C_QUEUE_RESET, 2, 1);
	assert_int_equal(reg_in(C_QUEUE_ENABLE, 2), 1);
}

static void without_msi_x_the_line_is_raised_until_the_isr_is_read(void **state)
{
	(void)state;
	rig_start(VF_VERSION_1, 8, false);
	ask(16);
	assert_true(fake_line[17].level);
	assert_true(cfg_in(PCI_STATUS, 2) & PCI_STATUS_INTX);
	assert_int_equal(reg_in(R_ISR, 1), 1);
	assert_false(fake_line[17].level);
	assert_int_equal(reg_in(R_ISR, 1), 0);
	vq_avail(&drv[0])->idx = 100;
	rig_kick(0);
	assert_int_equal(reg_in(R_ISR, 1), 2);
	ask(16);
	reg_out(C_STATUS, 1, 0);
	assert_false(fake_line[17].level);
}

static void masked_vectors_wait_in_the_pending_bits(void **state)
{
	(void)state;
	rig_start(VF_VERSION_1, 8, true);
	reg_out(R_MSIX + 16 + 12, 4, 1);
	ask(16);
	assert_int_equal(msi_count[RIG_VECTOR(1)], 0);
	assert_int_equal(reg_in(R_PENDING, 4), 2);
	reg_out(R_MSIX + 16 + 8, 4, RIG_VECTOR(7));		/* reprogrammed while masked */
	reg_out(R_MSIX + 16 + 12, 4, 0);
	assert_int_equal(msi_count[RIG_VECTOR(7)], 1);
	assert_int_equal(reg_in(R_PENDING, 4), 0);
	cfg_out(0x42, 2, MSIX_ENABLE | MSIX_MASK_ALL);
	ask(16);
	assert_int_equal(msi_count[RIG_VECTOR(7)], 1);
	cfg_out(0x42, 2, MSIX_ENABLE);
	assert_int_equal(msi_count[RIG_VECTOR(7)], 2);
	assert_false(fake_line[17].level);
}

static void vectors_out_of_the_table_read_back_as_none_and_send_nothing(void **state)
{
	static const unsigned bad[] = { 2, 31, 32, 2048, 65535 };

	(void)state;
	rig_start(VF_VERSION_1, 8, true);
	for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
		reg_out(C_QUEUE_VECTOR, 2, bad[i]);
		assert_int_equal(reg_in(C_QUEUE_VECTOR, 2), 0xffff);
		reg_out(C_CONFIG_VECTOR, 2, bad[i]);
		assert_int_equal(reg_in(C_CONFIG_VECTOR, 2), 0xffff);
		ask(8);
		assert_int_equal(rig_used(0), 8);
		reg_out(R_MSIX + 16 * bad[i] % 0x1000, 4, UINT32_MAX);
	}
	for (unsigned i = 0; i < 256; i++)
		assert_int_equal(msi_count[i], 0);
	reg_out(C_QUEUE_VECTOR, 2, 1);				/* a message that is no interrupt */
	reg_out(R_MSIX + 16, 4, DATA);
	ask(8);
	assert_int_equal(rig_used(0), 8);
}

static void registers_can_be_read_at_any_offset_and_size(void **state)
{
	(void)state;
	rig_start(VF_VERSION_1, 8, true);
	for (unsigned off = 0; off < 0x8000; off++)
		for (unsigned size = 1; size <= 8; size *= 2)
			(void)reg_in(off, size);
	assert_int_equal(reg_in(C_NUM_QUEUES, 4), 1 | 0xf << 16 | reg_in(C_GENERATION, 1) << 24);
	assert_int_equal(reg_in(C_QUEUE_DESC, 8), drv[0].desc);
	assert_int_equal(reg_in(C_QUEUE_RESET, 4), 0);		/* past the end */
}

static void writes_of_the_wrong_width_do_nothing(void **state)
{
	(void)state;
	rig_start(VF_VERSION_1, 8, true);
	for (unsigned off = 0; off < C_QUEUE_RESET + 6; off++) {
		if (off != C_STATUS && off != C_STATUS - 1)
			reg_out(off, off % 4 == 2 ? 4 : 1, 0x55);
	}
	ask(16);
	assert_int_equal(reg_in(C_STATUS, 1), 0xf);
	assert_int_equal(rig_used(0), 16);
}

static void registers_are_reached_through_configuration_space_too(void **state)
{
	(void)state;
	rig_start(VF_VERSION_1, 8, true);
	cfg_out(0xa4 + 4, 1, 2);
	cfg_out(0xa4 + 8, 4, C_NUM_QUEUES);
	cfg_out(0xa4 + 12, 4, 2);
	assert_int_equal(cfg_in(0xa4 + 16, 2), 1);
	cfg_out(0xa4 + 8, 4, C_STATUS);
	cfg_out(0xa4 + 12, 4, 1);
	assert_int_equal(cfg_in(0xa4 + 16, 1), 0xf);
	cfg_out(0xa4 + 16, 1, 0);
	assert_int_equal(reg_in(C_STATUS, 1), 0);
	for (unsigned i = 0; i < 10000; i++) {			/* and nothing beyond them */
		cfg_out(0xa4 + 4, 1, (unsigned)rand() % 8);
		cfg_out(0xa4 + 8, 4, rand() % 2 ? (unsigned)rand() % 0x9000 : (uint32_t)rand() * 2u);
		cfg_out(0xa4 + 12, 4, (unsigned)rand() % 9);
		(void)cfg_in(0xa4 + 16, 4);
		cfg_out(0xa4 + 16, 4, (unsigned)rand());
	}
}

static void a_source_that_fails_needs_a_reset_rather_than_give_zeros(void **state)
{
	(void)state;
	random_works = false;
	rig_start(VF_VERSION_1, 8, true);
	ask(16);
	assert_int_equal(rig_used(0), -1);
	assert_true(reg_in(C_STATUS, 1) & VIRTIO_NEEDS_RESET);
}

static void a_buffer_that_cannot_be_written_needs_a_reset(void **state)
{
	const struct vq_piece piece = { DATA, 16, false };

	(void)state;
	rig_start(VF_VERSION_1, 8, true);
	vq_offer(&drv[0], &piece, 1, 0);
	rig_kick(0);
	assert_true(reg_in(C_STATUS, 1) & VIRTIO_NEEDS_RESET);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(the_capabilities_lead_to_every_structure, setup),
		cmocka_unit_test_setup(a_driver_by_the_book_gets_its_bytes, setup),
		cmocka_unit_test_setup(features_are_offered_in_two_words_and_nothing_beyond, setup),
		cmocka_unit_test_setup(features_that_were_not_offered_or_lack_version_1_are_not_ok, setup),
		cmocka_unit_test_setup(a_queue_cannot_be_changed_while_it_is_enabled, setup),
		cmocka_unit_test_setup(queues_that_do_not_exist_have_no_size_and_cannot_be_set_up, setup),
		cmocka_unit_test_setup(a_queue_in_a_bad_place_needs_a_reset, setup),
		cmocka_unit_test_setup(a_broken_ring_needs_a_reset_and_says_so_by_interrupt, setup),
		cmocka_unit_test_setup(notifications_before_driver_ok_or_without_bus_mastering_wait, setup),
		cmocka_unit_test_setup(a_queue_can_be_reset_alone_and_set_up_again, setup),
		cmocka_unit_test_setup(the_reset_of_a_queue_must_have_been_negotiated, setup),
		cmocka_unit_test_setup(without_msi_x_the_line_is_raised_until_the_isr_is_read, setup),
		cmocka_unit_test_setup(masked_vectors_wait_in_the_pending_bits, setup),
		cmocka_unit_test_setup(vectors_out_of_the_table_read_back_as_none_and_send_nothing, setup),
		cmocka_unit_test_setup(registers_can_be_read_at_any_offset_and_size, setup),
		cmocka_unit_test_setup(writes_of_the_wrong_width_do_nothing, setup),
		cmocka_unit_test_setup(registers_are_reached_through_configuration_space_too, setup),
		cmocka_unit_test_setup(a_source_that_fails_needs_a_reset_rather_than_give_zeros, setup),
		cmocka_unit_test_setup(a_buffer_that_cannot_be_written_needs_a_reset, setup),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	free(drv[0].ram);
	return failed;
}
