/* SPDX-License-Identifier: Apache-2.0 */
/* The block service between a client that may do anything and a device that only sees what was checked. */
/* sources: drivers/block/block.c drivers/block/request.c vmm/rt/link.c vmm/rt/event.c vmm/rt/fmt.c */
#include <drivers/block/block_priv.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <rt/heap.h>
#include <rt/log.h>
#include <rt/sys.h>

#define SECTORS	1000u
#define FIRST	50u		/* of the client's partition */
#define PIECE0	0x10000ull	/* bytes of the client's memory: two pieces */
#define PIECE1	0x20000ull
#define DMA0	0x40000000ull
#define DMA1	0x80000000ull

uint64_t fake_now;
static struct tv_info info = { .tsc_hz = 1000 };
static struct driver_config config;
static struct driver_shared driver_shared;
static struct driver driver;
static struct link_shared *shared;
static struct link client;
static struct block *block;
static struct block_request *submitted[BLOCK_REQUESTS + 1];
static unsigned submits, room, client_signals;
static uint64_t unit_flags;
static jmp_buf panicked;

const struct tv_info *rt_info(void) { return &info; }
void rt_log(const char *fmt, ...) { (void)fmt; }
void rt_panic(const char *fmt, ...) { (void)fmt; longjmp(panicked, 1); }
size_t heap_left(void) { return MIB; }
void *heap_alloc(size_t size) { return calloc(1, size); }
void driver_ready(struct driver *d) { atomic_store(&d->shared->ready, 1); }
enum tv_err sys_ntfn_wait(uint64_t ntfn, uint64_t deadline, uint64_t *bits) { (void)ntfn; (void)deadline; *bits = 0; return TV_ETIMEOUT; }

enum tv_err sys_ntfn_signal(uint64_t ntfn, uint64_t bits)
{
	assert_int_equal(ntfn, DRIVER_SEL_CLIENT(0));
	assert_int_equal(bits, 0x100);
	client_signals++;
	return TV_OK;
}

enum tv_err sys_cap_info(uint64_t sel, struct sys_cap_info *i)
{
	if (sel == DRIVER_SEL_CLIENT(0) + 1)
		*i = (struct sys_cap_info){ TV_CAP_REGION, 0, DMA0, PIECE0 };
	else if (sel == DRIVER_SEL_CLIENT(0) + 2)
		*i = (struct sys_cap_info){ TV_CAP_REGION, 0, DMA1, PIECE1 };
	else
		return TV_ECAP;
	return TV_OK;
}

void *start_area(const struct tv_start *start, const char *name, uint64_t *size)
{
	(void)start;
	assert_string_equal(name, "link0");
	*size = sizeof(*shared);
	return shared;
}

const char *client_find(struct block_client *c)
{
	c->unit = block_unit(c->block, 0);
	*c->unit = (struct block_unit){ .sectors = 2000, .flags = unit_flags, .block = 512, .max_sectors = 256, .max_discard = 100 };
	c->first = FIRST;
	c->sectors = SECTORS;
	return NULL;
}

static bool submit(void *device, struct block_request *r)
{
	(void)device;
	if (!room)
		return false;
	room--;
	submitted[submits++] = r;
	return true;
}

static void commit(void *device) { (void)device; }
static const struct block_ops ops = { submit, commit };

static bool up(void)
{
	bool signal;

	block_batch(block);
	return link_client_poll(&client, &signal) != LINK_DOWN;
}

static int setup_with(uint64_t flags, bool read_only)
{
	free(shared);
	free(block);
	shared = calloc(1, sizeof(*shared));
	config = (struct driver_config){ .client_count = 1, .client = { { .read_only = read_only, .signal = 0x100 } } };
	driver = (struct driver){ .config = &config, .shared = &driver_shared };
	event_init(&driver.loop, 1);
	unit_flags = flags;
	submits = client_signals = 0;
	room = BLOCK_REQUESTS;
	fake_now = 0;
	block = block_begin(&driver, &ops, NULL);
	link_client_init(&client, shared);
	block_serve(block);
	(void)up();
	assert_true(up());
	return 0;
}

