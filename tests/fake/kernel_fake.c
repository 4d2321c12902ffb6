/* SPDX-License-Identifier: Apache-2.0 */
/* The machine around the kernel's objects, for host tests; kernel_fake.h says how it works. */
#include "kernel_fake.h"

#include <arch/fpu.h>
#include <arch/irq.h>
#include <arch/machine.h>
#include <arch/time.h>
#include <arch/user.h>
#include <arch/virt.h>
#include <kernel/boot_info.h>
#include <kernel/boot_memory.h>
#include <kernel/cross.h>
#include <kernel/limbo.h>
#include <kernel/log.h>
#include <kernel/panic.h>
#include <kernel/root.h>
#include <kernel/run_loop.h>
#include <kernel/upcall.h>
#include <kernel/vcpu.h>
#include <lib/elf.h>
#include <mm/frame.h>
#include <mm/kmap.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#define ARCH_SET_GS	0x1001
#define ROOT_RAM_SIZE	(1024 * KIB)	/* for root's own program, really there */
#define USER_RIP	0x401000ull

struct fake_kernel fake;
uint64_t fake_tsc;
uint64_t out[5], out_badge;
uint64_t sel_ram, sel_mmio, sel_acpi;
struct boot_info boot_info;
const struct virt_ops *virt;

/* What root holds at the end of a test stays; tests count frames themselves. */
const char *__asan_default_options(void);
const char *__asan_default_options(void) { return "detect_leaks=0"; }

static jmp_buf user;
static void *root_ram, *root_image;
static struct domain *root;
static uint64_t boot_used;

/* --- frames --- */

/* Each allocation has a page before it, by which the next fake_boot() finds what the last test has left. */
static struct list all_frames = LIST_INIT(all_frames);

void *frame_alloc_many(unsigned count)
{
	char *p;

	if (fake.frames + count > fake.frame_limit)
		return NULL;
	p = aligned_alloc(PAGE_SIZE, (count + 1) * PAGE_SIZE);
	memset(p, 0, (count + 1) * PAGE_SIZE);
	list_add_tail(&all_frames, (struct list *)(void *)p);
	fake.frames += count;
	return p + PAGE_SIZE;
}

void *frame_alloc(void) { return frame_alloc_many(1); }

void frame_free_many(void *pages, unsigned count)
{
	struct list *link = (struct list *)(void *)((char *)pages - PAGE_SIZE);

	fake.frames -= count;
	list_del(link);
	free(link);
}

void frame_free(void *page) { frame_free_many(page, 1); }
uint64_t frame_count_free(void) { return fake.frame_limit - fake.frames; }

/* --- page tables of host and guest spaces: the bits are those of x86 --- */

static const struct pt_format format = {
	.name = "fake", .levels = 4, .max_leaf_level = 2, .present = 1, .leaf_mask = 0x80, .leaf_val = 0x80, .table = 0x7,
	.perm = { 0, 1 | BIT(63), 3 | BIT(63), 3 | BIT(63), 1, 1, 3, 3 }, .user = 4, .global = 0x100,
	.type = { 0, 0x10, 0x08, 0x18 }, .type_large = { 0, 0x10, 0x08, 0x18 },
};

const struct pt_format *kmap_format(void) { return &format; }
hpa_t kmap_root(void) { return (hpa_t){ 0x1000 }; }
void kmap_space_init(uint64_t *top) { top[511] = 0; }
static const struct pt_format *fake_pt(void) { return &format; }

/* --- CPU, time, interrupts, user mode --- */

uint64_t time_hz(void) { return FAKE_HZ; }
unsigned cpu_count(void) { return 1 + fake.other_cpus; }
uint64_t fpu_xcr0(void) { return 7; }
unsigned machine_phys_bits(void) { return 40; }
unsigned machine_guest_phys_bits(void) { return 40; }
uint64_t machine_rsdp(void) { return 0xe0000; }

void time_arm(uint64_t deadline)
{
	fake.armed = deadline;
	fake.arms++;
}

