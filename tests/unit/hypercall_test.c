/* SPDX-License-Identifier: Apache-2.0 */
/* sources: tests/fake/kernel_fake.c tests/fake/kernel_invariants.c kernel/cap.c kernel/cross.c kernel/domain.c kernel/doorbell.c kernel/ep.c kernel/exit.c kernel/hc_cap.c kernel/hc_dev.c kernel/hc_domain.c kernel/hc_ipc.c kernel/hc_mem.c kernel/hc_sched.c kernel/hc_thread.c kernel/hc_vcpu.c kernel/hypercall.c kernel/irq.c kernel/klog.c kernel/limbo.c kernel/notify.c kernel/object.c kernel/port.c kernel/refill.c kernel/root.c kernel/sched.c kernel/space.c kernel/space_change.c kernel/thread.c kernel/timer.c kernel/vcpu.c mm/pt.c mm/quota.c */
#include <kernel/hypercall.h>

#include "kernel_fake.h"

#include <kernel/upcall.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* One object or range of each type, and X: the capability whose type and rights vary. */
enum { F_DOMAIN = 300, F_SPACE, F_THREAD, F_SCHED, F_VCPU, F_EP, F_NTFN, F_LOG, F_REGION, F_PORTS, F_MSRS, F_IRQS,
       F_SPARE_SCHED = 320, F_SPARE_THREAD, X = 330, NEW = 340 };
#define F_OF(type)	(F_DOMAIN + (type) - TV_CAP_DOMAIN)
#define USER_PAGE	0x7000000ull

static void furnish(void)
{
	fake_boot();
	make_domain(F_DOMAIN, 100);
	assert_int_equal(call(TV_SPACE_CREATE, F_SPACE, TV_SPACE_GUEST), TV_OK);
	assert_int_equal(call(TV_THREAD_CREATE, F_THREAD, F_DOMAIN, 0x1000, 0x1000, 0, 0), TV_OK);
	assert_int_equal(call(TV_THREAD_CREATE, F_SPARE_THREAD, F_DOMAIN, 0x1000, 0x1000, 0, 0), TV_OK);
	assert_int_equal(call(TV_SCHED_CREATE, F_SCHED, TV_SEL_SCHED, 0, 10, 0, 0), TV_OK);
	assert_int_equal(call(TV_VCPU_CREATE, F_VCPU, F_SPACE), TV_OK);
	assert_int_equal(call(TV_EP_CREATE, F_EP), TV_OK);
	assert_int_equal(call(TV_NTFN_CREATE, F_NTFN), TV_OK);
	assert_int_equal(call(TV_CAP_DERIVE, TV_SEL_DOMAIN, F_LOG, TV_SEL_LOG, TV_RIGHT_ALL), TV_OK);
	assert_int_equal(call(TV_CAP_DERIVE, TV_SEL_DOMAIN, F_REGION, sel_ram, 0x1d, FAKE_RAM, MIB), TV_OK);
	assert_int_equal(call(TV_CAP_DERIVE, TV_SEL_DOMAIN, F_PORTS, TV_SEL_PORTS, 0x401, 0x60, 2), TV_OK);
	assert_int_equal(call(TV_CAP_DERIVE, TV_SEL_DOMAIN, F_MSRS, TV_SEL_MSRS, 0x401, 0x174, 3), TV_OK);
	assert_int_equal(call(TV_CAP_DERIVE, TV_SEL_DOMAIN, F_IRQS, TV_SEL_IRQS, 0x401, 4, 2), TV_OK);
	assert_int_equal(call(TV_IRQ_BIND, F_IRQS, 5, F_NTFN, 1, 0), TV_OK);
}

/* A call that succeeds (or blocks) with these arguments, and what the capability in argument @arg must be. */
struct row {
	enum tv_hypercall n;
	uint64_t args[6];
	unsigned arg;
	uint32_t types;			/* bit set of enum tv_cap_type */
	uint32_t rights;
};
#define T(name)	BIT(TV_CAP_##name)
#define ANY	(BIT(TV_CAP_TYPES) - 2)

