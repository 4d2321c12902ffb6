/* SPDX-License-Identifier: Apache-2.0 */
/* Virtqueues, split and packed, against a good driver and against every bad one that anybody has thought of. */
/* sources: vmm/virtio/vq.c vmm/virtio/vq_split.c vmm/virtio/vq_packed.c vmm/gmem.c */
#include "vq_driver.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>
#include <linux/virtio_ring.h>

_Static_assert(sizeof(struct vq_desc) == sizeof(struct vring_desc) && sizeof(struct vq_desc) == sizeof(struct vring_packed_desc), "");
_Static_assert(offsetof(struct vq_desc, a) == offsetof(struct vring_desc, flags), "");
_Static_assert(offsetof(struct vq_desc, b) == offsetof(struct vring_desc, next), "");
_Static_assert(offsetof(struct vq_desc, a) == offsetof(struct vring_packed_desc, id), "");
_Static_assert(offsetof(struct vq_desc, b) == offsetof(struct vring_packed_desc, flags), "");
_Static_assert(VQ_DESC_NEXT == VRING_DESC_F_NEXT && VQ_DESC_WRITE == VRING_DESC_F_WRITE && VQ_DESC_INDIRECT == VRING_DESC_F_INDIRECT, "");
_Static_assert(VQ_DESC_AVAIL == 1u << VRING_PACKED_DESC_F_AVAIL && VQ_DESC_USED == 1u << VRING_PACKED_DESC_F_USED, "");
_Static_assert(offsetof(struct vq_avail, ring) == offsetof(struct vring_avail, ring), "");
_Static_assert(offsetof(struct vq_used, ring) == offsetof(struct vring_used, ring) && sizeof(struct vq_used_elem) == sizeof(struct vring_used_elem), "");
_Static_assert(VQ_AVAIL_NO_INTERRUPT == VRING_AVAIL_F_NO_INTERRUPT && VQ_USED_NO_NOTIFY == VRING_USED_F_NO_NOTIFY, "");
_Static_assert(VQ_EVENT_DESC == VRING_PACKED_EVENT_FLAG_DESC && VQ_EVENT_DISABLE == VRING_PACKED_EVENT_FLAG_DISABLE, "");

#define DATA	(RAM + 0x10000)
#define TABLES	(RAM + 0x6000)

static struct vq_driver d;
static struct vq q;
static struct vq_chain chain;

static void begin(bool packed, uint16_t size, bool event_idx)
{
	vq_driver_init(&d, size, packed);
	assert_true(vq_device(&d, &q, event_idx));
}

static void every_buffer_comes_through_both_kinds_of_ring_whatever_its_shape(void **state)
{
	(void)state;
	srand(1);
	for (unsigned mode = 0; mode < 4; mode++) {
		bool packed = mode & 1;
		uint16_t size = packed ? 7 : 8;

		begin(packed, size, mode & 2);
		for (unsigned round = 0; round < 20000; round++) {
			struct vq_piece piece[8];
			unsigned n = 1 + (unsigned)rand() % size, out = (unsigned)rand() % (n + 1);
			bool indirect = rand() & 1;
			uint32_t len, out_len = 0, in_len = 0;
			uint16_t id, back;
			uint8_t byte = (uint8_t)rand(), seen[8 * 64], filled[8 * 64];

			for (unsigned i = 0; i < n; i++) {
				piece[i] = (struct vq_piece){ DATA + i * 64, 1 + (uint32_t)rand() % 64, i >= out };
				memset(vq_at(&d, piece[i].addr), byte + (int)i, 64);
				*(i < out ? &out_len : &in_len) += piece[i].len;
			}
			id = vq_offer(&d, piece, n, indirect ? TABLES + (unsigned)rand() % 2 * 8 : 0);
			assert_int_equal(vq_pop(&q, &chain), VQ_CHAIN);
			assert_int_equal(chain.id, id);
			assert_int_equal(chain.out, out);
			assert_int_equal(chain.in, n - out);
			assert_int_equal(chain.out_len, out_len);
			assert_int_equal(chain.in_len, in_len);
			assert_int_equal(vq_copy_out(&chain, 0, seen, sizeof(seen)), out_len);
			for (unsigned i = 0, at = 0; i < out; at += piece[i++].len)
				assert_int_equal(seen[at], (uint8_t)(byte + (int)i));
			memset(filled, 0x5a, sizeof(filled));
			assert_int_equal(vq_copy_in(&chain, 0, filled, sizeof(filled)), in_len);
			vq_push(&q, id, chain.slots, in_len);
			assert_int_equal(vq_pop(&q, &chain), VQ_EMPTY);
			assert_true(vq_take(&d, &back, &len));
			assert_int_equal(back, id);
			assert_int_equal(len, in_len);
			assert_false(vq_take(&d, &back, &len));
			for (unsigned i = 0; i < n; i++)	/* not a byte too many */
				for (unsigned k = 0; k < 64; k++)
					assert_int_equal(*(uint8_t *)vq_at(&d, piece[i].addr + k),
							 i >= out && k < piece[i].len ? 0x5a : (uint8_t)(byte + (int)i));
		}
	}
}