void cpu_load_space(hpa_t top) { fake.space = top.v; }
void cpu_drop_space(hpa_t top)
{
	assert_true(fake.space != top.v);
	fake.drops++;
}
void cpu_flush_range(uint64_t va, uint64_t size)
{
	(void)va;
	assert_true(size > 0);
	fake.flushes++;
}
void cpu_load_ports(const uint8_t *bitmap, unsigned first, unsigned last)
{
	fake.ports = bitmap;
	fake.port_first = first;
	fake.port_last = last;
	fake.port_loads++;
}
void cpu_halt(void) { abort(); }
void cpu_resume_vcpu(struct thread *t) { vcpu_resume(t); }

void cpu_idle(void)
{
	fake.idle = true;
	longjmp(user, 1);
}

void user_init(struct arch_thread *t, uint64_t rip, uint64_t rsp, uint64_t arg, uint64_t fs_base, void *fpu)
{
	t->frame = (struct user_frame){ .rip = rip, .rsp = rsp, .rdi = arg, .vector = FRAME_SYSCALL };
	t->fs_base = fs_base;
	t->fpu = fpu;
}

void user_reset(struct arch_thread *t, uint64_t rip, uint64_t rsp, uint64_t arg)
{
	t->frame = (struct user_frame){ .rip = rip, .rsp = rsp, .rdi = arg, .vector = FRAME_SYSCALL };
}

void user_switch(struct arch_thread *prev, struct arch_thread *next)
{
	/* A thread that was freed must not be touched: let the sanitizer see. */
	if (prev)
		(void)*(volatile uint64_t *)&prev->fs_base;
	first_cpu.arch.user = next;
	fake.switches++;
}

void user_leave(struct arch_thread *t) { (void)t; }

void user_forget(struct arch_thread *t)
{
	assert_ptr_not_equal(first_cpu.current, t);
	fake.forgets++;
}

void user_return(void)
{
	assert_ptr_equal(first_cpu.arch.user, first_cpu.current);
	longjmp(user, 1);
}

unsigned irq_count(void) { return FAKE_GSIS; }

/* A question is answered at once; mail waits for fake_on_cpu(). */
void irq_send_ipi(unsigned cpu)
{
	fake.ipis++;
	if (cpu_area[cpu]->asked)
		fake_on_cpu(cpu, NULL);
}

enum tv_err irq_message(unsigned n, struct irq_message *out)
{
	assert_true(n < TV_IRQ_MESSAGES);
	*out = (struct irq_message){ 0xfee00000, 0x90 + n };
	return fake.fail_route ? TV_EUNSUP : TV_OK;
}

void irq_mask(unsigned gsi) { fake.masked[gsi] = true; }
void irq_unmask(unsigned gsi) { fake.masked[gsi] = false; }

enum tv_err irq_route(unsigned gsi, uint32_t flags)
{
	if (fake.fail_route)
		return TV_EUNSUP;
	assert_false(fake.routed[gsi]);
	fake.routed[gsi] = fake.masked[gsi] = true;
	fake.irq_flags[gsi] = flags;
	return TV_OK;
}

void irq_unroute(unsigned gsi)
{
	assert_true(fake.routed[gsi]);
	fake.routed[gsi] = false;
}

/* --- the back-end --- */

static enum tv_err fake_vcpu_init(struct vcpu *v, struct quota *q)
{
	v->hw = quota_frame_alloc(q);
	return v->hw ? TV_OK : TV_EQUOTA;
}

static void fake_vcpu_fini(struct vcpu *v, struct quota *q) { quota_frame_free(q, v->hw); }
static void fake_leave(struct vcpu *v) { (void)v; }
static uint32_t fake_push(struct vcpu *v, uint32_t groups) { (void)v; return groups & TV_REGS_DR; }
static void fake_pull(struct vcpu *v, uint32_t groups) { (void)v; (void)groups; }
static uint32_t fake_run(struct vcpu *v)
{
	(void)v;
	if (fake.vcpu_enter)
		fake.vcpu_enter();
	return fake.vcpu_kind;
}
static void fake_vcpu_flush(struct vcpu *v) { (void)v; fake.vcpu_flushes++; }

