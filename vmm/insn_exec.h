/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fetch and execute one guest instruction on a vCPU's state page, for the monitor:
 *
 *	insn_fetch(ctx, &in)	bytes at CS:RIP through the guest's page tables, decoded
 *	insn_exec(ctx, &in)	its effect on registers, RAM, devices and ports
 *
 * A fetch needs the groups RIP and CODE of the state page, and CR0, CR4 and EFER as they were when they changed last; the executor
 * needs RIP, CR and SEG, changes RIP and SEG, and marks what it changes as dirty.
 * It does everything with the rights that the guest has at its CPL, never more: bytes that another CPU has changed since the
 * exit are executed as what they are now.  What it leaves to its caller: RF, TF, and the interrupt shadow.
 */
#ifndef VMM_INSN_EXEC_H
#define VMM_INSN_EXEC_H

#include <abi/exit.h>
#include <lib/base.h>
#include <x86/cr.h>
#include <x86/msr.h>

#include "gwalk.h"
#include "insn.h"

/* What the executor needs from the monitor beside guest RAM; @cpu is insn_ctx.cpu. */
struct insn_ops {
	/* One access to what is not RAM, and writes to what is read-only.  @size is 1, 2, 4 or 8; no page is crossed. */
	uint64_t (*mmio_read)(void *cpu, gpa_t gpa, unsigned size);
	void (*mmio_write)(void *cpu, gpa_t gpa, unsigned size, uint64_t value);
	/* One port access, @size 1, 2 or 4. */
	uint32_t (*port_in)(void *cpu, uint16_t port, unsigned size);
	void (*port_out)(void *cpu, uint16_t port, unsigned size, uint32_t value);
	/* Register @n of the guest's vector registers; @kind is INSN_OPERAND_XMM (0 .. 15) or INSN_OPERAND_MMX (value[0], 0 .. 7). */
	void (*vector_get)(void *cpu, enum insn_kind kind, unsigned n, uint64_t value[2]);
	void (*vector_set)(void *cpu, enum insn_kind kind, unsigned n, const uint64_t value[2]);
};

enum insn_result {
	INSN_DONE,		/* executed: RIP points behind it                                             */
	INSN_EXCEPTION,		/* raise ctx.fault; RIP is at the instruction                                 */
	INSN_RESTART,		/* REP: max_iterations done, RIP still at the instruction; nothing to retire  */
	INSN_RETRY,		/* nothing happened; run the guest, the CPU executes it or exits again        */
	INSN_UNSUPPORTED,	/* nothing happened: not an instruction that this executor knows              */
};

struct insn_fault {
	uint8_t vector;
	bool has_error;
	uint32_t error;
	uint64_t cr2;		/* for #PF only: the new CR2 */
};

typedef uint64_t __attribute__((aligned(1), may_alias)) insn_word;

/*
 * An instruction that was fetched: where it stood, in what code, and what led there.  As long as all that is the same, a fetch
 * would find it again (insn_seen()).
 */
struct insn_memo {
	uint64_t rip;
	uint64_t cs, cs_base;		/* of CS: selector, attributes and limit as one word; base               */
	uint64_t mode;			/* insn_ctx.modes and CPL                                                */
	uint64_t cr3;
	struct gwalk_note walk;
	const volatile insn_word *at;	/* 16 bytes of guest RAM in one page, the instruction among them; NULL: empty */
	uint64_t bytes[2];		/* which were these                                                      */
	uint16_t kind;			/* retire.c's: an exit kind that @in explains; 0 when it is new          */
	uint8_t plain;			/* mmio.c's; 0 when it is new                                            */
	struct insn in;
};
#define INSN_MEMOS	64u

/* Everything about one vCPU.  The caller sets it up once, all else being 0, and keeps it. */
struct insn_ctx {
	struct tv_exit_page *st;
	const struct gwalk_vm *vm;	/* RAM and CPUID facts */
	const struct insn_ops *ops;
	void *cpu;			/* first argument of every operation */
	uint32_t max_iterations;	/* of a REP per call, at least 1 */
	/*
	 * The hardware has already checked that the guest may use ports @io_port ... + @io_size - 1 (an I/O exit); 0 bytes if
	 * this is another exit.  Other ports need CPL <= IOPL, or the result is INSN_RETRY.
	 */
	uint16_t io_port;
	uint8_t io_size;
	/*
	 * The guest-physical address whose access has just exited, for one call of insn_exec(), which forgets it: saves a walk.
	 * Valid only for an exit that was the instruction's own access, at the present RIP and CPL.
	 */
	bool hint_valid;
	bool hint_write;		/* the access was a write; else only reads use it */
	gpa_t hint;			/* only its page counts */
	struct insn_fault fault;	/* set with INSN_EXCEPTION */
	uint64_t modes;			/* insn_modes_changed(); CPL has the bits below   */
	struct insn_memo memo[INSN_MEMOS];	/* private */
};

/*
 * CR0, CR4 or EFER may have changed: what was learnt about instructions counts where all is the same that decides how they are found
 * and decoded.  What only concerns data (WP, SMAP), floating point or the TLB (PGE) is not among it.
 */
#define INSN_MODES_CR4		(CR4_PSE | CR4_PAE | CR4_LA57 | CR4_PCIDE | CR4_SMEP)
#define INSN_MODES_EFER		(EFER_LME | EFER_LMA | EFER_NXE)
#define INSN_MODES_UNKNOWN	BIT(63)		/* at first: none of these */
static inline void insn_modes_changed(struct insn_ctx *c)
{
	const struct tv_exit_page *st = c->st;

	_Static_assert(INSN_MODES_EFER << 8 < BIT(32) && CR0_PG == BIT(31) && CR0_PE == BIT(0), "each bit has its place");
	c->modes = (st->cr4 & INSN_MODES_CR4) << 32 | (st->efer & INSN_MODES_EFER) << 8 | (st->cr0 >> 31 & 1) << 3 | (st->cr0 & CR0_PE) << 2;
}

enum insn_mode insn_mode(const struct tv_exit_page *st);
struct insn_memo *insn_seen_elsewhere(struct insn_ctx *c, struct insn_memo *m);	/* insn_seen.h has insn_seen() */
enum insn_result insn_fetch(struct insn_ctx *c, struct insn *in) MUST_USE;
enum insn_result insn_exec(struct insn_ctx *c, const struct insn *in) MUST_USE;

/* For callers that execute an instruction themselves (LMSW, INVLPG, MOV CR ...). */
enum insn_result insn_source(struct insn_ctx *c, const struct insn *in, uint64_t *value) MUST_USE;
enum insn_result insn_address(struct insn_ctx *c, const struct insn *in, gva_t *gva) MUST_USE;
void insn_advance(struct insn_ctx *c, const struct insn *in);

#endif
