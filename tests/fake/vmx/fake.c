/* SPDX-License-Identifier: Apache-2.0 */
/* The machine around the VMX back-end, for host tests: instructions, memory, options, log. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vmx/insn.h>

#include <abi/hypercall.h>
#include <arch/fpu.h>
#include <arch/machine.h>
#include <kernel/boot_info.h>
#include <kernel/log.h>
#include <kernel/panic.h>
#include <mm/frame.h>
#include <mm/quota.h>
#include <x86/cr.h>
#include <x86/msr.h>

#define ENTRY_EVENT	0x4016		/* its bit 31 is cleared by every exit */

struct fake_vmx fake;
const char vmx_exit_point[1];

/* The shared permission maps stay for good; tests count allocations themselves. */
const char *__asan_default_options(void);
const char *__asan_default_options(void) { return "detect_leaks=0"; }

/* --- processor ---------------------------------------------------------------------------------------------------------- */

struct cpuid_regs *fake_cpuid(uint32_t leaf)
{
	unsigned i = 0;

	while (i < FAKE_CPUID_LEAVES - 1 && fake.cpuid[i].leaf && fake.cpuid[i].leaf != leaf)
		i++;
	fake.cpuid[i].leaf = leaf;
	return &fake.cpuid[i].regs;
}

struct cpuid_regs cpuid(uint32_t leaf, uint32_t sub)
{
	(void)sub;
	return *fake_cpuid(leaf);
}

uint64_t *fake_msr(uint32_t msr)
{
	unsigned i = 0;

	while (i < FAKE_MSRS - 1 && fake.msr[i].msr && fake.msr[i].msr != msr)
		i++;
	fake.msr[i].msr = msr;
	return &fake.msr[i].value;
}

uint64_t rdmsr(uint32_t msr) { return *fake_msr(msr); }

void wrmsr(uint32_t msr, uint64_t value)
{
	*fake_msr(msr) = value;
	fake.msr_writes++;
}

void fake_reset(void)
{
	static const struct { uint32_t msr; uint64_t value; } skylake[] = {
		{ MSR_IA32_FEATURE_CONTROL, FEATURE_CONTROL_LOCK | FEATURE_CONTROL_VMX },
		{ MSR_IA32_VMX_BASIC, 0x2b | 4096ull << 32 | 6ull << 50 | VMX_BASIC_TRUE },
		{ MSR_IA32_VMX_TRUE_PINBASED_CTLS, 0x7full << 32 | 0x16 },
		{ MSR_IA32_VMX_TRUE_PROCBASED_CTLS, 0xf7f9fffeull << 32 | 0x04006172 },
		{ MSR_IA32_VMX_PROCBASED_CTLS2, 0x02177fffull << 32 },
		{ MSR_IA32_VMX_TRUE_EXIT_CTLS, 0x007fffffull << 32 | 0x36dfb },
		{ MSR_IA32_VMX_TRUE_ENTRY_CTLS, 0x0000ffffull << 32 | 0x11fb },
		{ MSR_IA32_VMX_EPT_VPID_CAP, 0x0f0106334141 },
		{ MSR_IA32_VMX_MISC, 5 },
		{ MSR_IA32_VMX_CR0_FIXED0, CR0_PE | CR0_NE | CR0_PG }, { MSR_IA32_VMX_CR0_FIXED1, 0xffffffff },
		{ MSR_IA32_VMX_CR4_FIXED0, CR4_VMXE }, { MSR_IA32_VMX_CR4_FIXED1, 0x3767ff },
		{ MSR_EFER, EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE },
		{ MSR_STAR, 0x001b000800000000 }, { MSR_LSTAR, 0xffffffff80101000 }, { MSR_SFMASK, 0x257fd5 },
	};

	memset(&fake, 0, sizeof(fake));
	fake.off = "";
	fake.phys_bits = 40;
	fake.timer = TV_NEVER;
	fake.cr0 = CR0_PE | CR0_MP | CR0_ET | CR0_NE | CR0_WP | CR0_AM | CR0_PG;
	fake.cr3 = 0x1000;
	fake.cr4 = CR4_PAE | CR4_MCE | CR4_OSXSAVE;
	fake_cpuid(1)->ecx = 1u << 5;
	for (unsigned i = 0; i < ARRAY_LEN(skylake); i++)
		*fake_msr(skylake[i].msr) = skylake[i].value;
}

