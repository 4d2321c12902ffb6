/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the VMX back-end share. */
#ifndef VMX_VMX_H
#define VMX_VMX_H

#include <abi/exit.h>
#include <arch/guest_state.h>
#include <arch/virt.h>
#include <kernel/vcpu.h>
#include <lib/base.h>
#include <lib/list.h>
#include <vmx/insn.h>
#include <vmx/vmcs.h>

/* The control words. */
enum vmx_word { VMX_PIN, VMX_PROC, VMX_PROC2, VMX_EXIT, VMX_ENTRY, VMX_WORDS };

/* What this machine has and the command line left switched on.  Written by vmx_cpu_on() of the boot CPU, then constant. */
struct vmx_features {
	uint32_t word[VMX_WORDS];	/* controls that are always on                          */
	uint32_t revision;		/* of VMCSs; 0 with @usable false                       */
	bool usable;			/* the rest is filled in                                */
	bool timer;			/* the preemption timer                                 */
	uint8_t timer_shift;		/* it counts every 2^shift TSC ticks                    */
	bool vpid;
	bool invvpid_single;		/* one VPID can be flushed alone                        */
	bool ept_ad;			/* accessed and dirty bits                              */
	bool ept_2m, ept_1g;
	bool guest_1g;			/* guests have 1 GiB pages in their own tables          */
	bool cet;			/* the host has CR4.CET                                 */
	uint8_t invept;			/* INVEPT_*                                             */
	uint64_t eptp;			/* EPTP, without the address of the tables              */
	uint64_t cr0_ones, cr4_ones;	/* bits that are set in a guest, whatever it thinks     */
	struct guest_limits guest;
};
extern struct vmx_features vmx;

#define INVEPT_SINGLE	1u
#define INVEPT_ALL	2u
#define INVVPID_SINGLE	1u
#define INVVPID_ALL	2u
#define VPID_END	0x10000u	/* 0 is the host's */

/* Bits of CR0 and CR4 that a guest may write without an exit; of all others it reads the shadow. */
#define CR0_GUEST	(CR0_TS | CR0_MP)
#define CR4_GUEST	(CR4_TSD | CR4_PGE)

/* Per CPU. */
struct vmx_cpu {
	struct vmx_vcpu *current;	/* whose VMCS VMREAD and VMWRITE are about; NULL: nobody's */
	struct list active;		/* struct vmx_vcpu.active: VMCSs that this CPU may hold    */
	uint64_t vpid_generation;	/* never 0, and of no other CPU                            */
	uint32_t vpid_next;
	uint64_t star, lstar, fmask;	/* the host's                                              */
	uint64_t cstar, tsc_aux;	/* in the MSR now; the host needs none of its own          */
	void *vmxon;			/* page                                                    */
};

/* What may be in @known: the member is as in the VMCS. */
#define KNOWN_RSP	(1u << 0)
#define KNOWN_RFLAGS	(1u << 1)
#define KNOWN_BLOCKING	(1u << 2)

/* TPR in the virtual-APIC page: the guest's CR8 is in bits 7:4. */
#define LAPIC_TPR_WORD	(0x80 / sizeof(uint32_t))

/* Translations that the next entry must not use, @stale. */
#define STALE_LINEAR	(1u << 0)	/* the guest changed its own paging, or its vCPU moved */
#define STALE_GUEST	(1u << 1)	/* its space lost some, or its vCPU moved              */

struct vmx_vcpu {
	void *vmcs;
	uint64_t vmcs_pa;
	struct vmx_cpu *home;		/* the CPU that may hold the VMCS; NULL: none              */
	struct list active;
	uint64_t launched;		/* since the last VMCLEAR                                  */
	struct vmx_host_stack host_stack;	/* as in the VMCS, and so is what follows          */
	uint64_t host_cr0, host_cr3, host_fs_base;

