/* SPDX-License-Identifier: Apache-2.0 */
/* The switch of a network: who gets which frames, what is left to do with them, and what hostile clients can not do. */
/* sources: drivers/switch/switch.c drivers/switch/port.c drivers/switch/frame.c drivers/switch/offload.c drivers/switch/table.c vmm/rt/link.c */
#include "drivers/switch/switch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define PORTS		5u
#define HZ		1000000u
#define MEMORY		0x80000u		/* data memory of a client */
#define FRAME_AT	0x1000u			/* where it has what it sends */
#define BUFFERS_AT	0x20000u
#define BUFFER		2048u
#define FRONT		12u
#define MAC(n)		(0x020000000002ull + ((uint64_t)(n) << 24))	/* 02:00:00:n:00:02 */
#define BROADCAST	0xffffffffffffull

static struct switch_config config;
static struct switch_shared shared;
static struct net_shared *ports;
static struct net_switch *sw;
static uint8_t *memory[PORTS];
static struct link sender[PORTS], receiver[PORTS];
static uint8_t tag_next[PORTS];
static uint64_t now, when;

static uint8_t *memory_of(unsigned n) { return memory[n]; }

/* Let the switch work until it waits; @when tells for how long. */
static void work(void)
{
	when = UINT64_MAX;
	while (switch_turn(sw, now, &when))
		;
}

static void client_up(unsigned n)
{
	bool signal;

	link_client_init(&sender[n], &ports[n].send);
	link_client_init(&receiver[n], &ports[n].receive);
	work();
	assert_int_equal(link_client_poll(&sender[n], &signal), LINK_NEW);
	assert_int_equal(link_client_poll(&receiver[n], &signal), LINK_NEW);
}

static void begin(void)
{
	sw = calloc(1, sizeof(*sw));
	switch_init(sw, &config, &shared, ports, HZ, 42);
	for (unsigned i = 0; i < config.port_count; i++) {
		atomic_store(&shared.port[i].size, MEMORY);
		atomic_store(&shared.port[i].wanted, 1);
	}
	assert_true(switch_plugs(sw, memory_of));
	assert_false(switch_plugs(sw, memory_of));
	for (unsigned i = 0; i < config.port_count; i++)
		client_up(i);
}

static int setup(void **state)
{
	(void)state;
	memset(&config, 0, sizeof(config));
	memset(&shared, 0, sizeof(shared));
	ports = calloc(PORTS, sizeof(*ports));
	now = 1000 * HZ;
	config.port_count = PORTS;
	for (unsigned i = 0; i < PORTS; i++) {
		memory[i] = calloc(1, MEMORY);
		config.port[i].mac = MAC(i);
	}
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	for (unsigned i = 0; i < PORTS; i++)
		free(memory[i]);
	free(ports);
	free(sw);
	sw = NULL;
	return 0;
}

/* Lend @count buffers of BUFFER bytes. */
static void lend(unsigned n, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		const struct link_request r = { .tag = i, .op = NET_BUFFER, .segments = 1, .arg = { FRONT } };
		const struct link_segment seg = { BUFFERS_AT + i * BUFFER, BUFFER, 0 };

		assert_true(link_request(&receiver[n], &r, &seg));
	}
}

/* Send @len bytes of the client's memory in pieces of @piece; returns the status that comes back. */
static unsigned send_raw(unsigned n, uint32_t len, uint32_t piece, const struct net_offload *offload)
{
	struct link_request r = { .tag = tag_next[n]++, .op = NET_SEND };
	struct link_segment seg[LINK_SEGMENTS];
	struct link_completion c;

	for (uint32_t at = 0; at < len; at += piece)
		seg[r.segments++] = (struct link_segment){ FRAME_AT + at, len - at < piece ? len - at : piece, 0 };
	if (offload)
		net_offload_pack(offload, r.arg);
	assert_true(link_request(&sender[n], &r, seg));
	work();
	assert_true(link_completion(&sender[n], &c));
	assert_int_equal(c.tag, r.tag);
	return c.status;
}

