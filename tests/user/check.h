/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the user tests share: they run in root's place, print PASS and FAIL lines through the kernel log, print DONE, and end the
 * emulator through its debug-exit port.
 */
#ifndef CHECK_H
#define CHECK_H

#include <abi/info.h>
#include <rt/fmt.h>
#include <rt/start.h>
#include <rt/string.h>
#include <rt/sys.h>

#define EXIT_PORT	0xf4u

static unsigned failures;		/* in the property that is being tested */

/* Free selectors; each test program counts its own. */
#define SEL_FREE	128u

static inline void say(const char *text)
{
	size_t left = strlen(text);

	while (left) {
		uint64_t word[5] = { 0 };
		size_t n = left < sizeof(word) ? left : sizeof(word);

		memcpy(word, text, n);
		(void)sys_log_write(TV_SEL_LOG, word);
		text += n;
		left -= n;
	}
}

#define print(...)							\
	do {								\
		char line_[160];					\
		(void)fmt_buf(line_, sizeof(line_), __VA_ARGS__);		\
		say(line_);						\
	} while (0)

/* One expectation: prints where it failed, and makes the property that it belongs to fail. */
#define expect(cond)							\
	do {								\
		if (!(cond)) {						\
			failures++;					\
			print("  line %d: %s\n", __LINE__, #cond);	\
		}							\
	} while (0)
#define expect_err(call, err)						\
	do {								\
		enum tv_err e_ = (call);				\
		if (e_ != (err)) {					\
			failures++;					\
			print("  line %d: %s is %u, not %s\n", __LINE__, #call, (unsigned)e_, #err);	\
		}							\
	} while (0)

/* All expectations since the last call were about @property. */
static inline void verdict(const char *property)
{
	print("%s: %s\n", failures ? "FAIL" : "PASS", property);
	failures = 0;
}

static inline uint64_t now(void) { return __builtin_ia32_rdtsc(); }

static inline void out8(uint16_t port, uint8_t value)
{
	__asm__ volatile("outb %0, %1" : : "a"(value), "d"(port));
}

/* The number behind @word in the hypervisor's command line, or @otherwise. */
static inline uint64_t option(const char *word, uint64_t otherwise)
{
	const char *at = ((const struct tv_rootinfo *)TV_ROOT_INFO_ADDR)->cmdline;
	size_t n = strlen(word);
	uint64_t value = 0;

	while (*at && memcmp(at, word, n) != 0)
		at++;
	if (!*at)
		return otherwise;
	for (at += n; *at >= '0' && *at <= '9'; at++)
		value = value * 10 + (uint64_t)(*at - '0');
	return value;
}

/* The end of the program. */
static inline NORETURN void done(void)
{
	say("DONE\n");
	(void)sys_port_grant(TV_SEL_DOMAIN, TV_SEL_PORTS);
	out8(EXIT_PORT, 0);
	sys_thread_exit(0);
}

#endif