	uint64_t eptp;
	uint64_t vpid_generation;	/* of the CPU where @vpid is valid; 0: nowhere             */
	uint16_t vpid;
	uint8_t stale;			/* STALE_*                                                 */
	uint8_t known;			/* KNOWN_*                                                 */

	bool attention;			/* see vmx_update_attention()                              */
	bool shutdown;			/* triple fault: nothing runs until RIP, CR and SEG were loaded */
	bool dr_open;			/* the guest may touch debug registers until the next exit */
	bool msr_open;			/* the same for writing STAR, LSTAR, CSTAR and FMASK       */
	bool maps_changed;		/* the permission maps are not those of the VMCS           */
	uint32_t windows;		/* PROC_INTR_WINDOW, PROC_NMI_WINDOW                       */
	uint32_t intercept;		/* page->intercept and page->exc_intercept as in the VMCS  */
	uint32_t exc_intercept;
	uint32_t proc, exceptions, entry;	/* controls as in the VMCS                         */

	uint32_t blocking;		/* interruptibility                                        */
	uint64_t rsp, rflags;
	/* Registers that change with an exit only, or that the CPU does not switch. */
	uint64_t cr0, cr4, efer;	/* as the guest sees them; of CR0 and CR4 what it does not own */
	uint64_t cr2, dr[4], dr6, dr7;
	uint64_t star, lstar, cstar, fmask, kernel_gs_base, tsc_aux;
	uint64_t xcr0;
	uint64_t xcr0_load;		/* what counts: without CR4.OSXSAVE the host's             */
	uint32_t *apic;			/* virtual-APIC page, for the TPR                          */
	uint8_t *io_map, *msr_map;	/* own permission maps; NULL: the shared ones              */
};

static inline struct vmx_vcpu *vmx_of(const struct vcpu *v) { return v->hw; }

/* One of these members changed: the straight line of vmx_run() looks at @attention alone. */
static inline void vmx_update_attention(struct vmx_vcpu *s)
{
	s->attention = s->windows || s->shutdown || s->dr_open || s->msr_open || s->maps_changed || s->xcr0_load != vmx.guest.xcr0;
}

/* @s->xcr0 or CR4.OSXSAVE changed: without that bit no instruction depends on XCR0. */
static inline void vmx_update_xcr0(struct vmx_vcpu *s)
{
	s->xcr0_load = s->cr4 & CR4_OSXSAVE ? s->xcr0 : vmx.guest.xcr0;
	vmx_update_attention(s);
}

/* cpu.c */
extern const struct virt_ops vmx_ops;
enum tv_err vmx_cpu_on(void) MUST_USE;
void vmx_cpu_off(void);

/*
 * controls.c.  vmx_controls_compute: @cap is a capability MSR's value (bits 31:0 must be 1, 63:32 may be 1); @at_times must be there
 * both ways, and so must be the absence of @forbidden.  The word to use, or 0 with what is in the way in *@bad.
 */
uint32_t vmx_controls_compute(uint64_t cap, uint32_t required, uint32_t wanted, uint32_t at_times, uint32_t forbidden, uint32_t *bad);
/* Fill f->word[] from this CPU's capability MSRs.  false: after a line in the log that says what is missing. */
bool vmx_controls_find(struct vmx_features *f) MUST_USE;
/* Bring the controls in line with what the monitor asks for and with the state of @s, whose VMCS is the current one. */
void vmx_controls(struct vmx_vcpu *s);

/* vcpu.c */
enum tv_err vmx_vcpu_init(struct vcpu *v, struct quota *q) MUST_USE;
void vmx_vcpu_fini(struct vcpu *v, struct quota *q);
void vmx_vcpu_leave(struct vcpu *v);
void vmx_vcpu_reset(struct vmx_vcpu *s);
/* Make the VMCS of @s the current one of CPU @c, which executes this; and let the CPU forget it. */
void vmx_vcpu_load(struct vmx_vcpu *s, struct vmx_cpu *c);
void vmx_vcpu_clear(struct vmx_vcpu *s);

