/* SPDX-License-Identifier: Apache-2.0 */
/* Links between clients and servers: see rt/link.h. */
#include <rt/link.h>

#define SLOT_SEGMENTS	2u		/* segments in a slot of the request ring */

_Static_assert((LINK_SLOTS & (LINK_SLOTS - 1)) == 0 && (LINK_TAGS & (LINK_TAGS - 1)) == 0, "indices wrap at 2^32");
_Static_assert(1 + LINK_SEGMENTS / SLOT_SEGMENTS <= LINK_SLOTS, "the longest request fits");

/* Words of a slot, each stored or loaded once and whole: the peer may be looking, or writing. */
static void slot_write(uint64_t slot[4], const void *from)
{
	uint64_t v[4];

	__builtin_memcpy(v, from, sizeof(v));
	for (unsigned i = 0; i < 4; i++)
		WRITE_ONCE(slot[i], v[i]);
}

static void slot_read(void *to, const uint64_t slot[4])
{
	uint64_t v[4];

	for (unsigned i = 0; i < 4; i++)
		v[i] = READ_ONCE(slot[i]);
	__builtin_memcpy(to, v, sizeof(v));
}

static bool fail(struct link *l)
{
	l->broken = true;
	return false;
}

/* Own indices as at the beginning, in the shared half @own too. */
static void indices_clear(struct link *l, struct link_side *own)
{
	l->put = l->got = l->told = 0;
	l->broken = false;
	atomic_store_explicit(&own->put, 0, memory_order_relaxed);
	atomic_store_explicit(&own->got, 0, memory_order_relaxed);
	atomic_store_explicit(&own->wake, 0, memory_order_relaxed);
}

/* --- the client --- */

static void client_hello(struct link *l, uint32_t boots)
{
	struct link_shared *s = l->shared;
	uint32_t last = (uint32_t)l->hello, answered = (uint32_t)atomic_load(&s->server.hello), epoch = last + 1;

	/* Neither what was offered nor what was answered last, by whomever. */
	while (epoch == 0 || epoch == answered)
		epoch++;
	indices_clear(l, &s->client);
	l->boots = boots;
	l->hello = (uint64_t)boots << 32 | epoch;
	l->up = false;
	atomic_store(&s->client.hello, l->hello);
}

void link_client_init(struct link *l, struct link_shared *shared)
{
	*l = (struct link){ .shared = shared, .hello = atomic_load(&shared->client.hello) };
	client_hello(l, atomic_load(&shared->server.boots));
}

enum link_state link_client_poll(struct link *l, bool *signal)
{
	uint32_t boots = atomic_load_explicit(&l->shared->server.boots, memory_order_acquire);
	bool answered;

	*signal = boots != l->boots;
	if (boots != l->boots)
		client_hello(l, boots);
	answered = boots && atomic_load_explicit(&l->shared->server.hello, memory_order_acquire) == l->hello;
	if (!answered || l->broken) {
		l->up = false;
		return LINK_DOWN;
	}
	if (l->up)
		return LINK_UP;
	l->up = true;
	return LINK_NEW;
}

void link_client_restart(struct link *l)
{
	client_hello(l, atomic_load(&l->shared->server.boots));
}

bool link_request(struct link *l, const struct link_request *r, const struct link_segment *segment)
{
	struct link_shared *s = l->shared;
	uint32_t need = 1 + (r->segments + SLOT_SEGMENTS - 1) / SLOT_SEGMENTS;
	uint32_t used = l->put - atomic_load_explicit(&s->server.got, memory_order_acquire);	/* pairs with link_take */

	/* A server that claims to have taken more than there is gets nothing more. */
	if (!l->up || used > LINK_SLOTS || need > LINK_SLOTS - used || r->segments > LINK_SEGMENTS)
		return false;
	slot_write(s->request[l->put % LINK_SLOTS], r);
	for (uint32_t i = 0; i < r->segments; i += SLOT_SEGMENTS) {
		struct link_segment pair[SLOT_SEGMENTS] = { segment[i] };

		if (i + 1u < r->segments)
			pair[1] = segment[i + 1];
		slot_write(s->request[(l->put + 1 + i / SLOT_SEGMENTS) % LINK_SLOTS], pair);
	}
	l->put += need;
	atomic_store_explicit(&s->client.put, l->put, memory_order_release);	/* pairs with link_take */
	return true;
}