static int setup(void **state)
{
	(void)state;
	return setup_with(BLK_HAS_FLUSH | BLK_HAS_DISCARD, false);
}

/* Ask for something and return its status, 0xff: it is under way. */
static unsigned ask(unsigned op, uint64_t sector, uint64_t arg, unsigned count, const struct link_segment *s)
{
	struct link_request r = { .tag = 7, .op = (uint8_t)op, .segments = (uint16_t)count, .arg = { sector, arg } };
	struct link_completion c;

	assert_true(link_request(&client, &r, s));
	block_batch(block);
	if (!link_completion(&client, &c))
		return 0xff;
	assert_int_equal(c.tag, 7);
	return c.status;
}

static unsigned read_at(uint64_t sector, uint64_t addr, uint32_t len)
{
	const struct link_segment s = { addr, len, 0 };

	return ask(BLK_READ, sector, 0, 1, &s);
}

static void a_request_is_about_the_partition_and_its_pieces_are_where_the_memory_is(void **state)
{
	const struct link_segment s[] = { { PIECE0 - 512, 1024, 0 }, { 0, 512, 0 } };
	struct link_completion c;

	(void)state;
	assert_int_equal(ask(BLK_WRITE, 10, 0, 2, s), 0xff);
	assert_int_equal(submits, 1);
	assert_int_equal(submitted[0]->sector, FIRST + 10);
	assert_int_equal(submitted[0]->sectors, 3);
	assert_int_equal(submitted[0]->count, 3);
	assert_int_equal(submitted[0]->seg[0].addr, DMA0 + PIECE0 - 512);
	assert_int_equal(submitted[0]->seg[1].addr, DMA1);
	assert_int_equal(submitted[0]->seg[1].len, 512);
	assert_int_equal(submitted[0]->seg[2].addr, DMA0);
	client_signals = 0;
	block_done(block, submitted[0], BLK_OK);
	block_batch(block);
	assert_true(link_completion(&client, &c));
	assert_int_equal(c.status, BLK_OK);
	assert_int_equal(ask(BLK_FLUSH, 0, 0, 0, NULL), 0xff);
	assert_int_equal(submitted[1]->op, BLK_FLUSH);
}

static void nothing_outside_of_memory_or_partition_reaches_the_device(void **state)
{
	const uint64_t end = PIECE0 + PIECE1;

	(void)state;
	assert_int_equal(read_at(SECTORS, 0, 512), BLK_ERANGE);
	assert_int_equal(read_at(SECTORS - 1, 0, 1024), BLK_ERANGE);
	assert_int_equal(read_at(~0ull, 0, 512), BLK_ERANGE);
	assert_int_equal(read_at(~0ull - FIRST + 1, 0, 512), BLK_ERANGE);
	assert_int_equal(read_at(0, end, 512), BLK_ERANGE);
	assert_int_equal(read_at(0, end - 512, 1024), BLK_ERANGE);
	assert_int_equal(read_at(0, ~0ull, 512), BLK_ERANGE);
	assert_int_equal(read_at(0, 0ull - 512, 1024), BLK_ERANGE);
	assert_int_equal(read_at(0, 0, 0), BLK_ERANGE);
	assert_int_equal(read_at(0, 0, 511), BLK_ERANGE);
	assert_int_equal(read_at(0, 2, 512), BLK_ERANGE);
	assert_int_equal(read_at(0, 0, 257 * 512), BLK_ERANGE);
	assert_int_equal(read_at(0, 0, 0xfffffe00), BLK_ERANGE);
	assert_int_equal(ask(BLK_READ, 0, 0, 0, NULL), BLK_ERANGE);
	assert_int_equal(ask(BLK_DISCARD, 0, 0, 0, NULL), BLK_ERANGE);
	assert_int_equal(ask(BLK_DISCARD, 0, 101, 0, NULL), BLK_ERANGE);
	assert_int_equal(ask(BLK_DISCARD, SECTORS - 1, 2, 0, NULL), BLK_ERANGE);
	assert_int_equal(ask(BLK_ZEROES, 0, 1, 0, NULL), BLK_EUNSUP);
	assert_int_equal(ask(200, 0, 0, 0, NULL), BLK_EUNSUP);
	assert_int_equal(submits, 0);
	assert_int_equal(read_at(SECTORS - 1, end - 512, 512), 0xff);
}

