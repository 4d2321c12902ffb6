/* SPDX-License-Identifier: Apache-2.0 */
/* From the boot loader's data to the first user program. */
#include <abi/info.h>
#include <arch/fpu.h>
#include <arch/machine.h>
#include <arch/time.h>
#include <arch/virt.h>
#include <kernel/cpu.h>
#include <kernel/domain.h>
#include <kernel/log.h>
#include <kernel/panic.h>
#include <kernel/root.h>
#include <kernel/sched.h>
#include <kernel/string.h>
#include <kernel/upcall.h>
#include <mm/frame.h>

struct boot_step {
	const char *name;
	enum tv_err (*run)(void);
};

/* Console, memory, interrupt controllers, clock; stops by itself when the machine lacks something. */
static enum tv_err machine_step(void)
{
	machine_init(&first_cpu.arch);
	return TV_OK;
}

static enum tv_err sched_step(void)
{
	sched_cpu_init(&first_cpu);
	return TV_OK;
}

_Static_assert(offsetof(struct cpu, arch) == 0, "the machine's part comes first");

struct arch_cpu *kernel_cpu_area(uint32_t id)
{
	struct cpu *c = cpu_area[id];

	if (!c)
		c = frame_alloc_many((sizeof(*c) + PAGE_SIZE - 1) / PAGE_SIZE);
	if (!c)
		return NULL;
	memset(c, 0, sizeof(*c));
	c->arch.id = id;
	sched_cpu_init(c);
	return &c->arch;
}

void kernel_cpu_main(void)
{
	cpu_begin(sched_dispatch);
}

static enum tv_err cpus_step(void)
{
	machine_start_cpus();
	return TV_OK;
}

/* The page that every domain sees. */
static enum tv_err info_step(void)
{
	struct tv_info *info = frame_alloc();

	if (!info)
		return TV_EQUOTA;
	*info = (struct tv_info){
		.magic = TV_INFO_MAGIC, .abi_version = TV_ABI_VERSION, .cpu_count = cpu_count(), .tsc_hz = time_hz(),
		.features = virt_features(), .xcr0_mask = fpu_xcr0(), .phys_bits = machine_phys_bits(),
		.guest_phys_bits = machine_guest_phys_bits(),
	};
	for (unsigned i = 0; i < cpu_count(); i++)
		info->cpu[i] = (struct tv_cpu){ .apic_id = cpu_area[i]->arch.apic_id, .kind = cpu_area[i]->arch.kind };
	domain_info_page = frame_pa(info);
	return TV_OK;
}

static const struct boot_step steps[] = {
	{ "machine",   machine_step },
	{ "scheduler", sched_step },		/* needs: the per-CPU area's id, the clock                     */
	{ "virt",      virt_probe },		/* chooses the back-end; needs: frames                         */
	{ "CPUs",      cpus_step },		/* needs: all that each CPU is to have                         */
	{ "info page", info_step },		/* needs: what the steps above have found                      */
	{ "root",      root_create },		/* needs: all; whatever it allocates stays out of root's quota */
};

void kernel_main(void)
{
	for (unsigned i = 0; i < ARRAY_LEN(steps); i++) {
		enum tv_err err = steps[i].run();

		/* Whoever cannot run on this machine has said why. */
		if (err == TV_EUNSUP)
			cpu_halt();
		if (err)
			panic("boot step \"%s\": error %u", steps[i].name, err);
	}
	cpu_begin(sched_dispatch);
}