static void buffers_can_be_returned_in_another_order(void **state)
{
	const struct vq_piece piece = { DATA, 16, true };
	uint16_t ids[4], slots[4], id;
	uint32_t len;

	(void)state;
	for (unsigned packed = 0; packed < 2; packed++) {
		begin(packed, 4, false);
		for (unsigned round = 0; round < 100; round++) {
			for (unsigned i = 0; i < 4; i++)
				vq_offer(&d, &piece, 1, 0);
			for (unsigned i = 0; i < 4; i++) {
				assert_int_equal(vq_pop(&q, &chain), VQ_CHAIN);
				ids[i] = chain.id;
				slots[i] = chain.slots;
			}
			for (unsigned i = 4; i-- > 0;)
				vq_push(&q, ids[i], slots[i], i);
			for (unsigned i = 4; i-- > 0;) {
				assert_true(vq_take(&d, &id, &len));
				assert_int_equal(id, ids[i]);
				assert_int_equal(len, i);
			}
		}
	}
}

static void a_slice_is_exactly_the_bytes_asked_for(void **state)
{
	const struct vq_piece piece[] = { { DATA, 10, false }, { DATA + 100, 20, false }, { DATA + 200, 5, true } };
	struct vq_segment s[4];

	(void)state;
	begin(false, 8, false);
	vq_offer(&d, piece, 3, 0);
	assert_int_equal(vq_pop(&q, &chain), VQ_CHAIN);
	assert_int_equal(vq_slice(&chain, false, 4, 16, s, 4), 2);
	assert_ptr_equal(s[0].p, vq_at(&d, DATA + 4));
	assert_int_equal(s[0].len, 6);
	assert_ptr_equal(s[1].p, vq_at(&d, DATA + 100));
	assert_int_equal(s[1].len, 10);
	assert_int_equal(vq_slice(&chain, false, 10, 20, s, 4), 1);
	assert_int_equal(vq_slice(&chain, false, 30, 5, s, 4), 0);
	assert_int_equal(vq_slice(&chain, true, 1, 100, s, 4), 1);
	assert_int_equal(s[0].len, 4);
	assert_int_equal(vq_slice(&chain, false, 0, 30, s, 1), 1);
}

/* --- where queues may lie --- */

static bool placed(bool packed, uint16_t size, uint64_t desc, uint64_t avail, uint64_t used)
{
	vq_driver_init(&d, size, packed);
	d.desc = desc;
	d.avail = avail;
	d.used = used;
	return vq_device(&d, &q, false);
}