bool link_completion(struct link *l, struct link_completion *out)
{
	struct link_shared *s = l->shared;
	uint32_t there;

	if (!l->up || l->broken)
		return false;
	there = atomic_load_explicit(&s->server.put, memory_order_acquire) - l->got;	/* pairs with link_complete */
	if (there == 0)
		return false;
	if (there > LINK_TAGS)
		return fail(l);
	slot_read(out, s->completion[l->got % LINK_TAGS]);
	if (out->tag >= LINK_TAGS)
		return fail(l);
	l->got++;
	atomic_store_explicit(&s->client.got, l->got, memory_order_release);	/* pairs with link_complete */
	return true;
}

/* --- the server --- */

void link_server_init(struct link *l, struct link_shared *shared)
{
	uint32_t boots = atomic_load(&shared->server.boots) + 1;

	*l = (struct link){ .shared = shared, .boots = boots ? boots : 1 };
	atomic_store(&shared->server.boots, l->boots);
}

enum link_state link_server_poll(struct link *l)
{
	uint64_t hello = atomic_load_explicit(&l->shared->client.hello, memory_order_acquire);

	if (hello == l->hello && l->up)
		return l->broken ? LINK_DOWN : LINK_UP;
	l->up = false;
	if (hello >> 32 != l->boots || !(uint32_t)hello)
		return LINK_DOWN;
	l->hello = hello;
	return LINK_NEW;
}

void link_server_accept(struct link *l)
{
	indices_clear(l, &l->shared->server);
	l->up = true;
	atomic_store_explicit(&l->shared->server.hello, l->hello, memory_order_release);	/* pairs with link_client_poll */
}

bool link_take(struct link *l, struct link_request *r, struct link_segment *segment, unsigned max)
{
	struct link_shared *s = l->shared;
	uint32_t there, slots;

	if (!l->up || l->broken)
		return false;
	there = atomic_load_explicit(&s->client.put, memory_order_acquire) - l->got;	/* pairs with link_request */
	if (there == 0)
		return false;
	if (there > LINK_SLOTS)
		return fail(l);
	slot_read(r, s->request[l->got % LINK_SLOTS]);
	slots = 1 + (r->segments + SLOT_SEGMENTS - 1) / SLOT_SEGMENTS;
	if (r->tag >= LINK_TAGS || r->segments > max || r->segments > LINK_SEGMENTS || slots > there)
		return fail(l);
	for (uint32_t i = 0; i < r->segments; i += SLOT_SEGMENTS) {
		struct link_segment pair[SLOT_SEGMENTS];

		slot_read(pair, s->request[(l->got + 1 + i / SLOT_SEGMENTS) % LINK_SLOTS]);
		segment[i] = pair[0];
		if (i + 1u < r->segments)
			segment[i + 1] = pair[1];
	}
	l->got += slots;
	atomic_store_explicit(&s->server.got, l->got, memory_order_release);	/* pairs with link_request */
	return true;
}

bool link_complete(struct link *l, const struct link_completion *c)
{
	struct link_shared *s = l->shared;

	if (!l->up || l->broken)
		return true;			/* nobody waits for it any more */
	if (l->put - atomic_load_explicit(&s->client.got, memory_order_acquire) >= LINK_TAGS)	/* pairs with link_completion */
		return fail(l);
	slot_write(s->completion[l->put % LINK_TAGS], c);
	l->put++;
	atomic_store_explicit(&s->server.put, l->put, memory_order_release);	/* pairs with link_completion */
	return true;
}

/* --- both --- */

bool link_needs_signal(struct link *l, bool server)
{
	struct link_shared *s = l->shared;
	uint32_t before = l->told, wake;

	atomic_thread_fence(memory_order_seq_cst);	/* the put first, then what the peer wants: pairs with link_sleep */
	wake = atomic_load_explicit(server ? &s->client.wake : &s->server.wake, memory_order_relaxed);
	l->told = l->put;
	/* Was the slot with number @wake among those that were filled since? */
	return wake - before < l->put - before;
}

bool link_sleep(struct link *l, bool server)
{
	struct link_shared *s = l->shared;

	atomic_store_explicit(server ? &s->server.wake : &s->client.wake, l->got, memory_order_relaxed);
	atomic_thread_fence(memory_order_seq_cst);	/* pairs with link_needs_signal */
	return atomic_load_explicit(server ? &s->client.put : &s->server.put, memory_order_acquire) == l->got;
}
