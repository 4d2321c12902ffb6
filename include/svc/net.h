/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Network ports: a client (a monitor) and a server (a switch, a NIC driver), over two links (rt/link.h) for each pair of queues:
 * one with frames to send, one with buffers to receive into.
 *
 * Capabilities and areas in the start pages (rt/start.h), N counting the ports of the client or the clients of the server:
 *   client   netN     NOTIFICATION  SIGNAL       signal the server
 *            netN     area                       struct net_shared
 *   server   clientN  NOTIFICATION  SIGNAL       signal the client
 *            portN    area                       struct net_shared
 *            memN.K   REGION        READ WRITE   the data memory in pieces, in their order
 * A switch has it otherwise: svc/switch.h.
 *
 * Frames are Ethernet frames without preamble and FCS.  Beside each goes what is left to do with it, struct net_offload, packed into
 * two words: a server that cannot do it for what the frame goes to does it itself, or says so in its info words.
 */
#ifndef SVC_NET_H
#define SVC_NET_H

#include <lib/base.h>
#include <rt/link.h>

#define NET_VERSION		1u
#define NET_FRAME_MIN		14u		/* an Ethernet header */
#define NET_FRAME_MAX		65550u		/* 64 KiB of payload in one segment to be cut, and its header */

/* link_request.op */
enum net_op {
	NET_SEND = 0,		/* the send link; arg[0], arg[1]: offload words                                              */
	NET_BUFFER = 1,		/* the receive link: room for a frame, or for a part of one; arg[0]: bytes at its front that
				   are left free when a frame begins in it                                                    */
};

/*
 * Completions.  Send: status only.  Receive: arg[0], arg[1]: offload words; arg[2]: bytes stored in this buffer | buffers of the frame
 * << 32.  A frame longer than a buffer goes into several if the client merges, completed one behind the other in the order in which they
 * were offered; only the first one has offload words and the number.  A server drops frames for which there is not enough room.
 */
enum net_status { NET_OK = 0, NET_ERANGE = 1, NET_EDROP = 2 };

/* Word 0: flags | kind << 8 | header length << 16 | segment size << 32 | checksum start << 48; word 1: checksum offset. */
#define NET_CSUM_NEEDED		(1u << 0)	/* the checksum from start on is to be stored at start + offset         */
#define NET_CSUM_VALID		(1u << 1)	/* it has been verified                                                 */
enum net_segmentation { NET_SEG_NONE = 0, NET_SEG_TCP4 = 1, NET_SEG_UDP = 3, NET_SEG_TCP6 = 4, NET_SEG_ECN = 0x80 };

struct net_offload {
	uint8_t flags, kind;
	uint16_t header, segment, csum_start, csum_offset;
};

static inline void net_offload_pack(const struct net_offload *o, uint64_t word[2])
{
	word[0] = o->flags | (uint64_t)o->kind << 8 | (uint64_t)o->header << 16 | (uint64_t)o->segment << 32 |
		  (uint64_t)o->csum_start << 48;
	word[1] = o->csum_offset;
}

static inline struct net_offload net_offload_unpack(const uint64_t word[2])
{
	return (struct net_offload){ (uint8_t)word[0], (uint8_t)(word[0] >> 8), (uint16_t)(word[0] >> 16),
				     (uint16_t)(word[0] >> 32), (uint16_t)(word[0] >> 48), (uint16_t)word[1] };
}

/* Info words of the server on the send link; NET_INFO_LINK may change at any time, with a signal. */
enum net_info {
	NET_INFO_VERSION = 0,
	NET_INFO_LINK = 1,		/* 1: there is a carrier                                                        */
	NET_INFO_MAC = 2,		/* the address that the port must use, in the low 48 bits, first byte lowest      */
	NET_INFO_MTU = 3,
	NET_INFO_OFFLOADS = 4,		/* NET_TAKES_*: what may be left to do with frames that are sent                  */
};
#define NET_TAKES_CSUM		(1ull << 0)
#define NET_TAKES_SEG		(1ull << 1)

/* Info words of the client on the send link; they may change at any time, with a signal. */
enum net_client_info {
	NET_CLIENT_OFFLOADS = 0,	/* NET_TAKES_*: what may be left to do with frames that it receives               */
	NET_CLIENT_FILTER = 1,		/* NET_PROMISC ...                                                                */
	NET_CLIENT_MACS = 2,		/* number of addresses in the following words, at most NET_FILTER_MACS            */
	NET_CLIENT_MAC0 = 3,
	NET_CLIENT_MERGES = 3 + 16,	/* most buffers that a frame may go into; 0 is 1                              */
};
#define NET_PROMISC		(1ull << 0)
#define NET_ALL_MULTICAST	(1ull << 1)
#define NET_FILTER_MACS		16u

struct net_shared {
	struct link_shared send, receive;
};

#define NET_MERGE_MAX		18u		/* buffers of one frame */

#endif
