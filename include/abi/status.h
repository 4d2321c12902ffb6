/* SPDX-License-Identifier: Apache-2.0 */
/* The one status that every hypercall returns in RAX.  docs/abi.md says for each call which can come and why. */
#ifndef ABI_STATUS_H
#define ABI_STATUS_H

enum tv_err {
	TV_OK       = 0,
	TV_ENOSYS   = 1,	/* no such hypercall                                                   */
	TV_EINVAL   = 2,	/* an argument is malformed: unknown flag bit, misaligned, out of range */
	TV_ECAP     = 3,	/* selector beyond the table, or the slot is empty                     */
	TV_ETYPE    = 4,	/* the capability is of another type                                   */
	TV_ERIGHT   = 5,	/* the capability lacks a right that the call needs                    */
	TV_EEXIST   = 6,	/* destination slot occupied, or address range already mapped          */
	TV_ERANGE   = 7,	/* outside the range that the capability covers                        */
	TV_EQUOTA   = 8,	/* the domain's kernel-memory quota is exhausted; nothing was changed  */
	TV_EBUSY    = 9,	/* the object is in use in a way that excludes this call               */
	TV_EAGAIN   = 10,	/* nothing there yet (poll)                                            */
	TV_ETIMEOUT = 11,	/* the deadline passed                                                 */
	TV_EDEAD    = 12,	/* an object that the call depends on was destroyed                    */
	TV_ESTATE   = 13,	/* vCPU state was refused; message word 0 names the group (TV_REGS_*)  */
	TV_EUNSUP   = 14,	/* this CPU or machine cannot do it                                    */
	TV_ERR_COUNT
};

#endif