static const struct row rows[] = {
	{ TV_CAP_DERIVE, { TV_SEL_DOMAIN, NEW, F_NTFN, 0 }, 0, T(DOMAIN), TV_RIGHT_GRANT },
	{ TV_CAP_DERIVE, { TV_SEL_DOMAIN, NEW, F_NTFN, 0 }, 2, ANY, TV_RIGHT_DERIVE },
	{ TV_CAP_DELETE, { X }, 0, ANY, 0 },
	{ TV_CAP_REVOKE, { X }, 0, ANY, 0 },
	{ TV_CAP_INFO, { X }, 0, ANY, 0 },
	{ TV_DOMAIN_DESTROY, { X }, 0, T(DOMAIN), TV_RIGHT_CONTROL },
	{ TV_DOMAIN_QUOTA, { X, PAGE_SIZE }, 0, T(DOMAIN), TV_RIGHT_CONTROL },
	{ TV_DOMAIN_INFO, { X }, 0, T(DOMAIN), TV_RIGHT_READ },
	{ TV_DOMAIN_WATCH, { X, F_NTFN, 1 }, 0, T(DOMAIN), TV_RIGHT_CONTROL },
	{ TV_DOMAIN_WATCH, { F_DOMAIN, X, 1 }, 1, T(NOTIFICATION), TV_RIGHT_CONTROL },
	{ TV_MEM_MAP, { X, USER_PAGE, F_REGION, 0, PAGE_SIZE, TV_MAP_READ }, 0, T(DOMAIN) | T(SPACE), TV_RIGHT_MAP },
	{ TV_MEM_MAP, { F_DOMAIN, USER_PAGE, X, 0, PAGE_SIZE, TV_MAP_READ }, 2, T(REGION), TV_RIGHT_READ },
	{ TV_MEM_MAP, { F_DOMAIN, USER_PAGE, X, 0, PAGE_SIZE, TV_MAP_READ | TV_MAP_WRITE }, 2, T(REGION), TV_RIGHT_READ | TV_RIGHT_WRITE },
	{ TV_MEM_MAP, { F_DOMAIN, USER_PAGE, X, 0, PAGE_SIZE, TV_MAP_READ | TV_MAP_EXEC }, 2, T(REGION), TV_RIGHT_READ | TV_RIGHT_EXEC },
	{ TV_MEM_UNMAP, { X, USER_PAGE, PAGE_SIZE }, 0, T(DOMAIN) | T(SPACE), TV_RIGHT_MAP },
	{ TV_MEM_PROTECT, { X, USER_PAGE, PAGE_SIZE, TV_MAP_READ }, 0, T(DOMAIN) | T(SPACE), TV_RIGHT_MAP },
	{ TV_THREAD_CREATE, { NEW, X, 0x1000, 0x1000 }, 1, T(DOMAIN), TV_RIGHT_CONTROL },
	{ TV_THREAD_START, { X }, 0, T(THREAD), TV_RIGHT_CONTROL },
	{ TV_THREAD_SUSPEND, { X }, 0, T(THREAD), TV_RIGHT_CONTROL },
	{ TV_THREAD_RESET, { X, 0x1000, 0x1000 }, 0, T(THREAD), TV_RIGHT_CONTROL },
	{ TV_THREAD_BIND, { X, F_NTFN }, 0, T(THREAD), TV_RIGHT_CONTROL },
	{ TV_THREAD_BIND, { F_THREAD, X }, 1, T(NOTIFICATION), TV_RIGHT_CONTROL },
	{ TV_THREAD_INFO, { X }, 0, T(THREAD), TV_RIGHT_READ },
	{ TV_SCHED_CREATE, { NEW, X, 0, 5 }, 1, T(SCHED), TV_RIGHT_CONTROL },
	{ TV_SCHED_BIND, { X, F_THREAD }, 0, T(SCHED), TV_RIGHT_CONTROL },
	{ TV_SCHED_BIND, { F_SCHED, X }, 1, T(THREAD), TV_RIGHT_CONTROL },
	{ TV_SCHED_INFO, { X }, 0, T(SCHED), TV_RIGHT_READ },
	{ TV_CPU_INFO, { X }, 0, T(SCHED), TV_RIGHT_READ },
	{ TV_VCPU_CREATE, { NEW, X }, 1, T(SPACE), TV_RIGHT_USE },
	{ TV_VCPU_MAP, { X, USER_PAGE }, 0, T(VCPU), TV_RIGHT_CONTROL },
	{ TV_VCPU_RUN, { X, TV_NEVER }, 0, T(VCPU), TV_RIGHT_RUN },
	{ TV_VCPU_KICK, { X }, 0, T(VCPU), TV_RIGHT_SIGNAL },
	{ TV_EP_CALL, { X }, 0, T(ENDPOINT), TV_RIGHT_SIGNAL },
	{ TV_EP_WAIT, { X }, 0, T(ENDPOINT), TV_RIGHT_WAIT },
	{ TV_EP_REPLY_WAIT, { X }, 0, T(ENDPOINT), TV_RIGHT_WAIT },
	{ TV_NTFN_SIGNAL, { X, 1 }, 0, T(NOTIFICATION), TV_RIGHT_SIGNAL },
	{ TV_NTFN_WAIT, { X, 0 }, 0, T(NOTIFICATION), TV_RIGHT_WAIT },
	{ TV_NTFN_POLL, { X }, 0, T(NOTIFICATION), TV_RIGHT_WAIT },
	{ TV_IRQ_BIND, { X, 4, F_NTFN, 1, 0 }, 0, T(IRQS), TV_RIGHT_USE },
	{ TV_IRQ_BIND, { F_IRQS, 4, X, 1, 0 }, 2, T(NOTIFICATION), TV_RIGHT_CONTROL },
	{ TV_IRQ_ACK, { X, 5 }, 0, T(IRQS), TV_RIGHT_USE },
	{ TV_IRQ_MASK, { X, 5 }, 0, T(IRQS), TV_RIGHT_USE },
	{ TV_PORT_GRANT, { X, F_PORTS }, 0, T(DOMAIN), TV_RIGHT_GRANT },
	{ TV_PORT_GRANT, { F_DOMAIN, X }, 1, T(PORTS), TV_RIGHT_USE },
	{ TV_MSR_GRANT, { X, F_MSRS }, 0, T(VCPU), TV_RIGHT_CONTROL },
	{ TV_MSR_GRANT, { F_VCPU, X }, 1, T(MSRS), TV_RIGHT_USE },
	{ TV_DOORBELL_BIND, { X, 9, F_NTFN, 1 }, 0, T(SPACE), TV_RIGHT_MAP },
	{ TV_DOORBELL_BIND, { F_SPACE, 9, X, 1 }, 2, T(NOTIFICATION), TV_RIGHT_CONTROL },
	{ TV_LOG_WRITE, { X }, 0, T(LOG), TV_RIGHT_WRITE },
	{ TV_LOG_READ, { X }, 0, T(LOG), TV_RIGHT_READ },
	{ TV_LOG_BIND, { X, F_NTFN, 1 }, 0, T(LOG), TV_RIGHT_CONTROL },
	{ TV_LOG_BIND, { F_LOG, X, 1 }, 1, T(NOTIFICATION), TV_RIGHT_CONTROL },
};

