/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Starting the other CPUs, one after the other, so that no two of them need what is built for a CPU at the same time.
 *
 *      boot CPU    INIT, 10 ms   mailbox, STARTUP   STARTUP        compare clocks     next
 *      AP                              trampoline -> ap_main() -> checks -> compare -> virt on -> its scheduler
 *
 * A CPU that does not answer, or that lacks what the boot CPU has, is reported and left out: an INIT makes it wait for good.
 * SDM, "Multiple-Processor (MP) Initialization".
 */
#include <arch/machine.h>
#include <arch/time.h>
#include <arch/virt.h>
#include <kernel/boot_info.h>
#include <kernel/log.h>
#include <kernel/string.h>
#include <kernel/upcall.h>
#include <lib/spinlock.h>
#include <mm/frame.h>
#include <mm/kmap.h>
#include <x86/apic.h>

#include "apic.h"
#include "features.h"
#include "machine.h"
#include "smp.h"
#include "time.h"

#define LOW_END		0x90000u	/* above it, firmware keeps data that some memory maps do not tell of */
#define INIT_US		10000u
#define STARTUP_US	200u
#define ANSWER_SECONDS	5u		/* emulators on a busy host take their time */
#define COMPARE_US	1000u

/* trampoline.asm */
extern const uint8_t trampoline[], trampoline_end[], trampoline_mailbox[];
extern uint8_t boot_tables[];
#define BOOT_TABLES_SIZE	(7 * PAGE_SIZE)
NORETURN void ap_main(struct arch_cpu *cpu);

enum ap_state { AP_STARTED, AP_CHECKED, AP_ACCEPTED, AP_REFUSED, AP_READY };

/* What the boot CPU and the one that is being started tell each other. */
static struct {
	const struct acpi_info *acpi;
	const struct acpi_cpu *cpu;
	uint32_t state;			/* enum ap_state */
	struct spinlock lock;
	uint32_t met;			/* CPUs that compare their clocks        */
	uint64_t last;			/* the latest time that either has seen  */
	uint64_t back;			/* how far the other was behind it       */
} ap;

static unsigned count = 1;
static uint32_t apic_ids[ACPI_CPUS];

unsigned cpu_count(void)
{
	return count;
}

uint32_t smp_apic_id(unsigned cpu)
{
	return apic_ids[cpu];
}

static void delay(uint32_t us)
{
	uint64_t end = time_now() + time_hz() / 1000000 * us;

	while (time_now() < end)
		cpu_relax();
}

/* Until the AP has left state @from, or for ANSWER_SECONDS. */
static enum ap_state wait_while(enum ap_state from)
{
	uint64_t end = time_now() + ANSWER_SECONDS * time_hz();

	while (__atomic_load_n(&ap.state, __ATOMIC_ACQUIRE) == from && time_now() < end)
		cpu_relax();
	return (enum ap_state)__atomic_load_n(&ap.state, __ATOMIC_ACQUIRE);
}

static void tell(enum ap_state state)
{
	__atomic_store_n(&ap.state, state, __ATOMIC_RELEASE);
}

/*
 * Both CPUs look at their clock in turn.  One that sees an earlier time than the other saw before has a clock that cannot be used:
 * deadlines and the guests' time are absolute values of the TSC, on whatever CPU.
 */
static void compare_clocks(void)
{
	uint64_t end, now;

	__atomic_fetch_add(&ap.met, 1, __ATOMIC_SEQ_CST);
	while (__atomic_load_n(&ap.met, __ATOMIC_SEQ_CST) < 2)
		cpu_relax();
	end = time_now() + time_hz() / 1000000 * COMPARE_US;
	do {
		spin_lock(&ap.lock);
		/* Not before the lock was taken: RDTSC waits for nothing, LFENCE for all loads. */
		__asm__ volatile("lfence" : : : "memory");
		now = time_now();
		if (now < ap.last)
			ap.back = max_u64(ap.back, ap.last - now);
		ap.last = max_u64(ap.last, now);
		spin_unlock(&ap.lock);
	} while (now < end);
}

/* --- on the CPU that was started --- */

static NORETURN void refuse(void)
{
	tell(AP_REFUSED);
	cpu_halt();
}

/* First C code of another CPU, on its own stack, in the final tables; arch_cpu() works.  Called by trampoline.asm. */
void ap_main(struct arch_cpu *cpu)
{
	const char *missing = features_missing();

	if (missing) {
		log_warn("this CPU lacks %s, which the boot CPU has", missing);
		refuse();
	}
	cpu_init(cpu);
	if (!lapic_init_cpu(ap.acpi, ap.cpu)) {
		log_warn("this CPU's local APIC is in another mode than the boot CPU's");
		refuse();
	}
	cpu->kind = cpu_kind();
	time_init_cpu();
	tell(AP_CHECKED);
	compare_clocks();
	while (__atomic_load_n(&ap.state, __ATOMIC_ACQUIRE) == AP_CHECKED)
		cpu_relax();
	if (virt->cpu_on())
		refuse();
	tell(AP_READY);
	kernel_cpu_main();
}

/* --- on the boot CPU --- */

/* A page of free RAM that real mode can reach; 0: none. */
static uint64_t low_page(void)
{
	for (uint64_t pa = LOW_END - PAGE_SIZE; pa > 0; pa -= PAGE_SIZE) {
		bool ram = false, used = false;

		for (unsigned i = 0; i < boot_info.range_count; i++) {
			const struct boot_range *r = &boot_info.range[i];

			ram |= r->kind == BOOT_RAM && pa >= r->base && range_inside(pa - r->base, PAGE_SIZE, r->size);
		}
		for (unsigned i = 0; i < boot_info.module_count; i++) {
			const struct boot_module *m = &boot_info.module[i];

			used |= m->size && pa < m->base + m->size && m->base < pa + PAGE_SIZE;
		}
		if (ram && !used)
			return pa;
	}
	return 0;
}

