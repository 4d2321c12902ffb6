/* SPDX-License-Identifier: Apache-2.0 */
/* Everything of the back-end that is an instruction.  Host tests shadow this header with tests/fake/vmx/insn.h. */
#ifndef VMX_INSN_H
#define VMX_INSN_H

#include <arch/cpu.h>
#include <arch/user.h>
#include <kernel/cpu.h>
#include <lib/base.h>
#include <x86/insn.h>

/* A VMX instruction failed where it cannot, with @operand as its subject: ends in a panic (cpu.c). */
NORETURN void vmx_insn_failed(const char *insn, uint64_t operand);

/*
 * Enter the guest of the current VMCS and come back (enter.asm).  @gpr: its registers in TV_GPR order, without RSP; @launched: not 0
 * after the first exit since VMCLEAR; @host_stack: the values that the VMCS holds for the host's RSP and SSP, kept up to date.
 * Interrupts are off before and after.  Returns an enum vmx_entry.
 */
struct vmx_host_stack {
	uint64_t rsp, ssp;
};
static inline uint32_t vmx_enter(uint64_t *gpr, uint64_t launched, struct vmx_host_stack *host_stack)
{
	uint32_t result;

	__asm__ volatile("call vmx_enter_asm" : "=a"(result), "+D"(gpr), "+S"(launched), "+d"(host_stack)
			 : : "rcx", "r8", "r9", "r10", "r11", "r13", "r14", "r15", "cc", "memory");
	return result;
}
/* Where the CPU goes on in the host: no function. */
extern const char vmx_exit_point[];

enum vmx_entry { VMX_EXITED = 0, VMX_FAIL_INVALID = 1, VMX_FAIL_VALID = 2 };

/* SDM, "Conventions" of the VMX instructions: VMsucceed clears CF and ZF, which is the condition "above". */
#define VMX_OK	"=@cca"

static inline bool vmx_on(uint64_t region)
{
	bool ok;

	__asm__ volatile("vmxon %1" : VMX_OK(ok) : "m"(region) : "memory");
	return ok;
}

static inline void vmx_off(void) { __asm__ volatile("vmxoff" : : : "cc", "memory"); }

static inline void vmx_clear(uint64_t vmcs)
{
	bool ok;

	__asm__ volatile("vmclear %1" : VMX_OK(ok) : "m"(vmcs) : "memory");
	if (unlikely(!ok))
		vmx_insn_failed("VMCLEAR", vmcs);
}

static inline void vmx_load(uint64_t vmcs)
{
	bool ok;

	__asm__ volatile("vmptrld %1" : VMX_OK(ok) : "m"(vmcs) : "memory");
	if (unlikely(!ok))
		vmx_insn_failed("VMPTRLD", vmcs);
}

static inline uint64_t vmread_raw(uint64_t field)
{
	uint64_t v;
	bool ok;

	__asm__ volatile("vmread %2, %0" : "=r"(v), VMX_OK(ok) : "r"(field));
	if (unlikely(!ok))
		vmx_insn_failed("VMREAD", field);
	return v;
}

static inline void vmwrite_raw(uint64_t field, uint64_t v)
{
	bool ok;

	__asm__ volatile("vmwrite %1, %2" : VMX_OK(ok) : "r"(v), "r"(field));
	if (unlikely(!ok))
		vmx_insn_failed("VMWRITE", field);
}

/* What an INVEPT or INVVPID is about: EPTP and 0; VPID and linear address. */
struct vmx_inv {
	uint64_t tag, address;
};

static inline void vmx_invept(uint64_t type, uint64_t eptp)
{
	const struct vmx_inv d = { eptp, 0 };
	bool ok;

	__asm__ volatile("invept %1, %2" : VMX_OK(ok) : "m"(d), "r"(type) : "memory");
	if (unlikely(!ok))
		vmx_insn_failed("INVEPT", type);
}

static inline void vmx_invvpid(uint64_t type, uint64_t vpid)
{
	const struct vmx_inv d = { vpid, 0 };
	bool ok;

	__asm__ volatile("invvpid %1, %2" : VMX_OK(ok) : "m"(d), "r"(type) : "memory");
	if (unlikely(!ok))
		vmx_insn_failed("INVVPID", type);
}

/* DR0 to DR3. */
static inline void vmx_load_dr(const uint64_t dr[4])
{
	__asm__ volatile("mov %0, %%db0; mov %1, %%db1; mov %2, %%db2; mov %3, %%db3"
			 : : "r"(dr[0]), "r"(dr[1]), "r"(dr[2]), "r"(dr[3]));
}

static inline void vmx_save_dr(uint64_t dr[4])
{
	__asm__ volatile("mov %%db0, %0; mov %%db1, %1; mov %%db2, %2; mov %%db3, %3"
			 : "=r"(dr[0]), "=r"(dr[1]), "=r"(dr[2]), "=r"(dr[3]));
}

static inline void vmx_load_dr6(uint64_t v) { __asm__ volatile("mov %0, %%db6" : : "r"(v)); }

static inline uint64_t vmx_save_dr6(void)
{
	uint64_t v;

	__asm__ volatile("mov %%db6, %0" : "=r"(v));
	return v;
}

/* The exit consumed the event: let the host's handler see it.  Its IRET also ends the blocking of NMIs that the exit began. */
static inline void vmx_host_nmi(void) { __asm__ volatile("int $2" : : : "memory"); }
static inline void vmx_host_machine_check(void) { __asm__ volatile("int $18" : : : "memory"); }

/* FS base of the user thread that runs the vCPU. */
static inline uint64_t vmx_host_fs_base(void) { return arch_cpu()->user->fs_base; }
/* When the host's timer is due, absolute TSC; TV_NEVER: not at all. */
static inline uint64_t vmx_host_timer(void) { return cpu_self()->armed; }
/* The back-end's data of this CPU. */
static inline void *vmx_percpu(void) { return arch_cpu()->virt; }
static inline void vmx_set_percpu(void *data) { arch_cpu()->virt = data; }
static inline uint64_t vmx_host_gs_base(void) { return (uint64_t)arch_cpu(); }
static inline uint32_t vmx_cpu_id(void) { return arch_cpu()->id; }

#endif
