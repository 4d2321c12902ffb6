/* SPDX-License-Identifier: Apache-2.0 */
/* Protection domains: a table of capabilities, a host address space, and the kernel memory that both may use. */
#ifndef KERNEL_DOMAIN_H
#define KERNEL_DOMAIN_H

#include <kernel/cap.h>
#include <kernel/notify.h>
#include <kernel/object.h>
#include <kernel/space.h>
#include <lib/base.h>
#include <lib/list.h>
#include <mm/quota.h>

/* How deep domains may create domains: bounds every walk from a domain to its creators. */
#define DOMAIN_LEVELS	32u

/* Pages of an I/O permission map. */
#define PORT_MAP_PAGES	2u

struct domain {
	struct object object;		/* payer: the domain that created it; root's is itself                   */
	struct quota quota;
	struct space space;
	bool dying;			/* being destroyed: gets no capability, thread or mapping any more       */
	bool empty;			/* destruction: domain_empty() is done                                   */
	uint8_t level;			/* of nesting; root: 0                                                   */
	uint16_t scan;			/* destruction: every slot below is empty                                */
	uint32_t thread_count;
	struct list threads;		/* struct thread.in_domain                                               */
	struct notify_hook watch;
	struct list grants;		/* struct grant.link                                                     */
	uint8_t *ports;			/* I/O permission map, 2 pages, 1 = denied; NULL: no ports               */
	uint16_t port_first, port_last;	/* first and last byte of the map that allow anything                    */
	struct cap_table table;
};

/* The page with struct tv_info, which every domain sees at TV_INFO_ADDR. */
extern hpa_t domain_info_page;

static inline struct domain *cap_domain(const struct cap *c) { return container_of(c->object, struct domain, object); }

/* Is @d @other itself or was it created, directly or not, by @other? */
bool domain_is_inside(const struct domain *d, const struct domain *other);
/*
 * Set up @d, whose memory is zeroed, with @pages of the quota of @creator (NULL: of the frame pool; root only).
 * TV_EQUOTA, changing nothing: the creator has not so many, or they are too few for the tables that every domain has.
 */
enum tv_err domain_init(struct domain *d, struct domain *creator, uint64_t pages) MUST_USE;
/* As cap_get(); TV_EDEAD: the domain is being destroyed. */
enum tv_err domain_get(const struct cap_table *table, uint64_t sel, uint32_t need, struct domain **out) MUST_USE;
/*
 * Remove all that @d holds, has created and has mapped, its threads, and the same of every domain that it created.
 * false: @w ran out, call again.
 */
bool domain_empty(struct domain *d, struct work *w) MUST_USE;
/* object_destroy() for domains that domain_empty() has emptied. */
void domain_destroy(struct domain *d);

#endif
