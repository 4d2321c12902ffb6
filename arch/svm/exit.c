/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the hardware's exit codes to neutral records: one table.  A row with a function decodes further, a row with a kind alone is
 * complete, and a code without a row is an exit that nobody asked for: it stops the VM.
 */
#include "hot.h"

#include <x86/seg.h>

/* EXITINFO1 of MOV CR and MOV DR, with decode assists. */
#define INFO_MOV_CR	BIT(63)
#define INFO_GPR	MASK(3, 0)
/* EXITINFO1 of IOIO.  APM volume 2, "IOIO Intercepts". */
#define IOIO_IN		BIT(0)
#define IOIO_STRING	BIT(2)
#define IOIO_REP	BIT(3)
#define IOIO_SIZE(i)	((i) >> 4 & 7)	/* one bit each: 1, 2, 4 bytes: the value is the size */
#define IOIO_PORT(i)	((i) >> 16 & 0xffff)
/* EXITINFO1 of nested page faults.  APM volume 2, "Nested versus Guest Page Faults, Fault Ordering". */
#define NPF_WRITE	BIT(1)
#define NPF_FETCH	BIT(4)
#define NPF_WALK	BIT(33)		/* while reading the guest's own page tables */
/* EXITINFO2 of task switches. */
#define TASK_IRET	BIT(36)
#define TASK_JMP	BIT(38)
#define TASK_ERROR	BIT(44)

static uint32_t decode_cr(struct vcpu *v, const struct vmcb *b)
{
	struct tv_exit_page *p = v->page;
	uint32_t code = (uint32_t)b->exit_code;
	bool sel = code == SVM_EXIT_CR0_SEL_WRITE;

	p->arg0 = sel ? 0 : code & 0xf;
	p->arg1 = sel || code >= SVM_EXIT_CR_WRITE ? TV_CR_WRITE : 0;
	/* Not set for LMSW, CLTS and SMSW. */
	if (svm.decode && b->exit_info1 & INFO_MOV_CR)
		p->arg1 |= TV_CR_GPR_VALID | TV_CR_MK_GPR(b->exit_info1 & INFO_GPR);
	return TV_EXIT_CR;
}

static uint32_t decode_dr(struct vcpu *v, const struct vmcb *b)
{
	struct svm_vcpu *s = svm_of(v);
	struct tv_exit_page *p = v->page;
	uint32_t code = (uint32_t)b->exit_code;
	bool enable = code == SVM_EXIT_DR_WRITE + 7 || code == SVM_EXIT_DR_WRITE + 5;

	if (!(s->intercept & TV_ICPT_DR) && ((code & 0xf) < 4 || (enable && !svm.qemu))) {
		s->dr_open = s->aftermath = true;
		svm_controls(s);
		svm_update_attention(s);
		return TV_EXIT_NONE;
	}
	p->arg0 = code & 0xf;
	p->arg1 = code >= SVM_EXIT_DR_WRITE ? TV_CR_WRITE : 0;
	if (svm.decode)
		p->arg1 |= TV_CR_GPR_VALID | TV_CR_MK_GPR(b->exit_info1 & INFO_GPR);
	return TV_EXIT_DR;
}

static uint32_t decode_exception(struct vcpu *v, const struct vmcb *b)
{
	struct tv_exit_page *p = v->page;
	unsigned vector = (uint32_t)b->exit_code - SVM_EXIT_EXC;
	uint64_t event = TV_EVENT(TV_EVENT_EXC, vector);

	if (vector == EXC_MC) {
		svm_host_machine_check();
		p->arg0 = TV_FAIL_MACHINE;
		p->arg1 = b->exit_code;
		return TV_EXIT_FAIL;
	}
	if (EXC_WITH_ERROR_CODE >> vector & 1)
		event |= TV_EVENT_HAS_ERROR | b->exit_info1 << 32;
	/* Intercepted because a guest can make the CPU raise them for ever; otherwise they are the guest's own. */
	if ((vector == EXC_DB || vector == EXC_AC) && !(svm_of(v)->exc_intercept >> vector & 1))
		return svm_reflect(v, event);
	if (vector == EXC_BP || vector == EXC_OF)
		event = TV_EVENT(TV_EVENT_SOFT_EXC, vector);
	p->arg0 = event;
	p->arg1 = vector == EXC_PF ? b->exit_info2 : vector == EXC_DB ? b->dr6 : 0;
	return TV_EXIT_EXC;
}

static uint32_t decode_intr(struct vcpu *v, const struct vmcb *b)
{
	(void)v;
	(void)b;
	cpu_take_interrupts();
	return TV_EXIT_NONE;
}

