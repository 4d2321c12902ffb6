/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hypercalls for user programs: one instruction, and one thin function for each call of include/abi/hypercall.h.
 *
 * Nothing here interprets or retries; docs/abi.md says what each call does and when it fails.  Unit tests shadow this header
 * with tests/fake/rt/sys.h, which declares the same functions without the instruction.
 */
#ifndef RT_SYS_H
#define RT_SYS_H

#include <abi/hypercall.h>
#include <abi/object.h>
#include <abi/status.h>
#include <lib/base.h>

/* The registers that carry arguments in and results out. */
struct sys_msg {
	uint64_t badge;		/* in: arg0;            out: badge           */
	uint64_t word[5];	/* in: arg1 ... arg5;   out: words 0 ... 4   */
};

/* The full form: arguments from @m, results into @m. */
static inline enum tv_err sys_msg(enum tv_hypercall number, struct sys_msg *m)
{
	uint64_t rax = number;
	register uint64_t r10 __asm__("r10") = m->word[2];
	register uint64_t r8 __asm__("r8") = m->word[3];
	register uint64_t r9 __asm__("r9") = m->word[4];

	__asm__ volatile("syscall"
			 : "+a"(rax), "+D"(m->badge), "+S"(m->word[0]), "+d"(m->word[1]), "+r"(r10), "+r"(r8), "+r"(r9)
			 : : "rcx", "r11", "memory");
	m->word[2] = r10;
	m->word[3] = r8;
	m->word[4] = r9;
	return (enum tv_err)rax;
}

/* Up to two arguments and no results: the form of the fast path.  The kernel may overwrite every message register. */
static inline enum tv_err sys_call2(enum tv_hypercall number, uint64_t arg0, uint64_t arg1)
{
	uint64_t rax = number;

	__asm__ volatile("syscall" : "+a"(rax), "+D"(arg0), "+S"(arg1)
			 : : "rcx", "r11", "rdx", "r10", "r8", "r9", "memory");
	return (enum tv_err)rax;
}

/* Up to six arguments and no results. */
static inline enum tv_err sys_call6(enum tv_hypercall number, uint64_t arg0, uint64_t arg1, uint64_t arg2, uint64_t arg3,
				    uint64_t arg4, uint64_t arg5)
{
	struct sys_msg m = { arg0, { arg1, arg2, arg3, arg4, arg5 } };

	return sys_msg(number, &m);
}

/* --- capabilities --- */

/*
 * Put into slot @dst of @domain a capability derived from @src with the rights @rights.  Ranges: [@base, @base + @size)
 * absolute, inside the source's.  Notifications and endpoints: @base is the badge (for notifications the mask of bits that
 * the new capability can signal), @size 0.  Everything else: both 0.
 */
static inline enum tv_err sys_cap_derive(uint64_t domain, uint64_t dst, uint64_t src, uint32_t rights, uint64_t base,
					 uint64_t size)
{
	return sys_call6(TV_CAP_DERIVE, domain, dst, src, rights, base, size);
}
static inline enum tv_err sys_cap_delete(uint64_t sel) { return sys_call2(TV_CAP_DELETE, sel, 0); }
static inline enum tv_err sys_cap_revoke(uint64_t sel) { return sys_call2(TV_CAP_REVOKE, sel, 0); }

struct sys_cap_info {
	uint64_t type, rights, base, size;
};
static inline enum tv_err sys_cap_info(uint64_t sel, struct sys_cap_info *info)
{
	struct sys_msg m = { sel, { 0, 0, 0, 0, 0 } };
	enum tv_err err = sys_msg(TV_CAP_INFO, &m);

	*info = (struct sys_cap_info){ m.word[0], m.word[1], m.word[2], m.word[3] };
	return err;
}

/* --- domains --- */

