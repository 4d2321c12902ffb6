/* SPDX-License-Identifier: Apache-2.0 */
/* Telling the user program that watches the kernel log that it grew. */
#ifndef KERNEL_KLOG_H
#define KERNEL_KLOG_H

#include <lib/base.h>

/* Signal the notification given to log_bind if the log grew since the last call. */
void klog_check(void);

#endif
