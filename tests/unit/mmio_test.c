/* SPDX-License-Identifier: Apache-2.0 */
/* MMIO exits of plain MOVs take a short way: it must do what the executor does, or nothing. */
/* sources: tests/fake/vm_rig.c vmm/bus.c vmm/console.c vmm/cpu_feature.c vmm/cpu_model.c vmm/cpuid.c vmm/cr.c vmm/dev/board.c vmm/dev/hpet.c vmm/dev/i8042.c vmm/dev/ioapic.c vmm/dev/lapic.c vmm/dev/lapic_ipi.c vmm/dev/lapic_irq.c vmm/dev/lapic_timer.c vmm/dev/misc.c vmm/dev/pci.c vmm/dev/pci_cfg.c vmm/dev/pic.c vmm/dev/pit.c vmm/dev/pm.c vmm/dev/rtc.c vmm/dev/uart.c vmm/emulate.c vmm/exit.c vmm/exit_cpu.c vmm/gmem.c vmm/gwalk.c vmm/hyperv.c vmm/inject.c vmm/insn.c vmm/insn_alu.c vmm/insn_exec.c vmm/insn_fetch.c vmm/insn_mem.c vmm/insn_operand.c vmm/insn_seg.c vmm/insn_stack.c vmm/insn_string.c vmm/insn_table.c vmm/irqchip.c vmm/lock.c vmm/log.c vmm/mmio.c vmm/mp.c vmm/msr.c vmm/pio.c vmm/pvcall.c vmm/pvclock.c vmm/retire.c vmm/rt/fmt.c vmm/rt/log.c vmm/steal.c vmm/suspend.c vmm/synic.c vmm/task.c vmm/timer.c vmm/trace.c vmm/vcpu.c vmm/vector.c vmm/vm.c */
#include <x86/cr.h>
#include <x86/seg.h>

#include "insn_seen.h"
#include "vm_rig.h"

static struct vcpu *const v = &rig_cpu;
static struct tv_exit_page *const p = &rig_page;

#define IOAPIC		0xfec00000ull
#define PATTERN		0x8877665544332211ull

static int setup(void **state)
{
	(void)state;
	rig_vendor = "AuthenticAMD";
	rig_reset(0);
	return 0;
}

struct row {
	const char *code;
	unsigned length;
	bool write, plain;
	uint64_t off;			/* of the access, from RBX */
};

static const struct row rows[] = {
	{ "\x8a\x03", 2, false, true, 0 },			/* mov al, [rbx]            */
	{ "\x8a\x23", 2, false, false, 0 },			/* mov ah, [rbx]            */
	{ "\x40\x8a\x23", 3, false, true, 0 },			/* mov spl, [rbx]           */
	{ "\x66\x8b\x0b", 3, false, true, 0 },			/* mov cx, [rbx]            */
	{ "\x8b\x0b", 2, false, true, 0 },			/* mov ecx, [rbx]           */
	{ "\x4c\x8b\x43\x10", 4, false, true, 16 },		/* mov r8, [rbx+16]         */
	{ "\x8b\x44\xb3\x04", 4, false, true, 16 },		/* mov eax, [rbx+rsi*4+4]   */
	{ "\x0f\xb6\x03", 3, false, true, 0 },			/* movzx eax, byte [rbx]    */
	{ "\x66\x0f\xb6\x03", 4, false, true, 0 },		/* movzx ax, byte [rbx]     */
	{ "\x48\x0f\xb7\x03", 4, false, true, 0 },		/* movzx rax, word [rbx]    */
	{ "\x0f\xbe\x03", 3, false, false, 0 },			/* movsx eax, byte [rbx]    */
	{ "\x88\x0b", 2, true, true, 0 },			/* mov [rbx], cl            */
	{ "\x88\x2b", 2, true, false, 0 },			/* mov [rbx], ch            */
	{ "\x66\x89\x0b", 3, true, true, 0 },
	{ "\x89\x0b", 2, true, true, 0 },
	{ "\x48\x89\x4b\x10", 4, true, true, 16 },
	{ "\xc7\x03\x78\x56\x34\x12", 6, true, true, 0 },	/* mov dword [rbx], imm     */
	{ "\x48\xc7\x03\xff\xff\xff\xff", 7, true, true, 0 },	/* mov qword [rbx], -1      */
	{ "\x67\x89\x0b", 3, true, false, 0 },			/* mov [ebx], ecx           */
	{ "\x65\x8b\x03", 3, false, false, 0 },			/* mov eax, gs:[rbx]        */
	{ "\x09\x0b", 2, true, false, 0 },			/* or [rbx], ecx            */
};