static enum tv_err fake_ports(struct vcpu *v, unsigned first, unsigned count, bool allow, struct quota *q)
{
	(void)v; (void)first; (void)count; (void)q;
	fake.grants += allow ? 1u : ~0u;
	return TV_OK;
}

static enum tv_err fake_msrs(struct vcpu *v, uint32_t first, uint32_t count, bool allow, struct quota *q)
{
	(void)v; (void)count; (void)q;
	if (first == 0x10)
		return TV_EUNSUP;
	fake.grants += allow ? 1u : ~0u;
	return TV_OK;
}

static bool fake_load(struct vcpu *v) { return !fake_push(v, TV_REGS_RIP); }
static enum tv_err fake_loop(struct thread *t, struct vcpu *v) { return run_loop(t, v, fake_load, fake_run, fake_pull); }

static const struct virt_ops fake_ops = {
	.name = "fake", .vcpu_init = fake_vcpu_init, .vcpu_fini = fake_vcpu_fini, .leave = fake_leave, .push = fake_push, .pull = fake_pull,
	.loop = fake_loop, .flush = fake_vcpu_flush, .ports = fake_ports, .msrs = fake_msrs, .pt = fake_pt,
};

/* --- log, panic, boot --- */

void log_text(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++)
		fake.log[fake.log_length++ % sizeof(fake.log)] = text[i];
	fake.log_written += length;
}

void log_line(enum log_level level, const char *fmt, ...)
{
	char line[256];
	va_list args;

	(void)level;
	va_start(args, fmt);
	log_text(line, (size_t)vsnprintf(line, sizeof(line), fmt, args));
	va_end(args);
}

size_t log_copy(uint64_t *pos, char *buf, size_t size)
{
	uint64_t at = *pos > fake.log_written ? fake.log_written : *pos;
	size_t n = (size_t)min_u64(size, fake.log_written - at);

	for (size_t i = 0; i < n; i++)
		buf[i] = fake.log[(at + i) % sizeof(fake.log)];
	*pos = at + n;
	return n;
}

void log_quiet(bool quiet) { fake.quiet = quiet; }

static void stop(const char *what, const char *fmt, va_list args)
{
	char line[256];

	vsnprintf(line, sizeof(line), fmt, args);
	fail_msg("%s: %s", what, line);
	abort();
}

void panic(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	stop("panic", fmt, args);
	abort();
}

void cannot_run(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	stop("cannot run", fmt, args);
	abort();
}

/* The smallest program: one page of code. */
static void image_make(uint8_t *image)
{
	struct elf_header h = { .ident = { 0x7f, 'E', 'L', 'F', 2, 1, 1 }, .type = ELF_TYPE_EXEC, .machine = ELF_MACHINE_X86_64,
				.entry = USER_RIP, .phoff = 64, .phentsize = 56, .phnum = 1 };
	struct elf_program_header p = { .type = ELF_PT_LOAD, .flags = ELF_R | ELF_X, .vaddr = USER_RIP, .filesz = 16,
					.memsz = 16 };

	memcpy(image, &h, sizeof(h));
	memcpy(image + 64, &p, sizeof(p));
}

unsigned boot_memory_areas(struct boot_area *areas, unsigned max)
{
	const struct boot_area all[] = {
		{ 0x100000, 0x1000, TV_REGION_ACPI, 0 },
		{ FAKE_MMIO, FAKE_MMIO_SIZE, TV_REGION_MMIO, 0 },
		{ FAKE_RAM, FAKE_RAM_SIZE, TV_REGION_RAM, 0 },
		{ frame_pa(root_image).v, PAGE_SIZE, TV_REGION_MODULE, 0 },
	};

	assert_true(max >= ARRAY_LEN(all) + 1);
	/* First, so that root is loaded there. */
	areas[0] = (struct boot_area){ frame_pa(root_ram).v, ROOT_RAM_SIZE, TV_REGION_RAM, 0 };
	memcpy(areas + 1, all, sizeof(all));
	sel_acpi = TV_SEL_REGION + 1;
	sel_mmio = TV_SEL_REGION + 2;
	sel_ram = TV_SEL_REGION + 3;
	return ARRAY_LEN(all) + 1;
}

