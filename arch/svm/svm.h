/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the SVM back-end share. */
#ifndef SVM_SVM_H
#define SVM_SVM_H

#include <abi/exit.h>
#include <arch/guest_state.h>
#include <arch/virt.h>
#include <kernel/vcpu.h>
#include <lib/base.h>
#include <svm/insn.h>
#include <svm/vmcb.h>
#include <x86/cr.h>

/* What this machine has and the command line left switched on.  Written by svm_cpu_on() of the boot CPU, then constant. */
struct svm_features {
	bool next_rip;		/* nRIP is saved                                       */
	bool decode;		/* instruction bytes, operands of MOV CR and MOV DR    */
	bool flush_asid;	/* TLB_FLUSH_ASID                                      */
	bool npt_2m, npt_1g;
	bool qemu;		/* QEMU's emulator: the interrupt shadow is not loaded on
				   entry, and breakpoints stay armed after an exit     */
	uint32_t clean;		/* CLEAN_ALL, or 0 without VMCB clean bits             */
	uint32_t asid_count;	/* usable: 1 to asid_count - 1                         */
	uint32_t icpt2, icpt3;	/* mandatory intercepts that not every CPU has         */
	uint32_t icpt3_invlpg;	/* the same, for TV_ICPT_INVLPG                        */
	uint64_t cr4_host;	/* bits that are set in a guest, whatever it thinks    */
	struct guest_limits guest;
};
extern struct svm_features svm;

/* Per CPU. */
struct svm_cpu {
	uint64_t host_pa;		/* page for svm_enter()                                        */
	uint64_t asid_generation;	/* never 0, and of no other CPU                                */
	uint32_t asid_next;
	uint64_t tsc_aux;		/* in the MSR now                                              */
	void *hsave, *host;		/* pages: VM_HSAVE_PA, host_pa                                 */
};

/* Blocking of NMIs.  Without virtual NMI the CPU does not know it: an IRET that retires unblocks. */
enum svm_nmi {
	SVM_NMI_OPEN = 0,
	SVM_NMI_BLOCKED,		/* IRET is intercepted                                         */
	SVM_NMI_IRET,			/* at an IRET, which is being stepped over                     */
};

struct svm_vcpu {
	struct vmcb *vmcb;
	uint64_t vmcb_pa;
	uint64_t asid_generation;	/* of the CPU where @vmcb->asid is valid; 0: nowhere           */
	uint64_t tsc_aux;
	uint64_t xcr0;			/* the guest's                                                 */
	uint64_t xcr0_load;		/* for the entry: the host's unless the guest can see it       */
	uint32_t intercept;		/* page->intercept and page->exc_intercept as in the VMCB      */
	uint32_t exc_intercept;
	bool attention;			/* see svm_update_attention(): an entry takes more than VMRUN  */
	bool xcr0_moves;		/* after an exit XCR0 is, or may be, other than the host's    */
	bool aftermath;			/* @stepping, @injected or @dr_open needs svm_undo() after one */
	bool window;			/* a dummy virtual interrupt waits for RFLAGS.IF               */
	bool shutdown;			/* triple fault: nothing runs until RIP, CR and SEG were loaded */
	uint8_t nmi;			/* enum svm_nmi                                                */
	bool stepping;			/* RFLAGS.TF is ours for this one entry                        */
	bool guest_tf;			/* and this was the guest's                                    */
	bool injected;			/* @vmcb->event_inj is set                                     */
	bool dr_open;			/* the guest may touch DR0 to DR3 until the next exit          */
	uint8_t soft_len;		/* instruction length of the soft event injected last; 0: none */
	uint64_t soft_event;		/* that event                                                  */
	uint64_t nmi_rip;		/* of the IRET                                                 */
	uint64_t step_dr6;		/* the guest's, before the step                                */
	uint64_t cr0_cache;		/* the guest's CD and NW, which the hardware never gets        */
	uint64_t cr4;			/* as the guest sees it                                        */
	uint64_t dr[4];
	uint8_t *iopm, *msrpm;		/* own permission maps; NULL: the shared ones                  */
};

static inline struct svm_vcpu *svm_of(const struct vcpu *v) { return v->hw; }