static uint8_t *frame_of(unsigned n) { return memory[n] + FRAME_AT; }

/* An Ethernet header in the client's memory; @vlan < 0: untagged.  Returns its length. */
static uint32_t header(unsigned n, uint64_t to, uint64_t from, int vlan, uint16_t type)
{
	uint8_t *p = frame_of(n);
	uint32_t at = 12;

	memcpy(p, &to, 6);
	memcpy(p + 6, &from, 6);
	if (vlan >= 0) {
		p[at++] = 0x81;
		p[at++] = 0;
		p[at++] = (uint8_t)(vlan >> 8);
		p[at++] = (uint8_t)vlan;
	}
	p[at++] = (uint8_t)(type >> 8);
	p[at++] = (uint8_t)type;
	return at;
}

/* A plain frame of 100 bytes. */
static void send_to(unsigned n, uint64_t to, uint64_t from, int vlan)
{
	uint32_t at = header(n, to, from, vlan, 0x88b5);

	for (uint32_t i = at; i < 100; i++)
		frame_of(n)[i] = (uint8_t)(i * 7);
	assert_int_equal(send_raw(n, 100, 33, NULL), NET_OK);
}

/* The next frame at client @n, gathered in @to; its length, 0: none. */
static uint32_t receive(unsigned n, uint8_t *to, struct net_offload *offload)
{
	struct link_completion c;
	uint32_t len = 0;
	uint64_t left = 1;

	while (left && link_completion(&receiver[n], &c)) {
		assert_int_equal(c.status, NET_OK);
		if (!len) {
			left = c.arg[2] >> 32;
			if (offload)
				*offload = net_offload_unpack(c.arg);
		}
		memcpy(to + len, memory[n] + BUFFERS_AT + c.tag * BUFFER + (len ? 0 : FRONT), (uint32_t)c.arg[2]);
		len += (uint32_t)c.arg[2];
		left--;
	}
	assert_true(len == 0 || left == 0);
	return len;
}

/* Which clients get the next frame: a bit each; the frame itself is left in @got. */
static uint8_t got[70000];
static unsigned receivers(void)
{
	unsigned mask = 0;

	for (unsigned i = 0; i < config.port_count; i++) {
		uint32_t len = receive(i, got, NULL);

		mask |= (len != 0) << i;
	}
	return mask;
}

static unsigned sent(unsigned n, uint64_t to, uint64_t from, int vlan)
{
	for (unsigned i = 0; i < config.port_count; i++)
		lend(i, 1);
	send_to(n, to, from, vlan);
	return receivers();
}

static uint64_t dropped(unsigned n, enum switch_drop why) { return atomic_load(&shared.port[n].dropped[why]); }

/* --- who gets what --------------------------------------------------------------------------------------------------- */

static void a_frame_reaches_whom_it_is_for_and_everybody_when_it_is_for_all(void **state)
{
	(void)state;
	begin();
	for (unsigned round = 0; round < 200; round++) {
		assert_int_equal(sent(0, MAC(3), MAC(0), -1), 1 << 3);
		assert_memory_equal(got, frame_of(0), 100);
		assert_int_equal(sent(1, BROADCAST, MAC(1), -1), 0x1d);
	}
	assert_int_equal(sent(0, MAC(0), MAC(0), -1), 0);
	assert_int_equal(sent(0, MAC(77), MAC(0), -1), 0);		/* nobody's: no guest has another address than its own */
	assert_int_equal(atomic_load(&shared.port[3].out_frames), 400);
	assert_int_equal(atomic_load(&shared.port[0].in_bytes), 20200);
}

