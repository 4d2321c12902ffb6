/* SPDX-License-Identifier: Apache-2.0 */
/* A virtual machine without a kernel: see vm_rig.h. */
#include "vm_rig.h"

#include <stdlib.h>

#include <load/load.h>
#include <rt/sys.h>
#include <x86/cr.h>
#include <x86/msr.h>

#include "layout.h"

struct vm rig_vm;
struct vcpu rig_cpu;
struct tv_exit_page rig_page;
struct vm_shared rig_shared;
unsigned rig_signals, rig_waits, rig_runs;
uint64_t rig_ntfn_bits, rig_consumed, fake_now;
void (*rig_on_run)(void);
const char *rig_vendor = "AuthenticAMD";

static uint8_t *memory;

enum tv_err sys_ntfn_signal(uint64_t ntfn, uint64_t bits)
{
	(void)ntfn;
	(void)bits;
	rig_signals++;
	return TV_OK;
}

enum tv_err sys_ntfn_poll(uint64_t ntfn, uint64_t *bits)
{
	(void)ntfn;
	*bits = rig_ntfn_bits;
	rig_ntfn_bits = 0;
	return *bits ? TV_OK : TV_EAGAIN;
}

enum tv_err sys_ntfn_wait(uint64_t ntfn, uint64_t deadline, uint64_t *bits)
{
	rig_waits++;
	if (!rig_ntfn_bits && deadline != TV_NEVER && deadline > fake_now)
		fake_now = deadline;
	return sys_ntfn_poll(ntfn, bits);
}

enum tv_err sys_vcpu_run(uint64_t vcpu, uint64_t deadline, uint64_t *group)
{
	(void)vcpu;
	(void)deadline;
	(void)group;
	rig_runs++;
	rig_page.valid = rig_page.want[rig_page.kind] | TV_REGS_RIP;
	if (rig_on_run)
		rig_on_run();
	return TV_OK;
}

enum tv_err sys_sched_info(uint64_t sched, struct sys_sched_info *info)
{
	(void)sched;
	*info = (struct sys_sched_info){ .consumed = rig_consumed };
	return TV_OK;
}

NORETURN void sys_thread_exit(uint64_t code)
{
	exit((int)code);
}

/* Everything is there, but for the sizes, which must fit together. */
struct cpuid_regs rig_cpuid(uint32_t leaf, uint32_t sub)
{
	struct cpuid_regs r = { ~0u, ~0u, ~0u, ~0u };

	switch (leaf) {
	case 0:
	case 0x80000000:
		r.eax = leaf | 0x21;
		memcpy(&r.ebx, rig_vendor, 4);
		memcpy(&r.edx, rig_vendor + 4, 4);
		memcpy(&r.ecx, rig_vendor + 8, 4);
		break;
	case 1:
		r.eax = 0x00a20f10;
		break;
	case 4:
	case 0x8000001d:
		r = sub < 4 ? (struct cpuid_regs){ 0xfc004000 | (sub < 3 ? sub + 1 : 3) << 5 | (sub < 2 ? sub + 1 : 3), 0x01c0003f, 63, 0 } :
			      (struct cpuid_regs){ 0, 0, 0, 0 };
		break;
	case 0xd:
		if (sub == 0)
			r = (struct cpuid_regs){ 0x602e7, 0, 11008, 0 };
		else if (sub == 1)
			r = (struct cpuid_regs){ 0x1f, 0, 0, 0 };
		else if (sub == 2)
			r = (struct cpuid_regs){ 256, 576, 0, 0 };
		else if (sub >= 5 && sub <= 7)
			r = (struct cpuid_regs){ sub == 5 ? 64 : sub == 6 ? 512 : 1024, sub == 5 ? 1088 : sub == 6 ? 1152 : 1664, 0, 0 };
		else if (sub == 9)
			r = (struct cpuid_regs){ 8, 2688, 0, 0 };
		else if (sub == 18)
			r = (struct cpuid_regs){ 8192, 2816, 2, 0 };
		else
			r = (struct cpuid_regs){ 0, 0, 0, 0 };
		break;
	default:
		break;
	}
	return r;
}

void rig_reset(uint64_t features)
{
	const struct tv_info info = {
		.tsc_hz = RIG_HZ, .features = features | TV_FEAT_GUEST_1G, .guest_phys_bits = 40, .phys_bits = 40,
		.xcr0_mask = XCR0_X87 | XCR0_SSE | XCR0_AVX | XCR0_AVX512 | XCR0_PKRU,
	};
	const struct vm_config config = { .memory = RIG_MEMORY, .cpus = 1, .wall_seconds = 1700000000 };
	struct load_entry entry = {
		.long_mode = true, .rip = RIG_CODE, .rsp = 0x180000, .cr3 = 0x300000, .gdt_base = 0x310000, .gdt_limit = 31, .cs = 0x10, .ds = 0x18,
	};
	uint64_t *pml4, *pdpt;

	if (!memory && posix_memalign((void **)&memory, PAGE_SIZE, RIG_MEMORY))
		abort();
	memset(memory, 0, RIG_MEMORY);
	memset(&rig_vm, 0, sizeof(rig_vm));
	memset(&rig_cpu, 0, sizeof(rig_cpu));
	memset(&rig_page, 0, sizeof(rig_page));
	memset(&rig_shared, 0, sizeof(rig_shared));
	rig_signals = rig_waits = rig_runs = 0;
	rig_ntfn_bits = rig_consumed = 0;
	rig_on_run = NULL;
	fake_now = 1000000007;

	const struct vm_setup setup = {
		.shared = &rig_shared, .root = 1, .info = &info, .config = &config, .ram = memory, .host_cpuid = rig_cpuid,
	};
	rig_vm.shared = &rig_shared;
	vm_log_init(&rig_vm);
	assert_true(vm_init(&rig_vm, &setup));
	assert_true(vcpu_init(&rig_cpu, &rig_vm, 0, &rig_page));
	vcpu_reset_registers(&rig_cpu);
	msr_firmware_mtrrs(&rig_cpu, LAYOUT_LOW_MAX);
	vcpu_enter_kernel(&rig_cpu, &entry);

	/* Four 1 GiB pages. */
	pml4 = (uint64_t *)(memory + entry.cr3);
	pdpt = pml4 + 512;
	pml4[0] = (entry.cr3 + PAGE_SIZE) | 7;
	for (unsigned i = 0; i < 4; i++)
		pdpt[i] = i * GIB | 0x87;
	rig_page.dirty = 0;
}

void rig_code(const void *bytes, unsigned count)
{
	memcpy(memory + rig_page.rip, bytes, count);
}

enum vm_next rig_exit(uint32_t kind, unsigned len)
{
	enum vm_next next = VM_NEXT_RUN;

	rig_page.inject = 0;
	rig_page.kind = kind;
	rig_page.insn_len = len;
	for (unsigned attempt = 0; attempt < 4; attempt++) {
		rig_page.valid = rig_page.want[kind] | TV_REGS_RIP;
		next = exit_handle(&rig_cpu);
		if (!rig_cpu.boosted)
			break;
	}
	return next;
}

int rig_injected(uint32_t *error)
{
	if (!(rig_page.inject & TV_EVENT_VALID))
		return -1;
	if (error)
		*error = rig_page.inject & TV_EVENT_HAS_ERROR ? TV_EVENT_ERROR(rig_page.inject) : ~0u;
	return (int)TV_EVENT_VECTOR(rig_page.inject);
}
