/* SPDX-License-Identifier: Apache-2.0 */
/* Model-specific registers that Trivet's host side uses.  SDM, "Model-Specific Registers"; APM, "MSR Cross-Reference". */
#ifndef X86_MSR_H
#define X86_MSR_H

#include <lib/base.h>

#define MSR_IA32_APIC_BASE		0x0000001bu
#define MSR_IA32_FEATURE_CONTROL	0x0000003au
#define MSR_IA32_SYSENTER_CS		0x00000174u
#define MSR_IA32_SYSENTER_ESP		0x00000175u
#define MSR_IA32_SYSENTER_EIP		0x00000176u
#define MSR_IA32_MCG_CAP		0x00000179u
#define MSR_IA32_MCG_STATUS		0x0000017au
#define MSR_IA32_DEBUGCTL		0x000001d9u
#define MSR_IA32_PAT			0x00000277u
#define MSR_IA32_MC0_STATUS		0x00000401u	/* + 4 * bank */
#define MSR_IA32_VMX_BASIC		0x00000480u
#define MSR_IA32_VMX_PINBASED_CTLS	0x00000481u
#define MSR_IA32_VMX_PROCBASED_CTLS	0x00000482u
#define MSR_IA32_VMX_EXIT_CTLS		0x00000483u
#define MSR_IA32_VMX_ENTRY_CTLS		0x00000484u
#define MSR_IA32_VMX_MISC		0x00000485u
#define MSR_IA32_VMX_CR0_FIXED0		0x00000486u
#define MSR_IA32_VMX_CR0_FIXED1		0x00000487u
#define MSR_IA32_VMX_CR4_FIXED0		0x00000488u
#define MSR_IA32_VMX_CR4_FIXED1		0x00000489u
#define MSR_IA32_VMX_PROCBASED_CTLS2	0x0000048bu
#define MSR_IA32_VMX_EPT_VPID_CAP	0x0000048cu
#define MSR_IA32_VMX_TRUE_PINBASED_CTLS	0x0000048du
#define MSR_IA32_VMX_TRUE_PROCBASED_CTLS 0x0000048eu
#define MSR_IA32_VMX_TRUE_EXIT_CTLS	0x0000048fu
#define MSR_IA32_VMX_TRUE_ENTRY_CTLS	0x00000490u
#define MSR_IA32_U_CET			0x000006a0u
#define MSR_IA32_S_CET			0x000006a2u
#define MSR_IA32_PL0_SSP		0x000006a4u
#define MSR_IA32_INTERRUPT_SSP_TABLE	0x000006a8u
#define MSR_IA32_TSC_DEADLINE		0x000006e0u
#define MSR_X2APIC_BASE			0x00000800u	/* + xAPIC register offset / 16 */
#define MSR_IA32_XSS			0x00000da0u
#define MSR_EFER			0xc0000080u
#define MSR_STAR			0xc0000081u
#define MSR_LSTAR			0xc0000082u
#define MSR_CSTAR			0xc0000083u
#define MSR_SFMASK			0xc0000084u
#define MSR_FS_BASE			0xc0000100u
#define MSR_GS_BASE			0xc0000101u
#define MSR_KERNEL_GS_BASE		0xc0000102u
#define MSR_TSC_AUX			0xc0000103u
#define MSR_VM_CR			0xc0010114u
#define MSR_VM_HSAVE_PA			0xc0010117u

/* IA32_APIC_BASE */
#define APIC_BASE_BSP			BIT(8)
#define APIC_BASE_X2APIC		BIT(10)
#define APIC_BASE_ENABLE		BIT(11)

/* IA32_S_CET.  SDM, "Control-Flow Enforcement Technology (CET)". */
#define S_CET_SH_STK_EN			BIT(0)
#define S_CET_WR_SHSTK_EN		BIT(1)		/* WRSS may write shadow stacks */
#define S_CET_ENDBR_EN			BIT(2)		/* indirect branches must end at ENDBR64 */

/* EFER */
#define EFER_SCE			BIT(0)
#define EFER_LME			BIT(8)
#define EFER_LMA			BIT(10)
#define EFER_NXE			BIT(11)
#define EFER_SVME			BIT(12)
#define EFER_LMSLE			BIT(13)
#define EFER_FFXSR			BIT(14)

/* IA32_FEATURE_CONTROL */
#define FEATURE_CONTROL_LOCK		BIT(0)
#define FEATURE_CONTROL_VMX		BIT(2)		/* outside of SMX */

/* IA32_VMX_BASIC */
#define VMX_BASIC_REVISION(v)		((uint32_t)(v) & 0x7fffffffu)
#define VMX_BASIC_32_BIT		BIT(48)		/* addresses are limited to 32 bits */
#define VMX_BASIC_TYPE(v)		((v) >> 50 & 0xf)
#define VMX_BASIC_TRUE			BIT(55)		/* the MSRs named TRUE exist        */

/* IA32_VMX_MISC */
#define VMX_MISC_TIMER_SHIFT(v)		((unsigned)((v) & 0x1f))	/* the preemption timer counts TSC >> shift */

/* IA32_VMX_EPT_VPID_CAP */
#define EPT_CAP_4_LEVELS		BIT(6)
#define EPT_CAP_UC			BIT(8)
#define EPT_CAP_WB			BIT(14)
#define EPT_CAP_2M			BIT(16)
#define EPT_CAP_1G			BIT(17)
#define EPT_CAP_INVEPT			BIT(20)
#define EPT_CAP_AD			BIT(21)
#define EPT_CAP_INVEPT_SINGLE		BIT(25)
#define EPT_CAP_INVEPT_ALL		BIT(26)
#define VPID_CAP_INVVPID		BIT(32)
#define VPID_CAP_SINGLE			BIT(41)
#define VPID_CAP_ALL			BIT(42)

/* VM_CR */
#define VM_CR_LOCK			BIT(3)
#define VM_CR_SVMDIS			BIT(4)

/* IA32_PAT: one byte an entry. */
#define PAT_UC				0x00u
#define PAT_WC				0x01u
#define PAT_WT				0x04u
#define PAT_WP				0x05u
#define PAT_WB				0x06u
#define PAT_UC_MINUS			0x07u

#endif
