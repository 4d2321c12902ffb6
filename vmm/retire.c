/* SPDX-License-Identifier: Apache-2.0 */
/* The end of an emulated instruction: see retire.h. */
#include "retire.h"

#include <x86/cr.h>

#include "emulate.h"
#include "inject.h"
#include "insn_seen.h"
#include "vcpu.h"
#include "vm.h"

#define DR6_BS		BIT(14)
#define MISMATCH_MAX	1000u		/* exits in a row for an instruction that is not there when looked at */

/* Instructions that can stand behind each kind of exit; @arg0 0: whatever arg0 says. */
static const struct {
	uint8_t kind, arg0, op;
} expected[] = {
	{ TV_EXIT_CPUID, 0, INSN_CPUID }, { TV_EXIT_HLT, 0, INSN_HLT },
	{ TV_EXIT_RDMSR, 0, INSN_RDMSR }, { TV_EXIT_WRMSR, 0, INSN_WRMSR },
	{ TV_EXIT_HYPERCALL, 0, INSN_VMCALL }, { TV_EXIT_HYPERCALL, 0, INSN_VMMCALL }, { TV_EXIT_XSETBV, 0, INSN_XSETBV },
	{ TV_EXIT_PIO, 0, INSN_IN }, { TV_EXIT_PIO, 0, INSN_OUT }, { TV_EXIT_PIO, 0, INSN_INS }, { TV_EXIT_PIO, 0, INSN_OUTS },
	{ TV_EXIT_CR, 0, INSN_MOV_CR }, { TV_EXIT_CR, 0, INSN_CLTS }, { TV_EXIT_CR, 0, INSN_LMSW }, { TV_EXIT_CR, 0, INSN_SMSW },
	{ TV_EXIT_DR, 0, INSN_MOV_DR },
	{ TV_EXIT_INSN, TV_INSN_INVD, INSN_INVD }, { TV_EXIT_INSN, TV_INSN_WBINVD, INSN_WBINVD },
	{ TV_EXIT_INSN, TV_INSN_INVLPG, INSN_INVLPG }, { TV_EXIT_INSN, TV_INSN_INVPCID, INSN_INVPCID },
	{ TV_EXIT_INSN, TV_INSN_RDTSC, INSN_RDTSC }, { TV_EXIT_INSN, TV_INSN_RDTSC, INSN_RDTSCP },
	{ TV_EXIT_INSN, TV_INSN_RDTSCP, INSN_RDTSCP }, { TV_EXIT_INSN, TV_INSN_PAUSE, INSN_PAUSE },
};

static bool is_expected(const struct tv_exit_page *p, unsigned op)
{
	for (unsigned i = 0; i < ARRAY_LEN(expected); i++)
		if (expected[i].kind == p->kind && expected[i].op == op &&
		    (!expected[i].arg0 || expected[i].arg0 == p->arg0))
			return true;
	return false;
}

/*
 * The same exit again and again, and never an instruction that explains it: only the decoder can be wrong then.  A program of the
 * guest must not be able to end the guest by that.
 */
static void undecodable(struct vcpu *v)
{
	v->mismatches = 0;
	if (v->page->cpl)
		(void)inject_ud(v);
	else
		(void)vm_stop(v->vm, VM_EXIT_CRASH, "exit for an instruction that cannot be decoded at 0x%llx",
			      (unsigned long long)v->page->rip);
}

/* Find out the length from the instruction itself.  0: look again after another exit. */
static NOINLINE unsigned decode_length(struct vcpu *v)
{
	struct tv_exit_page *p = v->page;
	struct insn_memo *m;
	struct insn in;
	/*
	 * Another CPU, or the page tables, may have changed since the exit: then the bytes are not those that exited, and
	 * the guest runs into whatever is there now.
	 */
	enum insn_result result = insn_fetch(&v->insn, &in);

	if (result == INSN_DONE && is_expected(p, in.op)) {
		m = insn_seen(&v->insn);
		if (m && p->kind != TV_EXIT_INSN)
			m->kind = (uint16_t)p->kind;
		return in.length;
	}
	if (result == INSN_EXCEPTION)
		(void)emulate_failed(v, result);
	else if (++v->mismatches > MISMATCH_MAX)
		undecodable(v);
	return 0;
}

unsigned retire_length_carefully(struct vcpu *v)
{
	struct tv_exit_page *p = v->page;
	unsigned len = p->insn_len;

	if (p->rflags & RFLAGS_TF && !vcpu_need(v, TV_REGS_DR))
		return 0;
	if (!len) {
		if (!vcpu_need_code(v))
			return 0;
		len = decode_length(v);
		if (!len)
			return 0;
	}
	/* Only an instruction that ends in another 64 KiB could wrap around, which depends on the mode. */
	if ((p->rip ^ (p->rip + len)) >> 16 && !vcpu_need_code(v))
		return 0;
	v->mismatches = 0;
	return len;
}

/* RIP @rip, beyond the end of 64 KiB, wrapped around at the width of the code segment. */
uint64_t retire_wrap(const struct vcpu *v, uint64_t rip)
{
	enum insn_mode mode = insn_mode(v->page);

	return mode == INSN_MODE_64 ? rip : mode == INSN_MODE_32 ? (uint32_t)rip : (uint16_t)rip;
}

/* The trap of RFLAGS.TF behind an instruction. */
enum vm_next retire_trap(struct vcpu *v)
{
	struct tv_exit_page *p = v->page;

	p->dr6 |= DR6_BS;
	p->dirty |= TV_REGS_DR;
	return inject_exception(v, EXC_DB, 0);
}
