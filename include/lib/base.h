/* SPDX-License-Identifier: Apache-2.0 */
/* The vocabulary every file of Trivet uses: bits, ranges, array lengths, attributes. */
#ifndef LIB_BASE_H
#define LIB_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BIT(n)			(1ull << (n))
/* Bits @hi down to @lo, in the order in which the manuals print them. */
#define MASK(hi, lo)		((~0ull >> (63 - (hi))) & (~0ull << (lo)))

#define ARRAY_LEN(a)		(sizeof(a) / sizeof((a)[0]))
#define MUST_USE		__attribute__((warn_unused_result))
#define NORETURN		__attribute__((noreturn))
#define NOINLINE		__attribute__((noinline))	/* keeps what is rare out of a measured path */
#define ALWAYS_INLINE		inline __attribute__((always_inline))	/* ... and what is hot, in it */
#define PRINTF_LIKE(f, a)	__attribute__((format(printf, f, a)))
#define likely(x)		__builtin_expect(!!(x), 1)
#define unlikely(x)		__builtin_expect(!!(x), 0)

#define container_of(ptr, type, member) ((type *)(void *)((char *)(ptr) - offsetof(type, member)))

#define PAGE_SHIFT		12
#define PAGE_SIZE		(1ull << PAGE_SHIFT)
#define PAGE_MASK		(PAGE_SIZE - 1)
#define KIB			(1ull << 10)
#define MIB			(1ull << 20)
#define GIB			(1ull << 30)

/* One access that the compiler neither repeats nor splits: for memory that someone else may write at any time. */
#define READ_ONCE(x)		(*(const volatile __typeof__(x) *)&(x))
#define WRITE_ONCE(x, v)	(*(volatile __typeof__(x) *)&(x) = (v))

/* @a must be a power of two.  align_up() wraps to 0 for the last, partial unit of the address space. */
static inline uint64_t align_down(uint64_t v, uint64_t a) { return v & ~(a - 1); }
static inline uint64_t align_up(uint64_t v, uint64_t a) { return (v + a - 1) & ~(a - 1); }
static inline bool is_aligned(uint64_t v, uint64_t a) { return (v & (a - 1)) == 0; }

static inline uint64_t min_u64(uint64_t a, uint64_t b) { return a < b ? a : b; }
static inline uint64_t max_u64(uint64_t a, uint64_t b) { return a > b ? a : b; }

/* Three kinds of address that must never be mixed up: host physical, guest physical, guest virtual (linear). */
typedef struct { uint64_t v; } hpa_t;
typedef struct { uint64_t v; } gpa_t;
typedef struct { uint64_t v; } gva_t;

/* Is [@off, @off + @len) inside [0, @size)?  Total: cannot wrap, accepts len = 0 up to and including the end. */
static inline bool range_inside(uint64_t off, uint64_t len, uint64_t size)
{
	return off <= size && len <= size - off;
}

#endif