/* NMI, SMI and INIT stay pending for the host and were taken at its STGI. */
static uint32_t decode_own(struct vcpu *v, const struct vmcb *b)
{
	(void)v;
	(void)b;
	return TV_EXIT_NONE;
}

static uint32_t decode_vintr(struct vcpu *v, const struct vmcb *b)
{
	(void)b;
	return svm_window_opened(v);
}

static uint32_t decode_iret(struct vcpu *v, const struct vmcb *b)
{
	(void)b;
	svm_iret(svm_of(v));
	return TV_EXIT_NONE;
}

static uint32_t decode_ioio(struct vcpu *v, const struct vmcb *b)
{
	struct tv_exit_page *p = v->page;
	uint64_t info = b->exit_info1;

	p->arg0 = IOIO_PORT(info);
	p->arg1 = TV_PIO_MK_SIZE(IOIO_SIZE(info)) | (info & IOIO_IN ? TV_PIO_IN : 0) |
		  (info & IOIO_STRING ? TV_PIO_STRING : 0) | (info & IOIO_REP ? TV_PIO_REP : 0);
	/* Always there, without next-RIP save too. */
	p->insn_len = length_to(b, b->exit_info2);
	return TV_EXIT_PIO;
}

static uint32_t decode_msr(struct vcpu *v, const struct vmcb *b)
{
	(void)v;
	return b->exit_info1 & 1 ? TV_EXIT_WRMSR : TV_EXIT_RDMSR;
}

/* SVM has no type of its own for INT3 and INTO. */
static bool by_instruction(uint64_t event)
{
	unsigned type = TV_EVENT_TYPE(event), vector = TV_EVENT_VECTOR(event);

	return type == TV_EVENT_SOFT_INT || (type == TV_EVENT_EXC && (vector == EXC_BP || vector == EXC_OF));
}

static uint32_t decode_task(struct vcpu *v, const struct vmcb *b)
{
	struct tv_exit_page *p = v->page;
	uint64_t info = b->exit_info2;

	p->arg0 = b->exit_info1 & 0xffff;
	p->arg1 = info & TASK_IRET ? TV_TASK_IRET : info & TASK_JMP ? TV_TASK_JMP :
		  b->exit_int_info & EVENT_VALID ? TV_TASK_GATE : TV_TASK_CALL;
	if (p->arg1 == TV_TASK_GATE && by_instruction(b->exit_int_info))
		p->arg1 |= TV_TASK_SOFT;
	if (info & TASK_ERROR)
		p->arg1 |= TV_TASK_HAS_ERROR | info << 32;
	return TV_EXIT_TASK;
}

/* The registers are undefined now, so nothing runs before they were loaded. */
static uint32_t decode_shutdown(struct vcpu *v, const struct vmcb *b)
{
	(void)b;
	svm_shut_down(svm_of(v));
	return TV_EXIT_SHUTDOWN;
}

static uint32_t decode_npf(struct vcpu *v, const struct vmcb *b)
{
	struct tv_exit_page *p = v->page;
	uint64_t info = b->exit_info1;

	/* Bit U is of no use: nested walks are user accesses.  P neither: QEMU never sets it. */
	p->arg0 = b->exit_info2;
	p->arg1 = (info & NPF_WRITE ? TV_MMIO_WRITE : 0) | (info & NPF_FETCH ? TV_MMIO_EXEC : 0) |
		  (info & NPF_WALK ? TV_MMIO_WALK : 0) | (b->cpl == 3 ? TV_MMIO_USER : 0);
	if (svm.decode && b->insn_count && b->insn_count <= INSN_MAX) {
		__builtin_memcpy(p->insn, b->insn, sizeof(p->insn));
		p->insn_count = b->insn_count;
	}
	return TV_EXIT_MMIO;
}

#define INSN(x)		{ .kind = TV_EXIT_INSN, .insn = (x) }
#define KIND(x)		{ .kind = (x) }
#define DECODE(x)	{ .decode = (x) }

