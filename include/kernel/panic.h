/* SPDX-License-Identifier: Apache-2.0 */
/* The end: we are wrong, and going on could leak or escalate. */
#ifndef KERNEL_PANIC_H
#define KERNEL_PANIC_H

#include <lib/base.h>

/* Print "trivet: panic: ...", registers, a symbolised backtrace and the last log lines on every console, and stop all CPUs. */
NORETURN void panic(const char *fmt, ...) PRINTF_LIKE(1, 2);

struct user_frame;

/* The same for an exception in the kernel: registers and backtrace are those of @f. */
NORETURN void panic_trap(const struct user_frame *f, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* Always on, also in release builds. */
#define CHECK(x)	(likely(x) ? (void)0 : panic("%s:%d: %s", __FILE__, __LINE__, #x))
/* For what is proved to hold; debug builds only (make DEBUG=1). */
#ifdef DEBUG
#define ASSERT(x)	CHECK(x)
#else
#define ASSERT(x)	((void)sizeof(x))
#endif

/* The machine cannot run Trivet: "trivet: cannot run: ..." on every console, and stop. */
NORETURN void cannot_run(const char *fmt, ...) PRINTF_LIKE(1, 2);
/* The CPU that executes this lacks something.  If it is the boot CPU, this is cannot_run(); of another it is said in the log, and then
 * the caller leaves that CPU out. */
void cpu_unfit(const char *fmt, ...) PRINTF_LIKE(1, 2);

#endif
