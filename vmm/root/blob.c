/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The structure of a flattened device tree, checked before libfdt reads it.
 *
 * libfdt has a check of its own, fdt_check_full(), and it is called here as well; but the version that Debian 12 ships trusts
 * two things too many: a property length close to 2^32 sends it back in the structure block, where it loops for ever, and on
 * versions below 16 it follows a NULL pointer when a node name has no slash.  One pass over the tokens rules out both.
 *
 * Devicetree Specification, "Flattened Devicetree (DTB) Format".
 */
#include "blob.h"

#include <libfdt.h>

#include <rt/string.h>

/* The structure block and where we are in it. */
struct blob_walk {
	const uint8_t *block;
	uint32_t size, at;
	const char *strings;
	uint32_t strings_size;
	uint32_t depth;
};

static uint32_t blob_be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* Advance by @len bytes and the padding behind them; false: they are not all in the block. */
static bool blob_skip(struct blob_walk *w, uint32_t len)
{
	if (!range_inside(w->at, len, w->size))
		return false;
	w->at = (uint32_t)align_up(w->at + len, 4);
	return w->at <= w->size;
}

static const char *blob_node(struct blob_walk *w)
{
	size_t left = w->size - w->at;
	size_t len = strnlen((const char *)w->block + w->at, left);

	if (len == left || !blob_skip(w, (uint32_t)len + 1))
		return "a node name has no end";
	if (w->depth++ == 0 && len)
		return "the root node has a name";
	if (w->depth > BLOB_DEPTH)
		return "nodes are nested too deep";
	return NULL;
}

static const char *blob_prop(struct blob_walk *w)
{
	const uint8_t *head = w->block + w->at;

	if (!blob_skip(w, 8))
		return "a property is cut off";

	uint32_t len = blob_be32(head), name = blob_be32(head + 4);

	if (!w->depth)
		return "a property is outside of all nodes";
	if (name >= w->strings_size || strnlen(w->strings + name, w->strings_size - name) == w->strings_size - name)
		return "a property name is outside the strings";
	if (!blob_skip(w, len))
		return "a property is longer than the tree";
	return NULL;
}

static const char *blob_walk(struct blob_walk *w)
{
	bool closed = false;		/* the root node has ended */

	while (range_inside(w->at, 4, w->size)) {
		uint32_t token = blob_be32(w->block + w->at);
		const char *wrong = NULL;

		w->at += 4;
		if (closed && token != FDT_END && token != FDT_NOP)
			return "something follows the root node";
		switch (token) {
		case FDT_NOP:
			break;
		case FDT_BEGIN_NODE:
			wrong = blob_node(w);
			break;
		case FDT_PROP:
			wrong = blob_prop(w);
			break;
		case FDT_END_NODE:
			if (!w->depth)
				return "a node ends that has not begun";
			closed = --w->depth == 0;
			break;
		case FDT_END:
			return closed && w->at == w->size ? NULL : "it ends in the middle";
		default:
			return "unknown token";
		}
		if (wrong)
			return wrong;
	}
	return "it has no end";
}

const char *blob_check(const void *blob, size_t size)
{
	const struct fdt_header *h = blob;

	if (size < sizeof(*h))
		return "it is too short";
	if (fdt_magic(h) != FDT_MAGIC)
		return "it does not begin like one";
	if (fdt_version(h) != FDT_LAST_SUPPORTED_VERSION)
		return "its version is not 17";
	if (fdt_totalsize(h) > size)
		return "it is cut off";
	if (!range_inside(fdt_off_dt_struct(h), fdt_size_dt_struct(h), fdt_totalsize(h)) ||
	    !is_aligned(fdt_off_dt_struct(h), 4) || !range_inside(fdt_off_dt_strings(h), fdt_size_dt_strings(h), fdt_totalsize(h)))
		return "its blocks are not inside it";

	struct blob_walk w = {
		.block = (const uint8_t *)blob + fdt_off_dt_struct(h), .size = fdt_size_dt_struct(h),
		.strings = (const char *)blob + fdt_off_dt_strings(h), .strings_size = fdt_size_dt_strings(h),
	};
	const char *wrong = blob_walk(&w);

	if (wrong)
		return wrong;

	int err = fdt_check_full(blob, size);

	return err ? fdt_strerror(err) : NULL;
}