/* What differs between port_grant to a domain and to a vCPU: the right; so the vCPU has a row of its own. */
static const struct row port_grant_vcpu = { TV_PORT_GRANT, { X, F_PORTS }, 0, T(VCPU), TV_RIGHT_CONTROL };

static enum tv_err call_row(const struct row *r)
{
	uint64_t a[6];

	memcpy(a, r->args, sizeof(a));
	a[r->arg] = X;
	return call6(r->n, a[0], a[1], a[2], a[3], a[4], a[5]);
}

static bool refused(enum tv_err err) { return err == TV_ECAP || err == TV_ETYPE || err == TV_ERIGHT; }

/* Was something done that should not have been?  The machine is new afterwards. */
static bool cell(const struct row *r, enum tv_cap_type type, uint32_t rights, bool fresh)
{
	bool type_ok = r->types >> type & 1, right_ok = (rights & r->rights) == r->rights;
	uint64_t used, written;
	enum tv_err err;

	if (fresh)
		furnish();
	(void)call(TV_CAP_DELETE, X);
	assert_int_equal(call(TV_CAP_DERIVE, TV_SEL_DOMAIN, X, F_OF(type), 0), TV_OK);
	root_cap(X)->rights = (uint16_t)rights;
	used = fake_root()->quota.used;
	written = fake.log_written;
	err = call_row(r);
	if (!type_ok && err != TV_ETYPE)
		fail_msg("call %u, argument %u, type %u: %u, not TV_ETYPE", r->n, r->arg, type, err);
	if (type_ok && !right_ok && err != TV_ERIGHT)
		fail_msg("call %u, argument %u, rights 0x%x: %u, not TV_ERIGHT", r->n, r->arg, rights, err);
	if (type_ok && right_ok && refused(err))
		fail_msg("call %u, argument %u, type %u, rights 0x%x: refused with %u", r->n, r->arg, type, rights, err);
	if (type_ok && right_ok && err != FAKE_BLOCKED && err != TV_OK && err != TV_ETIMEOUT && err != TV_EAGAIN && err != TV_EINVAL)
		fail_msg("call %u, argument %u, type %u: %u", r->n, r->arg, type, err);
	if (!refused(err))
		return true;
	assert_int_equal(fake_root()->quota.used, used);
	assert_int_equal(fake.log_written, written);
	return false;
}

