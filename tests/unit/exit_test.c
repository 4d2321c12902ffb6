/* SPDX-License-Identifier: Apache-2.0 */
/* Exits to behaviour: ports, MMIO, HLT, events and windows, ends of a VM, the loop of a virtual CPU. */
/* sources: tests/fake/vm_rig.c vmm/bus.c vmm/console.c vmm/cpu_feature.c vmm/cpu_model.c vmm/cpuid.c vmm/cr.c vmm/dev/board.c vmm/dev/hpet.c vmm/dev/i8042.c vmm/dev/ioapic.c vmm/dev/lapic.c vmm/dev/lapic_ipi.c vmm/dev/lapic_irq.c vmm/dev/lapic_timer.c vmm/dev/misc.c vmm/dev/pci.c vmm/dev/pci_cfg.c vmm/dev/pic.c vmm/dev/pit.c vmm/dev/pm.c vmm/dev/rtc.c vmm/dev/uart.c vmm/emulate.c vmm/exit.c vmm/exit_cpu.c vmm/gmem.c vmm/gwalk.c vmm/hyperv.c vmm/inject.c vmm/insn.c vmm/insn_alu.c vmm/insn_exec.c vmm/insn_fetch.c vmm/insn_mem.c vmm/insn_operand.c vmm/insn_seg.c vmm/insn_stack.c vmm/insn_string.c vmm/insn_table.c vmm/irqchip.c vmm/lock.c vmm/log.c vmm/mmio.c vmm/mp.c vmm/msr.c vmm/pio.c vmm/pvcall.c vmm/pvclock.c vmm/retire.c vmm/rt/fmt.c vmm/rt/log.c vmm/steal.c vmm/suspend.c vmm/synic.c vmm/task.c vmm/timer.c vmm/trace.c vmm/vcpu.c vmm/vector.c vmm/vm.c */
#include "exit.h"

#include <rt/log.h>
#include <x86/cr.h>
#include <x86/msr.h>

#include "upcall.h"
#include "vm_rig.h"

static struct vcpu *const v = &rig_cpu;
static struct tv_exit_page *const p = &rig_page;

static int setup(void **state)
{
	(void)state;
	rig_vendor = "AuthenticAMD";
	rig_reset(TV_FEAT_NEXT_RIP);
	vcpu_timers_run(v, fake_now);		/* the first look at the console's input */
	atomic_store(&v->notified, 0);
	return 0;
}

static uint64_t port_exit(uint16_t port, unsigned size, bool in, uint64_t rax)
{
	p->arg0 = port;
	p->arg1 = TV_PIO_MK_SIZE(size) | (in ? TV_PIO_IN : 0);
	p->gpr[TV_RAX] = rax;
	assert_int_equal(rig_exit(TV_EXIT_PIO, 1), VM_NEXT_RUN);
	return p->gpr[TV_RAX];
}

/* Make vector @vec pending in the local APIC, as an IOAPIC would. */
static void post(unsigned vec)
{
	const struct apic_msg m = { .dest = 0, .vector = (uint8_t)vec, .mode = APIC_FIXED };

	assert_true(irqchip_message(&rig_vm.board.chip, &m));
}

static void every_kind_has_a_name_and_an_unknown_one_stops_the_vm(void **state)
{
	(void)state;
	for (uint32_t kind = 0; kind < TV_EXIT_KINDS; kind++)
		assert_non_null(trace_kind(kind));
	p->kind = 31;
	assert_int_equal(exit_handle(v), VM_NEXT_STOP);
	assert_int_equal(vm_exit_code(&rig_vm), VM_EXIT_CRASH);
	assert_non_null(strstr(rig_shared.status.reason, "kind 31"));
}

static void a_port_read_changes_only_as_many_bytes_of_rax_as_it_reads(void **state)
{
	(void)state;
	assert_int_equal(port_exit(0x1234, 1, true, 0x1122334455667700), 0x11223344556677ff);
	assert_int_equal(port_exit(0x1234, 2, true, 0x1122334455660000), 0x112233445566ffff);
	assert_int_equal(port_exit(0x1234, 4, true, 0x1122334400000000), 0xffffffff);
	assert_int_equal(rig_vm.board.pio.unclaimed, 3);
	assert_int_equal(p->rip, RIG_CODE + 3);
}

