/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory and string functions.  Copying is left to the CPU's string instructions.  BARRIER in the loops keeps the compiler
 * from recognising the function it is compiling and replacing the loop by a call to it.
 */
#include <rt/string.h>

#define BARRIER(p)	__asm__ volatile("" : "+r"(p))

void *memcpy(void *restrict to, const void *restrict from, size_t size)
{
	void *dst = to;
	const void *src = from;
	size_t words = size / 8, rest = size % 8;

	__asm__ volatile("rep movsq" : "+D"(dst), "+S"(src), "+c"(words) : : "memory");
	__asm__ volatile("rep movsb" : "+D"(dst), "+S"(src), "+c"(rest) : : "memory");
	return to;
}

void *memmove(void *to, const void *from, size_t size)
{
	if ((uint64_t)to - (uint64_t)from >= size)	/* also when @to is below: then it wraps */
		return memcpy(to, from, size);

	uint8_t *dst = (uint8_t *)to + size - 1;
	const uint8_t *src = (const uint8_t *)from + size - 1;

	__asm__ volatile("std\n\trep movsb\n\tcld" : "+D"(dst), "+S"(src), "+c"(size) : : "memory");
	return to;
}

void *memset(void *to, int byte, size_t size)
{
	void *dst = to;
	size_t words = size / 8, rest = size % 8;
	uint64_t pattern = (uint8_t)byte * 0x0101010101010101ull;

	__asm__ volatile("rep stosq" : "+D"(dst), "+c"(words) : "a"(pattern) : "memory");
	__asm__ volatile("rep stosb" : "+D"(dst), "+c"(rest) : "a"(pattern) : "memory");
	return to;
}

int memcmp(const void *a, const void *b, size_t size)
{
	const uint8_t *x = a, *y = b;

	for (; size; size--, x++, y++) {
		BARRIER(x);
		if (*x != *y)
			return *x - *y;
	}
	return 0;
}

void *memchr(const void *from, int byte, size_t size)
{
	const uint8_t *at = from;

	for (; size; size--, at++) {
		BARRIER(at);
		if (*at == (uint8_t)byte)
			return (void *)(uintptr_t)at;
	}
	return NULL;
}

size_t strlen(const char *s)
{
	const char *end = s;

	for (; *end; end++)
		BARRIER(end);
	return (size_t)(end - s);
}

size_t strnlen(const char *s, size_t max)
{
	const char *end = memchr(s, 0, max);

	return end ? (size_t)(end - s) : max;
}

int strncmp(const char *a, const char *b, size_t max)
{
	for (; max; max--, a++, b++) {
		if (*a != *b)
			return (uint8_t)*a - (uint8_t)*b;
		if (!*a)
			return 0;
	}
	return 0;
}

int strcmp(const char *a, const char *b)
{
	return strncmp(a, b, ~(size_t)0);
}

char *strchr(const char *s, int c)
{
	for (;; s++) {
		BARRIER(s);
		if (*s == (char)c)
			return (char *)(uintptr_t)s;
		if (!*s)
			return NULL;
	}
}

char *strrchr(const char *s, int c)
{
	const char *last = NULL;

	do {
		if (*s == (char)c)
			last = s;
	} while (*s++);
	return (char *)(uintptr_t)last;
}
