/* SPDX-License-Identifier: Apache-2.0 */
/* The privileged instructions of the VMX back-end as accesses to one struct, for host tests. */
#ifndef VMX_INSN_H
#define VMX_INSN_H

#include <arch/cpu.h>
#include <lib/base.h>

struct cpuid_regs {
	uint32_t eax, ebx, ecx, edx;
};

enum vmx_entry { VMX_EXITED = 0, VMX_FAIL_INVALID = 1, VMX_FAIL_VALID = 2 };

#define FAKE_CPUID_LEAVES	8
#define FAKE_MSRS		64
#define FAKE_VMCS_FIELDS	0x7000

struct fake_vmx {
	uint64_t vmcs[FAKE_VMCS_FIELDS];	/* of whatever VMCS is the current one, by encoding */
	unsigned reads, writes;			/* VMREADs and VMWRITEs                             */
	uint64_t loaded;			/* the current VMCS; 0: none                        */
	unsigned loads, clears;
	uint64_t vmxon;				/* the VMXON region; 0: VMX is off                  */
	bool vmxon_fails;
	struct { uint32_t leaf; struct cpuid_regs regs; } cpuid[FAKE_CPUID_LEAVES];
	struct { uint32_t msr; uint64_t value; } msr[FAKE_MSRS];
	unsigned msr_writes;
	uint64_t cr0, cr2, cr3, cr4, xcr0, host_xcr0, fs_base, timer;
	unsigned cr2_writes, xcr0_writes;
	uint64_t dr[4], dr6;
	uint32_t cpu_id;
	void *percpu;
	uint32_t (*guest)(uint64_t *gpr);	/* what vmx_enter() does; NULL: an exit             */
	unsigned entries, nmis, machine_checks, interrupts, restores;
	unsigned invepts, invvpids;
	uint64_t invept_type, invept_eptp, invvpid_type, invvpid;	/* of the last one          */
	unsigned fail_alloc;			/* the n-th allocation from now on fails; 0: none   */
	unsigned allocated;			/* allocations that were not given back             */
	unsigned phys_bits;
	const char *off;			/* value of the option "off"                        */
	char log[256];				/* the last line                                    */
};
extern struct fake_vmx fake;

/* Everything zero, but for a CPU with VMX: that of a Skylake server. */
void fake_reset(void);
struct cpuid_regs *fake_cpuid(uint32_t leaf);
uint64_t *fake_msr(uint32_t msr);

uint64_t rdmsr(uint32_t msr);
void wrmsr(uint32_t msr, uint64_t value);
struct cpuid_regs cpuid(uint32_t leaf, uint32_t sub);

extern const char vmx_exit_point[];
NORETURN void vmx_insn_failed(const char *insn, uint64_t operand);
struct vmx_host_stack {
	uint64_t rsp, ssp;
};
uint32_t vmx_enter(uint64_t *gpr, uint64_t launched, struct vmx_host_stack *host_stack);
bool vmx_on(uint64_t region);
void vmx_off(void);
void vmx_clear(uint64_t vmcs);
void vmx_load(uint64_t vmcs);
uint64_t vmread_raw(uint64_t field);
void vmwrite_raw(uint64_t field, uint64_t v);
void vmx_invept(uint64_t type, uint64_t eptp);
void vmx_invvpid(uint64_t type, uint64_t vpid);

static inline uint64_t read_cr0(void) { return fake.cr0; }
static inline uint64_t read_cr2(void) { return fake.cr2; }
static inline uint64_t read_cr3(void) { return fake.cr3; }
static inline uint64_t read_cr4(void) { return fake.cr4; }
static inline void write_cr4(uint64_t v) { fake.cr4 = v; }
static inline void write_cr2(uint64_t v)
{
	fake.cr2 = v;
	fake.cr2_writes++;
}
static inline void xsetbv(uint32_t reg, uint64_t v)
{
	(void)reg;
	fake.xcr0 = v;
	fake.xcr0_writes++;
}
static inline void vmx_load_dr(const uint64_t dr[4]) { __builtin_memcpy(fake.dr, dr, sizeof(fake.dr)); }
static inline void vmx_save_dr(uint64_t dr[4]) { __builtin_memcpy(dr, fake.dr, sizeof(fake.dr)); }
static inline void vmx_load_dr6(uint64_t v) { fake.dr6 = v; }
static inline uint64_t vmx_save_dr6(void) { return fake.dr6; }
static inline void vmx_host_nmi(void) { fake.nmis++; }
static inline void vmx_host_machine_check(void) { fake.machine_checks++; }
static inline uint64_t vmx_host_fs_base(void) { return fake.fs_base; }
static inline uint64_t vmx_host_gs_base(void) { return 0xffff8000000a5000; }
static inline uint64_t vmx_host_timer(void) { return fake.timer; }
static inline void *vmx_percpu(void) { return fake.percpu; }
static inline void vmx_set_percpu(void *data) { fake.percpu = data; }
static inline uint32_t vmx_cpu_id(void) { return fake.cpu_id; }

#endif