static void frames_with_other_sources_than_ones_own_are_dropped(void **state)
{
	(void)state;
	begin();
	assert_int_equal(sent(0, MAC(1), MAC(2), -1), 0);
	assert_int_equal(sent(0, MAC(1), MAC(99), -1), 0);
	assert_int_equal(sent(0, MAC(1), 0, -1), 0);
	assert_int_equal(sent(0, MAC(1), MAC(0) | 1, -1), 0);
	assert_int_equal(sent(0, MAC(1), BROADCAST, -1), 0);
	assert_int_equal(dropped(0, SWITCH_DROP_SOURCE), 5);
	assert_int_equal(sent(2, MAC(1), MAC(2), -1), 1 << 1);		/* and nothing was learned from them */
}

static void addresses_behind_a_bridge_are_learned_move_and_age(void **state)
{
	(void)state;
	config.port[0].flags = config.port[4].flags = SWITCH_ANY_SOURCE;
	begin();
	assert_int_equal(sent(1, MAC(50), MAC(1), -1), 0x11);		/* unknown: to whoever may have others behind it */
	assert_int_equal(sent(4, MAC(1), MAC(50), -1), 1 << 1);
	assert_int_equal(sent(1, MAC(50), MAC(1), -1), 1 << 4);
	assert_int_equal(sent(0, MAC(1), MAC(50), -1), 1 << 1);		/* the same address elsewhere: it has moved */
	assert_int_equal(sent(1, MAC(50), MAC(1), -1), 1 << 0);
	assert_int_equal(sent(4, MAC(1), MAC(2), -1), 0);		/* but a guest's own address cannot be taken away */
	assert_int_equal(dropped(4, SWITCH_DROP_SOURCE), 1);
	assert_int_equal(sent(1, MAC(2), MAC(1), -1), 1 << 2);
	now += (SWITCH_AGE_S + 1) * HZ;
	assert_int_equal(sent(1, MAC(50), MAC(1), -1), 0x11);
	assert_int_equal(sent(4, MAC(51), MAC(52), -1), 1 << 0);
	assert_int_equal(sent(0, MAC(52), MAC(51), -1), 1 << 4);
	assert_int_equal(sent(4, MAC(52), MAC(53), -1), 0);		/* where it came from it is not sent */
}

static void a_port_that_fills_the_table_loses_only_its_own_addresses(void **state)
{
	static struct table t;
	unsigned here = 0;

	(void)state;
	table_init(&t, 1000 * HZ, 7);
	for (unsigned i = 0; i < 100; i++)
		table_learn(&t, MAC(i), 0, 1, now);
	for (unsigned i = 0; i < 100000; i++)
		table_learn(&t, 0x100000000ull + i * 2, (uint16_t)(i % 3), 0, now);
	assert_true(t.count <= TABLE_PER_PORT + 100);
	assert_int_equal(t.of_port[1], 100);
	for (unsigned i = 0; i < 100; i++)
		here += table_find(&t, MAC(i), 0, now) == 1;
	assert_int_equal(here, 100);
	table_forget(&t, 0);
	assert_int_equal(t.count, 100);
	table_forget(&t, 1);
	assert_int_equal(t.count, 0);
	assert_int_equal(t.of_port[0] + t.of_port[1], 0);
	for (unsigned i = 0; i < TABLE_SETS * TABLE_WAYS; i++)
		assert_int_equal(t.entry[i / TABLE_WAYS][i % TABLE_WAYS].key, 0);
}

static void isolated_ports_reach_the_others_only(void **state)
{
	(void)state;
	config.port[0].flags = config.port[1].flags = SWITCH_ISOLATED;
	begin();
	assert_int_equal(sent(0, MAC(1), MAC(0), -1), 0);
	assert_int_equal(sent(0, BROADCAST, MAC(0), -1), 0x1c);
	assert_int_equal(sent(0, MAC(2), MAC(0), -1), 1 << 2);
	assert_int_equal(sent(2, MAC(0), MAC(2), -1), 1 << 0);
	assert_int_equal(sent(2, BROADCAST, MAC(2), -1), 0x1b);
}

