/* SPDX-License-Identifier: Apache-2.0 */
/* The loop of vcpu_run: what ends it, what it checks before each entry, and what a monitor finds in the state page. */
/* sources: kernel/vcpu.c kernel/exit.c */
#include <kernel/vcpu.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include <arch/irq.h>
#include <arch/virt.h>
#include <kernel/cpu.h>
#include <kernel/cross.h>
#include <kernel/domain.h>
#include <kernel/doorbell.h>
#include <kernel/run_loop.h>
#include <kernel/sched.h>
#include <kernel/space.h>
#include <kernel/thread.h>
#include <kernel/upcall.h>

#define ARCH_SET_GS	0x1001

static struct cpu this_cpu;
static struct space space;
static struct domain domain;
static struct thread thread;
static struct vcpu vcpu;
static struct tv_exit_page page;
static struct notification notification;

/* What the back-end was asked to do, and what it answers. */
static struct {
	uint32_t kinds[4];
	unsigned bells, runs, flushes, interrupts, ipis, timer_starts, completed, inits, finis, leaves;
	uint32_t asked;
	uint32_t pushed, refuse, pulled;
	uint64_t timer;
	bool init_fails;
	enum tv_err status;
	void (*on_interrupt)(void);
} world;

static enum tv_err fake_init(struct vcpu *v, struct quota *q)
{
	(void)v;
	(void)q;
	world.inits++;
	return world.init_fails ? TV_EQUOTA : TV_OK;
}
static void fake_fini(struct vcpu *v, struct quota *q) { (void)v; (void)q; world.finis++; }
static void fake_leave(struct vcpu *v) { (void)v; world.leaves++; }
static uint32_t fake_push(struct vcpu *v, uint32_t groups) { (void)v; world.pushed |= groups; return groups & world.refuse; }
static void fake_pull(struct vcpu *v, uint32_t groups) { (void)v; world.pulled = groups; }
static uint32_t fake_run(struct vcpu *v) { (void)v; return world.kinds[world.runs++]; }
static void fake_flush(struct vcpu *v) { (void)v; world.flushes++; }

static bool fake_load(struct vcpu *v) { return !fake_push(v, TV_REGS_RIP); }
static enum tv_err fake_loop(struct thread *t, struct vcpu *v) { return run_loop(t, v, fake_load, fake_run, fake_pull); }

static const struct virt_ops fake_ops = {
	.vcpu_init = fake_init, .vcpu_fini = fake_fini, .leave = fake_leave, .push = fake_push, .pull = fake_pull, .loop = fake_loop, .flush = fake_flush,
};
const struct virt_ops *virt = &fake_ops;

bool doorbell_ring(struct vcpu *v) { return v == &vcpu && world.bells && world.bells--; }
void timer_start(struct timer *t, uint64_t deadline) { (void)t; world.timer_starts++; world.timer = deadline; }
void cross_call(uint32_t cpu, void (*fn)(void *arg), void *arg)
{
	world.asked = cpu;
	fn(arg);
}
void irq_send_ipi(unsigned cpu) { (void)cpu; world.ipis++; }
void kernel_after_interrupt(void)
{
	world.interrupts++;
	if (world.on_interrupt)
		world.on_interrupt();
}
void thread_complete(struct thread *t, enum tv_err status) { (void)t; world.completed++; world.status = status; }

static jmp_buf left;
void sched_return(void) { longjmp(left, 1); }

static void *memory;
enum tv_err object_prepare(struct domain *d, uint64_t sel, size_t size, void **out)
{
	(void)d;
	if (sel == 0)
		return TV_ECAP;
	*out = memory = calloc(1, size);
	return TV_OK;
}
void object_abandon(struct domain *d, uint64_t sel, void *object, size_t size)
{
	(void)d;
	(void)sel;
	(void)size;
	assert_ptr_equal(object, memory);
	free(object);
	memory = NULL;
}
void object_publish(struct object *o, struct domain *d, uint64_t sel, enum tv_cap_type type, struct cap *source)
{
	(void)sel;
	(void)source;
	assert_int_equal(type, TV_CAP_VCPU);
	o->payer = d;
}
static unsigned frames, frames_max;
void *quota_frame_alloc(struct quota *q) { (void)q; return frames < frames_max ? frames++, calloc(1, 4096) : NULL; }
void quota_frame_free(struct quota *q, void *p) { (void)q; frames--; free(p); }