static void console_output_is_collected_and_signalled_before_sleep_or_in_time(void **state)
{
	struct ring out = vm_ring_output(&rig_shared);
	char text[8] = "";

	(void)state;
	assert_true(ring_sleep_data(&out));
	rig_signals = 0;
	for (const char *s = "hello"; *s; s++)
		port_exit(UART_COM1, 1, false, (uint8_t)*s);
	assert_int_equal(rig_signals, 0);
	fake_now += RIG_HZ / 1000000 * VM_OUTPUT_DELAY_US;
	p->kind = TV_EXIT_DEADLINE;
	exit_handle(v);
	assert_int_equal(rig_signals, 1);
	assert_int_equal(ring_get(&out, text, sizeof(text)), 5);
	assert_string_equal(text, "hello");
}

static void a_full_output_ring_stops_the_guests_uart_until_there_is_room(void **state)
{
	static uint8_t all[VM_OUTPUT_SIZE];
	struct ring out = vm_ring_output(&rig_shared);
	unsigned sent = 0;

	(void)state;
	port_exit(UART_COM1 + 2, 1, false, 1);		/* FIFO on */
	while (port_exit(UART_COM1 + 5, 1, true, 0) & 0x20)
		port_exit(UART_COM1, 1, false, (uint8_t)('a' + sent++ % 26));
	assert_true(sent > VM_OUTPUT_SIZE);
	assert_int_equal(ring_get(&out, all, sizeof(all)), VM_OUTPUT_SIZE);
	for (unsigned i = 0; i < VM_OUTPUT_SIZE; i++)
		assert_int_equal(all[i], 'a' + i % 26);
	assert_true(ring_wake_putter(&out));
	vm_signal(&rig_vm);
	assert_true(port_exit(UART_COM1 + 5, 1, true, 0) & 0x20);
	assert_int_equal(ring_get(&out, all, sizeof(all)), sent - VM_OUTPUT_SIZE);
}

static void root_is_told_from_the_start_that_input_is_waited_for(void **state)
{
	struct ring in = vm_ring_input(&rig_shared);

	(void)state;
	assert_int_equal(ring_put(&in, "x", 1), 1);
	assert_true(ring_wake_getter(&in));
}

static void all_console_input_arrives_however_small_the_guests_fifo_is(void **state)
{
	static char line[300];
	struct ring in = vm_ring_input(&rig_shared);
	unsigned got = 0;

	(void)state;
	for (unsigned i = 0; i < sizeof(line); i++)
		line[i] = (char)('A' + i % 26);
	assert_int_equal(ring_put(&in, line, sizeof(line)), sizeof(line));
	port_exit(UART_COM1 + 2, 1, false, 1);
	rig_ntfn_bits = VM_SIGNAL_ROOT;
	rig_exit(TV_EXIT_KICK, 0);
	for (unsigned i = 0; i < 2000 && got < sizeof(line); i++) {
		if (port_exit(UART_COM1 + 5, 1, true, 0) & 1)
			assert_int_equal(port_exit(UART_COM1, 1, true, 0), line[got++]);
		else
			vcpu_timers_run(v, ++fake_now);
	}
	assert_int_equal(got, sizeof(line));
}

static void an_mmio_access_is_executed_and_reaches_the_local_apic(void **state)
{
	(void)state;
	rig_code("\x8b\x03", 2);			/* mov eax, [rbx] */
	p->gpr[TV_RBX] = 0xfee00030;
	p->gpr[TV_RAX] = ~0ull;
	p->arg0 = 0xfee00030;
	p->arg1 = 0;
	assert_int_equal(rig_exit(TV_EXIT_MMIO, 0), VM_NEXT_RUN);
	assert_int_equal(p->gpr[TV_RAX] & 0xff, 0x14);
	assert_int_equal(p->gpr[TV_RAX] >> 32, 0);
	assert_int_equal(p->rip, RIG_CODE + 2);
}

static void an_mmio_access_that_faults_in_the_guest_raises_its_page_fault(void **state)
{
	uint32_t error;

	(void)state;
	rig_code("\x48\x89\x03", 3);			/* mov [rbx], rax */
	p->gpr[TV_RBX] = 5 * GIB;			/* not mapped */
	p->arg0 = 0xfee00000;
	p->arg1 = 0;					/* a read exited: another CPU has changed the instruction */
	rig_exit(TV_EXIT_MMIO, 0);
	assert_int_equal(rig_injected(&error), EXC_PF);
	assert_int_equal(error, 2);
	assert_int_equal(p->cr2, 5 * GIB);
	assert_true(p->dirty & TV_REGS_CR);
	assert_int_equal(p->rip, RIG_CODE);
}