static void vlans_are_kept_apart_and_tags_put_in_and_taken_out(void **state)
{
	const uint16_t type = 0x88b5;

	(void)state;
	config.port[0].vlan = config.port[1].vlan = 10;			/* access */
	config.port[2].vlan = 20;
	config.port[3].tagged_count = 2;				/* a trunk; untagged: VLAN 0, with port 4 */
	config.port[3].tagged[0] = 10;
	config.port[3].tagged[1] = 20;
	begin();
	assert_int_equal(sent(0, BROADCAST, MAC(0), -1), 0x0a);
	assert_int_equal(got[12] << 8 | got[13], 0x8100);		/* the last one is the trunk */
	assert_int_equal(got[14] << 8 | got[15], 10);
	assert_int_equal(got[16] << 8 | got[17], type);
	assert_memory_equal(got + 18, frame_of(0) + 14, 86);
	assert_int_equal(sent(3, BROADCAST, MAC(3), 20), 1 << 2);
	assert_int_equal(got[12] << 8 | got[13], type);
	assert_memory_equal(got + 14, frame_of(3) + 18, 82);
	assert_int_equal(sent(3, BROADCAST, MAC(3), -1), 1 << 4);
	assert_int_equal(sent(3, BROADCAST, MAC(3), 0xe000), 1 << 4);	/* a priority only */
	assert_int_equal(sent(0, MAC(2), MAC(0), -1), 0);
	assert_int_equal(sent(3, BROADCAST, MAC(3), 30), 0);
	assert_int_equal(sent(0, BROADCAST, MAC(0), 10), 0);		/* tags are for trunks */
	assert_int_equal(sent(0, BROADCAST, MAC(0), 20), 0);
	assert_int_equal(dropped(0, SWITCH_DROP_VLAN) + dropped(3, SWITCH_DROP_VLAN), 3);
}

static void a_capture_port_sees_everything_and_sends_nothing(void **state)
{
	(void)state;
	config.port[4].flags = SWITCH_CAPTURE;
	config.port[1].vlan = config.port[2].vlan = 7;
	begin();
	assert_int_equal(sent(1, MAC(2), MAC(1), -1), 0x14);
	assert_int_equal(got[14] << 8 | got[15], 7);
	assert_int_equal(sent(0, MAC(3), MAC(0), -1), 0x18);
	assert_memory_equal(got, frame_of(0), 100);
	assert_int_equal(sent(4, BROADCAST, MAC(4), -1), 0);
	assert_int_equal(dropped(4, SWITCH_DROP_RECEIVE_ONLY), 1);
	assert_int_equal(sent(0, MAC(4), MAC(0), -1), 1 << 4);		/* once */
}

static void control_frames_of_one_cable_go_nowhere(void **state)
{
	(void)state;
	begin();
	assert_int_equal(sent(0, 0x0000c28001ull, MAC(0), -1), 0);
	assert_int_equal(sent(0, 0x0f0000c28001ull, MAC(0), -1), 0);
	assert_int_equal(sent(0, 0x100000c28001ull, MAC(0), -1), 0x1e);
}

static void a_promiscuous_guest_gets_what_is_nobodys_but_not_what_is_others(void **state)
{
	(void)state;
	begin();
	link_info_set(&ports[2].send.client, NET_CLIENT_FILTER, NET_PROMISC);
	assert_int_equal(sent(0, MAC(99), MAC(0), -1), 1 << 2);
	assert_int_equal(sent(0, MAC(1), MAC(0), -1), 1 << 1);
}

