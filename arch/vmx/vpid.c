/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a CPU may remember of translations, and how it forgets.  SDM, "Caching Translation Information".
 *
 * - Combined translations, from the guest's linear addresses to the host's physical ones, carry a VPID and the EPTP.  INVVPID drops
 *   those of one VPID.  Without VPIDs every entry and exit drops them all.
 * - Guest-physical translations carry the EPTP alone: no INVVPID and no new VPID drops them, only INVEPT does, which drops the
 *   combined ones of that EPTP as well.
 *
 * Each CPU hands its VPIDs out once a generation; when they are used up, the generation ends and all are flushed.  A vCPU keeps its
 * VPID while its generation is the CPU's current one.  Generations of different CPUs differ, so a vCPU that moved has none,
 * also when it comes back.
 */
#include "vmx.h"

/* A fresh VPID on CPU @c, under which nothing is remembered. */
static void vpid_assign(struct vmx_vcpu *s, struct vmx_cpu *c)
{
	if (c->vpid_next >= VPID_END) {
		c->vpid_generation++;
		c->vpid_next = 1;
		vmx_invvpid(INVVPID_ALL, 0);
	}
	s->vpid = (uint16_t)c->vpid_next++;
	s->vpid_generation = c->vpid_generation;
	vmcs_write16(VMCS_VPID, s->vpid);
}

/* No translation of its space that the guest of @v has used so far may be used from its next entry on. */
void vmx_flush(struct vcpu *v)
{
	vmx_of(v)->stale |= STALE_GUEST;
}

/* Right before an entry on CPU @c: make what is stale forgotten. */
void vmx_flush_now(struct vmx_vcpu *s, struct vmx_cpu *c)
{
	uint8_t stale = s->stale;

	s->stale = 0;
	if (s->vpid_generation != c->vpid_generation) {
		if (vmx.vpid)
			vpid_assign(s, c);
		s->vpid_generation = c->vpid_generation;
	} else if (stale & STALE_LINEAR && vmx.vpid) {
		if (vmx.invvpid_single)
			vmx_invvpid(INVVPID_SINGLE, s->vpid);
		else
			vpid_assign(s, c);
	}
	if (stale & STALE_GUEST)
		vmx_invept(vmx.invept, vmx.invept == INVEPT_SINGLE ? s->eptp : 0);
}
