/* SPDX-License-Identifier: Apache-2.0 */
/* A port of the AHCI driver on registers that the test plays: what runs together, what alone, and what is tried again. */
/* sources: drivers/ahci/port.c */
#include <drivers/ahci/ahci.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <rt/log.h>
#include <rt/time.h>

#define IS	4
#define SACT	13
#define CI	14
#define TFES	(1u << 30)

static struct tv_info info = { .tsc_hz = 1000 };
uint64_t fake_now;
static uint32_t regs[32];
static struct ahci_header list[AHCI_SLOTS];
static struct ahci_table table[AHCI_SLOTS];
static struct ahci_port port;
static struct block_request request[8];
static unsigned done[8], status[8];

const struct tv_info *rt_info(void) { return &info; }
void rt_log(const char *fmt, ...) { (void)fmt; }
void rt_panic(const char *fmt, ...) { fail_msg("%s", fmt); abort(); }
struct block_request *block_request(struct block *b, unsigned index) { (void)b; return &request[index]; }

void *dma_alloc(struct driver *d, uint64_t size, uint64_t align, uint64_t *addr)
{
	(void)d;
	(void)size;
	(void)align;
	*addr = 0;
	return NULL;
}

void block_done(struct block *b, struct block_request *r, enum blk_status s)
{
	(void)b;
	done[r - request]++;
	status[r - request] = s;
}

static int setup(void **state)
{
	(void)state;
	memset(regs, 0, sizeof(regs));
	memset(done, 0, sizeof(done));
	memset(table, 0, sizeof(table));
	port = (struct ahci_port){ .regs = regs, .list = list, .table = table, .table_addr = 0x10000, .slots = 4, .ncq = true };
	for (unsigned i = 0; i < 8; i++)
		request[i] = (struct block_request){ .op = i % 2 ? BLK_WRITE : BLK_READ, .sector = 0x123456789a + i, .sectors = 8, .count = 1,
						     .seg = { { 0x200000 + i * 0x1000, 4096 } } };
	return 0;
}

static bool submit(unsigned i) { return ahci_port_submit(&port, &request[i], i); }

static void interrupt(uint32_t is, uint32_t under_way)
{
	regs[IS] = is;
	regs[SACT] = regs[CI] = under_way;
	ahci_port_interrupt(&port);
}

static void reads_and_writes_are_queued_as_far_as_there_are_slots(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 4; i++)
		assert_true(submit(i));
	assert_false(submit(4));
	assert_int_equal(table[1].fis[0], 0x27);
	assert_int_equal(table[1].fis[2], 0x61);
	assert_int_equal(table[1].fis[3], 8);
	assert_int_equal(table[1].fis[12], 1 << 3);
	assert_int_equal(table[1].fis[4], 0x9b);
	assert_int_equal(table[1].fis[8], 0x34);
	assert_int_equal(table[1].fis[9], 0x12);
	assert_int_equal(list[1].flags, 5 | 1 << 6);
	assert_int_equal(list[0].flags, 5);
	assert_int_equal(table[1].entry[0].addr, 0x201000);
	assert_int_equal(table[1].entry[0].last, 4095);
	interrupt(8, 0x5);
	assert_int_equal(done[1] + done[3], 2);
	assert_int_equal(done[0] + done[2], 0);
	assert_true(submit(4));
	assert_int_equal(port.request[1], 4);
}

static void a_flush_waits_for_what_is_queued_and_all_else_for_it(void **state)
{
	(void)state;
	request[2] = (struct block_request){ .op = BLK_FLUSH };
	assert_true(submit(0));
	assert_false(submit(2));
	interrupt(8, 0);
	assert_true(submit(2));
	assert_int_equal(table[0].fis[2], 0xea);
	assert_int_equal(list[0].entries, 0);
	assert_false(submit(1));
	interrupt(1, 0);
	assert_int_equal(done[2], 1);
	assert_true(submit(1));
}

static void after_an_error_each_is_tried_alone_and_only_what_fails_again_has_failed(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 3; i++)
		assert_true(submit(i));
	/* Slot 0 had ended before; 1 and 2 are void. */
	interrupt(TFES, 0x6);
	assert_int_equal(done[0], 1);
	assert_int_equal(status[0], BLK_OK);
	assert_int_equal(done[1] + done[2], 0);
	assert_int_equal(port.active, 0x2);
	assert_int_equal(table[1].fis[2], 0x35);
	assert_int_equal(table[1].fis[12], 8);
	assert_false(submit(3));
	interrupt(TFES, 0x2);
	assert_int_equal(done[1], 1);
	assert_int_equal(status[1], BLK_EIO);
	assert_int_equal(port.active, 0x4);
	interrupt(1, 0);
	assert_int_equal(done[2], 1);
	assert_int_equal(status[2], BLK_OK);
	assert_true(submit(3));
	assert_int_equal(table[0].fis[2], 0x61);
}

static void without_queueing_there_is_one_command_at_a_time(void **state)
{
	(void)state;
	port.ncq = false;
	assert_true(submit(0));
	assert_int_equal(table[0].fis[2], 0x25);
	assert_int_equal(regs[SACT], 0);
	assert_false(submit(1));
	interrupt(1, 0);
	assert_true(submit(1));
	interrupt(TFES, 1);
	assert_int_equal(status[1], BLK_EIO);
	assert_true(submit(2));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(reads_and_writes_are_queued_as_far_as_there_are_slots, setup),
		cmocka_unit_test_setup(a_flush_waits_for_what_is_queued_and_all_else_for_it, setup),
		cmocka_unit_test_setup(after_an_error_each_is_tried_alone_and_only_what_fails_again_has_failed, setup),
		cmocka_unit_test_setup(without_queueing_there_is_one_command_at_a_time, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
