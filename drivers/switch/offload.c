/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a sender left to do, done for receivers that do not want it so: checksums, and large TCP segments cut into frames.
 * RFC 1071, "Computing the Internet Checksum"; RFC 9293, "Header Format"; RFC 791 and RFC 8200 for the headers around it.
 */
#include "frame.h"

#include <rt/string.h>

#define TYPE_IPV4	0x0800u
#define TYPE_IPV6	0x86ddu
#define PROTOCOL_TCP	6u

/* Offsets in the headers. */
enum { IP4_LENGTH = 2, IP4_ID = 4, IP4_FRAGMENT = 6, IP4_PROTOCOL = 9, IP4_CHECKSUM = 10, IP4_ADDRESSES = 12, IP4_HEADER = 20 };
enum { IP6_LENGTH = 4, IP6_NEXT = 6, IP6_ADDRESSES = 8, IP6_HEADER = 40 };
enum { TCP_SEQUENCE = 4, TCP_DATA_OFFSET = 12, TCP_FLAGS = 13, TCP_CHECKSUM = 16, TCP_HEADER = 20 };
#define TCP_FIN		0x01u
#define TCP_PUSH	0x08u
#define TCP_CWR		0x80u
#define IP4_FRAGMENT_MASK 0x3fffu	/* more fragments, and where this one is */

static uint16_t get16(const uint8_t *p) { return (uint16_t)(p[0] << 8 | p[1]); }

static void put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

/* --- sums: of words as they stand in memory, whose order does not matter until the end ------------------------------- */

static uint64_t sum_bytes(const uint8_t *p, uint32_t len)
{
	uint64_t sum = 0;
	uint32_t word;

	for (; len >= 4; p += 4, len -= 4) {
		memcpy(&word, p, 4);
		sum += word;
	}
	word = 0;
	memcpy(&word, p, len);
	return sum + word;
}