uint64_t boot_memory_kernel(void) { return 0; }

static void enter(void (*what)(void))
{
	if (!setjmp(user))
		what();
}

/* The last test's root: what the kernel knows of it beyond its own memory, then that memory. */
static void forget_root(void)
{
	struct work w = { 1 << 30 };

	derivation_lock = (struct spinlock){ 0 };
	for (uint64_t sel = TV_SEL_LOG; sel < TV_SEL_MAX; sel++)
		if (cap_slot(&root->table, sel)) {
			assert_true(cap_delete(cap_slot(&root->table, sel), &w));
			limbo_free();
		}
	memset(root, 0, sizeof(*root));
	while (!list_empty(&all_frames)) {
		struct list *link = all_frames.next;

		list_del(link);
		free(link);
	}
}

void fake_boot(void)
{
	if (!root_ram) {
		root_ram = aligned_alloc(PAGE_SIZE, ROOT_RAM_SIZE);
		root_image = aligned_alloc(PAGE_SIZE, PAGE_SIZE);
	}
	if (root)
		forget_root();
	memset(&first_cpu, 0, sizeof(first_cpu));
	memset(&fake, 0, sizeof(fake));
	fake.frame_limit = 8192;
	fake.vcpu_kind = TV_EXIT_HLT;
	fake_tsc = FAKE_HZ;
	virt = &fake_ops;
	image_make(root_image);
	boot_info.module_count = 1;
	boot_info.module[0] = (struct boot_module){ frame_pa(root_image).v, 120, "root" };
	first_cpu.arch.self = &first_cpu.arch;
	syscall(SYS_arch_prctl, ARCH_SET_GS, &first_cpu);
	sched_cpu_init(&first_cpu);
	domain_info_page = (hpa_t){ 0x5000 };
	assert_int_equal(root_create(), TV_OK);
	enter(sched_dispatch);
	root = fake_current()->domain;
	boot_used = root->quota.used;
	check_invariants();
}

/* --- user mode --- */

static struct user_frame *frame;

static void syscall_now(void)
{
	enum tv_err err = kernel_hypercall(frame, frame_number(frame));

	if (cpu_self()->resched)
		kernel_hypercall_switch(frame, err);
	frame_set_status(frame, err);
}


static void results(const struct user_frame *f)
{
	for (unsigned i = 0; i < 5; i++)
		out[i] = frame_word(f, i);
	out_badge = f->rdi;
}

bool call_chunks(unsigned limit, enum tv_err *err, enum tv_hypercall n, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3,
		 uint64_t a4, uint64_t a5)
{
	struct thread *t = fake_current();
	struct user_frame *f = &t->arch.frame;
	const uint64_t arg[6] = { a0, a1, a2, a3, a4, a5 };

	assert_false(fake.idle);
	for (unsigned i = 0; i < 6; i++)
		frame_set_arg(f, i, arg[i]);
	f->rax = n;
	f->rip = USER_RIP + 2;
	for (unsigned i = 0; i < limit; i++) {
		frame = f;
		enter(syscall_now);
		assert_false(spin_is_locked(&derivation_lock));
		*err = FAKE_BLOCKED;
		if (fake.idle || fake_current() != t)
			return true;
		if (f->rip == USER_RIP + 2) {
			results(f);
			*err = (enum tv_err)f->rax;
			return true;
		}
		assert_int_equal(f->rip, USER_RIP);
		f->rip = USER_RIP + 2;
		fake.restarts++;
	}
	return false;
}

