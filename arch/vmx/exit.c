/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the hardware's exit reasons to neutral records: one table.  A row with a function decodes further, a row with a kind alone is
 * complete, and a reason without a row is an exit that nobody asked for: it stops the VM.
 */
#include "hot.h"

#include <x86/cr.h>
#include <x86/seg.h>

/* SDM, "VMX Basic Exit Reasons". */
enum vmx_reason {
	REASON_EXCEPTION = 0, REASON_INTR, REASON_TRIPLE, REASON_INIT, REASON_SIPI,
	REASON_INTR_WINDOW = 7, REASON_NMI_WINDOW, REASON_TASK, REASON_CPUID, REASON_GETSEC, REASON_HLT, REASON_INVD, REASON_INVLPG,
	REASON_RDPMC, REASON_RDTSC, REASON_RSM, REASON_VMCALL, REASON_VMCLEAR, REASON_VMXON = 27, REASON_CR, REASON_DR, REASON_IO,
	REASON_RDMSR, REASON_WRMSR, REASON_BAD_GUEST, REASON_BAD_MSR,
	REASON_MWAIT = 36, REASON_MONITOR = 39, REASON_PAUSE, REASON_MACHINE_CHECK,
	REASON_EPT = 48, REASON_INVEPT = 50, REASON_RDTSCP, REASON_TIMER, REASON_INVVPID, REASON_WBINVD, REASON_XSETBV,
	REASON_INVPCID = 58, REASON_VMFUNC, REASON_ENCLS, REASON_ENCLV = 70, REASON_NOTIFY = 75,
};
_Static_assert(REASON_NOTIFY == VMX_REASONS - 1, "the table of exits ends with the last reason");

/* SDM, "Exit Qualification for Control-Register Accesses". */
#define CR_NUMBER(q)	((q) & 0xf)
#define CR_ACCESS(q)	((q) >> 4 & 3)
#define CR_GPR(q)	((q) >> 8 & 0xf)
enum { CR_MOV_TO, CR_MOV_FROM, CR_CLTS, CR_LMSW };
/* "Exit Qualification for MOV DR". */
#define DR_NUMBER(q)	((q) & 7)
#define DR_READ		BIT(4)
/* "Exit Qualification for I/O Instructions". */
#define IO_SIZE(q)	(((q) & 7) + 1)
#define IO_IN		BIT(3)
#define IO_STRING	BIT(4)
#define IO_REP		BIT(5)
#define IO_PORT(q)	((q) >> 16 & 0xffff)
/* "Exit Qualification for EPT Violations". */
#define EPT_WRITE	BIT(1)
#define EPT_FETCH	BIT(2)
#define EPT_LINEAR	BIT(7)		/* the guest-linear address is valid                       */
#define EPT_FINAL	BIT(8)		/* its translation succeeded; else this was the guest's walk */
/* EPT violations and notify exits. */
#define QUAL_NMI_UNBLOCKED BIT(12)
#define NOTIFY_INVALID	BIT(0)		/* the guest's state is lost */
/* "Exit Qualification for Task Switches". */
#define TASK_SELECTOR(q) ((q) & 0xffff)
#define TASK_SOURCE(q)	((q) >> 30 & 3)	/* as TV_TASK_* */

#define FAIL_INSN	BIT(32)		/* in arg1 of TV_EXIT_FAIL: the rest is a VM-instruction error */

static uint64_t qualification(void)
{
	return vmcs_readn(VMCS_EXIT_QUALIFICATION);
}

/* The IRET that a fault interrupted had unblocked NMIs already; it will be executed again. */
static void undo_nmi_unblocking(struct vmx_vcpu *s, bool unblocked, uint32_t vectoring)
{
	if (unlikely(unblocked) && !(vectoring & EVENT_VALID))
		vmx_set_blocking(s, vmx_blocking(s) | INTERRUPTIBILITY_NMI);
}

