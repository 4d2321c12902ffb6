/* SPDX-License-Identifier: Apache-2.0 */
/* The executor's parts, and what they share.  Each function executes one decoded instruction, as insn_exec() promises. */
#ifndef VMM_INSN_PRIV_H
#define VMM_INSN_PRIV_H

#include "insn_operand.h"

/* insn_string.c */
enum insn_result insn_exec_string(struct insn_ctx *c, const struct insn *in);
enum insn_result insn_exec_port(struct insn_ctx *c, const struct insn *in);

/* insn_stack.c */
enum insn_result insn_exec_push(struct insn_ctx *c, const struct insn *in);
enum insn_result insn_exec_pop(struct insn_ctx *c, const struct insn *in);
enum insn_result insn_exec_call(struct insn_ctx *c, const struct insn *in);
enum insn_result insn_exec_jmp(struct insn_ctx *c, const struct insn *in);
enum insn_result insn_exec_ret(struct insn_ctx *c, const struct insn *in);
enum insn_result insn_exec_enter(struct insn_ctx *c, const struct insn *in);
enum insn_result insn_exec_leave(struct insn_ctx *c, const struct insn *in);

/* insn_seg.c */
enum insn_result insn_exec_mov_sreg(struct insn_ctx *c, const struct insn *in);
enum insn_result insn_exec_jmp_far(struct insn_ctx *c, const struct insn *in);
enum insn_result insn_exec_load_system(struct insn_ctx *c, const struct insn *in);	/* LLDT, LTR               */
enum insn_result insn_exec_store_system(struct insn_ctx *c, const struct insn *in);	/* SLDT, STR, SMSW         */
enum insn_result insn_exec_table(struct insn_ctx *c, const struct insn *in);		/* SGDT, SIDT, LGDT, LIDT  */
enum insn_result insn_load_segment(struct insn_ctx *c, unsigned seg, uint16_t sel) MUST_USE;

/* For task.c.  The TSS that @sel names, busy or not, in the form of TR; set or clear its busy bit; the segments of a new task. */
enum insn_result insn_find_tss(struct insn_ctx *c, uint16_t sel, bool busy, struct tv_segment *tss) MUST_USE;
enum insn_result insn_mark_tss(struct insn_ctx *c, uint16_t sel, bool busy) MUST_USE;
enum insn_result insn_load_task_ldt(struct insn_ctx *c, uint16_t sel) MUST_USE;
enum insn_result insn_load_task_code(struct insn_ctx *c, uint16_t sel, uint32_t eip) MUST_USE;
enum insn_result insn_load_task_data(struct insn_ctx *c, unsigned seg, uint16_t sel) MUST_USE;

/* insn_fetch.c: bytes of the instruction at RIP that switches tasks (far CALL or JMP, IRET, INT n, INT3, INTO); 0: it is none. */
unsigned insn_task_length(struct insn_ctx *c);

/* Linear address @rip as the target of a branch: #GP(0) if it is not canonical or beyond the limit of CS. */
enum insn_result insn_check_target(struct insn_ctx *c, const struct insn *in, uint64_t rip) MUST_USE;

#endif