static void prepare(const struct row *r)
{
	p->rip = RIG_CODE;
	rig_code(r->code, r->length);
	for (unsigned i = 0; i < TV_GPRS; i++)
		p->gpr[i] = PATTERN + i;
	p->gpr[TV_RBX] = IOAPIC;
	p->gpr[TV_RSI] = 3;
	p->dirty = 0;
	p->kind = TV_EXIT_MMIO;
	p->insn_len = 0;
	p->arg0 = IOAPIC + r->off;
	p->arg1 = r->write ? TV_MMIO_WRITE : 0;
}

/* The exit of @r with only group CODE fetched, its instruction known.  What plain stands in the memo. */
static unsigned run_known(const struct row *r)
{
	const struct insn_memo *m;
	struct insn in;

	prepare(r);
	m = insn_memo_slot(&v->insn);
	assert_int_equal(insn_fetch(&v->insn, &in), INSN_DONE);
	assert_int_equal(insn_fetch(&v->insn, &in), INSN_DONE);	/* accessed bits are set by now */
	p->valid = TV_REGS_RIP | TV_REGS_CODE;
	assert_int_equal(exit_handle(v), VM_NEXT_RUN);
	return m->plain;
}

static void the_short_way_does_what_the_executor_does(void **state)
{
	struct tv_exit_page page;

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
		const struct row *r = &rows[i];

		prepare(r);
		p->valid = TV_REGS_ALL;
		assert_int_equal(exit_handle(v), VM_NEXT_RUN);
		if (p->rip != RIG_CODE + r->length)
			fail_msg("row %u: rip is %lx", i, (unsigned long)p->rip);
		page = *p;
		if ((run_known(r) > 1) != r->plain)
			fail_msg("row %u: the way is the wrong one", i);
		if (!r->plain && p->rip == RIG_CODE) {		/* the executor wanted more groups */
			p->valid = TV_REGS_ALL;
			assert_int_equal(exit_handle(v), VM_NEXT_RUN);
		}
		assert_int_equal(p->rip, page.rip);
		assert_memory_equal(p->gpr, page.gpr, sizeof(page.gpr));
		assert_int_equal(p->dirty, page.dirty);
	}
}

static void what_is_not_the_access_that_exited_is_left_to_the_executor(void **state)
{
	static const struct row load = { "\x8b\x0b", 2, false, true, 0 };

	(void)state;
	(void)run_known(&load);
	assert_int_equal(p->rip, RIG_CODE + 2);
	/* Another direction: nothing happens, the guest tries again with more groups. */
	prepare(&load);
	p->arg1 = TV_MMIO_WRITE;
	p->valid = TV_REGS_RIP | TV_REGS_CODE;
	p->gpr[TV_RCX] = 1;
	assert_int_equal(exit_handle(v), VM_NEXT_RUN);
	/* Another place in the page, and a single step. */
	prepare(&load);
	p->gpr[TV_RBX] = IOAPIC + 4;
	p->valid = TV_REGS_RIP | TV_REGS_CODE;
	assert_int_equal(exit_handle(v), VM_NEXT_RUN);
	prepare(&load);
	p->rflags |= RFLAGS_TF;
	p->valid = TV_REGS_RIP | TV_REGS_CODE;
	assert_int_equal(exit_handle(v), VM_NEXT_RUN);
	assert_int_equal(p->rip, RIG_CODE);
	assert_true(p->want[TV_EXIT_MMIO] & TV_REGS_DR);
}

static void code_that_is_not_64_bit_gets_its_segments_with_the_exit(void **state)
{
	static const struct row load = { "\x8b\x0b", 2, false, false, 0 };

	(void)state;
	p->seg[TV_CS].attr = (uint16_t)((p->seg[TV_CS].attr & ~BIT(9)) | BIT(10));
	assert_int_equal(p->want[TV_EXIT_MMIO] & TV_REGS_SEG, 0);
	prepare(&load);
	p->valid = TV_REGS_RIP | TV_REGS_CODE;
	assert_int_equal(exit_handle(v), VM_NEXT_RUN);
	assert_true(p->want[TV_EXIT_MMIO] & TV_REGS_SEG);
	p->valid = p->want[TV_EXIT_MMIO] | TV_REGS_RIP;
	p->kind = TV_EXIT_MMIO;
	assert_int_equal(exit_handle(v), VM_NEXT_RUN);
	assert_true(p->want[TV_EXIT_MMIO] & TV_REGS_SEG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(the_short_way_does_what_the_executor_does, setup),
		cmocka_unit_test_setup(what_is_not_the_access_that_exited_is_left_to_the_executor, setup),
		cmocka_unit_test_setup(code_that_is_not_64_bit_gets_its_segments_with_the_exit, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