static void a_queue_is_only_enabled_with_a_good_size_and_place(void **state)
{
	const uint64_t end = RAM + RAM_SIZE;

	(void)state;
	for (unsigned packed = 0; packed < 2; packed++) {
		assert_true(placed(packed, 256, RAM, RAM + 0x2000, RAM + 0x3000));
		assert_int_equal(placed(packed, 3, RAM, RAM + 0x2000, RAM + 0x3000), packed);
		assert_false(placed(packed, 0, RAM, RAM + 0x2000, RAM + 0x3000));
		assert_false(placed(packed, 257, RAM, RAM + 0x2000, RAM + 0x3000));
		assert_false(placed(packed, 32768, RAM, RAM + 0x2000, RAM + 0x3000));
		assert_false(placed(packed, 65535, RAM, RAM + 0x2000, RAM + 0x3000));
		assert_false(placed(packed, 8, RAM + 8, RAM + 0x2000, RAM + 0x3000));
		assert_false(placed(packed, 8, RAM, RAM + 0x2001, RAM + 0x3000));
		assert_false(placed(packed, 8, RAM, RAM + 0x2000, RAM + 0x3002));
		assert_false(placed(packed, 8, 0, RAM + 0x2000, RAM + 0x3000));
		assert_false(placed(packed, 8, RAM, 0, RAM + 0x3000));
		assert_false(placed(packed, 8, RAM, RAM + 0x2000, 0));
		assert_false(placed(packed, 8, end - 112, RAM + 0x2000, RAM + 0x3000));
		assert_true(placed(packed, 8, end - 128, RAM + 0x2000, RAM + 0x3000));
		assert_false(placed(packed, 8, RAM, end, RAM + 0x3000));
		assert_false(placed(packed, 8, RAM, RAM + 0x2000, end));
		assert_false(placed(packed, 8, UINT64_MAX - 15, RAM + 0x2000, RAM + 0x3000));
		assert_false(placed(packed, 8, RAM, ~3ull, RAM + 0x3000));
		assert_false(placed(packed, 8, 1ull << 52, RAM + 0x2000, RAM + 0x3000));
	}
	assert_false(placed(false, 8, RAM, end - 20, RAM + 0x3000));	/* avail: 4 + 16 + 2 bytes */
	assert_true(placed(false, 8, RAM, end - 22, RAM + 0x3000));
	assert_false(placed(false, 8, RAM, RAM + 0x2000, end - 68));	/* used: 4 + 64 + 2 bytes */
	assert_true(placed(false, 8, RAM, RAM + 0x2000, end - 72));
}

static void a_queue_in_memory_that_the_guest_cannot_write_is_refused(void **state)
{
	(void)state;
	vq_driver_init(&d, 8, false);
	d.mem.region[0].writable = false;
	assert_false(vq_device(&d, &q, false));
}

static void areas_may_overlap_without_harm_to_anyone_but_the_guest(void **state)
{
	const struct vq_piece piece = { RAM, 0x100, true };

	(void)state;
	for (unsigned packed = 0; packed < 2; packed++) {
		assert_true(placed(packed, 8, RAM, RAM, RAM));
		vq_offer(&d, &piece, 1, 0);
		for (unsigned i = 0; i < 100; i++)
			if (vq_pop(&q, &chain) == VQ_CHAIN) {
				static const uint8_t junk[0x100] = { 0x80, 1, 2, 3 };

				vq_copy_in(&chain, 0, junk, sizeof(junk));
				vq_push(&q, chain.id, chain.slots, 16);
			}
	}
}

/* --- what a bad driver says --- */

static enum vq_got offered(bool packed, const struct vq_piece *piece, unsigned n, uint64_t table)
{
	begin(packed, 8, false);
	vq_offer(&d, piece, n, table);
	return vq_pop(&q, &chain);
}

static void a_piece_outside_of_memory_or_without_length_breaks_the_queue(void **state)
{
	static const struct vq_piece bad[] = {
		{ 0, 1, false }, { RAM - 1, 1, true }, { RAM + RAM_SIZE, 1, false }, { RAM + RAM_SIZE - 1, 2, true },
		{ RAM, 0, false }, { RAM, 0x80000000u, true }, { RAM, UINT32_MAX, true }, { UINT64_MAX, 1, false },
		{ UINT64_MAX - 3, 8, true }, { 1ull << 48, 16, false }, { 0xfee00000, 4, true }, { RAM + 1, RAM_SIZE, true },
	};
	const struct vq_piece good = { RAM + RAM_SIZE - 1, 1, true };

	(void)state;
	for (unsigned mode = 0; mode < 4; mode++) {
		uint64_t table = mode & 2 ? TABLES : 0;

		assert_int_equal(offered(mode & 1, &good, 1, table), VQ_CHAIN);
		for (unsigned i = 0; i < ARRAY_LEN(bad); i++)
			assert_int_equal(offered(mode & 1, &bad[i], 1, table), VQ_BROKEN);
	}
}

static void what_the_device_reads_must_come_before_what_it_writes(void **state)
{
	const struct vq_piece piece[] = { { DATA, 16, true }, { DATA, 16, false } };

	(void)state;
	for (unsigned mode = 0; mode < 4; mode++)
		assert_int_equal(offered(mode & 1, piece, 2, mode & 2 ? TABLES : 0), VQ_BROKEN);
}