static int setup(void **state)
{
	(void)state;
	memset(&world, 0, sizeof(world));
	memset(&page, 0, sizeof(page));
	memset(&vcpu, 0, sizeof(vcpu));
	memset(&thread, 0, sizeof(thread));
	memset(&notification, 0, sizeof(notification));
	this_cpu.arch.self = &this_cpu.arch;
	syscall(SYS_arch_prctl, ARCH_SET_GS, &this_cpu);
	list_init(&space.vcpus);
	list_init(&vcpu.in_space);
	space.flush_generation = vcpu.flush_seen = 5;
	vcpu.space = &space;
	vcpu.page = &page;
	frames = 0;
	frames_max = 1;
	return 0;
}

static void an_exit_ends_the_call_with_rip_and_what_was_wanted(void **state)
{
	(void)state;
	world.kinds[0] = TV_EXIT_CPUID;
	page.want[TV_EXIT_CPUID] = TV_REGS_SEG | TV_REGS_CODE | 0xf000;
	assert_int_equal(vcpu_run(&thread, &vcpu, TV_NEVER), TV_OK);
	assert_int_equal(page.kind, TV_EXIT_CPUID);
	assert_int_equal(page.valid, TV_REGS_RIP | TV_REGS_SEG | TV_REGS_CODE);
	assert_int_equal(world.pulled, TV_REGS_RIP | TV_REGS_SEG | TV_REGS_CODE);
	assert_int_equal(page.exits, 1);
	assert_int_equal(world.timer_starts, 0);
	assert_int_equal(thread.cont, THREAD_CONT_NONE);
}

static void the_kernels_own_exits_go_round_with_interrupts_served(void **state)
{
	(void)state;
	world.kinds[2] = TV_EXIT_HLT;
	assert_int_equal(vcpu_run(&thread, &vcpu, TV_NEVER), TV_OK);
	assert_int_equal(world.runs, 3);
	assert_int_equal(world.interrupts, 2);
	assert_int_equal(page.kind, TV_EXIT_HLT);
}

static void a_signal_ends_the_call_before_the_entry_and_stays(void **state)
{
	(void)state;
	thread.bound = &notification;
	notification.word = 4;
	page.dirty = TV_REGS_RIP;
	page.rip = 0x1234;
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(vcpu_run(&thread, &vcpu, TV_NEVER), TV_OK);
		assert_int_equal(page.kind, TV_EXIT_KICK);
	}
	assert_int_equal(world.runs, 0);
	assert_int_equal(notification.word, 4);
	/* What the monitor has set and the hardware has not seen yet is not overwritten. */
	assert_int_equal(world.pulled, 0);
	assert_int_equal(page.dirty, TV_REGS_RIP);
	assert_int_equal(page.valid, TV_REGS_RIP);
	page.dirty = TV_REGS_SEG;
	page.want[TV_EXIT_KICK] = TV_REGS_CODE;
	assert_int_equal(vcpu_run(&thread, &vcpu, TV_NEVER), TV_OK);
	assert_int_equal(world.pulled, TV_REGS_RIP);		/* the code segment is a part of what has changed */
}

static void signal(void) { notification.word = 1; }

static void a_signal_during_an_interrupt_is_seen_before_the_next_entry(void **state)
{
	(void)state;
	thread.bound = &notification;
	world.on_interrupt = signal;
	assert_int_equal(vcpu_run(&thread, &vcpu, TV_NEVER), TV_OK);
	assert_int_equal(page.kind, TV_EXIT_KICK);
	assert_int_equal(world.runs, 1);
}

static void a_kick_is_sticky_and_counts_once(void **state)
{
	(void)state;
	world.kinds[0] = TV_EXIT_HLT;
	vcpu_kick(&vcpu);
	vcpu_kick(&vcpu);
	assert_int_equal(world.ipis, 0);
	assert_int_equal(vcpu_run(&thread, &vcpu, TV_NEVER), TV_OK);
	assert_int_equal(page.kind, TV_EXIT_KICK);
	assert_int_equal(vcpu_run(&thread, &vcpu, TV_NEVER), TV_OK);
	assert_int_equal(page.kind, TV_EXIT_HLT);
	/* A thread that runs on another CPU is fetched out of the guest. */
	vcpu.owner = &thread;
	thread.cpu = 1;
	vcpu_kick(&vcpu);
	assert_int_equal(world.ipis, 1);
	/* Once, until it has come. */
	vcpu_kick(&vcpu);
	assert_int_equal(world.ipis, 1);
	thread.cpu = 0;
	assert_int_equal(vcpu_run(&thread, &vcpu, TV_NEVER), TV_OK);
	assert_int_equal(page.kind, TV_EXIT_KICK);
	thread.cpu = 1;
	vcpu_kick(&vcpu);
	assert_int_equal(world.ipis, 2);
}