static void a_crash_leaves_registers_counters_and_the_last_exits_in_the_log(void **state)
{
	static char text[VM_LOG_SIZE + 1];
	struct ring log = vm_ring_log(&rig_shared);

	(void)state;
	rig_exit(TV_EXIT_CPUID, 2);
	trace_dump(v);
	assert_true(ring_get(&log, text, VM_LOG_SIZE) > 0);
	assert_non_null(strstr(text, "CPU 0: last exit cpuid"));
	assert_non_null(strstr(text, "rip 0000000000200002"));
	assert_non_null(strstr(text, "-1  cpuid        rip 0000000000200000"));
}

static void log_lines_without_room_are_dropped_whole_and_counted(void **state)
{
	static char text[VM_LOG_SIZE + 1];
	struct ring log = vm_ring_log(&rig_shared);
	uint32_t length;

	(void)state;
	for (unsigned i = 0; i < 1000; i++)
		rt_log("line %u of many", i);
	assert_true(atomic_load(&rig_shared.status.log_dropped) > 0);
	length = ring_get(&log, text, VM_LOG_SIZE);
	assert_int_equal(text[length - 1], '\n');
}

static void the_address_that_the_cpu_has_translated_is_not_translated_again(void **state)
{
	(void)state;
	rig_code("\x89\x03", 2);			/* mov [rbx], eax */
	p->gpr[TV_RBX] = 5 * GIB + 0x80;		/* not mapped in memory: the CPU knew it, still */
	p->gpr[TV_RAX] = 0x30;
	p->arg0 = 0xfee00080;
	p->arg1 = TV_MMIO_WRITE;
	rig_exit(TV_EXIT_MMIO, 0);
	assert_int_equal(rig_injected(NULL), -1);
	assert_int_equal(v->lapic.s.tpr, 0x30);
	assert_false(v->insn.hint_valid);
	/* An instruction that cannot be fetched leaves no hint to the next one. */
	p->rip = 5 * GIB;
	rig_exit(TV_EXIT_MMIO, 0);
	assert_int_equal(rig_injected(NULL), EXC_PF);
	assert_false(v->insn.hint_valid);
}

/* The exit may have been for the descriptor, which is no operand. */
static void a_segment_load_translates_its_operand_itself(void **state)
{
	(void)state;
	rig_code("\x8e\x1b", 2);			/* mov ds, [rbx] */
	p->gpr[TV_RBX] = 0x400000;			/* holds 0: a null selector */
	p->arg0 = 0xfee00000;
	p->arg1 = 0;
	rig_exit(TV_EXIT_MMIO, 0);
	assert_int_equal(rig_injected(NULL), -1);
	assert_int_equal(p->seg[TV_DS].sel, 0);
	assert_int_equal(p->rip, RIG_CODE + 2);
}

static void code_and_page_tables_outside_memory_end_the_vm_with_a_reason(void **state)
{
	static const uint32_t how[] = { TV_MMIO_EXEC, TV_MMIO_WALK };

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(how); i++) {
		setup(NULL);
		p->arg0 = 0xd0000000;
		p->arg1 = how[i];
		assert_int_equal(rig_exit(TV_EXIT_MMIO, 0), VM_NEXT_STOP);
		assert_non_null(strstr(rig_shared.status.reason, "0xd0000000"));
	}
}

static void an_xmm_register_moves_to_and_from_a_device(void **state)
{
	(void)state;
	rig_code("\x0f\x11\x03", 3);			/* movups [rbx], xmm0 */
	p->gpr[TV_RBX] = 0xd0000000;
	p->cr4 |= CR4_OSFXSR;
	p->arg0 = 0xd0000000;
	p->arg1 = TV_MMIO_WRITE;
	rig_exit(TV_EXIT_MMIO, 0);
	assert_int_equal(p->rip, RIG_CODE + 3);
	assert_int_equal(rig_injected(NULL), -1);
}