static void a_limited_port_sends_at_its_rate_and_loses_nothing(void **state)
{
	uint64_t start = now;
	unsigned count = 0;

	(void)state;
	config.port[0].rate = 10000;		/* 100 frames a second */
	begin();
	for (unsigned i = 0; i < 250; i++) {
		struct link_request r = { .tag = i, .op = NET_SEND, .segments = 1 };
		const struct link_segment seg = { FRAME_AT, 100, 0 };

		(void)header(0, MAC(1), MAC(0), -1, 0x88b5);
		assert_true(link_request(&sender[0], &r, &seg));
	}
	while (count < 250) {
		struct link_completion c;

		work();
		while (link_completion(&sender[0], &c))
			count++;
		assert_true(count <= 7 + (now - start) / (HZ / 100));
		assert_true(count == 250 || (when > now && when <= now + HZ));
		now = when;
	}
	assert_true(atomic_load(&shared.port[0].in_frames) == 250);
}

/* --- what is left to do ---------------------------------------------------------------------------------------------- */

static uint16_t checksum(const uint8_t *p, uint32_t len, uint32_t sum)
{
	for (uint32_t i = 0; i < len; i++)
		sum += i % 2 ? p[i] : (uint32_t)p[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

/* Is the TCP checksum of the frame right, its IP header at @ip?  And that of IPv4. */
static bool tcp_right(const uint8_t *frame, uint32_t len)
{
	bool v6 = frame[12] == 0x86;
	const uint8_t *ip = frame + 14, *tcp = ip + (v6 ? 40 : (ip[0] & 15) * 4);
	uint32_t size = (uint32_t)(frame + len - tcp), sum = 6 + size;

	sum = v6 ? checksum(ip + 8, 32, sum) : checksum(ip + 12, 8, sum);
	return checksum(tcp, size, sum) == 0xffff && (v6 || checksum(ip, (ip[0] & 15) * 4, 0) == 0xffff) &&
	       (v6 ? ip[4] << 8 | ip[5] : (ip[2] << 8 | ip[3]) - (ip[0] & 15) * 4) == (int)size;
}

/* A TCP frame of @len bytes from client 0 to client 1, its checksum open. */
static struct net_offload tcp_frame(uint32_t len, bool v6, uint16_t segment)
{
	uint8_t *p = frame_of(0), *ip = p + 14;
	uint32_t header_ip = v6 ? 40 : 24, size = len - 14 - header_ip;
	uint8_t *tcp = ip + header_ip;

	header(0, MAC(1), MAC(0), -1, v6 ? 0x86dd : 0x0800);
	for (uint32_t i = 14; i < len; i++)
		p[i] = (uint8_t)(i * 31 + i / 251);
	if (v6) {
		ip[0] = 0x60;
		ip[4] = (uint8_t)(size >> 8);
		ip[5] = (uint8_t)size;
		ip[6] = 6;
	} else {
		ip[0] = 0x46;
		ip[2] = (uint8_t)((len - 14) >> 8);
		ip[3] = (uint8_t)(len - 14);
		ip[6] = 0x40;
		ip[7] = 0;
		ip[9] = 6;
		ip[10] = ip[11] = 0;
		uint16_t sum = (uint16_t)~checksum(ip, 24, 0);
		ip[10] = (uint8_t)(sum >> 8);
		ip[11] = (uint8_t)sum;
	}
	tcp[12] = 0x80;			/* 32 bytes */
	tcp[13] = 0x99;			/* CWR, ACK, PSH, FIN */
	uint16_t pseudo = v6 ? checksum(ip + 8, 32, 6 + size) : checksum(ip + 12, 8, 6 + size);
	tcp[16] = (uint8_t)(pseudo >> 8);
	tcp[17] = (uint8_t)pseudo;
	return (struct net_offload){ NET_CSUM_NEEDED, segment ? v6 ? NET_SEG_TCP6 : NET_SEG_TCP4 : 0, 0, segment,
				     (uint16_t)(14 + header_ip), 16 };
}

static void large_segments_pass_whole_where_both_sides_take_them(void **state)
{
	struct net_offload o, seen;

	(void)state;
	begin();
	link_info_set(&ports[1].send.client, NET_CLIENT_OFFLOADS, NET_TAKES_CSUM | NET_TAKES_SEG);
	link_info_set(&ports[1].send.client, NET_CLIENT_MERGES, NET_MERGE_MAX);
	for (unsigned round = 0; round < 100; round++) {
		lend(1, 18);
		o = tcp_frame(30000 + round, false, 1448);
		assert_int_equal(send_raw(0, 30000 + round, 4096, &o), NET_OK);
		assert_int_equal(receive(1, got, &seen), 30000 + round);
		assert_memory_equal(got, frame_of(0), 30000 + round);
		assert_int_equal(seen.kind, NET_SEG_TCP4);
		assert_int_equal(seen.segment, 1448);
		assert_int_equal(seen.csum_start, 38);
		assert_int_equal(seen.header, 70);
		for (struct link_completion c; link_completion(&receiver[1], &c);)
			fail();
		client_up(1);
		link_info_set(&ports[1].send.client, NET_CLIENT_OFFLOADS, NET_TAKES_CSUM | NET_TAKES_SEG);
	}
}

static void large_segments_are_cut_for_those_who_do_not_take_them(void **state)
{
	(void)state;
	begin();
	for (unsigned v6 = 0; v6 < 2; v6++)
		for (uint32_t len = 80 + v6 * 20; len < 20000; len += 1 + len * 3 / 5) {
			uint32_t headers = 14 + (v6 ? 40 : 24) + 32, at = headers, n = 0, one;
			struct net_offload o = tcp_frame(len, v6, 700), seen;
			uint32_t sequence = 0;

			client_up(1);
			lend(1, 30);
			assert_int_equal(send_raw(0, len, 300, &o), NET_OK);
			while ((one = receive(1, got, &seen)) != 0) {
				const uint8_t *tcp = got + headers - 32;
				uint32_t this = (uint32_t)tcp[4] << 24 | (uint32_t)tcp[5] << 16 | (uint32_t)tcp[6] << 8 | tcp[7];
				bool last = at + one - headers == len;

				assert_true(tcp_right(got, one));
				assert_int_equal(seen.flags | seen.kind, 0);
				assert_true(one - headers == 700 || last);
				assert_memory_equal(got + headers, frame_of(0) + at, one - headers);
				assert_int_equal(tcp[13], 0x10 | (n ? 0 : 0x80) | (last ? 0x09 : 0));
				assert_true(!n || this == sequence);
				sequence = this + one - headers;
				at += one - headers;
				n++;
			}
			assert_int_equal(at, len);
		}
}

static void open_checksums_are_computed_for_those_who_do_not_take_them(void **state)
{
	struct net_offload o, seen;

	(void)state;
	begin();
	for (uint32_t len = 80; len < 1514; len++) {
		lend(1, 1);
		o = tcp_frame(len, false, 0);
		assert_int_equal(send_raw(0, len, 61, &o), NET_OK);
		assert_int_equal(receive(1, got, &seen), len);
		assert_true(tcp_right(got, len));
		assert_int_equal(seen.flags, 0);
	}
	link_info_set(&ports[1].send.client, NET_CLIENT_OFFLOADS, NET_TAKES_CSUM);
	lend(1, 1);
	o = tcp_frame(200, true, 0);
	assert_int_equal(send_raw(0, 200, 200, &o), NET_OK);
	assert_int_equal(receive(1, got, &seen), 200);
	assert_memory_equal(got, frame_of(0), 200);
	assert_int_equal(seen.flags, NET_CSUM_NEEDED);
	assert_int_equal(seen.csum_start, 54);
}

/* --- bad input ------------------------------------------------------------------------------------------------------- */

static void lengths_that_no_frame_has_are_dropped_and_counted(void **state)
{
	uint64_t bad = 0;

	(void)state;
	begin();
	for (uint32_t len = 0; len <= 65536; len += len < 2000 ? 1 : 331) {
		bool right = len >= 14 && len <= 1514;

		client_up(1);
		lend(1, 1);
		header(0, MAC(1), MAC(0), -1, 0x88b5);
		assert_int_equal(send_raw(0, len, len > 60 ? len / 60 + 1 : 1, NULL), right ? NET_OK : NET_ERANGE);
		assert_int_equal(receive(1, got, NULL), right ? len : 0);
		bad += !right;
	}
	assert_int_equal(dropped(0, SWITCH_DROP_MALFORMED), bad);
	header(0, MAC(1), MAC(0), 3, 0);
	assert_int_equal(send_raw(0, 17, 17, NULL), NET_ERANGE);	/* a tag that is not whole */
}

static void offloads_that_do_not_fit_to_the_headers_are_dropped(void **state)
{
	struct net_offload o;

	(void)state;
	begin();
#define BAD(len, change) do { o = tcp_frame(3000, false, 500); change; lend(1, 1); client_up(1); \
		assert_int_equal(send_raw(0, len, 1000, &o), NET_ERANGE); assert_int_equal(receive(1, got, NULL), 0); } while (0)
	BAD(3000, o.csum_start = 37);
	BAD(3000, o.csum_start = 2);
	BAD(3000, o.csum_start = 65535);
	BAD(3000, o.csum_offset = 6);
	BAD(3000, o.csum_offset = 65535);
	BAD(3000, o.flags = 0);
	BAD(3000, o.segment = 0);
	BAD(3000, o.segment = 22);			/* into more than FRAME_CUTS */
	BAD(3000, o.kind = NET_SEG_TCP6);
	BAD(3000, o.kind = NET_SEG_UDP);
	BAD(3000, o.kind = 77);
	BAD(3000, frame_of(0)[14] = 0x44);		/* IP header too short */
	BAD(3000, frame_of(0)[14] = 0x4f);		/* other length than the checksum's place says */
	BAD(3000, frame_of(0)[14] = 0x66);
	BAD(3000, frame_of(0)[14 + 9] = 17);
	BAD(3000, frame_of(0)[14 + 6] = 0x20);		/* a fragment */
	BAD(3000, frame_of(0)[12] = 0x09);
	BAD(3000, frame_of(0)[38 + 12] = 0x40);		/* TCP header too short */
	BAD(70, (void)0);				/* no payload */
	BAD(60, (void)0);				/* not even headers */
	BAD(30, (void)0);
	BAD(1514, o.kind = 0; o.csum_start = 250; o.csum_offset = 16);	/* beyond what is read */
#undef BAD
	assert_int_equal(dropped(0, SWITCH_DROP_MALFORMED), 22);
}

static void segments_outside_of_the_data_memory_are_never_touched(void **state)
{
	static const struct link_segment bad[] = {
		{ MEMORY, 100, 0 }, { MEMORY - 99, 100, 0 }, { UINT64_MAX, 100, 0 }, { UINT64_MAX - 50, 100, 0 }, { 0, MEMORY + 1, 0 },
		{ 1ull << 63, 0xffffffff, 0 },
	};
	struct link_completion c;

	(void)state;
	begin();
	for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
		struct link_request r = { .tag = 1, .op = NET_SEND, .segments = 1 };

		assert_true(link_request(&sender[0], &r, &bad[i]));
		work();
		assert_true(link_completion(&sender[0], &c));
		assert_int_equal(c.status, NET_ERANGE);
		r.op = NET_BUFFER;
		assert_true(link_request(&receiver[0], &r, &bad[i]));
		send_to(1, MAC(0), MAC(1), -1);
		assert_true(link_completion(&receiver[0], &c));
		assert_int_equal(c.status, NET_ERANGE);
		send_to(1, MAC(0), MAC(1), -1);			/* it is out until it begins anew */
		assert_false(link_completion(&receiver[0], &c));
		client_up(0);
	}
	lend(0, 1);
	send_to(1, MAC(0), MAC(1), -1);
	assert_int_equal(receive(0, got, NULL), 100);
}

