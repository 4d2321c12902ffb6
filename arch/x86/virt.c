/* SPDX-License-Identifier: Apache-2.0 */
/* Which virtualization back-end this CPU needs. */
#include <arch/virt.h>
#include <kernel/log.h>
#include <kernel/panic.h>

#include "features.h"

const struct virt_ops *virt;

extern const struct virt_ops svm_ops;	/* arch/svm */

enum tv_err virt_probe(void)
{
	if (!cpu_has(FEATURE_SVM)) {
		if (cpu_has(FEATURE_VMX))
			log_error("cannot run: this CPU has VMX, for which this version has no support; it needs AMD SVM");
		else
			log_error("cannot run: this CPU has no hardware virtualization (SVM: CPUID 8000_0001 ECX bit 2)");
		return TV_EUNSUP;
	}
	virt = &svm_ops;
	return virt->cpu_on();
}
