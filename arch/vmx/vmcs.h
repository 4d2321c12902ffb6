/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fields of a VMCS.  One wrapper type for each width: a 32-bit read of a natural-width field does not compile, and neither
 * does a constant that is declared with the wrong width.
 */
#ifndef VMX_VMCS_H
#define VMX_VMCS_H

#include <lib/base.h>
#include <vmx/insn.h>

struct vmcs16 { uint16_t enc; };
struct vmcs32 { uint16_t enc; };
struct vmcs64 { uint16_t enc; };
struct vmcsn  { uint16_t enc; };

/* SDM, "Structure of VMCS Component Encoding": bits 14:13 give the width. */
#define VMCS_W(enc, w)	((enc) + 0 * sizeof(char[((enc) >> 13 & 3) == (w) ? 1 : -1]))
#define VMCS16(enc)	((struct vmcs16){ (uint16_t)VMCS_W(enc, 0) })
#define VMCS64(enc)	((struct vmcs64){ (uint16_t)VMCS_W(enc, 1) })
#define VMCS32(enc)	((struct vmcs32){ (uint16_t)VMCS_W(enc, 2) })
#define VMCSN(enc)	((struct vmcsn){ (uint16_t)VMCS_W(enc, 3) })

/* 16-bit control fields */
#define VMCS_VPID			VMCS16(0x0000)

/* Guest segment selectors, in the order ES CS SS DS FS GS LDTR TR, two apart. */
#define VMCS_GUEST_SEL(i)		((struct vmcs16){ (uint16_t)(0x0800 + 2 * (i)) })

/* Host selectors */
#define VMCS_HOST_ES_SEL		VMCS16(0x0c00)
#define VMCS_HOST_CS_SEL		VMCS16(0x0c02)
#define VMCS_HOST_SS_SEL		VMCS16(0x0c04)
#define VMCS_HOST_DS_SEL		VMCS16(0x0c06)
#define VMCS_HOST_FS_SEL		VMCS16(0x0c08)
#define VMCS_HOST_GS_SEL		VMCS16(0x0c0a)
#define VMCS_HOST_TR_SEL		VMCS16(0x0c0c)

/* 64-bit control fields */
#define VMCS_IO_BITMAP_A		VMCS64(0x2000)
#define VMCS_IO_BITMAP_B		VMCS64(0x2002)
#define VMCS_MSR_BITMAP			VMCS64(0x2004)
#define VMCS_EXIT_MSR_STORE		VMCS64(0x2006)
#define VMCS_EXIT_MSR_LOAD		VMCS64(0x2008)
#define VMCS_ENTRY_MSR_LOAD		VMCS64(0x200a)
#define VMCS_TSC_OFFSET			VMCS64(0x2010)
#define VMCS_VIRTUAL_APIC		VMCS64(0x2012)
#define VMCS_EPTP			VMCS64(0x201a)
#define VMCS_ENCLS_BITMAP		VMCS64(0x202e)
#define VMCS_ENCLV_BITMAP		VMCS64(0x2036)

/* 64-bit read-only */
#define VMCS_EXIT_GPA			VMCS64(0x2400)

/* 64-bit guest state */
#define VMCS_LINK_POINTER		VMCS64(0x2800)
#define VMCS_GUEST_DEBUGCTL		VMCS64(0x2802)
#define VMCS_GUEST_PAT			VMCS64(0x2804)
#define VMCS_GUEST_EFER			VMCS64(0x2806)
#define VMCS_GUEST_PDPTE(i)		((struct vmcs64){ (uint16_t)(0x280a + 2 * (i)) })

/* 64-bit host state */
#define VMCS_HOST_PAT			VMCS64(0x2c00)
#define VMCS_HOST_EFER			VMCS64(0x2c02)

/* 32-bit control fields */
#define VMCS_PIN_CONTROLS		VMCS32(0x4000)
#define VMCS_PROC_CONTROLS		VMCS32(0x4002)
#define VMCS_EXCEPTION_BITMAP		VMCS32(0x4004)
#define VMCS_PF_ERROR_MASK		VMCS32(0x4006)
#define VMCS_PF_ERROR_MATCH		VMCS32(0x4008)
#define VMCS_CR3_TARGETS		VMCS32(0x400a)
#define VMCS_EXIT_CONTROLS		VMCS32(0x400c)
#define VMCS_EXIT_MSR_STORE_COUNT	VMCS32(0x400e)
#define VMCS_EXIT_MSR_LOAD_COUNT	VMCS32(0x4010)
#define VMCS_ENTRY_CONTROLS		VMCS32(0x4012)
#define VMCS_ENTRY_MSR_LOAD_COUNT	VMCS32(0x4014)
#define VMCS_ENTRY_EVENT		VMCS32(0x4016)
#define VMCS_ENTRY_ERROR_CODE		VMCS32(0x4018)
#define VMCS_ENTRY_INSN_LEN		VMCS32(0x401a)
#define VMCS_TPR_THRESHOLD		VMCS32(0x401c)
#define VMCS_PROC2_CONTROLS		VMCS32(0x401e)
#define VMCS_NOTIFY_WINDOW		VMCS32(0x4024)

