/* SPDX-License-Identifier: Apache-2.0 */
/* The NVMe driver's commands and queues: memory by pages as the controller wants it, and completions in their phases. */
/* sources: drivers/nvme/prp.c drivers/nvme/queue.c */
#include <drivers/nvme/nvme.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MAX	((NVME_PRPS - 1) * (uint64_t)NVME_PAGE)
#define LIST	0x7000ull

static struct block_request r;
static struct nvme_command c;
static uint64_t list[NVME_PRPS], done;

void *dma_alloc(struct driver *d, uint64_t size, uint64_t align, uint64_t *addr)
{
	(void)d;
	*addr = 0x1000;
	return aligned_alloc(align, align_up(size, align));
}

static void piece(uint64_t addr, uint32_t len) { r.seg[r.count++] = (struct block_segment){ addr, len }; }
static uint64_t next(uint64_t max) { return nvme_prps(&r, &done, max, &c, list, LIST); }

static int setup(void **state)
{
	(void)state;
	memset(&r, 0, sizeof(r));
	memset(list, 0, sizeof(list));
	done = 0;
	return 0;
}

static void one_or_two_pages_need_no_list(void **state)
{
	(void)state;
	piece(0x10200, 512);
	assert_int_equal(next(MAX), 512);
	assert_int_equal(c.prp[0], 0x10200);
	assert_int_equal(c.prp[1], 0);
	setup(NULL);
	piece(0x10e00, 4096);
	assert_int_equal(next(MAX), 4096);
	assert_int_equal(c.prp[0], 0x10e00);
	assert_int_equal(c.prp[1], 0x11000);
}

static void more_pages_stand_in_the_list(void **state)
{
	(void)state;
	piece(0x10000, 8192);
	piece(0x50000, 4096);
	piece(0x30000, 512);
	assert_int_equal(next(MAX), 12800);
	assert_int_equal(c.prp[0], 0x10000);
	assert_int_equal(c.prp[1], LIST);
	assert_int_equal(list[0], 0x11000);
	assert_int_equal(list[1], 0x50000);
	assert_int_equal(list[2], 0x30000);
}

static void pieces_that_do_not_meet_at_pages_become_commands_of_their_own(void **state)
{
	(void)state;
	piece(0x10000, 512);
	piece(0x20000, 4096);
	piece(0x30800, 512);
	piece(0x40c00, 1024);
	assert_int_equal(next(MAX), 512);
	assert_int_equal(next(MAX), 4096);
	assert_int_equal(c.prp[0], 0x20000);
	assert_int_equal(next(MAX), 512);
	assert_int_equal(c.prp[0], 0x30800);
	assert_int_equal(next(MAX), 1024);
	assert_int_equal(done, 6144);
	assert_int_equal(next(MAX), 0);
}

static void whatever_the_pieces_are_all_bytes_are_named_once_in_whole_sectors(void **state)
{
	(void)state;
	srand(1);
	for (unsigned round = 0; round < 2000; round++) {
		uint64_t total = 0, max = (1 + (uint64_t)rand() % 511) * NVME_PAGE;

		setup(NULL);
		for (unsigned i = 0; i < 1u + (unsigned)rand() % 8; i++) {
			uint32_t len = 512 * (1 + (uint32_t)rand() % 300);

			piece((1 + (uint64_t)i) << 24 | ((uint64_t)rand() % 3 ? 0 : 4 * ((uint64_t)rand() % 1024)), len);
			total += len;
		}
		while (done < total) {
			uint64_t bytes = next(max);

			assert_true(bytes && bytes % 512 == 0 && bytes <= max);
		}
		assert_true(done == total);
	}
}

static void completions_are_told_from_old_ones_by_their_phase(void **state)
{
	uint32_t bells[2] = { 0, 0 };
	struct nvme_queue q;
	uint16_t id, status;

	(void)state;
	assert_true(nvme_queue_begin(&q, NULL, 4));
	memset((void *)q.completion, 0, 4 * sizeof(*q.completion));
	q.submission_bell = &bells[0];
	q.completion_bell = &bells[1];
	for (unsigned i = 0; i < 10; i++) {
		assert_int_equal(nvme_queue_room(&q), 3);
		nvme_queue_put(&q, &c);
		nvme_queue_tell(&q);
		assert_int_equal(bells[0], (i + 1) % 4);
		assert_int_equal(nvme_queue_room(&q), 2);
		assert_false(nvme_queue_take(&q, &id, &status));
		q.completion[i % 4].id = (uint16_t)i;
		q.completion[i % 4].status = (uint16_t)(i << 1 | ((i / 4) % 2 ? 0 : 1));
		assert_true(nvme_queue_take(&q, &id, &status));
		assert_int_equal(id, i);
		assert_int_equal(status, i);
		assert_int_equal(bells[1], (i + 1) % 4);
	}
	/* One that nobody has asked for is not taken. */
	q.completion[2].status ^= 1;
	assert_false(nvme_queue_take(&q, &id, &status));
	free((void *)q.submission);
	free((void *)q.completion);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(one_or_two_pages_need_no_list, setup),
		cmocka_unit_test_setup(more_pages_stand_in_the_list, setup),
		cmocka_unit_test_setup(pieces_that_do_not_meet_at_pages_become_commands_of_their_own, setup),
		cmocka_unit_test_setup(whatever_the_pieces_are_all_bytes_are_named_once_in_whole_sectors, setup),
		cmocka_unit_test_setup(completions_are_told_from_old_ones_by_their_phase, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