enum tv_err call6(enum tv_hypercall n, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5)
{
	enum tv_err err;

	assert_true(call_chunks(~0u, &err, n, a0, a1, a2, a3, a4, a5));
	return err;
}

static void (*handler)(void);

static void interrupt_now(void)
{
	bool idle = fake.idle;

	fake.idle = false;
	handler();
	if (idle)
		sched_dispatch();
	kernel_after_interrupt();
}

void fake_interrupt(void (*what)(void))
{
	handler = what;
	enter(interrupt_now);
}

void fake_time(uint64_t tsc)
{
	while (fake.armed <= tsc) {
		fake_tsc = max_u64(fake_tsc, fake.armed);
		fake.armed = TV_NEVER;
		fake_interrupt(kernel_timer);
	}
	fake_tsc = tsc;
}

static uint64_t fault_vector, fault_error, fault_address;
static void fault_now(void) { kernel_user_fault(&fake_current()->arch.frame, fault_vector, fault_error, fault_address); }

void fake_fault(uint64_t vector, uint64_t error, uint64_t address)
{
	fault_vector = vector;
	fault_error = error;
	fault_address = address;
	enter(fault_now);
}

static void nothing(void) {}
void fake_dispatch(void) { fake_interrupt(nothing); }

/* --- other CPUs --- */

static void set_gs(struct cpu *c) { syscall(SYS_arch_prctl, ARCH_SET_GS, c); }

void fake_add_cpu(struct cpu *c)
{
	memset(c, 0, sizeof(*c));
	c->arch.self = &c->arch;
	c->arch.id = ++fake.other_cpus;
	sched_cpu_init(c);
}

void fake_on_cpu(uint32_t cpu, void (*what)(void))
{
	struct cpu *self = cpu_self(), *c = cpu_area[cpu];

	set_gs(c);
	if (what)
		what();
	else
		cross_serve(c);
	set_gs(self);
}

/* --- shortcuts --- */

struct cap *root_cap(uint64_t sel) { return cap_slot(&root->table, sel); }
struct thread *root_thread_of(uint64_t sel) { return cap_thread(root_cap(sel)); }
struct domain *root_domain_of(uint64_t sel) { return cap_domain(root_cap(sel)); }
struct sched *root_sched_of(uint64_t sel) { return cap_sched(root_cap(sel)); }

void make_domain(uint64_t sel, unsigned pages)
{
	assert_int_equal(call(TV_DOMAIN_CREATE, sel, pages * PAGE_SIZE), TV_OK);
}

struct thread *make_thread(uint64_t sel, uint64_t domain_sel, uint64_t sched_sel, unsigned priority)
{
	assert_int_equal(call(TV_THREAD_CREATE, sel, domain_sel, USER_RIP, 0x7000, 0, 0), TV_OK);
	if (sched_sel) {
		assert_int_equal(call(TV_SCHED_CREATE, sched_sel, TV_SEL_SCHED, 0, priority, 0, 0), TV_OK);
		assert_int_equal(call(TV_SCHED_BIND, sched_sel, sel), TV_OK);
	}
	assert_int_equal(call(TV_THREAD_START, sel), TV_OK);
	return cap_thread(cap_slot(&fake_current()->domain->table, sel));
}

void fake_shutdown(void)
{
	uint64_t keep = sel_ram + 2;

	fake.fail_route = 0;
	assert_ptr_equal(fake_current()->domain, root);
	for (uint64_t sel = 1; sel < TV_SEL_MAX; sel++)
		if (sel >= keep || (sel > TV_SEL_IRQS && sel < TV_SEL_REGION))
			(void)call(TV_CAP_DELETE, sel);
	for (uint64_t sel = 1; sel < keep; sel++)
		if (sel != TV_SEL_SCHED && root_cap(sel))
			assert_int_equal(call(TV_CAP_REVOKE, sel), TV_OK);
	check_invariants();
	assert_int_equal(root->quota.used, boot_used);
}
