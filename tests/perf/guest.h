/* SPDX-License-Identifier: Apache-2.0 */
/* Between the two halves of the benchmark guest, start.asm and guest.c. */
#ifndef PERF_GUEST_H
#define PERF_GUEST_H

#include <lib/base.h>

/* Around an event: no-operations that the profiler (profile.c) recognises by their bytes.  They are outside of what is timed. */
#define MARK_BEGIN	__asm__ volatile(".byte 0x0f, 0x1f, 0x80, 'b', 'e', 'g', 0" : : : "memory")
#define MARK_END	__asm__ volatile(".byte 0x0f, 0x1f, 0x80, 'e', 'n', 'd', 0" : : : "memory")

/* Called by start.asm: the program, and its end by an exception, with what the CPU has pushed. */
NORETURN void guest_main(void);
NORETURN void guest_exception(const uint64_t *stack);

/* Gates of start.asm.  The handlers of interrupts fill in the following, in ticks: when they were entered, and their EOI's price. */
void handler_exception(void);
void handler_xapic(void);
void handler_x2apic(void);
void handler_spurious(void);
void handler_nmi(void);
extern volatile uint32_t arrived, interrupts, eoi_ticks, eoi_start, nmi_start;

/* start.asm: in a 32-bit code segment, CPUID (@which 0) or MOV from memory (1) with @o's registers; what it took. */
struct operand;
uint32_t code32_run(const struct operand *o, uint64_t which);

#endif