/* 32-bit read-only */
#define VMCS_INSN_ERROR			VMCS32(0x4400)
#define VMCS_EXIT_REASON		VMCS32(0x4402)
#define VMCS_EXIT_EVENT			VMCS32(0x4404)
#define VMCS_EXIT_EVENT_ERROR		VMCS32(0x4406)
#define VMCS_IDT_VECTORING		VMCS32(0x4408)
#define VMCS_IDT_VECTORING_ERROR	VMCS32(0x440a)
#define VMCS_EXIT_INSN_LEN		VMCS32(0x440c)

/* 32-bit guest state; segments in the order of VMCS_GUEST_SEL */
#define VMCS_GUEST_LIMIT(i)		((struct vmcs32){ (uint16_t)(0x4800 + 2 * (i)) })
#define VMCS_GUEST_GDTR_LIMIT		VMCS32(0x4810)
#define VMCS_GUEST_IDTR_LIMIT		VMCS32(0x4812)
#define VMCS_GUEST_ACCESS(i)		((struct vmcs32){ (uint16_t)(0x4814 + 2 * (i)) })
#define VMCS_GUEST_INTERRUPTIBILITY	VMCS32(0x4824)
#define VMCS_GUEST_ACTIVITY		VMCS32(0x4826)
#define VMCS_GUEST_SYSENTER_CS		VMCS32(0x482a)
#define VMCS_PREEMPTION_TIMER		VMCS32(0x482e)

/* 32-bit host state */
#define VMCS_HOST_SYSENTER_CS		VMCS32(0x4c00)

/* natural-width control fields */
#define VMCS_CR0_MASK			VMCSN(0x6000)
#define VMCS_CR4_MASK			VMCSN(0x6002)
#define VMCS_CR0_SHADOW			VMCSN(0x6004)
#define VMCS_CR4_SHADOW			VMCSN(0x6006)

/* natural-width read-only */
#define VMCS_EXIT_QUALIFICATION		VMCSN(0x6400)
#define VMCS_GUEST_LINEAR		VMCSN(0x640a)

/* natural-width guest state */
#define VMCS_GUEST_CR0			VMCSN(0x6800)
#define VMCS_GUEST_CR3			VMCSN(0x6802)
#define VMCS_GUEST_CR4			VMCSN(0x6804)
#define VMCS_GUEST_BASE(i)		((struct vmcsn){ (uint16_t)(0x6806 + 2 * (i)) })
#define VMCS_GUEST_GDTR_BASE		VMCSN(0x6816)
#define VMCS_GUEST_IDTR_BASE		VMCSN(0x6818)
#define VMCS_GUEST_DR7			VMCSN(0x681a)
#define VMCS_GUEST_RSP			VMCSN(0x681c)
#define VMCS_GUEST_RIP			VMCSN(0x681e)
#define VMCS_GUEST_RFLAGS		VMCSN(0x6820)
#define VMCS_GUEST_PENDING_DBG		VMCSN(0x6822)
#define VMCS_GUEST_SYSENTER_ESP		VMCSN(0x6824)
#define VMCS_GUEST_SYSENTER_EIP		VMCSN(0x6826)
#define VMCS_GUEST_S_CET		VMCSN(0x6828)
#define VMCS_GUEST_SSP			VMCSN(0x682a)
#define VMCS_GUEST_INT_SSP_TABLE	VMCSN(0x682c)

/* natural-width host state */
#define VMCS_HOST_CR0			VMCSN(0x6c00)
#define VMCS_HOST_CR3			VMCSN(0x6c02)
#define VMCS_HOST_CR4			VMCSN(0x6c04)
#define VMCS_HOST_FS_BASE		VMCSN(0x6c06)
#define VMCS_HOST_GS_BASE		VMCSN(0x6c08)
#define VMCS_HOST_TR_BASE		VMCSN(0x6c0a)
#define VMCS_HOST_GDTR_BASE		VMCSN(0x6c0c)
#define VMCS_HOST_IDTR_BASE		VMCSN(0x6c0e)
#define VMCS_HOST_SYSENTER_ESP		VMCSN(0x6c10)
#define VMCS_HOST_SYSENTER_EIP		VMCSN(0x6c12)
#define VMCS_HOST_RIP			VMCSN(0x6c16)
#define VMCS_HOST_S_CET			VMCSN(0x6c18)
#define VMCS_HOST_SSP			VMCSN(0x6c1a)
#define VMCS_HOST_INT_SSP_TABLE		VMCSN(0x6c1c)

