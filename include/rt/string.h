/* SPDX-License-Identifier: Apache-2.0 */
/* The memory and string functions of C that the runtime has, with the meaning the C standard gives them; and two of our own. */
#ifndef RT_STRING_H
#define RT_STRING_H

#include <lib/base.h>

void *memcpy(void *restrict to, const void *restrict from, size_t size);
void *memmove(void *to, const void *from, size_t size);
void *memset(void *to, int byte, size_t size);
int memcmp(const void *a, const void *b, size_t size);
void *memchr(const void *from, int byte, size_t size);
size_t strlen(const char *s);
size_t strnlen(const char *s, size_t max);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t max);
char *strchr(const char *s, int c);
char *strrchr(const char *s, int c);

/* Copy @from to @to, cut to @size bytes including the NUL, which is always written.  Returns the length copied.  @size > 0. */
static inline size_t str_copy(char *to, size_t size, const char *from)
{
	size_t len = 0;

	for (; len + 1 < size && from[len]; len++)
		to[len] = from[len];
	to[len] = 0;
	return len;
}

static inline bool str_equal(const char *a, const char *b)
{
	return strcmp(a, b) == 0;
}

#endif