static void only_the_right_type_with_the_right_rights_is_accepted(void **state)
{
	bool fresh = true;

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
		for (enum tv_cap_type type = TV_CAP_DOMAIN; type < TV_CAP_TYPES; type++) {
			const struct row *r = &rows[i];

			if (r->n == TV_PORT_GRANT && r->arg == 0 && type == TV_CAP_VCPU)
				r = &port_grant_vcpu;
			fresh = cell(r, type, 0, fresh);
			fresh = cell(r, type, TV_RIGHT_ALL, fresh);
			fresh = cell(r, type, r->rights, fresh);
			fresh = cell(r, type, TV_RIGHT_ALL & ~r->rights, fresh);
			for (unsigned bit = 0; bit < 11; bit++) {
				fresh = cell(r, type, 1u << bit, fresh);
				fresh = cell(r, type, TV_RIGHT_ALL & ~(1u << bit), fresh);
			}
		}
	}
}

static void no_selector_that_is_empty_or_beyond_the_table_is_accepted(void **state)
{
	static const uint64_t bad[] = { X, TV_SEL_MAX, TV_SEL_MAX + 1, 0x80000000, 0xffffffff, 1ull << 32 | TV_SEL_DOMAIN, 1ull << 63, ~0ull };

	(void)state;
	furnish();
	for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
		for (unsigned n = 0; n < ARRAY_LEN(bad); n++) {
			uint64_t a[6];

			memcpy(a, rows[i].args, sizeof(a));
			a[rows[i].arg == 0 ? 0 : rows[i].arg] = bad[n];
			for (unsigned k = 0; k < 6; k++)
				if (a[k] == X)
					a[k] = bad[n];
			assert_int_equal(call6(rows[i].n, a[0], a[1], a[2], a[3], a[4], a[5]), TV_ECAP);
		}
	}
	check_invariants();
}

static void every_number_has_a_handler_and_no_other_number_is_one(void **state)
{
	static const uint64_t bad[] = { TV_HYPERCALLS, TV_HYPERCALLS + 1, 64, 255, 256, 0xffffffff, 1ull << 32, 1ull << 63, ~0ull };

	(void)state;
	furnish();
	for (unsigned i = 0; i < TV_HYPERCALLS; i++)
		assert_non_null(hypercall_table[i]);
	for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
		struct user_frame *f = &fake_current()->arch.frame;

		assert_int_equal(kernel_hypercall(f, bad[i]), TV_ENOSYS);
	}
}