static uint16_t sum_fold(uint64_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

/* Bytes at odd places stand in the other half of their words. */
static uint16_t swap16(uint16_t v) { return (uint16_t)(v << 8 | v >> 8); }

/* @len bytes of a payload from @at on; @odd: they begin at an odd place. */
static uint64_t sum_payload(struct frame_cursor at, uint32_t len, bool odd)
{
	uint64_t sum = 0;

	while (len) {
		uint32_t n = (uint32_t)min_u64(len, at.piece->len - at.offset);
		uint16_t part = sum_fold(sum_bytes(at.piece->p + at.offset, n));

		sum += odd ? swap16(part) : part;
		odd ^= n & 1;
		len -= n;
		at = (struct frame_cursor){ at.piece + 1, 0 };
	}
	return sum;
}

/* 0 would mean that there is none, in UDP; the other zero counts the same. */
static void sum_store(uint8_t *at, uint64_t sum)
{
	uint16_t v = (uint16_t)~sum_fold(sum);

	if (!v)
		v = 0xffff;
	memcpy(at, &v, 2);
}

void frame_checksum(const struct frame *f, uint8_t *head)
{
	uint32_t start = f->offload.csum_start, in_head = f->head_len - start;
	uint64_t sum = sum_bytes(head + start, in_head);

	sum += sum_payload(frame_body(f), f->len - f->head_len, in_head & 1);
	sum_store(head + start + f->offload.csum_offset, sum);
}

/* --- cutting --------------------------------------------------------------------------------------------------------- */

static bool is_ipv4(const struct frame *f) { return (f->offload.kind & ~NET_SEG_ECN) == NET_SEG_TCP4; }

/* Bytes of the IP header; 0: it is not the one that the sender says, or has what cannot be cut. */
static uint32_t ip_header(const struct frame *f)
{
	const uint8_t *ip = f->head + ETH_HEADER;
	uint16_t type = get16(f->head + ETH_TYPE);
	uint32_t header = (ip[0] & 0xfu) * 4;

	if (is_ipv4(f)) {
		if (f->head_len < ETH_HEADER + IP4_HEADER || type != TYPE_IPV4 || ip[0] >> 4 != 4 || header < IP4_HEADER)
			return 0;
		return ip[IP4_PROTOCOL] == PROTOCOL_TCP && !(get16(ip + IP4_FRAGMENT) & IP4_FRAGMENT_MASK) ? header : 0;
	}
	if (f->head_len < ETH_HEADER + IP6_HEADER || type != TYPE_IPV6 || ip[0] >> 4 != 6)
		return 0;
	return ip[IP6_NEXT] == PROTOCOL_TCP ? IP6_HEADER : 0;
}

bool frame_segment_check(struct frame *f)
{
	uint8_t kind = f->offload.kind & (uint8_t)~NET_SEG_ECN;
	uint32_t ip, tcp, headers;

	if ((kind != NET_SEG_TCP4 && kind != NET_SEG_TCP6) || !f->offload.segment)
		return false;
	ip = ip_header(f);
	if (!ip || f->head_len < ETH_HEADER + ip + TCP_HEADER)
		return false;
	tcp = (f->head[ETH_HEADER + ip + TCP_DATA_OFFSET] >> 4) * 4u;
	headers = ETH_HEADER + ip + tcp;
	if (tcp < TCP_HEADER || headers > f->head_len || headers >= f->len || f->offload.csum_start != ETH_HEADER + ip ||
	    f->offload.csum_offset != TCP_CHECKSUM)
		return false;
	f->head_len = headers;
	f->offload.header = (uint16_t)headers;
	return frame_cuts(f) <= FRAME_CUTS;
}

unsigned frame_cuts(const struct frame *f)
{
	return (f->len - f->head_len + f->offload.segment - 1) / f->offload.segment;
}

/* The lengths that change, and the checksum of an IPv4 header. */
static void ip_write(const struct frame *f, uint8_t *head, unsigned index, uint32_t payload)
{
	uint8_t *ip = head + ETH_HEADER;
	uint32_t header = f->offload.csum_start - ETH_HEADER;

	if (!is_ipv4(f)) {
		put16(ip + IP6_LENGTH, f->head_len - ETH_HEADER - IP6_HEADER + payload);
		return;
	}
	put16(ip + IP4_LENGTH, f->head_len - ETH_HEADER + payload);
	put16(ip + IP4_ID, get16(ip + IP4_ID) + index);
	put16(ip + IP4_CHECKSUM, 0);
	sum_store(ip + IP4_CHECKSUM, sum_bytes(ip, header));
}

/* The sum of the addresses, the protocol and the length, in memory order. */
static uint64_t pseudo_header(const struct frame *f, const uint8_t *head, uint32_t length)
{
	const uint8_t *ip = head + ETH_HEADER;
	uint8_t rest[4] = { 0, PROTOCOL_TCP };

	put16(rest + 2, length);
	return sum_bytes(rest, sizeof(rest)) + (is_ipv4(f) ? sum_bytes(ip + IP4_ADDRESSES, 8) : sum_bytes(ip + IP6_ADDRESSES, 32));
}

uint32_t frame_cut(const struct frame *f, unsigned index, struct frame_cursor at, uint8_t *head)
{
	uint32_t done = index * f->offload.segment, left = f->len - f->head_len - done;
	uint32_t payload = (uint32_t)min_u64(left, f->offload.segment), length = f->head_len - f->offload.csum_start;
	uint8_t *tcp = head + f->offload.csum_start;
	uint32_t sequence;

	memcpy(head, f->head, f->head_len);
	ip_write(f, head, index, payload);
	sequence = ((uint32_t)get16(tcp + TCP_SEQUENCE) << 16 | get16(tcp + TCP_SEQUENCE + 2)) + done;
	put16(tcp + TCP_SEQUENCE, sequence >> 16);
	put16(tcp + TCP_SEQUENCE + 2, sequence);
	if (payload < left)		/* not the last one */
		tcp[TCP_FLAGS] &= (uint8_t)~(TCP_FIN | TCP_PUSH);
	if (index)
		tcp[TCP_FLAGS] &= (uint8_t)~TCP_CWR;
	put16(tcp + TCP_CHECKSUM, 0);
	sum_store(tcp + TCP_CHECKSUM, pseudo_header(f, head, length + payload) + sum_bytes(tcp, length) +
		  sum_payload(at, payload, false));
	return payload;
}