static uint32_t decode_exception(struct vcpu *v, uint32_t vectoring)
{
	struct vmx_vcpu *s = vmx_of(v);
	struct tv_exit_page *p = v->page;
	uint32_t info = vmcs_read32(VMCS_EXIT_EVENT), len = 0;
	unsigned vector = EVENT_VECTOR(info), type = EVENT_TYPE(info);
	uint64_t event = info & EVENT_DEFINED;

	if (type == TV_EVENT_NMI) {
		vmx_host_nmi();
		return TV_EXIT_NONE;
	}
	if (vector == EXC_MC) {
		vmx_host_machine_check();
		p->arg0 = TV_FAIL_MACHINE;
		p->arg1 = REASON_EXCEPTION;
		return TV_EXIT_FAIL;
	}
	if (vector != EXC_DF)
		undo_nmi_unblocking(s, info & EVENT_NMI_UNBLOCKED, vectoring);
	if (event & EVENT_ERROR)
		event |= (uint64_t)vmcs_read32(VMCS_EXIT_EVENT_ERROR) << 32;
	if (type != TV_EVENT_EXC)
		len = vmcs_read32(VMCS_EXIT_INSN_LEN);
	else if (vector == EXC_DB)
		vmx_debug_trap(s, qualification());
	/* Intercepted because a guest can make the CPU raise them for ever; otherwise they are the guest's own. */
	if ((vector == EXC_DB || vector == EXC_AC) && !(s->exc_intercept >> vector & 1))
		return vmx_reflect(v, event, len, vectoring & EVENT_VALID);
	p->insn_len = len;
	p->arg0 = event;
	p->arg1 = vector == EXC_PF ? qualification() : vector == EXC_DB ? s->dr6 : 0;
	return TV_EXIT_EXC;
}

static uint32_t decode_intr(struct vcpu *v, uint32_t vectoring)
{
	(void)v;
	(void)vectoring;
	cpu_take_interrupts();
	return TV_EXIT_NONE;
}

static uint32_t decode_own(struct vcpu *v, uint32_t vectoring)
{
	(void)v;
	(void)vectoring;
	return TV_EXIT_NONE;
}

static uint32_t decode_shutdown(struct vcpu *v, uint32_t vectoring)
{
	(void)vectoring;
	vmx_shut_down(vmx_of(v));
	return TV_EXIT_SHUTDOWN;
}

static uint32_t decode_intr_window(struct vcpu *v, uint32_t vectoring)
{
	(void)vectoring;
	return vmx_window_opened(v, PROC_INTR_WINDOW);
}

static uint32_t decode_nmi_window(struct vcpu *v, uint32_t vectoring)
{
	(void)vectoring;
	return vmx_window_opened(v, PROC_NMI_WINDOW);
}

/* What caused it is not in page->pending: it is part of the task switch. */
static uint32_t decode_task(struct vcpu *v, uint32_t vectoring)
{
	struct tv_exit_page *p = v->page;
	uint64_t q = qualification();

	p->arg0 = TASK_SELECTOR(q);
	p->arg1 = TASK_SOURCE(q);
	if (vectoring & EVENT_VALID && (TV_EVENT_TYPE(vectoring) == TV_EVENT_SOFT_INT || TV_EVENT_TYPE(vectoring) == TV_EVENT_SOFT_EXC))
		p->arg1 |= TV_TASK_SOFT;
	if (vectoring & EVENT_VALID && vectoring & EVENT_ERROR)
		p->arg1 |= TV_TASK_HAS_ERROR | (uint64_t)vmcs_read32(VMCS_IDT_VECTORING_ERROR) << 32;
	return TV_EXIT_TASK;
}

static uint32_t decode_cr(struct vcpu *v, uint32_t vectoring)
{
	struct tv_exit_page *p = v->page;
	uint64_t q = qualification();

	(void)vectoring;
	p->arg0 = CR_NUMBER(q);
	switch (CR_ACCESS(q)) {
	case CR_MOV_TO:
		p->arg1 = TV_CR_WRITE | TV_CR_GPR_VALID | TV_CR_MK_GPR(CR_GPR(q));
		break;
	case CR_MOV_FROM:
		p->arg1 = TV_CR_GPR_VALID | TV_CR_MK_GPR(CR_GPR(q));
		break;
	case CR_CLTS:
		p->arg1 = TV_CR_WRITE | TV_CR_CLTS;
		break;
	default:
		p->arg1 = TV_CR_WRITE | TV_CR_LMSW;
		break;
	}
	return TV_EXIT_CR;
}