static void what_there_is_no_room_for_is_dropped_and_later_frames_arrive(void **state)
{
	struct link_request r = { .tag = 9, .op = NET_BUFFER, .segments = 1, .arg = { FRONT } };
	const struct link_segment small = { BUFFERS_AT + 9 * BUFFER, 40, 0 };

	(void)state;
	begin();
	send_to(0, MAC(1), MAC(0), -1);
	assert_int_equal(dropped(1, SWITCH_DROP_NO_ROOM), 1);
	assert_true(link_request(&receiver[1], &r, &small));
	send_to(0, MAC(1), MAC(0), -1);				/* too small, and it does not merge */
	assert_int_equal(dropped(1, SWITCH_DROP_NO_ROOM), 2);
	link_info_set(&ports[1].send.client, NET_CLIENT_MERGES, 2);
	lend(1, 1);
	send_to(0, MAC(1), MAC(0), -1);
	assert_int_equal(atomic_load(&shared.port[1].out_frames), 1);
	r.arg[0] = 40;						/* nothing left behind the front */
	assert_true(link_request(&receiver[1], &r, &small));
	send_to(0, MAC(1), MAC(0), -1);
	assert_true(link_broken(&sw->port[1].receive));
}

static void what_was_unplugged_is_forgotten_and_what_comes_after_begins_anew(void **state)
{
	struct link_completion c;

	(void)state;
	begin();
	lend(1, 3);
	send_to(0, MAC(1), MAC(0), -1);
	atomic_store(&shared.port[1].wanted, 0);
	assert_true(switch_plugs(sw, memory_of));
	assert_int_equal(atomic_load(&shared.port[1].done), 0);
	memset(memory[1], 0x55, MEMORY);
	send_to(0, MAC(1), MAC(0), -1);
	for (uint32_t i = 0; i < MEMORY; i++)
		assert_int_equal(memory[1][i], 0x55);
	atomic_store(&shared.port[1].wanted, 2);
	assert_true(switch_plugs(sw, memory_of));
	assert_int_equal(atomic_load(&shared.port[1].done), 2);
	work();
	send_to(0, MAC(1), MAC(0), -1);			/* the new client has not said a word: buffers of the old one are void */
	for (uint32_t i = 0; i < MEMORY; i++)
		assert_int_equal(memory[1][i], 0x55);
	client_up(1);
	lend(1, 1);
	send_to(0, MAC(1), MAC(0), -1);
	assert_true(link_completion(&receiver[1], &c));
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(a_frame_reaches_whom_it_is_for_and_everybody_when_it_is_for_all), T(frames_with_other_sources_than_ones_own_are_dropped),
		T(addresses_behind_a_bridge_are_learned_move_and_age), T(a_port_that_fills_the_table_loses_only_its_own_addresses),
		T(isolated_ports_reach_the_others_only), T(vlans_are_kept_apart_and_tags_put_in_and_taken_out),
		T(a_capture_port_sees_everything_and_sends_nothing), T(control_frames_of_one_cable_go_nowhere),
		T(a_promiscuous_guest_gets_what_is_nobodys_but_not_what_is_others), T(a_limited_port_sends_at_its_rate_and_loses_nothing),
		T(large_segments_pass_whole_where_both_sides_take_them), T(large_segments_are_cut_for_those_who_do_not_take_them),
		T(open_checksums_are_computed_for_those_who_do_not_take_them), T(lengths_that_no_frame_has_are_dropped_and_counted),
		T(offloads_that_do_not_fit_to_the_headers_are_dropped), T(segments_outside_of_the_data_memory_are_never_touched),
		T(what_there_is_no_room_for_is_dropped_and_later_frames_arrive),
		T(what_was_unplugged_is_forgotten_and_what_comes_after_begins_anew),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
