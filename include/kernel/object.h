/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kernel objects.  An object lives exactly as long as its original capability, the one that its creation made in the table of
 * the domain that created it; that domain pays for the object's memory, and so always outlives it.  There is no reference
 * count: every other capability to the object is derived from the original one and goes before it, and every pointer between
 * two objects is linked both ways, so that the end of either side clears it.
 */
#ifndef KERNEL_OBJECT_H
#define KERNEL_OBJECT_H

#include <abi/object.h>
#include <abi/status.h>
#include <lib/base.h>

struct cap;
struct domain;
struct work;

/* The head of every object; struct vcpu and all others embed it as a member named "object". */
struct object {
	struct cap *original;		/* the capability whose end is this object's end  */
	struct domain *payer;		/* the domain that created it and pays for it     */
};

/*
 * The decode half of every create call: an empty slot @sel in @d's table and @size zeroed bytes (<= 2048) of @d's quota.
 * Either the call commits with object_publish(), or it undoes this with object_abandon().
 * TV_ECAP: no such selector; TV_EEXIST: slot in use; TV_EQUOTA; TV_EDEAD: @d is being destroyed.
 */
enum tv_err object_prepare(struct domain *d, uint64_t sel, size_t size, void **memory) MUST_USE;
void object_abandon(struct domain *d, uint64_t sel, void *memory, size_t size);
/*
 * Commit: @o, whose memory object_prepare() gave, exists from here on; its original capability stands in slot @sel with all
 * rights.  @source: the capability that it counts as derived from, or NULL.
 */
void object_publish(struct object *o, struct domain *d, uint64_t sel, enum tv_cap_type type, struct cap *source);

/*
 * End the object whose original capability is @c; nothing is derived from @c any more.  Returns false when @w ran out: to be
 * called again, and until then nothing can look the object up.
 */
bool object_destroy(struct cap *c, struct work *w) MUST_USE;
/* Free the memory of the object whose original capability was @c.  limbo.c alone calls it. */
void object_free(struct cap *c);

#endif
