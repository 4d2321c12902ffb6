/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A machine for the kernel's objects and hypercalls on the host, and a user mode to call them from.
 *
 * Physical frames are pages of the host's heap: mm/frame.h's direct map turns any host pointer into a 48-bit "physical address"
 * and back.  GS points at the kernel's per-CPU area.  user_return() and cpu_idle() jump back into the test.
 */
#ifndef KERNEL_FAKE_H
#define KERNEL_FAKE_H

#include <abi/hypercall.h>
#include <abi/info.h>
#include <abi/object.h>
#include <abi/status.h>
#include <kernel/cpu.h>
#include <kernel/domain.h>
#include <kernel/sched.h>
#include <kernel/thread.h>
#include <lib/base.h>

#define FAKE_HZ		1000000000ull
#define FAKE_GSIS	24u

/* Two stretches of free RAM that nobody touches, a device, and tables, as root's regions. */
#define FAKE_RAM	0x100000000ull
#define FAKE_RAM_SIZE	0x100000000ull
#define FAKE_MMIO	0xf0000000ull
#define FAKE_MMIO_SIZE	0x1000000ull

struct fake_kernel {
	uint64_t frames;		/* allocated                                                   */
	uint64_t frame_limit;
	uint64_t armed;			/* deadline of the hardware timer                              */
	unsigned other_cpus;		/* fake_add_cpu()                                              */
	unsigned arms, flushes, drops, ipis, port_loads, vcpu_flushes, forgets, switches;
	uint64_t space;			/* physical address in CR3                                     */
	const uint8_t *ports;
	unsigned port_first, port_last;
	bool routed[FAKE_GSIS], masked[FAKE_GSIS];
	uint32_t irq_flags[FAKE_GSIS];
	unsigned fail_route;
	bool quiet;
	bool idle;			/* the CPU waits for an interrupt                              */
	unsigned restarts;		/* of hypercalls, in all                                       */
	unsigned grants;		/* ports and MSRs granted to vCPUs, by ranges                  */
	uint32_t vcpu_kind;		/* what virt->run() of the fake back-end returns               */
	void (*vcpu_enter)(void);	/* called by it                                                */
	char log[4096];			/* what log_line() and log_text() were given last              */
	size_t log_length;
	uint64_t log_written;
};
extern struct fake_kernel fake;
extern uint64_t fake_tsc;

/* Message words after the last call. */
extern uint64_t out[5];
extern uint64_t out_badge;

/* A fresh machine with root in it, running: selectors as at boot; see the SEL_* below for its regions. */
void fake_boot(void);
/* End everything that root has made, then the checks that must hold when only root is left: nothing leaked. */
void fake_shutdown(void);

/* Selectors of root's regions after fake_boot(). */
extern uint64_t sel_ram, sel_mmio, sel_acpi;

static inline struct thread *fake_current(void) { return first_cpu.current; }
static inline struct domain *fake_root(void) { return cap_domain(&first_cpu.current->domain->table.page[0][TV_SEL_DOMAIN]); }

#define FAKE_BLOCKED	((enum tv_err)0x1000)	/* of call(): another thread runs now, or none */

/*
 * The current thread makes a hypercall.  Its status, with restarts done as user mode would; or FAKE_BLOCKED when it is not the
 * current thread any more afterwards: then fake_current() is, or fake.idle is set.
 */
enum tv_err call6(enum tv_hypercall n, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5);
#define CALL_ARGS(n, a0, a1, a2, a3, a4, a5, ...) call6(n, a0, a1, a2, a3, a4, a5)
#define call(...) CALL_ARGS(__VA_ARGS__, 0, 0, 0, 0, 0, 0, 0)
/* Up to @limit runs of the same call; false when it was not through by then.  For calls that work in chunks. */
bool call_chunks(unsigned limit, enum tv_err *err, enum tv_hypercall n, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3,
		 uint64_t a4, uint64_t a5);
/* Status that stands in the frame of @t: what its call has returned, or will return when it runs. */
static inline enum tv_err status_of(const struct thread *t) { return (enum tv_err)t->arch.frame.rax; }

/* An interrupt: @what() runs as the handler, then the kernel decides who goes on. */
void fake_interrupt(void (*what)(void));
/* Let time pass to @tsc, with timer interrupts when the hardware fires. */
void fake_time(uint64_t tsc);
/* The current thread faults. */
void fake_fault(uint64_t vector, uint64_t error, uint64_t address);
/* Enter the dispatcher, as after a wake-up from outside. */
void fake_dispatch(void);

/* The thread and other objects behind a selector of root. */
struct cap *root_cap(uint64_t sel);
struct thread *root_thread_of(uint64_t sel);
struct domain *root_domain_of(uint64_t sel);
struct sched *root_sched_of(uint64_t sel);

/* Create a domain in slot @sel of the current one, with @pages of quota. */
void make_domain(uint64_t sel, unsigned pages);
/* A thread in slot @sel, in the domain of @domain_sel, with a context of @priority in slot @sched_sel (0: none), started. */
struct thread *make_thread(uint64_t sel, uint64_t domain_sel, uint64_t sched_sel, unsigned priority);

/* Walk everything that root has made, directly or not, and fail the test when any structure contradicts another. */
void check_invariants(void);
/* Set by a test while it has left a revocation half done. */
extern bool revoking;

/* A further CPU, which runs nothing by itself; and do @what there (NULL: answer questions). */
void fake_add_cpu(struct cpu *c);
void fake_on_cpu(uint32_t cpu, void (*what)(void));

#endif