static inline enum tv_err sys_domain_create(uint64_t dst, uint64_t quota)
{
	return sys_call2(TV_DOMAIN_CREATE, dst, quota);
}
static inline enum tv_err sys_domain_destroy(uint64_t domain) { return sys_call2(TV_DOMAIN_DESTROY, domain, 0); }
static inline enum tv_err sys_domain_quota(uint64_t domain, int64_t bytes)
{
	return sys_call2(TV_DOMAIN_QUOTA, domain, (uint64_t)bytes);
}

struct sys_domain_info {
	uint64_t quota, used;	/* bytes */
	uint64_t threads;
	uint64_t peak;		/* bytes */
};
static inline enum tv_err sys_domain_info(uint64_t domain, struct sys_domain_info *info)
{
	struct sys_msg m = { domain, { 0, 0, 0, 0, 0 } };
	enum tv_err err = sys_msg(TV_DOMAIN_INFO, &m);

	*info = (struct sys_domain_info){ m.word[0], m.word[1], m.word[2], m.word[3] };
	return err;
}
static inline enum tv_err sys_domain_watch(uint64_t domain, uint64_t ntfn, uint64_t bits)
{
	return sys_call6(TV_DOMAIN_WATCH, domain, ntfn, bits, 0, 0, 0);
}

/* --- spaces and memory --- */

static inline enum tv_err sys_space_create(uint64_t dst, enum tv_space_kind kind)
{
	return sys_call2(TV_SPACE_CREATE, dst, kind);
}
/* @space: a SPACE, or a DOMAIN for its host space.  @offset counts from the start of @region. */
static inline enum tv_err sys_mem_map(uint64_t space, uint64_t addr, uint64_t region, uint64_t offset, uint64_t size,
				      uint32_t flags)
{
	return sys_call6(TV_MEM_MAP, space, addr, region, offset, size, flags);
}
static inline enum tv_err sys_mem_unmap(uint64_t space, uint64_t addr, uint64_t size)
{
	return sys_call6(TV_MEM_UNMAP, space, addr, size, 0, 0, 0);
}
static inline enum tv_err sys_mem_protect(uint64_t space, uint64_t addr, uint64_t size, uint32_t rights)
{
	return sys_call6(TV_MEM_PROTECT, space, addr, size, rights, 0, 0);
}

/* --- threads and scheduling --- */

static inline enum tv_err sys_thread_create(uint64_t dst, uint64_t domain, uint64_t rip, uint64_t rsp, uint64_t arg,
					    uint64_t fs_base)
{
	return sys_call6(TV_THREAD_CREATE, dst, domain, rip, rsp, arg, fs_base);
}
static inline enum tv_err sys_thread_start(uint64_t thread) { return sys_call2(TV_THREAD_START, thread, 0); }
static inline enum tv_err sys_thread_suspend(uint64_t thread) { return sys_call2(TV_THREAD_SUSPEND, thread, 0); }
/* @thread, which is suspended or has ended, begins anew when it is started: see docs/abi.md. */
static inline enum tv_err sys_thread_reset(uint64_t thread, uint64_t rip, uint64_t rsp, uint64_t arg)
{
	return sys_call6(TV_THREAD_RESET, thread, rip, rsp, arg, 0, 0);
}
static inline enum tv_err sys_thread_bind(uint64_t thread, uint64_t ntfn)
{
	return sys_call2(TV_THREAD_BIND, thread, ntfn);
}