static void a_deadline_in_the_past_enters_nothing(void **state)
{
	(void)state;
	assert_int_equal(vcpu_run(&thread, &vcpu, 1), TV_OK);
	assert_int_equal(page.kind, TV_EXIT_DEADLINE);
	assert_int_equal(world.runs, 0);
}

static void the_timer_is_armed_for_a_deadline_in_the_future(void **state)
{
	(void)state;
	world.kinds[0] = TV_EXIT_HLT;
	assert_int_equal(vcpu_run(&thread, &vcpu, TV_NEVER - 1), TV_OK);
	assert_int_equal(world.timer, TV_NEVER - 1);
	/* It is left alone when the next call has the same one. */
	thread.timer.cpu = &this_cpu;
	thread.timer.at.key = TV_NEVER - 1;
	world.kinds[1] = world.kinds[2] = TV_EXIT_HLT;
	assert_int_equal(vcpu_run(&thread, &vcpu, TV_NEVER - 1), TV_OK);
	assert_int_equal(world.timer_starts, 1);
	assert_int_equal(vcpu_run(&thread, &vcpu, TV_NEVER - 2), TV_OK);
	assert_int_equal(world.timer_starts, 2);
}

static void dirty_groups_are_loaded_once(void **state)
{
	(void)state;
	world.kinds[0] = world.kinds[1] = TV_EXIT_HLT;
	page.dirty = TV_REGS_RIP | TV_REGS_CR;
	assert_int_equal(vcpu_run(&thread, &vcpu, TV_NEVER), TV_OK);
	assert_int_equal(world.pushed, TV_REGS_RIP | TV_REGS_CR);
	assert_int_equal(page.dirty, 0);
}

static void refused_state_enters_nothing_and_names_the_group(void **state)
{
	(void)state;
	world.refuse = TV_REGS_SEG;
	page.dirty = TV_REGS_RIP | TV_REGS_SEG;
	assert_int_equal(vcpu_run(&thread, &vcpu, TV_NEVER), TV_ESTATE);
	assert_int_equal(frame_word(&thread.arch.frame, 0), TV_REGS_SEG);
	assert_int_equal(page.dirty, TV_REGS_RIP | TV_REGS_SEG);
	assert_int_equal(world.runs, 0);
	assert_int_equal(thread.cont, THREAD_CONT_NONE);
	page.dirty = 0x100;
	assert_int_equal(vcpu_run(&thread, &vcpu, TV_NEVER), TV_EINVAL);
}

static void a_refused_event_names_no_group(void **state)
{
	(void)state;
	world.kinds[0] = VIRT_REFUSED;
	frame_set_word(&thread.arch.frame, 0, 99);
	assert_int_equal(vcpu_run(&thread, &vcpu, TV_NEVER), TV_ESTATE);
	assert_int_equal(frame_word(&thread.arch.frame, 0), 0);
}

static void lost_translations_are_flushed_before_the_entry(void **state)
{
	(void)state;
	world.kinds[0] = world.kinds[1] = TV_EXIT_HLT;
	space.flush_generation = 9;
	assert_int_equal(vcpu_run(&thread, &vcpu, TV_NEVER), TV_OK);
	assert_int_equal(vcpu_run(&thread, &vcpu, TV_NEVER), TV_OK);
	assert_int_equal(world.flushes, 1);
}

static void one_thread_at_a_time_runs_it(void **state)
{
	struct thread other;

	(void)state;
	memset(&other, 0, sizeof(other));
	other.cont = THREAD_CONT_VCPU_RUN;
	other.vcpu = &vcpu;
	vcpu.owner = &other;
	assert_int_equal(vcpu_take(&thread, &vcpu), TV_EBUSY);
	assert_ptr_equal(vcpu.owner, &other);
	assert_null(thread.vcpu);
	/* When its call is over, it is free for others, and the CPU where it was has been asked to let it go. */
	other.cont = THREAD_CONT_NONE;
	other.cpu = 1;
	assert_int_equal(vcpu_take(&thread, &vcpu), TV_OK);
	assert_ptr_equal(vcpu.owner, &thread);
	assert_ptr_equal(thread.vcpu, &vcpu);
	assert_null(other.vcpu);
	assert_int_equal(world.leaves, 1);
	assert_int_equal(world.asked, 1);
}