static void an_interrupt_is_injected_only_with_if_set_and_no_shadow(void **state)
{
	(void)state;
	post(0x41);
	assert_true(atomic_load(&v->notified));
	assert_false(inject_prepare(v));
	assert_int_equal(p->window, TV_WINDOW_INTR);
	p->rflags |= RFLAGS_IF;
	p->shadow = TV_SHADOW_MOVSS;
	assert_false(inject_prepare(v));
	p->shadow = 0;
	assert_true(inject_prepare(v));
	assert_int_equal(rig_injected(NULL), 0x41);
	assert_int_equal(p->window, 0);
	assert_true(lapic_pending(&v->lapic) < 0);
}

static void an_interrupt_never_displaces_another_event(void **state)
{
	(void)state;
	p->rflags |= RFLAGS_IF;
	p->pending = TV_EVENT(TV_EVENT_EXC, EXC_PF);
	post(0x41);
	inject_prepare(v);
	assert_int_equal(p->inject, 0);
	assert_int_equal(p->window, TV_WINDOW_INTR);
	p->pending = 0;
	inject_gp(v);
	inject_prepare(v);
	assert_int_equal(rig_injected(NULL), EXC_GP);
	assert_int_equal(p->window, TV_WINDOW_INTR);
	p->inject = 0;
	inject_prepare(v);
	assert_int_equal(rig_injected(NULL), 0x41);
}

static void an_nmi_goes_before_interrupts_and_waits_for_the_end_of_another_one(void **state)
{
	const struct apic_msg nmi = { .mode = APIC_NMI };

	(void)state;
	p->rflags |= RFLAGS_IF;
	post(0x41);
	assert_true(irqchip_message(&rig_vm.board.chip, &nmi));
	inject_prepare(v);
	assert_int_equal(p->inject, TV_EVENT(TV_EVENT_NMI, EXC_NMI));
	assert_int_equal(p->window, TV_WINDOW_INTR);
	p->inject = 0;
	p->shadow = TV_SHADOW_NMI;
	assert_true(irqchip_message(&rig_vm.board.chip, &nmi));
	inject_prepare(v);
	assert_int_equal(rig_injected(NULL), 0x41);
	assert_int_equal(p->window, TV_WINDOW_NMI);
}

static void in_real_mode_an_exception_has_no_error_code(void **state)
{
	uint32_t error;

	(void)state;
	p->cr0 &= ~(CR0_PE | CR0_PG);
	inject_gp(v);
	assert_int_equal(rig_injected(&error), EXC_GP);
	assert_int_equal(error, ~0u);
}

static void an_unknown_hypercall_is_answered_and_costs_nothing(void **state)
{
	(void)state;
	p->gpr[TV_RAX] = 77;
	rig_exit(TV_EXIT_HYPERCALL, 3);
	assert_int_equal(p->gpr[TV_RAX], -1000);
	assert_int_equal(p->rip, RIG_CODE + 3);
	assert_false(vm_stopped(&rig_vm));
}

static void virtualisation_instructions_do_not_exist(void **state)
{
	static const uint32_t ud[] = { TV_INSN_MONITOR, TV_INSN_MWAIT, TV_INSN_VIRT, TV_INSN_RSM, TV_INSN_GETSEC, TV_INSN_RDPRU,
				       TV_INSN_ENCLS, TV_INSN_OTHER };

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(ud); i++) {
		p->arg0 = ud[i];
		rig_exit(TV_EXIT_INSN, 3);
		assert_int_equal(rig_injected(NULL), EXC_UD);
		assert_int_equal(p->rip, RIG_CODE);
	}
	p->arg0 = TV_INSN_WBINVD;
	rig_exit(TV_EXIT_INSN, 2);
	assert_int_equal(rig_injected(NULL), -1);
	assert_int_equal(p->rip, RIG_CODE + 2);
}

static void xsetbv_checks_as_the_cpu_does(void **state)
{
	(void)state;
	p->gpr[TV_RAX] = 7;
	p->gpr[TV_RDX] = p->gpr[TV_RCX] = 0;
	rig_exit(TV_EXIT_XSETBV, 3);
	assert_int_equal(rig_injected(NULL), EXC_UD);	/* OSXSAVE is clear */
	p->cr4 |= CR4_OSXSAVE;
	rig_exit(TV_EXIT_XSETBV, 3);
	assert_int_equal(rig_injected(NULL), -1);
	assert_int_equal(p->xcr0, 7);
	assert_true(p->dirty & TV_REGS_XCR);
	p->gpr[TV_RAX] = 6;
	rig_exit(TV_EXIT_XSETBV, 3);
	assert_int_equal(rig_injected(NULL), EXC_GP);
	p->gpr[TV_RAX] = 7;
	p->gpr[TV_RCX] = 1;
	rig_exit(TV_EXIT_XSETBV, 3);
	assert_int_equal(rig_injected(NULL), EXC_GP);
	p->gpr[TV_RCX] = 0;
	p->cpl = 3;
	rig_exit(TV_EXIT_XSETBV, 3);
	assert_int_equal(rig_injected(NULL), EXC_GP);
	assert_int_equal(p->xcr0, 7);
}

