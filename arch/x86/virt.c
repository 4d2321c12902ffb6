/* SPDX-License-Identifier: Apache-2.0 */
/* Which virtualization back-end this CPU needs. */
#include <arch/virt.h>
#include <kernel/panic.h>

#include "features.h"

const struct virt_ops *virt;

extern const struct virt_ops svm_ops;	/* arch/svm */
extern const struct virt_ops vmx_ops;	/* arch/vmx */

enum tv_err virt_probe(void)
{
	if (!cpu_has(FEATURE_SVM) && !cpu_has(FEATURE_VMX))
		cannot_run("this CPU has no hardware virtualization (SVM: CPUID 8000_0001 ECX bit 2; VMX: CPUID 1 ECX bit 5)");
	virt = cpu_has(FEATURE_SVM) ? &svm_ops : &vmx_ops;
	return virt->cpu_on();
}