const struct exit_row svm_exit_table[SVM_EXIT_TABLE] = {
	[SVM_EXIT_CR_READ ... SVM_EXIT_CR_WRITE + 15] = DECODE(decode_cr),
	[SVM_EXIT_DR_READ ... SVM_EXIT_DR_WRITE + 15] = DECODE(decode_dr),
	[SVM_EXIT_EXC ... SVM_EXIT_EXC + 31] = DECODE(decode_exception),
	[SVM_EXIT_INTR] = DECODE(decode_intr),
	[SVM_EXIT_NMI ... SVM_EXIT_INIT] = DECODE(decode_own),
	[SVM_EXIT_VINTR] = DECODE(decode_vintr),
	[SVM_EXIT_CR0_SEL_WRITE] = DECODE(decode_cr),
	[SVM_EXIT_RDTSC] = INSN(TV_INSN_RDTSC),
	[SVM_EXIT_RDPMC] = INSN(TV_INSN_RDPMC),
	[SVM_EXIT_CPUID] = KIND(TV_EXIT_CPUID),
	[SVM_EXIT_RSM] = INSN(TV_INSN_RSM),
	[SVM_EXIT_IRET] = DECODE(decode_iret),
	[SVM_EXIT_INVD] = INSN(TV_INSN_INVD),
	[SVM_EXIT_PAUSE] = INSN(TV_INSN_PAUSE),
	[SVM_EXIT_HLT] = KIND(TV_EXIT_HLT),
	[SVM_EXIT_INVLPG] = INSN(TV_INSN_INVLPG),
	[SVM_EXIT_INVLPGA] = INSN(TV_INSN_VIRT),
	[SVM_EXIT_IOIO] = DECODE(decode_ioio),
	[SVM_EXIT_MSR] = DECODE(decode_msr),
	[SVM_EXIT_TASK_SWITCH] = DECODE(decode_task),
	[SVM_EXIT_FERR_FREEZE] = INSN(TV_INSN_OTHER),
	[SVM_EXIT_SHUTDOWN] = DECODE(decode_shutdown),
	[SVM_EXIT_VMRUN] = INSN(TV_INSN_VIRT),
	[SVM_EXIT_VMMCALL] = KIND(TV_EXIT_HYPERCALL),
	[SVM_EXIT_VMLOAD ... SVM_EXIT_SKINIT] = INSN(TV_INSN_VIRT),
	[SVM_EXIT_RDTSCP] = INSN(TV_INSN_RDTSCP),
	[SVM_EXIT_WBINVD] = INSN(TV_INSN_WBINVD),
	[SVM_EXIT_MONITOR] = INSN(TV_INSN_MONITOR),
	[SVM_EXIT_MWAIT ... SVM_EXIT_MWAIT_ARMED] = INSN(TV_INSN_MWAIT),
	[SVM_EXIT_XSETBV] = KIND(TV_EXIT_XSETBV),
	[SVM_EXIT_RDPRU] = INSN(TV_INSN_RDPRU),
	[SVM_EXIT_INVLPGB ... SVM_EXIT_INVLPGB_ILLEGAL] = INSN(TV_INSN_OTHER),
	[SVM_EXIT_INVPCID] = INSN(TV_INSN_INVPCID),
	[SVM_EXIT_MCOMMIT ... SVM_EXIT_TLBSYNC] = INSN(TV_INSN_OTHER),
};

/*
 * What no row names.  VMEXIT_INVALID: VMRUN refused the state, nothing of the guest was executed; QEMU then leaves registers of
 * the host in the VMCB, which the monitor must not see.
 */
static uint32_t decode_unknown(struct vcpu *v, const struct vmcb *b)
{
	struct tv_exit_page *p = v->page;

	p->arg0 = TV_FAIL_UNKNOWN;
	p->arg1 = b->exit_code;
	if ((uint32_t)b->exit_code == SVM_EXIT_INVALID) {
		p->arg0 = TV_FAIL_ENTRY;
		p->gpr[TV_RAX] = 0;
		svm_vcpu_reset(svm_of(v));
		svm_shut_down(svm_of(v));
		svm_asid_lost(svm_of(v), svm_percpu());
	}
	return TV_EXIT_FAIL;
}

/* An exit that has no row in the table: a nested page fault, whose code is far beyond, or nothing that is known. */
uint32_t svm_exit_other(struct vcpu *v, const struct vmcb *b)
{
	return (uint32_t)b->exit_code == SVM_EXIT_NPF ? decode_npf(v, b) : decode_unknown(v, b);
}

/* After an entry that was more than an entry, or an exit that interrupted a delivery. */
uint32_t svm_exit_aftermath(struct vcpu *v, struct svm_vcpu *s, struct vmcb *b)
{
	bool stepped = false;

	s->aftermath = false;
	s->injected = false;
	b->event_inj = 0;
	if (s->dr_open) {
		svm_save_dr(s->dr);
		s->dr_open = false;
		svm_controls(s);
		svm_update_attention(s);
	}
	if (b->exit_int_info & EVENT_VALID && (uint32_t)b->exit_code != SVM_EXIT_INVALID)
		svm_interrupted(v);
	if (s->stepping)
		stepped = svm_step_end(s);
	return stepped ? TV_EXIT_NONE : exit_decode(v, b);
}