static void chains_that_loop_or_leave_the_table_break_the_queue(void **state)
{
	(void)state;
	for (unsigned next = 0; next < 70000; next = next < 8 ? next + 1 : next * 3) {
		begin(false, 8, false);
		for (unsigned i = 0; i < 8; i++)		/* loops of 1 to 8 */
			vq_descs(&d)[i] = (struct vq_desc){ DATA, 4, VQ_DESC_NEXT, (uint16_t)(i == 0 ? next : i == next ? 0 : i + 1) };
		vq_avail(&d)->idx = 1;
		assert_int_equal(vq_pop(&q, &chain), VQ_BROKEN);
	}
	begin(true, 8, false);					/* packed: all descriptors continue */
	for (unsigned i = 0; i < 8; i++)
		vq_descs(&d)[i] = (struct vq_desc){ DATA, 4, 0, VQ_DESC_NEXT | VQ_DESC_AVAIL };
	assert_int_equal(vq_pop(&q, &chain), VQ_BROKEN);
	begin(true, 8, false);					/* packed: the rest of the chain is not there */
	vq_descs(&d)[0] = (struct vq_desc){ DATA, 4, 0, VQ_DESC_NEXT | VQ_DESC_AVAIL };
	assert_int_equal(vq_pop(&q, &chain), VQ_BROKEN);
}

static void heads_beyond_the_table_break_the_queue(void **state)
{
	static const uint16_t heads[] = { 8, 9, 255, 32768, 65535 };

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(heads); i++) {
		begin(false, 8, false);
		vq_avail(&d)->ring[0] = heads[i];
		vq_avail(&d)->idx = 1;
		assert_int_equal(vq_pop(&q, &chain), VQ_BROKEN);
	}
}

static void an_index_that_jumps_breaks_the_queue(void **state)
{
	static const uint16_t jumps[] = { 9, 100, 32768, 65535 };
	const struct vq_piece piece = { DATA, 4, true };

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(jumps); i++) {
		begin(false, 8, false);
		vq_avail(&d)->idx = jumps[i];
		assert_int_equal(vq_pop(&q, &chain), VQ_BROKEN);
	}
	begin(false, 8, false);
	vq_offer(&d, &piece, 1, 0);
	assert_int_equal(vq_pop(&q, &chain), VQ_CHAIN);
	vq_avail(&d)->idx = 0;					/* backwards */
	assert_int_equal(vq_pop(&q, &chain), VQ_BROKEN);
}

static void more_buffers_under_way_than_entries_break_the_queue(void **state)
{
	const struct vq_piece piece = { DATA, 4, true };

	(void)state;
	begin(false, 8, false);
	for (unsigned i = 0; i < 8; i++) {
		vq_offer(&d, &piece, 1, 0);
		vq_avail(&d)->ring[i] = 3;			/* the same head again and again */
		vq_descs(&d)[3] = vq_descs(&d)[0];
		assert_int_equal(vq_pop(&q, &chain), VQ_CHAIN);
	}
	vq_offer(&d, &piece, 1, 0);
	assert_int_equal(vq_pop(&q, &chain), VQ_BROKEN);
}

/* An indirect descriptor of @len bytes at @addr with @flags besides. */
static enum vq_got table_of(bool packed, uint64_t addr, uint32_t len, uint16_t flags)
{
	flags |= VQ_DESC_INDIRECT;
	if (packed)
		vq_descs(&d)[0] = (struct vq_desc){ addr, len, 0, flags | VQ_DESC_AVAIL };
	else
		vq_descs(&d)[0] = (struct vq_desc){ addr, len, flags, 1 };
	vq_avail(&d)->idx = !packed;
	return vq_pop(&q, &chain);
}