/* From here on VMREAD and VMWRITE are about @s. */
static inline void vmx_use(struct vmx_vcpu *s)
{
	struct vmx_cpu *c = vmx_percpu();

	if (unlikely(c->current != s))
		vmx_vcpu_load(s, c);
}

/* Parts of the guest's state that are read at most once between two entries. */
static inline uint64_t vmx_rflags(struct vmx_vcpu *s)
{
	if (!(s->known & KNOWN_RFLAGS)) {
		s->rflags = vmcs_readn(VMCS_GUEST_RFLAGS);
		s->known |= KNOWN_RFLAGS;
	}
	return s->rflags;
}

static inline uint32_t vmx_blocking(struct vmx_vcpu *s)
{
	if (!(s->known & KNOWN_BLOCKING)) {
		s->blocking = vmcs_read32(VMCS_GUEST_INTERRUPTIBILITY);
		s->known |= KNOWN_BLOCKING;
	}
	return s->blocking;
}

static inline void vmx_set_blocking(struct vmx_vcpu *s, uint32_t blocking)
{
	if (vmx_blocking(s) == blocking)
		return;
	s->blocking = blocking;
	vmcs_write32(VMCS_GUEST_INTERRUPTIBILITY, blocking);
}

/* state.c */
uint32_t vmx_push(struct vcpu *v, uint32_t groups);
void vmx_pull(struct vcpu *v, uint32_t groups);
/* What a debug exception does to DR6 and DR7.  @qualification: of the exit that it caused. */
void vmx_debug_trap(struct vmx_vcpu *s, uint64_t qualification);

/* run.c: one entry and its exit; the loop around them. */
uint32_t vmx_run(struct vcpu *v);
enum tv_err vmx_loop(struct thread *t, struct vcpu *v);

/* inject.c: off the fast path.  vmx_inject: what to report instead of an entry, or TV_EXIT_NONE. */
uint32_t vmx_inject(struct vcpu *v);
/* The exit interrupted a delivery, of which @info is the IDT-vectoring information: keep it for the next entry. */
void vmx_interrupted(struct vcpu *v, uint32_t info);
/* A window opened: @control is PROC_INTR_WINDOW or PROC_NMI_WINDOW. */
uint32_t vmx_window_opened(struct vcpu *v, uint32_t control);
/*
 * Deliver exception @event, which an intercept took, to the guest after all; @len: of a software one.  @met: it was raised by the
 * delivery in page->pending.  Returns a kind to report, or TV_EXIT_NONE.
 */
uint32_t vmx_reflect(struct vcpu *v, uint64_t event, uint32_t len, bool met);
/* Nothing of the guest runs any more before RIP, CR and SEG were loaded. */
void vmx_shut_down(struct vmx_vcpu *s);

/* bitmap.c */
enum tv_err vmx_bitmap_init(void) MUST_USE;
void vmx_bitmap_load(struct vmx_vcpu *s);
/* Is @msr one that vmx_run() switches, and whose new values it learns from the MSR alone? */
bool vmx_bitmap_opens(uint32_t msr);
enum tv_err vmx_ports(struct vcpu *v, unsigned first, unsigned count, bool allow, struct quota *q) MUST_USE;
enum tv_err vmx_msrs(struct vcpu *v, uint32_t first, uint32_t count, bool allow, struct quota *q) MUST_USE;
void vmx_bitmap_fini(struct vmx_vcpu *s, struct quota *q);

/* vpid.c */
void vmx_flush(struct vcpu *v);
void vmx_flush_now(struct vmx_vcpu *s, struct vmx_cpu *c);

/* pt_ept.c */
const struct pt_format *vmx_pt(void);
void vmx_pt_init(void);

/* check.c: which rule of VM entry does the current VMCS break?  NULL: none that is looked at. */
const char *vmx_check(void);

#endif
