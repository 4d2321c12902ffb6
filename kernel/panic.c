/* SPDX-License-Identifier: Apache-2.0 */
/* The last words: message, registers, symbolised backtrace, last log lines; then this CPU stops for good. */
#include <arch/cpu.h>
#include <arch/debug.h>
#include <arch/user.h>
#include <kernel/fmt.h>
#include <kernel/ksyms.h>
#include <kernel/log.h>
#include <kernel/panic.h>
#include <kernel/string.h>
#include <stdarg.h>

#define PANIC_LINE	256u
#define BACKTRACE_DEPTH	32u
#define LAST_LINES	10u
#define LAST_BYTES	2048u

extern const char kernel_base[], kernel_text_start[], kernel_text_end[];	/* linker.ld */

/* Id + 1 of the CPU that panics; 0: none. */
static uint32_t panicking;

static void print(const char *fmt, ...) PRINTF_LIKE(1, 2);
static void print(const char *fmt, ...)
{
	char line[PANIC_LINE];
	va_list args;

	va_start(args, fmt);
	log_text(line, fmt_text_v(line, sizeof(line), fmt, args));
	va_end(args);
}

static void print_address(uint64_t addr)
{
	uint64_t offset = addr - (uint64_t)kernel_base;
	uint32_t found = 0;

	if (addr < (uint64_t)kernel_text_start || addr >= (uint64_t)kernel_text_end) {
		print("  %#018lx\n", addr);
		return;
	}
	while (found < ksyms_count && ksyms_addr[found] <= offset)
		found++;
	if (found == 0)
		print("  %#018lx\n", addr);
	else
		print("  %#018lx  %s+%#lx\n", addr, ksyms_strings + ksyms_name[found - 1], offset - ksyms_addr[found - 1]);
}

/* Follow the chain of frame pointers: each must lie higher on one of this CPU's stacks. */
static void backtrace(uint64_t rip, uint64_t rbp)
{
	print("backtrace:\n");
	if (rip)
		print_address(rip);
	for (unsigned depth = 0; depth < BACKTRACE_DEPTH && debug_on_stack(rbp); depth++) {
		const uint64_t *frame = (const uint64_t *)rbp;	/* [0]: caller's RBP, [1]: return address */

		if (frame[1] == 0)
			return;
		/* The call may be a function's last instruction: name the call, not what follows it. */
		print_address(frame[1] - 1);
		if (frame[0] <= rbp)
			return;
		rbp = frame[0];
	}
}

/* What was logged before the panic, because a quiet log has printed nothing. */
static void last_lines(uint64_t end)
{
	char text[LAST_BYTES];
	uint64_t pos = end > sizeof(text) ? end - sizeof(text) : 0;
	size_t n = log_copy(&pos, text, (size_t)min_u64(sizeof(text), end)), start = n;

	for (unsigned lines = 0; start > 0; start--)
		if (text[start - 1] == '\n' && lines++ == LAST_LINES)
			break;
	print("last log lines:\n");
	log_text(text + start, n - start);
}

static NORETURN void die(const struct user_frame *f, uint64_t caller_rbp, const char *fmt, va_list args)
{
	char text[PANIC_LINE];
	uint64_t end = ~0ull;
	uint32_t first = 0, self = arch_cpu()->id + 1;
	bool again = !__atomic_compare_exchange_n(&panicking, &first, self, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);

	/* The first one has the word, also against the NMI that it sends to the others. */
	if (again && first != self)
		cpu_halt();
	if (!again)
		debug_stop_others();
	log_break();
	log_copy(&end, text, 0);
	log_quiet(false);
	fmt_text_v(text, sizeof(text), fmt, args);
	print("\ntrivet: panic: %s\n", text);
	if (again)		/* while panicking: what follows would fail again */
		cpu_halt();
	debug_registers(f);
	backtrace(f ? f->rip : 0, f ? f->rbp : caller_rbp);
	last_lines(end);
	print("trivet: stopped\n");
	cpu_halt();
}

void panic(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	die(NULL, (uint64_t)__builtin_frame_address(0), fmt, args);
}

void panic_trap(const struct user_frame *f, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	die(f, 0, fmt, args);
}

void cannot_run(const char *fmt, ...)
{
	char text[PANIC_LINE];
	va_list args;

	va_start(args, fmt);
	fmt_text_v(text, sizeof(text), fmt, args);
	va_end(args);
	print("trivet: cannot run: %s\n", text);
	cpu_halt();
}

void cpu_unfit(const char *fmt, ...)
{
	char text[PANIC_LINE];
	va_list args;

	va_start(args, fmt);
	fmt_text_v(text, sizeof(text), fmt, args);
	va_end(args);
	if (arch_cpu()->id == 0)
		cannot_run("%s", text);
	log_error("this CPU cannot be used: %s", text);
}