static inline uint16_t vmcs_read16(struct vmcs16 f) { return (uint16_t)vmread_raw(f.enc); }
static inline uint32_t vmcs_read32(struct vmcs32 f) { return (uint32_t)vmread_raw(f.enc); }
static inline uint64_t vmcs_read64(struct vmcs64 f) { return vmread_raw(f.enc); }
static inline uint64_t vmcs_readn(struct vmcsn f)   { return vmread_raw(f.enc); }
static inline void vmcs_write16(struct vmcs16 f, uint16_t v) { vmwrite_raw(f.enc, v); }
static inline void vmcs_write32(struct vmcs32 f, uint32_t v) { vmwrite_raw(f.enc, v); }
static inline void vmcs_write64(struct vmcs64 f, uint64_t v) { vmwrite_raw(f.enc, v); }
static inline void vmcs_writen(struct vmcsn f, uint64_t v)   { vmwrite_raw(f.enc, v); }

/* Pin-based controls */
#define PIN_INTR		(1u << 0)
#define PIN_NMI			(1u << 3)
#define PIN_VIRTUAL_NMI		(1u << 5)
#define PIN_PREEMPTION_TIMER	(1u << 6)

/* Primary processor-based controls */
#define PROC_INTR_WINDOW	(1u << 2)
#define PROC_TSC_OFFSET		(1u << 3)
#define PROC_HLT		(1u << 7)
#define PROC_INVLPG		(1u << 9)
#define PROC_MWAIT		(1u << 10)
#define PROC_RDPMC		(1u << 11)
#define PROC_RDTSC		(1u << 12)
#define PROC_CR3_LOAD		(1u << 15)
#define PROC_CR3_STORE		(1u << 16)
#define PROC_CR8_LOAD		(1u << 19)
#define PROC_CR8_STORE		(1u << 20)
#define PROC_TPR_SHADOW		(1u << 21)
#define PROC_NMI_WINDOW		(1u << 22)
#define PROC_MOV_DR		(1u << 23)
#define PROC_IO_BITMAPS		(1u << 25)
#define PROC_MSR_BITMAP		(1u << 28)
#define PROC_MONITOR		(1u << 29)
#define PROC_PAUSE		(1u << 30)
#define PROC_SECONDARY		(1u << 31)

/* Secondary processor-based controls */
#define PROC2_EPT		(1u << 1)
#define PROC2_RDTSCP		(1u << 3)
#define PROC2_VPID		(1u << 5)
#define PROC2_WBINVD		(1u << 6)
#define PROC2_UNRESTRICTED	(1u << 7)
#define PROC2_INVPCID		(1u << 12)
#define PROC2_ENCLS		(1u << 15)
#define PROC2_ENCLV		(1u << 28)
#define PROC2_NOTIFY		(1u << 31)

/* VM-exit controls */
#define EXIT_SAVE_DEBUG		(1u << 2)
#define EXIT_HOST_64		(1u << 9)
#define EXIT_ACK_INTR		(1u << 15)
#define EXIT_LOAD_PAT		(1u << 19)
#define EXIT_LOAD_EFER		(1u << 21)
#define EXIT_LOAD_CET		(1u << 28)

/* VM-entry controls */
#define ENTRY_LOAD_DEBUG	(1u << 2)
#define ENTRY_IA32E		(1u << 9)
#define ENTRY_LOAD_PAT		(1u << 14)
#define ENTRY_LOAD_EFER		(1u << 15)
#define ENTRY_LOAD_CET		(1u << 20)

/* Guest interruptibility; bits 0 and 1 are those of TV_SHADOW_* */
#define INTERRUPTIBILITY_STI	(1u << 0)
#define INTERRUPTIBILITY_MOVSS	(1u << 1)
#define INTERRUPTIBILITY_SMI	(1u << 2)
#define INTERRUPTIBILITY_NMI	(1u << 3)

/*
 * VM-entry interruption information, VM-exit interruption information and IDT-vectoring information share their layout with
 * the events of the state page (abi/exit.h): bits 7:0 vector, 10:8 type.
 */
#define EVENT_ERROR		(1u << 11)
#define EVENT_NMI_UNBLOCKED	(1u << 12)		/* exit: an IRET that faulted has unblocked NMIs */
#define EVENT_VALID		(1u << 31)
#define EVENT_DEFINED		(0xfffu | EVENT_VALID)
#define EVENT_TYPE(i)		((i) >> 8 & 7)
#define EVENT_VECTOR(i)		((i) & 0xff)

/* Exit reason */
#define REASON_BASIC		0xffffu
#define REASON_FAILED_ENTRY	(1u << 31)

/* Pending debug exceptions */
#define PENDING_DBG_BS		BIT(14)

/* Segment access rights: bits 7:0 are those of struct tv_segment, 15:12 its bits 11:8. */
#define ACCESS_UNUSABLE		(1u << 16)

#define LINK_POINTER_NONE	(~0ull)

#endif