/* One of these members changed: the straight line of svm_run() looks at @attention alone. */
static inline void svm_update_attention(struct svm_vcpu *s)
{
	s->attention = s->window || s->nmi != SVM_NMI_OPEN || s->shutdown || s->dr_open || s->xcr0_load != svm.guest.xcr0;
}

/* @s->xcr0 or CR4.OSXSAVE changed: without that bit no instruction depends on XCR0. */
static inline void svm_update_xcr0(struct svm_vcpu *s)
{
	s->xcr0_load = s->cr4 & CR4_OSXSAVE ? s->xcr0 : svm.guest.xcr0;
	s->xcr0_moves = s->xcr0_load != svm.guest.xcr0 || (svm.qemu && s->cr4 & CR4_OSXSAVE);
	svm_update_attention(s);
}

/* State that the CPU must take from the VMCB again. */
static inline void svm_changed(struct vmcb *b, uint32_t clean_bits) { b->clean &= ~clean_bits; }

/* cpu.c */
extern const struct virt_ops svm_ops;
enum tv_err svm_cpu_on(void) MUST_USE;
void svm_cpu_off(void);

/* controls.c: bring the intercepts in line with what the monitor asks for and with the state of @s. */
void svm_controls(struct svm_vcpu *s);

/* vcpu.c */
enum tv_err svm_vcpu_init(struct vcpu *v, struct quota *q) MUST_USE;
void svm_vcpu_fini(struct vcpu *v, struct quota *q);
void svm_vcpu_leave(struct vcpu *v);
void svm_vcpu_reset(struct svm_vcpu *s);

/* state.c */
uint32_t svm_push(struct vcpu *v, uint32_t groups);
void svm_pull(struct vcpu *v, uint32_t groups);

/* run.c: one entry and its exit; the loop around them. */
uint32_t svm_run(struct vcpu *v);
enum tv_err svm_loop(struct thread *t, struct vcpu *v);

/* inject.c: both are off the fast path.  svm_inject: what to report instead of an entry, or TV_EXIT_NONE. */
uint32_t svm_inject(struct vcpu *v);
/* After an exit with an event in EXITINTINFO: keep it for the next entry. */
void svm_interrupted(struct vcpu *v);
/* After an exit of an entry with TF of ours: take it back.  True if the exit is nothing but the end of that step. */
bool svm_step_end(struct svm_vcpu *s);
/* The window of a dummy virtual interrupt opened. */
uint32_t svm_window_opened(struct vcpu *v);
/* The guest is about to execute IRET. */
void svm_iret(struct svm_vcpu *s);
/* Deliver hardware exception @event, which an intercept took, to the guest after all.  Returns a kind to report, or TV_EXIT_NONE. */
uint32_t svm_reflect(struct vcpu *v, uint64_t event);
/* Nothing of the guest runs any more before RIP, CR and SEG were loaded. */
void svm_shut_down(struct svm_vcpu *s);
/* May NMIs be delivered?  For the state page, both ways. */
static inline bool svm_nmi_blocked(const struct svm_vcpu *s) { return s->nmi != SVM_NMI_OPEN; }
void svm_nmi_block(struct svm_vcpu *s, bool block);

/* bitmap.c */
enum tv_err svm_bitmap_init(void) MUST_USE;
uint64_t svm_iopm_pa(const struct svm_vcpu *s);
uint64_t svm_msrpm_pa(const struct svm_vcpu *s);
enum tv_err svm_ports(struct vcpu *v, unsigned first, unsigned count, bool allow, struct quota *q) MUST_USE;
enum tv_err svm_msrs(struct vcpu *v, uint32_t first, uint32_t count, bool allow, struct quota *q) MUST_USE;
void svm_bitmap_fini(struct svm_vcpu *s, struct quota *q);

/* asid.c */
void svm_asid_assign(struct svm_vcpu *s, struct svm_cpu *c);
void svm_asid_lost(struct svm_vcpu *s, struct svm_cpu *c);
void svm_flush(struct vcpu *v);

/* pt_npt.c */
const struct pt_format *svm_pt(void);
void svm_pt_init(void);

/* check.c: which rule of VMRUN does @b break?  NULL: none. */
const char *svm_check(const struct vmcb *b);

#endif
