/* SPDX-License-Identifier: Apache-2.0 */
/* The machine around the SVM back-end, for host tests: instructions, memory, options, log. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arch/cpu.h>
#include <arch/fpu.h>
#include <arch/irq.h>
#include <arch/machine.h>
#include <kernel/boot_info.h>
#include <kernel/log.h>
#include <mm/frame.h>
#include <mm/quota.h>
#include <svm/insn.h>

struct fake_svm fake;

/* The shared permission maps stay for good; tests count allocations themselves. */
const char *__asan_default_options(void);
const char *__asan_default_options(void) { return "detect_leaks=0"; }

struct cpuid_regs *fake_cpuid(uint32_t leaf)
{
	unsigned i = 0;

	while (i < FAKE_CPUID_LEAVES - 1 && fake.cpuid[i].leaf && fake.cpuid[i].leaf != leaf)
		i++;
	fake.cpuid[i].leaf = leaf;
	return &fake.cpuid[i].regs;
}

void fake_reset(void)
{
	memset(&fake, 0, sizeof(fake));
	fake.off = "";
	fake.phys_bits = 40;
	fake_cpuid(0x80000000)->eax = 0x8000001f;
	fake_cpuid(0x80000001)->ecx = 1u << 2;
	*fake_cpuid(0x8000000a) = (struct cpuid_regs){ .eax = 1, .ebx = 16, .edx = 1 };
}

struct cpuid_regs cpuid(uint32_t leaf, uint32_t sub)
{
	(void)sub;
	return *fake_cpuid(leaf);
}

static uint64_t *msr_slot(uint32_t msr)
{
	unsigned i = 0;

	while (i < ARRAY_LEN(fake.msr) - 1 && fake.msr[i].msr && fake.msr[i].msr != msr)
		i++;
	fake.msr[i].msr = msr;
	return &fake.msr[i].value;
}

uint64_t rdmsr(uint32_t msr) { return *msr_slot(msr); }

void wrmsr(uint32_t msr, uint64_t value)
{
	*msr_slot(msr) = value;
	fake.msr_writes++;
}

void svm_enter(uint64_t *gpr, uint64_t vmcb, uint64_t host)
{
	(void)vmcb;
	(void)host;
	fake.entries++;
	if (fake.guest)
		fake.guest(gpr);
}

void cpu_take_interrupts(void) { fake.interrupts++; }
void irq_send_ipi(unsigned cpu) { fake.self_ipis += cpu == fake.cpu_id; }
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