static void cpuid_faults_in_user_mode_when_the_guest_asked_for_it(void **state)
{
	(void)state;
	rig_vendor = "GenuineIntel";
	rig_reset(TV_FEAT_NEXT_RIP);
	p->gpr[TV_RCX] = 0x140;
	p->gpr[TV_RAX] = 1;
	p->gpr[TV_RDX] = 0;
	rig_exit(TV_EXIT_WRMSR, 2);
	rig_exit(TV_EXIT_CPUID, 2);
	assert_int_equal(rig_injected(NULL), -1);
	p->cpl = 3;
	rig_exit(TV_EXIT_CPUID, 2);
	assert_int_equal(rig_injected(NULL), EXC_GP);
}

static void soft_off_and_reset_end_the_vm_with_their_own_codes(void **state)
{
	(void)state;
	port_exit(PM_BASE + PM1A_CNT, 2, false, PM_S5_TYPE << 10 | BIT(13));
	assert_int_equal(vm_exit_code(&rig_vm), VM_EXIT_POWEROFF);
	setup(NULL);
	port_exit(0xcf9, 1, false, 2);
	port_exit(0xcf9, 1, false, 6);
	assert_int_equal(vm_exit_code(&rig_vm), VM_EXIT_RESET);
	setup(NULL);
	assert_int_equal(rig_exit(TV_EXIT_SHUTDOWN, 0), VM_NEXT_STOP);
	assert_int_equal(vm_exit_code(&rig_vm), VM_EXIT_CRASH);
	assert_non_null(strstr(rig_shared.status.reason, "triple fault"));
}

static void the_first_reason_to_stop_is_the_one_that_counts(void **state)
{
	(void)state;
	vm_poweroff(&rig_vm);
	vm_stop(&rig_vm, VM_EXIT_CRASH, "later");
	assert_int_equal(vm_exit_code(&rig_vm), VM_EXIT_POWEROFF);
	assert_string_equal(rig_shared.status.reason, "");
}

/* --- the loop -------------------------------------------------------------------------------------------------------- */

static unsigned step;

static void guest_halts_then_stops(void)
{
	p->kind = TV_EXIT_HLT;
	p->insn_len = 1;
	p->inject = 0;
	if (step++ == 1) {
		assert_int_equal(rig_waits, 1);
		vm_poweroff(&rig_vm);
	}
}

static void a_halted_cpu_sleeps_until_its_timer_and_is_entered_with_the_interrupt(void **state)
{
	(void)state;
	step = 0;
	rig_on_run = guest_halts_then_stops;
	p->rflags |= RFLAGS_IF;
	lapic_mmio_write(&v->lapic, 0x320, 4, 0x55);		/* LVT timer: vector, one-shot */
	lapic_mmio_write(&v->lapic, 0x3e0, 4, 0xb);
	lapic_mmio_write(&v->lapic, 0x380, 4, 1000000);		/* 1 ms */
	vcpu_run_loop(v);
	assert_int_equal(rig_runs, 2);
	assert_int_equal(v->trace.injected, 1);
	assert_int_equal(v->trace.exits[TV_EXIT_HLT], 2);
	assert_int_equal(rig_shared.status.cpu[0].exits[TV_EXIT_HLT], 2);
}

static void guest_halts(void)
{
	p->kind = TV_EXIT_HLT;
	p->insn_len = 1;
}

static void a_halt_with_interrupts_off_and_no_nmi_in_sight_ends_the_vm(void **state)
{
	(void)state;
	rig_on_run = guest_halts;
	vcpu_run_loop(v);
	assert_int_equal(vm_exit_code(&rig_vm), VM_EXIT_CRASH);
	assert_non_null(strstr(rig_shared.status.reason, "halted for ever"));
	assert_int_equal(rig_waits, 0);
}