/* What the machine layer needs for CPU @id; what was built for a CPU that did not come up serves the next one. */
static struct arch_cpu *prepare(uint32_t id, uint32_t apic_id)
{
	static struct machine *spare;
	static void *stack_top;
	static uint32_t prepared;
	struct arch_cpu *c = kernel_cpu_area(id);

	if (prepared != id) {
		spare = frame_alloc_many((sizeof(*spare) + PAGE_SIZE - 1) / PAGE_SIZE);
		stack_top = kmap_stack(KERNEL_STACK_SIZE);
		prepared = spare && stack_top ? id : 0;
	}
	if (!c || !prepared)
		return NULL;
	memset(spare, 0, sizeof(*spare));
	c->self = c;
	c->id = id;
	c->apic_id = apic_id;
	c->machine = spare;
	c->kernel_stack = (uint64_t)stack_top;
	c->scratch = kmap_root().v;
	shadow_assign(c);
	return c;
}

/* Start the CPU of @cpu as number @id: has it come up? */
static bool start(const struct acpi_cpu *cpu, uint32_t id, uint64_t page)
{
	uint64_t *mailbox = (uint64_t *)((char *)frame_va((hpa_t){ page }) + (trampoline_mailbox - trampoline));
	struct arch_cpu *c = prepare(id, cpu->apic_id);

	if (!c) {
		log_warn("CPU with APIC id %u is left out: no memory", cpu->apic_id);
		return false;
	}
	ap.cpu = cpu;
	ap.met = 0;
	ap.last = ap.back = 0;
	tell(AP_STARTED);
	__atomic_store_n(mailbox, (uint64_t)c, __ATOMIC_SEQ_CST);
	for (unsigned i = 0; i < 2 && __atomic_load_n(mailbox, __ATOMIC_ACQUIRE); i++) {
		lapic_startup(cpu->apic_id, (unsigned)(page / PAGE_SIZE));
		delay(STARTUP_US);
	}
	if (wait_while(AP_STARTED) == AP_CHECKED) {
		compare_clocks();
		if (ap.back) {
			log_warn("the TSC of the CPU with APIC id %u is %lu ticks off", cpu->apic_id, (unsigned long)ap.back);
		} else {
			tell(AP_ACCEPTED);
			if (wait_while(AP_ACCEPTED) == AP_READY)
				return true;
		}
	}
	/* Whatever it does now, if it is there at all: it must never come back. */
	lapic_init_message(cpu->apic_id);
	__atomic_store_n(mailbox, 0, __ATOMIC_SEQ_CST);
	log_warn("CPU with APIC id %u is left out: %s", cpu->apic_id,
		 ap.state == AP_STARTED ? "it does not answer" : "see above");
	return false;
}

/* "cpus=N" on the command line; everything that is no number from 1 on means all. */
static unsigned wanted(void)
{
	char text[8];
	unsigned n = 0;

	if (!boot_option("cpus", text, sizeof(text)))
		return ACPI_CPUS;
	for (const char *p = text; *p >= '0' && *p <= '9' && n < ACPI_CPUS; p++)
		n = n * 10 + (unsigned)(*p - '0');
	return n ? n : ACPI_CPUS;
}

/* Is it another CPU than this one, and can messages reach it? */
static bool startable(const struct acpi_cpu *cpu)
{
	return cpu->apic_id != arch_cpu()->apic_id && (cpu->apic_id < LAPIC_XAPIC_BROADCAST || lapic_is_x2apic());
}

void smp_init(const struct acpi_info *acpi)
{
	ap.acpi = acpi;
	apic_ids[0] = arch_cpu()->apic_id;
	arch_cpu()->kind = cpu_kind();
}

/* Send all of them into the state in which they wait for STARTUP; they need the time only once. */
static void reset_all(const struct acpi_info *acpi)
{
	for (unsigned i = 0; i < acpi->cpu_count; i++) {
		if (startable(&acpi->cpu[i]))
			lapic_init_message(acpi->cpu[i].apic_id);
		else if (acpi->cpu[i].apic_id != arch_cpu()->apic_id)
			log_warn("CPU with APIC id %u is left out: only an x2APIC reaches it", acpi->cpu[i].apic_id);
	}
	delay(INIT_US);
}

void machine_start_cpus(void)
{
	const struct acpi_info *acpi = ap.acpi;
	unsigned max = wanted();
	uint64_t page = low_page();

	if (max == 1 || acpi->cpu_count == 1)
		return;
	if (!page) {
		log_warn("one CPU only: there is no free page below 1 MiB to start the others at");
		return;
	}
	memcpy(frame_va((hpa_t){ page }), trampoline, (size_t)(trampoline_end - trampoline));
	reset_all(acpi);
	for (unsigned i = 0; i < acpi->cpu_count && count < max; i++) {
		if (!startable(&acpi->cpu[i]))
			continue;
		apic_ids[count] = acpi->cpu[i].apic_id;
		if (start(&acpi->cpu[i], count, page))
			count++;
	}
	/* Neither is executable in any table that a CPU has loaded; they need not lie around. */
	memset(frame_va((hpa_t){ page }), 0, PAGE_SIZE);
	memset(boot_tables, 0, BOOT_TABLES_SIZE);
	log_info("%u of %u CPUs in use", count, acpi->cpu_count);
}
