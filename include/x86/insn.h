/* SPDX-License-Identifier: Apache-2.0 */
/* Instructions that C cannot express, one inline function each.  Host tests shadow this header with tests/fake/x86/insn.h. */
#ifndef X86_INSN_H
#define X86_INSN_H

#include <lib/base.h>

static inline uint64_t rdmsr(uint32_t msr)
{
	uint32_t lo, hi;

	__asm__ volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(msr) : "memory");
	return (uint64_t)hi << 32 | lo;
}

static inline void wrmsr(uint32_t msr, uint64_t v)
{
	__asm__ volatile("wrmsr" : : "c"(msr), "a"((uint32_t)v), "d"((uint32_t)(v >> 32)) : "memory");
}

#define INSN_CR(n)                                                                                  \
	static inline uint64_t read_cr##n(void)                                                     \
	{                                                                                           \
		uint64_t v;                                                                         \
		__asm__ volatile("mov %%cr" #n ", %0" : "=r"(v) : : "memory");                      \
		return v;                                                                           \
	}                                                                                           \
	static inline void write_cr##n(uint64_t v) { __asm__ volatile("mov %0, %%cr" #n : : "r"(v) : "memory"); }
INSN_CR(0)
INSN_CR(2)
INSN_CR(3)
INSN_CR(4)

struct cpuid_regs {
	uint32_t eax, ebx, ecx, edx;
};

static inline struct cpuid_regs cpuid(uint32_t leaf, uint32_t sub)
{
	struct cpuid_regs r;

	__asm__ volatile("cpuid" : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx) : "a"(leaf), "c"(sub));
	return r;
}

static inline void xsetbv(uint32_t reg, uint64_t v)
{
	__asm__ volatile("xsetbv" : : "c"(reg), "a"((uint32_t)v), "d"((uint32_t)(v >> 32)) : "memory");
}

static inline uint8_t in8(uint16_t port)
{
	uint8_t v;

	__asm__ volatile("inb %1, %0" : "=a"(v) : "Nd"(port) : "memory");
	return v;
}

static inline uint16_t in16(uint16_t port)
{
	uint16_t v;

	__asm__ volatile("inw %1, %0" : "=a"(v) : "Nd"(port) : "memory");
	return v;
}

static inline uint32_t in32(uint16_t port)
{
	uint32_t v;

	__asm__ volatile("inl %1, %0" : "=a"(v) : "Nd"(port) : "memory");
	return v;
}

static inline void out8(uint16_t port, uint8_t v) { __asm__ volatile("outb %0, %1" : : "a"(v), "Nd"(port) : "memory"); }
static inline void out16(uint16_t port, uint16_t v) { __asm__ volatile("outw %0, %1" : : "a"(v), "Nd"(port) : "memory"); }
static inline void out32(uint16_t port, uint32_t v) { __asm__ volatile("outl %0, %1" : : "a"(v), "Nd"(port) : "memory"); }

static inline void invlpg(uint64_t va) { __asm__ volatile("invlpg (%0)" : : "r"(va) : "memory"); }
/* SDM, "INVPCID": the translations of one tag that are not global. */
#define INVPCID_CONTEXT	1ul
static inline void invpcid(uint64_t type, uint64_t pcid)
{
	const struct { uint64_t pcid, address; } what = { pcid, 0 };

	__asm__ volatile("invpcid %0, %1" : : "m"(what), "r"(type) : "memory");
}
static inline void clts(void) { __asm__ volatile("clts" : : : "memory"); }

#endif