static void a_sipi_to_a_running_cpu_does_not_hide_that_it_halts_for_ever(void **state)
{
	(void)state;
	lapic_mmio_write(&v->lapic, 0x300, 4, 0x44612);		/* ICR: SIPI to itself */
	a_halt_with_interrupts_off_and_no_nmi_in_sight_ends_the_vm(NULL);
	assert_int_equal(lapic_events(&v->lapic), 0);
}

static void a_stop_request_ends_a_sleeping_vm(void **state)
{
	(void)state;
	rig_on_run = guest_halts;
	p->rflags |= RFLAGS_IF;
	atomic_store(&rig_shared.request, VM_REQUEST_STOP);
	rig_ntfn_bits = VM_SIGNAL_ROOT;
	vcpu_run_loop(v);
	assert_int_equal(vm_exit_code(&rig_vm), VM_EXIT_STOPPED);
}

static void a_notification_from_another_thread_reaches_a_vcpu_that_is_away(void **state)
{
	(void)state;
	rig_signals = 0;
	vcpu_notify(v);
	assert_int_equal(rig_signals, 0);
	atomic_store(&v->where, VCPU_AWAY);
	vcpu_notify(v);
	assert_int_equal(rig_signals, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(every_kind_has_a_name_and_an_unknown_one_stops_the_vm, setup),
		cmocka_unit_test_setup(a_port_read_changes_only_as_many_bytes_of_rax_as_it_reads, setup),
		cmocka_unit_test_setup(console_output_is_collected_and_signalled_before_sleep_or_in_time, setup),
		cmocka_unit_test_setup(a_full_output_ring_stops_the_guests_uart_until_there_is_room, setup),
		cmocka_unit_test_setup(root_is_told_from_the_start_that_input_is_waited_for, setup),
		cmocka_unit_test_setup(all_console_input_arrives_however_small_the_guests_fifo_is, setup),
		cmocka_unit_test_setup(an_mmio_access_is_executed_and_reaches_the_local_apic, setup),
		cmocka_unit_test_setup(an_mmio_access_that_faults_in_the_guest_raises_its_page_fault, setup),
		cmocka_unit_test_setup(a_crash_leaves_registers_counters_and_the_last_exits_in_the_log, setup),
		cmocka_unit_test_setup(log_lines_without_room_are_dropped_whole_and_counted, setup),
		cmocka_unit_test_setup(the_address_that_the_cpu_has_translated_is_not_translated_again, setup),
		cmocka_unit_test_setup(a_segment_load_translates_its_operand_itself, setup),
		cmocka_unit_test_setup(code_and_page_tables_outside_memory_end_the_vm_with_a_reason, setup),
		cmocka_unit_test_setup(an_xmm_register_moves_to_and_from_a_device, setup),
		cmocka_unit_test_setup(an_interrupt_is_injected_only_with_if_set_and_no_shadow, setup),
		cmocka_unit_test_setup(an_interrupt_never_displaces_another_event, setup),
		cmocka_unit_test_setup(an_nmi_goes_before_interrupts_and_waits_for_the_end_of_another_one, setup),
		cmocka_unit_test_setup(in_real_mode_an_exception_has_no_error_code, setup),
		cmocka_unit_test_setup(an_unknown_hypercall_is_answered_and_costs_nothing, setup),
		cmocka_unit_test_setup(virtualisation_instructions_do_not_exist, setup),
		cmocka_unit_test_setup(xsetbv_checks_as_the_cpu_does, setup),
		cmocka_unit_test_setup(cpuid_faults_in_user_mode_when_the_guest_asked_for_it, setup),
		cmocka_unit_test_setup(soft_off_and_reset_end_the_vm_with_their_own_codes, setup),
		cmocka_unit_test_setup(the_first_reason_to_stop_is_the_one_that_counts, setup),
		cmocka_unit_test_setup(a_halted_cpu_sleeps_until_its_timer_and_is_entered_with_the_interrupt, setup),
		cmocka_unit_test_setup(a_halt_with_interrupts_off_and_no_nmi_in_sight_ends_the_vm, setup),
		cmocka_unit_test_setup(a_sipi_to_a_running_cpu_does_not_hide_that_it_halts_for_ever, setup),
		cmocka_unit_test_setup(a_stop_request_ends_a_sleeping_vm, setup),
		cmocka_unit_test_setup(a_notification_from_another_thread_reaches_a_vcpu_that_is_away, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
