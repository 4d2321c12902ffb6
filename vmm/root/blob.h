/* SPDX-License-Identifier: Apache-2.0 */
/* Is a boot module a flattened device tree that libfdt can be let loose on? */
#ifndef ROOT_BLOB_H
#define ROOT_BLOB_H

#include <lib/base.h>

#define BLOB_DEPTH	8u		/* nodes inside nodes that are accepted */

/* NULL if the @size bytes at @blob (8-byte aligned) are a well-formed tree of the present version; otherwise what is wrong. */
const char *blob_check(const void *blob, size_t size) MUST_USE;

#endif