static void a_reader_cannot_write(void **state)
{
	const struct link_segment s = { 0, 512, 0 };

	(void)state;
	setup_with(BLK_HAS_FLUSH | BLK_HAS_DISCARD, true);
	assert_true(link_info_get(&shared->server, BLK_INFO_FLAGS) & BLK_READ_ONLY);
	assert_int_equal(ask(BLK_WRITE, 0, 0, 1, &s), BLK_EROFS);
	assert_int_equal(ask(BLK_DISCARD, 0, 1, 0, NULL), BLK_EROFS);
	assert_int_equal(ask(BLK_FLUSH, 0, 0, 0, NULL), 0xff);
}

static void what_finds_no_room_waits_its_turn(void **state)
{
	(void)state;
	room = 1;
	assert_int_equal(read_at(0, 0, 512), 0xff);
	assert_int_equal(read_at(1, 0, 512), 0xff);
	assert_int_equal(read_at(2, 0, 512), 0xff);
	assert_int_equal(submits, 1);
	room = 1;
	block_done(block, submitted[0], BLK_EIO);
	block_batch(block);
	assert_int_equal(submits, 2);
	assert_int_equal(submitted[1]->sector, FIRST + 1);
	room = 1;
	block_done(block, submitted[1], BLK_OK);
	block_batch(block);
	assert_int_equal(submitted[2]->sector, FIRST + 2);
}

static void a_client_that_leaves_or_begins_anew_waits_for_what_is_under_way(void **state)
{
	bool signal;

	(void)state;
	assert_int_equal(read_at(0, 0, 512), 0xff);
	link_client_restart(&client);
	assert_false(up());
	block_done(block, submitted[0], BLK_OK);
	assert_true(up());
	assert_int_equal(read_at(3, 0, 512), 0xff);
	/* As root does when the machine has ended. */
	atomic_store(&shared->client.hello, 0);
	block_batch(block);
	assert_int_not_equal(atomic_load(&shared->server.hello), 0);
	block_done(block, submitted[1], BLK_OK);
	block_batch(block);
	assert_int_equal(atomic_load(&shared->server.hello), 0);
	/* The next machine. */
	link_client_init(&client, shared);
	assert_int_equal(link_client_poll(&client, &signal), LINK_DOWN);
	assert_true(up());
	assert_int_equal(read_at(5, 0, 512), 0xff);
}

static void a_request_that_never_ends_ends_the_driver(void **state)
{
	(void)state;
	assert_int_equal(read_at(0, 0, 512), 0xff);
	for (unsigned s = 0; s < 60; s++) {
		fake_now += info.tsc_hz;
		if (setjmp(panicked)) {
			assert_in_range(s, 29, 40);
			return;
		}
		event_run(&driver.loop);
	}
	fail_msg("it goes on for ever");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_request_is_about_the_partition_and_its_pieces_are_where_the_memory_is, setup),
		cmocka_unit_test_setup(nothing_outside_of_memory_or_partition_reaches_the_device, setup),
		cmocka_unit_test_setup(a_reader_cannot_write, setup),
		cmocka_unit_test_setup(what_finds_no_room_waits_its_turn, setup),
		cmocka_unit_test_setup(a_client_that_leaves_or_begins_anew_waits_for_what_is_under_way, setup),
		cmocka_unit_test_setup(a_request_that_never_ends_ends_the_driver, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
