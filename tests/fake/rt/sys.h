/* SPDX-License-Identifier: Apache-2.0 */
/* Stands in for include/rt/sys.h in unit tests: the same calls without the instruction; each test defines those it needs. */
#ifndef RT_SYS_H
#define RT_SYS_H

#include <abi/hypercall.h>
#include <abi/object.h>
#include <abi/status.h>
#include <lib/base.h>

struct sys_cap_info {
	uint64_t type, rights, base, size;
};
struct sys_domain_info {
	uint64_t quota, used;
	uint64_t threads;
	uint64_t peak;
};
struct sys_thread_info {
	uint64_t state;
	uint64_t fault;
	uint64_t rip, addr;
	uint64_t code;
};
struct sys_sched_info {
	uint64_t consumed;
	uint64_t priority, cpu;
	uint64_t budget, period;
};
struct sys_cpu_info {
	uint64_t idle;
	uint64_t timer, device, message;
	uint64_t switches;
};

enum tv_err sys_cap_derive(uint64_t domain, uint64_t dst, uint64_t src, uint32_t rights, uint64_t base, uint64_t size);
enum tv_err sys_cap_delete(uint64_t sel);
enum tv_err sys_cap_revoke(uint64_t sel);
enum tv_err sys_cap_info(uint64_t sel, struct sys_cap_info *info);
enum tv_err sys_domain_create(uint64_t dst, uint64_t quota);
enum tv_err sys_domain_destroy(uint64_t domain);
enum tv_err sys_domain_quota(uint64_t domain, int64_t bytes);
enum tv_err sys_domain_info(uint64_t domain, struct sys_domain_info *info);
enum tv_err sys_domain_watch(uint64_t domain, uint64_t ntfn, uint64_t bits);
enum tv_err sys_space_create(uint64_t dst, enum tv_space_kind kind);
enum tv_err sys_mem_map(uint64_t space, uint64_t addr, uint64_t region, uint64_t offset, uint64_t size, uint32_t flags);
enum tv_err sys_mem_unmap(uint64_t space, uint64_t addr, uint64_t size);
enum tv_err sys_mem_protect(uint64_t space, uint64_t addr, uint64_t size, uint32_t rights);
enum tv_err sys_thread_create(uint64_t dst, uint64_t domain, uint64_t rip, uint64_t rsp, uint64_t arg, uint64_t fs_base);
enum tv_err sys_thread_start(uint64_t thread);
enum tv_err sys_thread_suspend(uint64_t thread);
enum tv_err sys_thread_reset(uint64_t thread, uint64_t rip, uint64_t rsp, uint64_t arg);
enum tv_err sys_thread_bind(uint64_t thread, uint64_t ntfn);
enum tv_err sys_thread_info(uint64_t thread, struct sys_thread_info *info);
NORETURN void sys_thread_exit(uint64_t code);
enum tv_err sys_sched_create(uint64_t dst, uint64_t source, uint64_t cpu, uint64_t priority, uint64_t budget, uint64_t period);
enum tv_err sys_sched_bind(uint64_t sched, uint64_t thread);
enum tv_err sys_sched_info(uint64_t sched, struct sys_sched_info *info);
enum tv_err sys_cpu_info(uint64_t sched, struct sys_cpu_info *info);
enum tv_err sys_vcpu_create(uint64_t dst, uint64_t space);
enum tv_err sys_vcpu_map(uint64_t vcpu, uint64_t addr);
enum tv_err sys_vcpu_run(uint64_t vcpu, uint64_t deadline, uint64_t *group);
enum tv_err sys_vcpu_kick(uint64_t vcpu);
enum tv_err sys_ntfn_create(uint64_t dst);
enum tv_err sys_ntfn_signal(uint64_t ntfn, uint64_t bits);
enum tv_err sys_ntfn_wait(uint64_t ntfn, uint64_t deadline, uint64_t *bits);
enum tv_err sys_ntfn_poll(uint64_t ntfn, uint64_t *bits);
enum tv_err sys_irq_bind(uint64_t irqs, uint64_t gsi, uint64_t ntfn, uint64_t bits, uint32_t flags);
enum tv_err sys_irq_bind_message(uint64_t irqs, uint64_t number, uint64_t ntfn, uint64_t bits, uint64_t *address, uint64_t *data);
enum tv_err sys_irq_ack(uint64_t irqs, uint64_t gsi);
enum tv_err sys_irq_mask(uint64_t irqs, uint64_t gsi);
enum tv_err sys_port_grant(uint64_t to, uint64_t ports);
enum tv_err sys_msr_grant(uint64_t vcpu, uint64_t msrs);
enum tv_err sys_log_write(uint64_t log, const uint64_t text[5]);
enum tv_err sys_log_read(uint64_t log, uint64_t *pos, uint64_t text[4]);
enum tv_err sys_log_bind(uint64_t log, uint64_t ntfn, uint64_t bits);

#endif