static uint32_t decode_dr(struct vcpu *v, uint32_t vectoring)
{
	struct vmx_vcpu *s = vmx_of(v);
	struct tv_exit_page *p = v->page;
	uint64_t q;

	(void)vectoring;
	if (!(s->intercept & TV_ICPT_DR)) {
		s->dr_open = true;
		vmx_controls(s);
		vmx_update_attention(s);
		return TV_EXIT_NONE;
	}
	q = qualification();
	p->arg0 = DR_NUMBER(q);
	p->arg1 = (q & DR_READ ? 0 : TV_CR_WRITE) | TV_CR_GPR_VALID | TV_CR_MK_GPR(CR_GPR(q));
	return TV_EXIT_DR;
}

static uint32_t decode_io(struct vcpu *v, uint32_t vectoring)
{
	struct tv_exit_page *p = v->page;
	uint64_t q = qualification();

	(void)vectoring;
	p->arg0 = IO_PORT(q);
	p->arg1 = TV_PIO_MK_SIZE(IO_SIZE(q)) | (q & IO_IN ? TV_PIO_IN : 0) | (q & IO_STRING ? TV_PIO_STRING : 0) |
		  (q & IO_REP ? TV_PIO_REP : 0);
	return TV_EXIT_PIO;
}

static uint32_t decode_wrmsr(struct vcpu *v, uint32_t vectoring)
{
	struct vmx_vcpu *s = vmx_of(v);

	(void)vectoring;
	if (vmx_bitmap_opens((uint32_t)v->page->gpr[TV_RCX])) {
		s->msr_open = true;
		vmx_bitmap_load(s);
		vmx_update_attention(s);
		return TV_EXIT_NONE;
	}
	return TV_EXIT_WRMSR;
}

static uint32_t decode_ept(struct vcpu *v, uint32_t vectoring)
{
	struct vmx_vcpu *s = vmx_of(v);
	struct tv_exit_page *p = v->page;
	uint64_t q = qualification();

	undo_nmi_unblocking(s, q & QUAL_NMI_UNBLOCKED, vectoring);
	p->arg0 = vmcs_read64(VMCS_EXIT_GPA);
	p->arg1 = (q & EPT_WRITE ? TV_MMIO_WRITE : 0) | (q & EPT_FETCH ? TV_MMIO_EXEC : 0) |
		  ((q & (EPT_LINEAR | EPT_FINAL)) == EPT_LINEAR ? TV_MMIO_WALK : 0) |
		  ((vmcs_read32(VMCS_GUEST_ACCESS(TV_SS)) & SEG_DPL) == SEG_DPL ? TV_MMIO_USER : 0);
	return TV_EXIT_MMIO;
}

/* The guest left the CPU no moment to deliver events; it can go on unless that has cost its state. */
static uint32_t decode_notify(struct vcpu *v, uint32_t vectoring)
{
	uint64_t q = qualification();

	undo_nmi_unblocking(vmx_of(v), q & QUAL_NMI_UNBLOCKED, vectoring);
	if (!(q & NOTIFY_INVALID))
		return TV_EXIT_NONE;
	v->page->arg0 = TV_FAIL_UNKNOWN;
	v->page->arg1 = REASON_NOTIFY;
	return TV_EXIT_FAIL;
}

#define INSN(x)		{ .kind = TV_EXIT_INSN, .insn = (x), .length = true }
#define KIND(x)		{ .kind = (x), .length = true }
#define DECODE(x)	{ .decode = (x) }
#define DECODE_INSN(x)	{ .decode = (x), .length = true }