static void bad_indirect_tables_break_the_queue(void **state)
{
	static const struct { uint64_t addr; uint32_t len; uint16_t flags; } bad[] = {
		{ TABLES, 0, 0 }, { TABLES, 15, 0 }, { TABLES, 24, 0 }, { TABLES, UINT32_MAX, 0 }, { TABLES, 0xfffffff0u, 0 },
		{ 0, 16, 0 }, { RAM + RAM_SIZE - 15, 16, 0 }, { UINT64_MAX - 7, 16, 0 }, { 1ull << 50, 16, 0 },
		{ TABLES, 16, VQ_DESC_NEXT },
	};

	(void)state;
	for (unsigned packed = 0; packed < 2; packed++) {
		for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
			begin(packed, 8, false);
			for (unsigned k = 0; k < 8; k++)
				((struct vq_desc *)vq_at(&d, TABLES))[k] = (struct vq_desc){ DATA, 4, 0, 0 };
			assert_int_equal(table_of(packed, bad[i].addr, bad[i].len, bad[i].flags), VQ_BROKEN);
		}
		begin(packed, 8, false);			/* a table in a table */
		*(struct vq_desc *)vq_at(&d, TABLES) = (struct vq_desc){ TABLES, 16, packed ? 0 : VQ_DESC_INDIRECT,
									 packed ? VQ_DESC_INDIRECT : 0 };
		assert_int_equal(table_of(packed, TABLES, 16, 0), VQ_BROKEN);
		begin(packed, 8, false);			/* not negotiated */
		q.indirect = false;
		((struct vq_desc *)vq_at(&d, TABLES))[0] = (struct vq_desc){ DATA, 4, 0, 0 };
		assert_int_equal(table_of(packed, TABLES, 16, 0), VQ_BROKEN);
		begin(packed, 8, false);			/* more than the queue has */
		for (unsigned k = 0; k < 16; k++)
			((struct vq_desc *)vq_at(&d, TABLES))[k] =
				(struct vq_desc){ DATA, 4, packed ? 0 : VQ_DESC_NEXT, packed ? 0 : (uint16_t)(k + 1) };
		assert_int_equal(table_of(packed, TABLES, 256, 0), VQ_BROKEN);
	}
}

static void lengths_that_add_up_to_more_than_32_bits_break_the_queue(void **state)
{
	static struct vq_piece piece[8];

	(void)state;
	/* One region that claims to be huge: its bytes are never touched. */
	begin(false, 8, false);
	d.mem.region[0].size = 1ull << 40;
	for (unsigned i = 0; i < 8; i++)
		piece[i] = (struct vq_piece){ RAM, 0x40000000, true };
	vq_offer(&d, piece, 3, 0);
	assert_int_equal(vq_pop(&q, &chain), VQ_CHAIN);
	vq_offer(&d, piece, 4, 0);
	assert_int_equal(vq_pop(&q, &chain), VQ_BROKEN);
}

/* --- when to interrupt, and when to notify --- */

/* Return one buffer; is the driver to be interrupted? */
static bool one_more(void)
{
	const struct vq_piece piece = { DATA, 4, true };
	uint32_t len;
	uint16_t id;

	vq_offer(&d, &piece, 1, 0);
	assert_int_equal(vq_pop(&q, &chain), VQ_CHAIN);
	vq_push(&q, chain.id, chain.slots, 4);
	assert_true(vq_take(&d, &id, &len));
	return vq_wants_interrupt(&q);
}

static void interrupts_follow_the_flag(void **state)
{
	(void)state;
	begin(false, 8, false);
	assert_false(vq_wants_interrupt(&q));			/* for nothing */
	assert_true(one_more());
	vq_avail(&d)->flags = VQ_AVAIL_NO_INTERRUPT;
	assert_false(one_more());
	vq_avail(&d)->flags = 0;
	assert_true(one_more());
	begin(true, 7, false);
	assert_true(one_more());
	((struct vq_event *)vq_at(&d, d.avail))->flags = VQ_EVENT_DISABLE;
	assert_false(one_more());
	((struct vq_event *)vq_at(&d, d.avail))->flags = 3;	/* reserved: rather one too many */
	assert_true(one_more());
}

static void interrupts_come_when_the_event_index_is_passed(void **state)
{
	(void)state;
	begin(false, 8, true);
	for (unsigned i = 0; i < 70000; i++) {
		vq_avail(&d)->ring[8] = (uint16_t)(i % 3 ? i + 5 : i);
		assert_int_equal(one_more(), i % 3 == 0);
	}
	begin(true, 7, true);
	for (unsigned i = 0; i < 10000; i++) {
		unsigned at = i % 3 ? i + 2 : i;		/* of the endless ring */
		struct vq_event e = { (uint16_t)(at % 7 | (at / 7 % 2 ? 0 : VQ_EVENT_WRAP)), VQ_EVENT_DESC };

		memcpy(vq_at(&d, d.avail), &e, sizeof(e));
		assert_int_equal(one_more(), i % 3 == 0);
	}
}