struct sys_thread_info {
	uint64_t state;		/* enum tv_thread_state                     */
	uint64_t fault;		/* exception vector | error code << 32      */
	uint64_t rip, addr;	/* of the fault                             */
	uint64_t code;		/* given to thread_exit                     */
};
static inline enum tv_err sys_thread_info(uint64_t thread, struct sys_thread_info *info)
{
	struct sys_msg m = { thread, { 0, 0, 0, 0, 0 } };
	enum tv_err err = sys_msg(TV_THREAD_INFO, &m);

	*info = (struct sys_thread_info){ m.word[0], m.word[1], m.word[2], m.word[3], m.word[4] };
	return err;
}
static inline NORETURN void sys_thread_exit(uint64_t code)
{
	for (;;)
		(void)sys_call2(TV_THREAD_EXIT, code, 0);
}
/* @budget and @period in TSC ticks. */
static inline enum tv_err sys_sched_create(uint64_t dst, uint64_t source, uint64_t cpu, uint64_t priority, uint64_t budget,
					   uint64_t period)
{
	return sys_call6(TV_SCHED_CREATE, dst, source, cpu, priority, budget, period);
}
static inline enum tv_err sys_sched_bind(uint64_t sched, uint64_t thread)
{
	return sys_call2(TV_SCHED_BIND, sched, thread);
}

struct sys_sched_info {
	uint64_t consumed;	/* TSC ticks */
	uint64_t priority, cpu;
	uint64_t budget, period;
};
static inline enum tv_err sys_sched_info(uint64_t sched, struct sys_sched_info *info)
{
	struct sys_msg m = { sched, { 0, 0, 0, 0, 0 } };
	enum tv_err err = sys_msg(TV_SCHED_INFO, &m);

	*info = (struct sys_sched_info){ m.word[0], m.word[1], m.word[2], m.word[3], m.word[4] };
	return err;
}

/* What has happened on the CPU of @sched since boot. */
struct sys_cpu_info {
	uint64_t idle;				/* ticks      */
	uint64_t timer, device, message;	/* interrupts */
	uint64_t switches;			/* of threads */
};
static inline enum tv_err sys_cpu_info(uint64_t sched, struct sys_cpu_info *info)
{
	struct sys_msg m = { sched, { 0, 0, 0, 0, 0 } };
	enum tv_err err = sys_msg(TV_CPU_INFO, &m);

	*info = (struct sys_cpu_info){ m.word[0], m.word[1], m.word[2], m.word[3], m.word[4] };
	return err;
}

/* --- virtual CPUs --- */

static inline enum tv_err sys_vcpu_create(uint64_t dst, uint64_t space) { return sys_call2(TV_VCPU_CREATE, dst, space); }
static inline enum tv_err sys_vcpu_map(uint64_t vcpu, uint64_t addr) { return sys_call2(TV_VCPU_MAP, vcpu, addr); }
/* On TV_ESTATE *@group names the refused register group; @group may be NULL. */
static inline enum tv_err sys_vcpu_run(uint64_t vcpu, uint64_t deadline, uint64_t *group)
{
	uint64_t rax = TV_VCPU_RUN, rdi = vcpu, rsi = deadline;

	__asm__ volatile("syscall" : "+a"(rax), "+D"(rdi), "+S"(rsi)
			 : : "rcx", "r11", "rdx", "r10", "r8", "r9", "memory");
	if (group)
		*group = rsi;
	return (enum tv_err)rax;
}
static inline enum tv_err sys_vcpu_kick(uint64_t vcpu) { return sys_call2(TV_VCPU_KICK, vcpu, 0); }

/* --- communication --- */