static void interesting(uint64_t *v)
{
	static const uint64_t special[] = { 0, 1, 2, 0xfff, 0x1000, 0x1001, 0x7fffffff, 0x80000000, 0xffffffff, 1ull << 32, 1ull << 47,
					    TV_USER_MAX, TV_USER_MAX - 0x1000, 1ull << 62, 1ull << 63, ~0ull, ~0ull << 12, TV_SEL_MAX };

	switch (rand() % 5) {
	case 0: *v = special[(unsigned)rand() % ARRAY_LEN(special)]; break;
	case 1: *v = (uint64_t)rand() % 48; break;
	case 2: *v = 300 + (uint64_t)rand() % 50; break;
	case 3: *v = 1ull << (rand() % 64); break;
	default: *v = (uint64_t)rand() << 33 ^ (uint64_t)rand() << 12 ^ (uint64_t)rand(); break;
	}
}

/* A domain that has a capability of every type passes garbage to every call. */
static void garbage_is_refused_and_hurts_nobody_else(void **state)
{
	struct thread *root;
	uint64_t used;

	(void)state;
	srand(9);
	fake_boot();
	root = fake_current();
	used = fake_root()->quota.used;
	assert_int_equal(call(TV_NTFN_CREATE, 1000), TV_OK);
	for (unsigned round = 0; round < 25; round++) {
		struct thread *t;

		make_domain(100, 500);
		for (uint64_t sel = 1; sel < 8; sel++)
			if (sel != TV_SEL_THREAD)
				assert_int_equal(call(TV_CAP_DERIVE, 100, sel, sel == 1 ? 100 : sel,
						      root_cap(sel)->rights), TV_OK);
		assert_int_equal(call(TV_CAP_DERIVE, 100, 16, sel_ram, root_cap(sel_ram)->rights), TV_OK);
		assert_int_equal(call(TV_CAP_DERIVE, 100, 17, sel_mmio, root_cap(sel_mmio)->rights), TV_OK);
		t = make_thread(101, 100, 102, 20);
		assert_int_equal(call(TV_CAP_DERIVE, 100, 2, 101, TV_RIGHT_ALL), TV_OK);
		assert_int_equal(call(TV_NTFN_WAIT, 1000, fake_tsc + FAKE_HZ), FAKE_BLOCKED);
		assert_ptr_equal(fake_current(), t);
		for (unsigned i = 0; i < 3000 && !fake.idle && fake_current() == t; i++) {
			enum tv_hypercall n = (enum tv_hypercall)(rand() % TV_HYPERCALLS);
			uint64_t a[6];

			for (unsigned k = 0; k < 6; k++)
				interesting(&a[k]);
			/* These only end the round. */
			if (n == TV_THREAD_EXIT || n == TV_EP_CALL || n == TV_EP_WAIT || n == TV_EP_REPLY_WAIT ||
			    n == TV_NTFN_WAIT || (n == TV_THREAD_SUSPEND && i < 2000) || (n == TV_SCHED_BIND && i < 2000))
				continue;
			if (n == TV_VCPU_RUN)
				fake.vcpu_kind = 1 + (uint32_t)rand() % 18;
			(void)call6(n, a[0], a[1], a[2], a[3], a[4], a[5]);
			if (i % 64 == 0)
				check_invariants();
		}
		if (fake.idle || fake_current() != root)
			fake_time(fake_tsc + FAKE_HZ);
		assert_ptr_equal(fake_current(), root);
		check_invariants();
		assert_int_equal(call(TV_DOMAIN_DESTROY, 100), TV_OK);
		(void)call(TV_CAP_DELETE, 102);
		(void)call(TV_CAP_REVOKE, TV_SEL_IRQS);
		check_invariants();
	}
	assert_int_equal(call(TV_CAP_DELETE, 1000), TV_OK);
	assert_int_equal(fake_root()->quota.used, used);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_the_right_type_with_the_right_rights_is_accepted),
		cmocka_unit_test(no_selector_that_is_empty_or_beyond_the_table_is_accepted),
		cmocka_unit_test(every_number_has_a_handler_and_no_other_number_is_one),
		cmocka_unit_test(garbage_is_refused_and_hurts_nobody_else),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