static void a_thread_keeps_one_vcpu(void **state)
{
	struct vcpu second = { .space = &space };

	(void)state;
	assert_int_equal(vcpu_take(&thread, &vcpu), TV_OK);
	assert_int_equal(vcpu_take(&thread, &second), TV_OK);
	assert_null(vcpu.owner);
	assert_ptr_equal(thread.vcpu, &second);
	second.space = NULL;
	assert_int_equal(vcpu_take(&thread, &second), TV_EDEAD);
}

static void a_preempted_run_goes_on_and_returns_to_user_mode(void **state)
{
	(void)state;
	world.kinds[0] = TV_EXIT_HLT;
	vcpu.owner = &thread;
	thread.vcpu = &vcpu;
	thread.deadline = TV_NEVER;
	thread.cont = THREAD_CONT_VCPU_RUN;
	frame_set_status(&thread.arch.frame, 77);
	if (setjmp(left) == 0)
		vcpu_resume(&thread);
	assert_int_equal(thread.arch.frame.rax, TV_OK);
	assert_int_equal(thread.cont, THREAD_CONT_NONE);
	assert_int_equal(page.kind, TV_EXIT_HLT);
}

static void the_end_of_its_space_ends_the_run(void **state)
{
	(void)state;
	vcpu.owner = &thread;
	thread.vcpu = &vcpu;
	thread.cont = THREAD_CONT_VCPU_RUN;
	vcpu_space_gone(&vcpu);
	assert_int_equal(world.completed, 1);
	assert_int_equal(world.status, TV_EDEAD);
	assert_int_equal(thread.cont, THREAD_CONT_NONE);
	assert_true(this_cpu.resched);
	assert_int_equal(vcpu_run(&thread, &vcpu, TV_NEVER), TV_EDEAD);
}

static void creation_takes_all_or_nothing(void **state)
{
	struct cap source;
	struct vcpu *v;

	(void)state;
	memset(&source, 0, sizeof(source));
	source.object = &space.object;
	assert_int_equal(vcpu_create(&domain, 0, &source), TV_ECAP);
	frames_max = 0;
	assert_int_equal(vcpu_create(&domain, 7, &source), TV_EQUOTA);
	assert_null(memory);
	frames_max = 1;
	world.init_fails = true;
	assert_int_equal(vcpu_create(&domain, 7, &source), TV_EQUOTA);
	assert_null(memory);
	assert_int_equal(frames, 0);
	world.init_fails = false;
	assert_int_equal(vcpu_create(&domain, 7, &source), TV_OK);
	v = memory;
	assert_int_equal(v->page->version, TV_EXIT_PAGE_VERSION);
	assert_int_equal(v->page->size, sizeof(struct tv_exit_page));
	assert_false(list_empty(&space.vcpus));
	vcpu_destroy(v);
	assert_true(list_empty(&space.vcpus));
	assert_int_equal(world.finis, 1);
	assert_int_equal(frames, 0);
	free(v);
}

static void a_doorbell_is_no_exit(void **state)
{
	(void)state;
	world.kinds[0] = world.kinds[1] = TV_EXIT_PIO;
	space.doorbells = (void *)&world;
	world.bells = 1;
	assert_int_equal(vcpu_run(&thread, &vcpu, TV_NEVER), TV_OK);
	assert_int_equal(world.runs, 2);
	assert_int_equal(page.exits, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup(f, setup)
		T(an_exit_ends_the_call_with_rip_and_what_was_wanted), T(the_kernels_own_exits_go_round_with_interrupts_served),
		T(a_signal_ends_the_call_before_the_entry_and_stays), T(a_signal_during_an_interrupt_is_seen_before_the_next_entry),
		T(a_kick_is_sticky_and_counts_once), T(a_deadline_in_the_past_enters_nothing),
		T(the_timer_is_armed_for_a_deadline_in_the_future), T(dirty_groups_are_loaded_once),
		T(refused_state_enters_nothing_and_names_the_group), T(a_refused_event_names_no_group),
		T(lost_translations_are_flushed_before_the_entry), T(one_thread_at_a_time_runs_it), T(a_thread_keeps_one_vcpu),
		T(a_preempted_run_goes_on_and_returns_to_user_mode), T(the_end_of_its_space_ends_the_run),
		T(creation_takes_all_or_nothing),
		T(a_doorbell_is_no_exit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