static inline enum tv_err sys_ep_create(uint64_t dst) { return sys_call2(TV_EP_CREATE, dst, 0); }
/* @m->badge holds the endpoint on entry; words go both ways. */
static inline enum tv_err sys_ep_call(struct sys_msg *m) { return sys_msg(TV_EP_CALL, m); }
static inline enum tv_err sys_ep_wait(struct sys_msg *m) { return sys_msg(TV_EP_WAIT, m); }
static inline enum tv_err sys_ep_reply_wait(struct sys_msg *m) { return sys_msg(TV_EP_REPLY_WAIT, m); }
static inline enum tv_err sys_ntfn_create(uint64_t dst) { return sys_call2(TV_NTFN_CREATE, dst, 0); }
static inline enum tv_err sys_ntfn_signal(uint64_t ntfn, uint64_t bits) { return sys_call2(TV_NTFN_SIGNAL, ntfn, bits); }
/* Wait until a bit is set or the TSC reaches @deadline (TV_NEVER: no end).  The bits are taken; 0 in *@bits on an error. */
static inline enum tv_err sys_ntfn_wait(uint64_t ntfn, uint64_t deadline, uint64_t *bits)
{
	struct sys_msg m = { ntfn, { deadline, 0, 0, 0, 0 } };
	enum tv_err err = sys_msg(TV_NTFN_WAIT, &m);

	*bits = err == TV_OK ? m.word[0] : 0;
	return err;
}
static inline enum tv_err sys_ntfn_poll(uint64_t ntfn, uint64_t *bits)
{
	struct sys_msg m = { ntfn, { 0, 0, 0, 0, 0 } };
	enum tv_err err = sys_msg(TV_NTFN_POLL, &m);

	*bits = err == TV_OK ? m.word[0] : 0;
	return err;
}

/* --- devices --- */

static inline enum tv_err sys_irq_bind(uint64_t irqs, uint64_t gsi, uint64_t ntfn, uint64_t bits, uint32_t flags)
{
	return sys_call6(TV_IRQ_BIND, irqs, gsi, ntfn, bits, flags, 0);
}
/* @number is a message: *@address and *@data become what its device shall write where. */
static inline enum tv_err sys_irq_bind_message(uint64_t irqs, uint64_t number, uint64_t ntfn, uint64_t bits, uint64_t *address,
					       uint64_t *data)
{
	struct sys_msg m = { irqs, { number, ntfn, bits, 0, 0 } };
	enum tv_err err = sys_msg(TV_IRQ_BIND, &m);

	*address = m.word[0];
	*data = m.word[1];
	return err;
}
static inline enum tv_err sys_irq_ack(uint64_t irqs, uint64_t gsi) { return sys_call2(TV_IRQ_ACK, irqs, gsi); }
static inline enum tv_err sys_irq_mask(uint64_t irqs, uint64_t gsi) { return sys_call2(TV_IRQ_MASK, irqs, gsi); }
static inline enum tv_err sys_port_grant(uint64_t to, uint64_t ports) { return sys_call2(TV_PORT_GRANT, to, ports); }
static inline enum tv_err sys_msr_grant(uint64_t vcpu, uint64_t msrs) { return sys_call2(TV_MSR_GRANT, vcpu, msrs); }

/* @ntfn 0: an OUT to @port exits again. */
static inline enum tv_err sys_doorbell_bind(uint64_t space, uint16_t port, uint64_t ntfn, uint64_t bits)
{
	return sys_call6(TV_DOORBELL_BIND, space, port, ntfn, bits, 0, 0);
}

/* --- kernel log --- */

/* At most 40 bytes, NUL-terminated when shorter. */
static inline enum tv_err sys_log_write(uint64_t log, const uint64_t text[5])
{
	return sys_call6(TV_LOG_WRITE, log, text[0], text[1], text[2], text[3], text[4]);
}
/* *@pos becomes the next position; up to 32 bytes, NUL-terminated when shorter, go to @text. */
static inline enum tv_err sys_log_read(uint64_t log, uint64_t *pos, uint64_t text[4])
{
	struct sys_msg m = { log, { *pos, 0, 0, 0, 0 } };
	enum tv_err err = sys_msg(TV_LOG_READ, &m);

	if (err == TV_OK) {
		*pos = m.word[0];
		text[0] = m.word[1];
		text[1] = m.word[2];
		text[2] = m.word[3];
		text[3] = m.word[4];
	}
	return err;
}
static inline enum tv_err sys_log_bind(uint64_t log, uint64_t ntfn, uint64_t bits)
{
	return sys_call6(TV_LOG_BIND, log, ntfn, bits, 0, 0, 0);
}

#endif
