/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A link: requests one way and completions back, between a client and a server that need not trust each other.
 *
 *	 client                     struct link_shared                      server
 *	 link_request()  --put-->   request[]     32-byte slots   --take--> link_take()
 *	 link_completion() <-take-  completion[]  32-byte slots   <--put--- link_complete()
 *
 * A request is a header slot and then its segments, two in a slot.  Requests may be completed in any order; a client has at most
 * LINK_TAGS of them under way, so there is always room for a completion.  What is transferred never stands in the rings: segments
 * name bytes of the link's *data memory*, counted from its start.  Whoever sets the link up decides what that is: the memory of the
 * client's guest, given to the server as REGION capabilities (nobody copies), or a buffer shared by the two (the client copies once).
 *
 * One owner per word: struct link_shared.client is written by the client only, .server by the server only, each ring by the
 * side that puts.  Each side keeps its own indices privately and never reads them back.  Every word of the other side is
 * read once, checked, then used: a peer that lies can stop the traffic or ask for nonsense, nothing else.
 *
 * Setting up needs no call, so that nobody waits for a peer that does not answer, and either side may end and come back:
 *
 *	server	begins		writes @boots + 1, so that the client notices
 *	client	begins		chooses an epoch that differs from the last one, clears its indices, writes @hello = boots << 32 | epoch
 *	server	sees a new @hello with its own @boots	stops all that belongs to the old one, clears its indices, writes the same @hello
 *	client	sees its own @hello in the server's half: the link is up.  What was not answered is asked for again.
 *
 * Signals: a side that found nothing writes into @wake the index of the peer's next put that it wants to be signalled for; the
 * peer signals when it passes that.  Nobody may rely on signals being rare, or on there being one for each put.  After writing
 * @hello or @boots a side signals always.
 */
#ifndef RT_LINK_H
#define RT_LINK_H

#include <stdatomic.h>

#include <lib/base.h>

#define LINK_SLOTS	1024u		/* of the request ring: a power of two */
#define LINK_TAGS	256u		/* requests under way; slots of the completion ring: a power of two */
#define LINK_SEGMENTS	256u		/* of one request */
#define LINK_INFO	48u		/* 64-bit words that a protocol uses as it likes */

/* Bytes [addr, addr + len) of the data memory. */
struct link_segment {
	uint64_t addr;
	uint32_t len;
	uint32_t reserved;
};

struct link_request {
	uint32_t tag;			/* < LINK_TAGS, chosen by the client among those that are not under way */
	uint8_t op;			/* the protocol's */
	uint8_t flags;
	uint16_t segments;		/* that follow: at most LINK_SEGMENTS */
	uint64_t arg[3];		/* the protocol's */
};

struct link_completion {
	uint32_t tag;
	uint32_t status;		/* the protocol's; 0: done */
	uint64_t arg[3];		/* the protocol's */
};
_Static_assert(sizeof(struct link_segment) == 16, "protocol");
_Static_assert(sizeof(struct link_request) == 32, "protocol");
_Static_assert(sizeof(struct link_completion) == 32, "protocol");

/* One side's half.  @put, @got and @wake count slots and wrap. */
struct link_side {
	_Atomic uint32_t put;		/* slots of its own ring that are filled            */
	_Atomic uint32_t wake;		/* signal when the peer's put passes this           */
	uint32_t reserved0[14];
	_Atomic uint32_t got;		/* slots of the peer's ring that can be filled anew */
	uint32_t reserved1[15];
	_Atomic uint64_t hello;
	_Atomic uint32_t boots;		/* server only                                      */
	uint32_t reserved2[13];
	_Atomic uint64_t info[LINK_INFO];
	uint64_t reserved3[24 + 16];
};
_Static_assert(offsetof(struct link_side, got) == 64, "protocol: a line for each");
_Static_assert(offsetof(struct link_side, hello) == 128, "protocol");
_Static_assert(offsetof(struct link_side, info) == 192, "protocol");
_Static_assert(sizeof(struct link_side) == 896, "protocol");

/* The shared area; all zero is a link that nobody has begun to use. */
struct link_shared {
	struct link_side client, server;
	uint8_t pad[4096 - 2 * sizeof(struct link_side)];
	uint64_t request[LINK_SLOTS][4];
	uint64_t completion[LINK_TAGS][4];
	uint8_t pad1[4096 - LINK_TAGS * 32 % 4096];
};
_Static_assert(offsetof(struct link_shared, request) == 4096, "protocol");
_Static_assert(sizeof(struct link_shared) % 4096 == 0, "whole pages");

enum link_state {
	LINK_DOWN,			/* the peer is not there, or not yet               */
	LINK_NEW,			/* the peer has just come (back)                   */
	LINK_UP,
};

/* One side's private view. */
struct link {
	struct link_shared *shared;
	uint64_t hello;			/* what this link stands for; 0: nothing           */
	uint32_t boots;			/* client: the server's, that @hello was chosen for */
	uint32_t put, got;		/* own indices                                     */
	uint32_t told;			/* @put when the peer was last signalled           */
	bool up;
	bool broken;			/* the peer broke the rules: down until it begins anew */
};

/* --- the client --- */

void link_client_init(struct link *l, struct link_shared *shared);
/*
 * Look at the handshake.  LINK_NEW is returned once each time the link comes up: what was requested before and not completed
 * will never be.  *@signal: the server must be signalled.
 */
enum link_state link_client_poll(struct link *l, bool *signal) MUST_USE;
/* Begin anew, as after the server broke the rules, or to take back everything that is under way. */
void link_client_restart(struct link *l);
/* Put @r with its r->segments segments.  False: no room now, nothing was put. */
bool link_request(struct link *l, const struct link_request *r, const struct link_segment *segment) MUST_USE;
/* Take the next completion.  False: there is none, or the server broke the rules (link_broken()).  The tag is < LINK_TAGS. */
bool link_completion(struct link *l, struct link_completion *out) MUST_USE;

/* --- the server --- */

/* @l: all clients see that a server has begun. */
void link_server_init(struct link *l, struct link_shared *shared);
/*
 * Look at the handshake.  LINK_NEW: a client has begun, also in place of one that is up; stop what is under way for the old
 * one, write the info words, then call link_server_accept().
 */
enum link_state link_server_poll(struct link *l) MUST_USE;
/* Signal the client afterwards. */
void link_server_accept(struct link *l);
/* Take the next request with at most @max segments.  False: there is none, or the client broke the rules (link_broken()). */
bool link_take(struct link *l, struct link_request *r, struct link_segment *segment, unsigned max) MUST_USE;
/* False: the client does not take its completions, although it has at most LINK_TAGS requests under way: it is broken. */
bool link_complete(struct link *l, const struct link_completion *c) MUST_USE;

/* --- both --- */

/* Must the peer be signalled for what was put since the last time?  Call it after the last put of a batch. */
bool link_needs_signal(struct link *l, bool server) MUST_USE;
/* Ask to be signalled for the next put.  False: there is something already, take that first. */
bool link_sleep(struct link *l, bool server) MUST_USE;
static inline bool link_broken(const struct link *l) { return l->broken; }
/* The peer has broken a rule of the protocol above the link. */
static inline void link_break(struct link *l) { l->broken = true; }

/* A word of the protocol's own: of this side, and of the peer, to be checked. */
static inline void link_info_set(struct link_side *own, unsigned i, uint64_t v)
{
	atomic_store_explicit(&own->info[i], v, memory_order_relaxed);
}
static inline uint64_t link_info_get(const struct link_side *peer, unsigned i)
{
	return atomic_load_explicit(&peer->info[i], memory_order_relaxed);
}

#endif
