/* SPDX-License-Identifier: Apache-2.0 */
/* CPUID leaves and bits of the host.  SDM, "CPUID - CPU Identification"; APM, "Obtaining Processor Information". */
#ifndef X86_CPUID_H
#define X86_CPUID_H

#define CPUID_BASIC		0x00000000u
#define CPUID_FEATURES		0x00000001u
#define CPUID_EXT_FEATURES	0x00000007u
#define CPUID_XSAVE		0x0000000du
#define CPUID_TSC		0x00000015u
#define CPUID_HYBRID		0x0000001au
#define CPUID_HYPERVISOR	0x40000000u
#define CPUID_HYPERVISOR_TSC	0x40000010u	/* EAX: TSC in kHz, where EAX of 4000_0000 reaches that far */
#define CPUID_EXTENDED		0x80000000u
#define CPUID_EXT_AMD		0x80000001u
#define CPUID_POWER		0x80000007u
#define CPUID_ADDRESS_SIZES	0x80000008u

#define CPUID_HYBRID_TYPE(eax)	((eax) >> 24)
#define CPUID_HYBRID_ATOM	0x20u
#define CPUID_HYBRID_CORE	0x40u
#define CPUID_SIZES_PHYS(eax)	((eax) & 0xff)
#define CPUID_SIZES_GUEST(eax)	((eax) >> 16 & 0xff)	/* 0: as the physical ones */

#endif