static void one_interrupt_covers_a_batch(void **state)
{
	const struct vq_piece piece = { DATA, 4, true };

	(void)state;
	for (unsigned packed = 0; packed < 2; packed++) {
		struct vq_event e = { 2 | VQ_EVENT_WRAP, VQ_EVENT_DESC };

		begin(packed, 8, true);
		vq_avail(&d)->ring[8] = 2;			/* for the third one */
		if (packed)
			memcpy(vq_at(&d, d.avail), &e, sizeof(e));
		for (unsigned i = 0; i < 4; i++)
			vq_offer(&d, &piece, 1, 0);
		for (unsigned i = 0; i < 4; i++) {
			assert_int_equal(vq_pop(&q, &chain), VQ_CHAIN);
			vq_push(&q, chain.id, chain.slots, 4);
		}
		assert_true(vq_wants_interrupt(&q));
		assert_false(vq_wants_interrupt(&q));
	}
}

static void listening_tells_of_buffers_that_came_in_the_meantime(void **state)
{
	const struct vq_piece piece = { DATA, 4, true };

	(void)state;
	for (unsigned mode = 0; mode < 4; mode++) {
		begin(mode & 1, 8, mode & 2);
		vq_mute(&q);
		if (mode == 0)
			assert_int_equal(vq_used(&d)->flags, VQ_USED_NO_NOTIFY);
		if (mode & 1)
			assert_int_equal(((struct vq_event *)vq_at(&d, d.used))->flags, VQ_EVENT_DISABLE);
		assert_true(vq_listen(&q));
		if (mode == 0)
			assert_int_equal(vq_used(&d)->flags, 0);
		vq_offer(&d, &piece, 1, 0);
		assert_false(vq_listen(&q));
		assert_int_equal(vq_pop(&q, &chain), VQ_CHAIN);
		assert_true(vq_listen(&q));
		if (mode == 2)
			assert_int_equal(*(uint16_t *)(void *)&vq_used(&d)->ring[8], 1);
		if (mode == 3)
			assert_int_equal(((struct vq_event *)vq_at(&d, d.used))->off_wrap, 1 | VQ_EVENT_WRAP);
	}
}

static void a_queue_that_is_not_enabled_touches_nothing(void **state)
{
	(void)state;
	begin(false, 8, true);
	vq_avail(&d)->idx = 1;
	vq_reset(&q);
	assert_int_equal(vq_pop(&q, &chain), VQ_EMPTY);
	vq_push(&q, 0, 1, 0);
	assert_false(vq_wants_interrupt(&q));
	vq_mute(&q);
	assert_true(vq_listen(&q));
	assert_int_equal(vq_used(&d)->idx, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_buffer_comes_through_both_kinds_of_ring_whatever_its_shape),
		cmocka_unit_test(buffers_can_be_returned_in_another_order),
		cmocka_unit_test(a_slice_is_exactly_the_bytes_asked_for),
		cmocka_unit_test(a_queue_is_only_enabled_with_a_good_size_and_place),
		cmocka_unit_test(a_queue_in_memory_that_the_guest_cannot_write_is_refused),
		cmocka_unit_test(areas_may_overlap_without_harm_to_anyone_but_the_guest),
		cmocka_unit_test(a_piece_outside_of_memory_or_without_length_breaks_the_queue),
		cmocka_unit_test(what_the_device_reads_must_come_before_what_it_writes),
		cmocka_unit_test(chains_that_loop_or_leave_the_table_break_the_queue),
		cmocka_unit_test(heads_beyond_the_table_break_the_queue),
		cmocka_unit_test(an_index_that_jumps_breaks_the_queue),
		cmocka_unit_test(more_buffers_under_way_than_entries_break_the_queue),
		cmocka_unit_test(bad_indirect_tables_break_the_queue),
		cmocka_unit_test(lengths_that_add_up_to_more_than_32_bits_break_the_queue),
		cmocka_unit_test(interrupts_follow_the_flag),
		cmocka_unit_test(interrupts_come_when_the_event_index_is_passed),
		cmocka_unit_test(one_interrupt_covers_a_batch),
		cmocka_unit_test(listening_tells_of_buffers_that_came_in_the_meantime),
		cmocka_unit_test(a_queue_that_is_not_enabled_touches_nothing),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	free(d.ram);
	return failed;
}
