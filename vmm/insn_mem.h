/* SPDX-License-Identifier: Apache-2.0 */
/* Guest memory as an instruction sees it: segment:offset to up to two pages of RAM or device, checked before any byte moves. */
#ifndef VMM_INSN_MEM_H
#define VMM_INSN_MEM_H

#include "insn_exec.h"

/* RAM is shared with the guest's other CPUs: one volatile access of the element's own size, at any alignment. */
typedef uint16_t __attribute__((aligned(1), may_alias)) any16;
typedef uint32_t __attribute__((aligned(1), may_alias)) any32;
typedef uint64_t __attribute__((aligned(1), may_alias)) any64;

/* Bytes of one access that lie in one page. */
struct insn_part {
	gpa_t gpa;
	uint8_t *ram;		/* NULL: a device, or memory that may not be accessed this way */
	uint8_t len;
};

/* A checked and translated access of up to 16 bytes. */
struct insn_span {
	struct insn_part part[2];
	uint8_t parts;		/* 1 or 2 */
	bool write;		/* mapped for writing */
};

/* The last translation of a string operand, so that a REP walks the page tables once a page and not once an element. */
struct insn_tlb {
	uint64_t page;		/* linear page number, all ones: empty */
	gpa_t gpa;		/* of its first byte */
};
#define INSN_TLB_EMPTY	((struct insn_tlb){ ~0ull, { 0 } })
#define INSN_TLB_ANY	(~0ull - 1)	/* insn_tlb.page: translates any access that stays in one page */

/* A segment, an offset in it already cut to the address size, and how many bytes there. */
struct insn_access {
	uint64_t off;
	uint8_t seg;		/* enum tv_seg */
	uint8_t size;		/* 1 ... 16 */
	uint8_t mode;		/* enum insn_mode */
	bool write;
	bool aligned;		/* #GP if the address is no multiple of @size */
};

/* Note an exception for the caller of insn_exec(); always INSN_EXCEPTION. */
enum insn_result insn_raise(struct insn_ctx *c, uint8_t vector);
enum insn_result insn_raise_error(struct insn_ctx *c, uint8_t vector, uint32_t error);

enum insn_result insn_linear(struct insn_ctx *c, const struct insn_access *a, uint64_t *linear) MUST_USE;
enum insn_result insn_map(struct insn_ctx *c, const struct insn_access *a, struct insn_tlb *tlb, struct insn_span *s) MUST_USE;
enum insn_result insn_map_linear(struct insn_ctx *c, uint64_t linear, unsigned size, uint64_t access, struct insn_tlb *tlb,
				 struct insn_span *s) MUST_USE;
void insn_span_read(struct insn_ctx *c, const struct insn_span *s, uint64_t value[2]);
void insn_span_write(struct insn_ctx *c, const struct insn_span *s, const uint64_t value[2]);
bool insn_span_exchange(struct insn_ctx *c, const struct insn_span *s, const uint64_t old[2], const uint64_t value[2]) MUST_USE;
bool insn_canonical(const struct tv_exit_page *st, uint64_t address);

#endif
