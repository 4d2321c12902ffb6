/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Block devices: a client (a monitor, or a service that makes disks out of a disk) and a server (a disk driver, or such a service), over
 * links (rt/link.h), one for each queue.
 *
 * Capabilities and areas in the start pages (rt/start.h), N counting the disks of the client or the clients of the server:
 *   client   blkN     NOTIFICATION  SIGNAL       signal the server: one bit
 *            blkN     area                       struct link_shared
 *   server   clientN  NOTIFICATION  SIGNAL       signal the client: one bit
 *            linkN    area                       struct link_shared
 *            memN.K   REGION        READ WRITE   the data memory in pieces, in their order; only READ for a read-only disk is
 *                                                not enough, because what is read goes there
 * The other way round, each is signalled on the notification that it waits for; which bits those are is in its configuration.
 *
 * The server writes its info words before it accepts the link; they hold until the next one.  Writes may be cached by the server
 * until BLK_FLUSH: a write that was completed before a flush was requested is on stable storage when the flush completes.
 * Requests that are under way at the same time are done in any order.
 *
 * When the server ends and comes back, the client asks again for what was not completed, and so must a write that was completed but not
 * flushed be on stable storage, or still in what the new server takes over.  A server that cannot promise that writes through.
 */
#ifndef SVC_BLK_H
#define SVC_BLK_H

#include <lib/base.h>
#include <rt/link.h>

#define BLK_VERSION		1u
#define BLK_SECTOR		512u	/* the unit of all sector numbers, whatever the device's block size is */

/* link_request.op; arg[0]: first sector, arg[1]: sectors of BLK_DISCARD and BLK_ZEROES, else unused. */
enum blk_op {
	BLK_READ = 0,		/* into the segments; their lengths are multiples of BLK_SECTOR, and at least 1 byte together */
	BLK_WRITE = 1,
	BLK_FLUSH = 2,		/* no segments */
	BLK_DISCARD = 3,	/* no segments; what is read there afterwards is undefined, but not other clients' data */
	BLK_ZEROES = 4,		/* no segments */
};
#define BLK_UNMAP		(1u << 0)	/* link_request.flags of BLK_ZEROES: the sectors need not stay allocated */

/* link_completion.status */
enum blk_status {
	BLK_OK = 0,
	BLK_EIO = 1,		/* the device failed */
	BLK_ERANGE = 2,		/* beyond the end, or a segment outside of the data memory */
	BLK_EUNSUP = 3,
	BLK_EROFS = 4,
};

/* Info words of the server. */
enum blk_info {
	BLK_INFO_VERSION = 0,		/* BLK_VERSION */
	BLK_INFO_SECTORS = 1,		/* size */
	BLK_INFO_FLAGS = 2,		/* BLK_HAS_*, BLK_READ_ONLY */
	BLK_INFO_BLOCK = 3,		/* bytes of a block: transfers aligned to it are best; a power of two, at least BLK_SECTOR */
	BLK_INFO_MAX_SEGMENTS = 4,	/* of one request: 1 ... LINK_SEGMENTS */
	BLK_INFO_MAX_SECTORS = 5,	/* of one request; of BLK_DISCARD and BLK_ZEROES: BLK_INFO_MAX_DISCARD */
	BLK_INFO_MAX_DISCARD = 6,
	BLK_INFO_SERIAL = 7,		/* 20 bytes in three words, NUL-padded ASCII */
};
#define BLK_READ_ONLY		(1ull << 0)
#define BLK_HAS_FLUSH		(1ull << 1)	/* writes may be cached: flush */
#define BLK_HAS_DISCARD		(1ull << 2)
#define BLK_HAS_ZEROES		(1ull << 3)
#define BLK_SERIAL		20u

#endif