const struct exit_row vmx_exit_table[VMX_REASONS] = {
	[REASON_EXCEPTION] = DECODE(decode_exception),
	[REASON_INTR] = DECODE(decode_intr),
	[REASON_TRIPLE] = DECODE(decode_shutdown),
	[REASON_INIT ... REASON_SIPI] = DECODE(decode_own),
	[REASON_INTR_WINDOW] = DECODE(decode_intr_window),
	[REASON_NMI_WINDOW] = DECODE(decode_nmi_window),
	[REASON_TASK] = DECODE_INSN(decode_task),
	[REASON_CPUID] = KIND(TV_EXIT_CPUID),
	[REASON_GETSEC] = INSN(TV_INSN_GETSEC),
	[REASON_HLT] = KIND(TV_EXIT_HLT),
	[REASON_INVD] = INSN(TV_INSN_INVD),
	[REASON_INVLPG] = INSN(TV_INSN_INVLPG),
	[REASON_RDPMC] = INSN(TV_INSN_RDPMC),
	[REASON_RDTSC] = INSN(TV_INSN_RDTSC),
	[REASON_RSM] = INSN(TV_INSN_RSM),
	[REASON_VMCALL] = KIND(TV_EXIT_HYPERCALL),
	[REASON_VMCLEAR ... REASON_VMXON] = INSN(TV_INSN_VIRT),
	[REASON_CR] = DECODE_INSN(decode_cr),
	[REASON_DR] = DECODE_INSN(decode_dr),
	[REASON_IO] = DECODE_INSN(decode_io),
	[REASON_RDMSR] = KIND(TV_EXIT_RDMSR),
	[REASON_WRMSR] = DECODE_INSN(decode_wrmsr),
	[REASON_MWAIT] = INSN(TV_INSN_MWAIT),
	[REASON_MONITOR] = INSN(TV_INSN_MONITOR),
	[REASON_PAUSE] = INSN(TV_INSN_PAUSE),
	[REASON_EPT] = DECODE(decode_ept),
	[REASON_INVEPT] = INSN(TV_INSN_VIRT),
	[REASON_RDTSCP] = INSN(TV_INSN_RDTSCP),
	[REASON_TIMER] = DECODE(decode_intr),
	[REASON_INVVPID] = INSN(TV_INSN_VIRT),
	[REASON_WBINVD] = INSN(TV_INSN_WBINVD),
	[REASON_XSETBV] = KIND(TV_EXIT_XSETBV),
	[REASON_INVPCID] = INSN(TV_INSN_INVPCID),
	[REASON_VMFUNC] = INSN(TV_INSN_VIRT),
	[REASON_ENCLS] = INSN(TV_INSN_ENCLS),
	[REASON_ENCLV] = INSN(TV_INSN_ENCLS),
	[REASON_NOTIFY] = DECODE(decode_notify),
};

/*
 * The guest was not entered: the instruction failed (no valid VMCS, or controls or host state that the CPU refuses), or it succeeded
 * and then the CPU refused the guest's state.  Nothing of the guest has changed, but the event that was to be delivered is lost.
 */
uint32_t vmx_exit_failed(struct vcpu *v, enum vmx_entry entry, uint32_t reason)
{
	struct tv_exit_page *p = v->page;
	bool machine = entry == VMX_EXITED && (reason & REASON_BASIC) == REASON_MACHINE_CHECK;

	p->insn_len = 0;
	p->insn_count = 0;
	vmcs_write32(VMCS_ENTRY_EVENT, 0);
	if (machine)
		vmx_host_machine_check();
	p->arg0 = machine ? TV_FAIL_MACHINE : TV_FAIL_ENTRY;
	p->arg1 = entry == VMX_FAIL_VALID ? FAIL_INSN | vmcs_read32(VMCS_INSN_ERROR) : entry == VMX_FAIL_INVALID ? FAIL_INSN : reason;
	return TV_EXIT_FAIL;
}

uint32_t vmx_exit_unknown(struct vcpu *v, uint32_t reason)
{
	v->page->arg0 = TV_FAIL_UNKNOWN;
	v->page->arg1 = reason;
	return TV_EXIT_FAIL;
}

/* A task switch delivers the event itself, and a triple fault is the end of it. */
void vmx_exit_vectoring(struct vcpu *v, uint32_t reason, uint32_t vectoring)
{
	if (reason != REASON_TASK && reason != REASON_TRIPLE)
		vmx_interrupted(v, vectoring);
}