bool vmx_on(uint64_t region)
{
	if (fake.vmxon_fails || !(fake.cr4 & CR4_VMXE))
		return false;
	fake.vmxon = region;
	return true;
}

void vmx_off(void) { fake.vmxon = 0; }

void vmx_clear(uint64_t vmcs)
{
	fake.clears++;
	if (fake.loaded == vmcs)
		fake.loaded = 0;
}

void vmx_load(uint64_t vmcs)
{
	fake.loads++;
	fake.loaded = vmcs;
}

static uint64_t *field(uint64_t encoding)
{
	if (!fake.loaded || encoding >= FAKE_VMCS_FIELDS)
		abort();
	return &fake.vmcs[encoding];
}

uint64_t vmread_raw(uint64_t encoding)
{
	fake.reads++;
	return *field(encoding);
}

void vmwrite_raw(uint64_t encoding, uint64_t v)
{
	fake.writes++;
	*field(encoding) = v;
}

uint32_t vmx_enter(uint64_t *gpr, uint64_t launched, struct vmx_host_stack *host_stack)
{
	uint32_t result;

	(void)launched;
	(void)host_stack;
	fake.entries++;
	result = fake.guest ? fake.guest(gpr) : VMX_EXITED;
	if (result == VMX_EXITED)
		*field(ENTRY_EVENT) &= ~BIT(31);
	return result;
}

void vmx_invept(uint64_t type, uint64_t eptp)
{
	fake.invepts++;
	fake.invept_type = type;
	fake.invept_eptp = eptp;
}

void vmx_invvpid(uint64_t type, uint64_t vpid)
{
	fake.invvpids++;
	fake.invvpid_type = type;
	fake.invvpid = vpid;
}

/* --- the rest of the kernel --------------------------------------------------------------------------------------------- */

void cpu_tables(struct cpu_tables *t) { *t = (struct cpu_tables){ .gdt = 0x100, .idt = 0x200, .tss = 0x300 }; }
void cpu_restore_tables(void) { fake.restores++; }
void cpu_take_interrupts(void) { fake.interrupts++; }
uint64_t fpu_xcr0(void) { return fake.host_xcr0; }
unsigned machine_phys_bits(void) { return fake.phys_bits; }

static void *take(size_t size)
{
	void *p;

	if (fake.fail_alloc && --fake.fail_alloc == 0)
		return NULL;
	p = aligned_alloc(4096, align_up(size, 4096));
	memset(p, 0, size);
	fake.allocated++;
	return p;
}

static void give(void *p)
{
	fake.allocated--;
	free(p);
}

void *frame_alloc(void) { return take(PAGE_SIZE); }
void *frame_alloc_many(unsigned count) { return take(count * PAGE_SIZE); }
void frame_free(void *p) { give(p); }
void frame_free_many(void *p, unsigned count) { (void)count; give(p); }
void *quota_frame_alloc(struct quota *q) { (void)q; return take(PAGE_SIZE); }
void *quota_frames_alloc(struct quota *q, unsigned count) { (void)q; return take(count * PAGE_SIZE); }
void quota_frame_free(struct quota *q, void *p) { (void)q; give(p); }
void quota_frames_free(struct quota *q, void *p, unsigned count) { (void)q; (void)count; give(p); }
void *quota_alloc(struct quota *q, size_t size) { (void)q; return take(size); }
void quota_free(struct quota *q, void *p, size_t size) { (void)q; (void)size; give(p); }

bool boot_option_has(const char *name, const char *value)
{
	size_t length = strlen(value);
	const char *at = strcmp(name, "off") ? NULL : strstr(fake.off, value);

	return at && (at[length] == 0 || at[length] == ',');
}

/* The lack of something, on whatever CPU. */
void cpu_unfit(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(fake.log, sizeof(fake.log), fmt, args);
	va_end(args);
}

void log_line(enum log_level level, const char *fmt, ...)
{
	va_list args;

	(void)level;
	va_start(args, fmt);
	vsnprintf(fake.log, sizeof(fake.log), fmt, args);
	va_end(args);
}

void panic(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	abort();
}
