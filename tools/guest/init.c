/* SPDX-License-Identifier: Apache-2.0 */
/*
 * First program of the test guests: prints the time-stamp counter as the kernel hands over to user space, then
 * becomes busybox' init.  A static program without libc, so that nothing comes before the measurement.
 */
#include <stdint.h>

enum { SYS_WRITE = 1, SYS_EXECVE = 59, SYS_EXIT = 60 };

static long syscall3(long n, long a, long b, long c)
{
	long ret;

	__asm__ volatile("syscall" : "=a"(ret) : "a"(n), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
	return ret;
}

static uint64_t rdtsc(void)
{
	uint32_t lo, hi;

	__asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi));
	return (uint64_t)hi << 32 | lo;
}

/* Prints "ticks: @v" and a newline on standard output. */
static void print_ticks(uint64_t v)
{
	char digits[21], *p = digits + sizeof(digits);

	*--p = '\n';
	do
		*--p = (char)('0' + v % 10);
	while (v /= 10);
	syscall3(SYS_WRITE, 1, (long)"ticks: ", 7);
	syscall3(SYS_WRITE, 1, (long)p, digits + sizeof(digits) - p);
}

/* @sp: the initial stack, {argc, argv[], NULL, envp[], NULL}. */
__attribute__((used, noreturn)) static void start(long *sp)
{
	uint64_t now = rdtsc();
	char **argv = (char **)(sp + 1);
	char **envp = argv + sp[0] + 1;

	print_ticks(now);
	syscall3(SYS_EXECVE, (long)"/sbin/init", (long)argv, (long)envp);
	for (;;)
		syscall3(SYS_EXIT, 127, 0, 0);
}

__asm__(".globl _start\n_start:\n\txor %ebp, %ebp\n\tmov %rsp, %rdi\n\tand $-16, %rsp\n\tcall start\n");
