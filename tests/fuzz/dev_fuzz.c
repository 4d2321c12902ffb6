/* SPDX-License-Identifier: Apache-2.0 */
/* sources: vmm/dev/board.c vmm/dev/hpet.c vmm/dev/i8042.c vmm/dev/ioapic.c vmm/dev/lapic.c vmm/dev/lapic_ipi.c vmm/dev/lapic_irq.c vmm/dev/lapic_timer.c vmm/dev/misc.c vmm/dev/pci.c vmm/dev/pci_cfg.c vmm/dev/pic.c vmm/dev/pit.c vmm/dev/pm.c vmm/dev/rtc.c vmm/dev/uart.c vmm/bus.c vmm/irqchip.c vmm/timer.c */
/*
 * Any sequence of port, MMIO and MSR accesses, interrupts taken, input and time passing: no crash, no hang, and the state
 * of the models keeps the promises of their headers.
 */
#include <dev/board.h>
#include <dev/lapic.h>
#include <dev/pci_cfg.h>
#include <rt/time.h>
#include "upcall.h"

#include <stdlib.h>

#define CPUS	2
#define HZ	2000000000ull

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

uint64_t fake_now;

struct vm {
	bool locked;
	unsigned room;
};

struct vcpu {
	bool notified;
};

static struct vm vm;
static struct vcpu vcpu[CPUS];
static struct board board;
static struct lapic cpu[CPUS];

static void check(bool ok)
{
	if (!ok)
		abort();
}

void vcpu_notify(struct vcpu *v) { v->notified = true; }
void vm_timers_changed(struct vm *v) { (void)v; }
void vm_poweroff(struct vm *v) { (void)v; }
bool vm_sleep(struct vm *v) { (void)v; return true; }
void vm_wake(struct vm *v) { (void)v; }
void vm_reset(struct vm *v) { (void)v; }
void vm_uart_rx_space(struct vm *v, unsigned port) { (void)v; check(port < 2); }

void vm_dev_lock(struct vm *v)
{
	check(!v->locked);
	v->locked = true;
}

void vm_dev_unlock(struct vm *v)
{
	check(v->locked);
	v->locked = false;
}

bool vm_uart_tx(struct vm *v, unsigned port, uint8_t byte)
{
	(void)byte;
	check(port < 2);
	return v->room && v->room--;
}

void vm_bus_unclaimed(struct vm *v, const char *space, uint64_t addr, unsigned size, bool write, uint64_t val)
{
	(void)v;
	(void)space;
	(void)addr;
	(void)write;
	(void)val;
	check(size >= 1 && size <= 8);
}

/* A PCI device, so that ranges come and go. */
static uint64_t bar_read(void *dev, uint64_t off, unsigned size)
{
	(void)dev;
	check(off + size <= 0x1000);
	return off;
}

static void bar_write(void *dev, uint64_t off, unsigned size, uint64_t val)
{
	(void)dev;
	(void)val;
	check(off + size <= 0x1000);
}

static const struct bus_ops bar_ops = { bar_read, bar_write };
static const struct pci_row rows[] = {
	{ PCI_VENDOR, 4, 0x10421af4, 0, 0 }, { PCI_COMMAND, 2, 0, 0x0407, 0 }, { PCI_INTERRUPT_PIN, 1, 1, 0, 0 },
};
static struct pci_func func;

static void start(void)
{
	struct board_config cfg = { .tsc_hz = HZ, .unix_time = 1700000000, .ram_below_4g = GIB };

	fake_now = 1000000;
	vm = (struct vm){ 0 };
	check(board_init(&board, &vm, &cfg));
	for (unsigned i = 0; i < CPUS; i++) {
		struct lapic_config apic = {
			.id = i, .bsp = i == 0, .x2apic = true, .tsc_deadline = true, .directed_eoi = true, .phys_bits = 40,
			.tsc_hz = HZ,
		};

		check(lapic_init(&cpu[i], &board.chip, &vcpu[i], &apic));
	}
	lapic_virtual_wire(&cpu[0]);
	func = (struct pci_func){
		.devfn = 8, .rows = rows, .row_count = ARRAY_LEN(rows),
		.bar = {
			[0] = { .size = 0x1000, .wide = true, .max_size = 8, .ops = &bar_ops, .name = "bar0" },
			[2] = { .size = 0x20, .io = true, .max_size = 2, .ops = &bar_ops, .name = "bar2" },
		},
	};
	check(pci_add(&board.pci, &func));
}

static void check_state(void)
{
	for (unsigned i = 1; i < board.pio.count; i++)
		check(board.pio.range[i - 1].base + board.pio.range[i - 1].len <= board.pio.range[i].base);
	for (unsigned i = 0; i < 2; i++) {
		check(board.com[i].s.rx_count <= UART_FIFO && board.com[i].s.tx_count <= UART_FIFO);
		check(((board.com[i].s.lsr & 1) != 0) == (board.com[i].s.rx_count != 0));
		check(board.pic.s[i].lowest < 8);
	}
	for (unsigned i = 0; i < CPUS; i++) {
		int v = lapic_pending(&cpu[i]);

		check(v == -1 || (v >= 16 && v <= 255));
		check(v <= lapic_highest_irr(&cpu[i]));
		check(lapic_cr8_read(&cpu[i]) < 16);
	}
	check(!vm.locked);
}

/* The vCPU's thread before an entry. */
static void take_interrupts(struct lapic *l)
{
	int v;

	lapic_timer_run(l, fake_now);
	lapic_timer_run(l, fake_now);
	if (lapic_events_take(l, LAPIC_EV_INIT | LAPIC_EV_NMI) & LAPIC_EV_INIT)
		lapic_reset(l, true);
	if (lapic_extint(l))
		(void)irqchip_inta(&board.chip);
	v = lapic_pending(l);
	if (v >= 0) {
		lapic_accept(l, v);
		check(lapic_pending(l) < 0 || lapic_pending(l) >> 4 > v >> 4);
	}
}

static void run_timers(void)
{
	timer_queue_run(&board.timers, fake_now);
	for (unsigned i = 0; i < 4; i++)		/* what was armed in the past settles soon */
		timer_queue_run(&board.timers, fake_now);
	check(timer_queue_next(&board.timers) > fake_now);
}

static uint64_t bytes(const uint8_t *d, unsigned n)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < n; i++)
		v |= (uint64_t)d[i] << (8 * i);
	return v;
}

/* Where the devices are; the rest of the space is not worth the time. */
static const uint16_t ports[] = {
	0x20, 0x40, 0x60, 0x64, 0x70, 0x80, 0x90, 0xa0, 0xb0, 0x2f8, 0x3f8, 0x4d0, 0x600, 0x620, 0xcf8, 0xcfc, 0xfffe,
};
static const uint64_t pages[] = { IOAPIC_BASE, HPET_BASE, PCI_ECAM_BASE, PCI_ECAM_BASE + 0x8000, 0xc0000000, UINT64_MAX - 7 };

#define OP_SIZE 12

/* One operation: what, details, and eight bytes of value. */
static void step(const uint8_t op[OP_SIZE])
{
	struct lapic *l = &cpu[op[0] >> 7];
	unsigned size = 1u << (op[1] & 3);
	uint64_t val = bytes(op + 4, 8), v;
	uint64_t port = ports[op[2] % ARRAY_LEN(ports)] + (op[3] & 15u), addr = pages[op[2] % ARRAY_LEN(pages)] + op[3] * 4u;

	switch (op[0] & 15) {
	case 0:
	case 1:
		bus_write(&board.pio, port, size, val);
		break;
	case 2:
		v = bus_read(&board.pio, port, size);
		check(size == 8 || v >> (8 * size) == 0);
		break;
	case 3:
		bus_write(&board.mmio, addr, size, val);
		break;
	case 4:
		v = bus_read(&board.mmio, addr, size);
		check(size == 8 || v >> (8 * size) == 0);
		break;
	case 5:
		lapic_mmio_write(l, op[2] * 16u + (op[3] & 7u), op[1] & 8 ? size : 4, val);
		break;
	case 6:
		lapic_mmio_read(l, bytes(op + 2, 2), size);
		break;
	case 7:
		(void)!lapic_msr_write(l, 0x800u + op[2], op[1] & 4 ? val : val & 0xffff);
		break;
	case 8:
		(void)!lapic_msr_read(l, 0x800u + op[2], &v);
		break;
	case 9:
		(void)!lapic_base_write(l, op[1] & 4 ? val : LAPIC_DEFAULT_BASE | (val & 0xd00));
		break;
	case 10:
		if (op[1] & 4)
			lapic_set_tsc_offset(l, val);
		else
			lapic_tsc_deadline_write(l, op[1] & 8 ? val : fake_now + (val & 0xffffff));
		break;
	case 11:
		take_interrupts(l);
		break;
	case 12:		/* from a tick to a year */
		fake_now += val & (BIT(op[1] % 57) - 1);
		run_timers();
		break;
	case 13:
		(void)!uart_rx(&board.com[op[1] & 1], op[2]);
		vm.room += op[3];
		uart_tx_ready(&board.com[op[1] & 1]);
		break;
	case 14:
		msi_deliver(&board.chip, LAPIC_DEFAULT_BASE + (val & 0xfffff), (uint32_t)(val >> 32));
		(void)!lapic_cr8_write(l, op[1]);
		break;
	default:
		if (op[1] == 0xff)
			board_reset(&board);
		else if (op[1] & 1)
			pci_intx_set(&func, (op[1] & 2) != 0);
		else
			irq_line_set(&board.chip, op[2], (op[1] & 2) != 0);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	start();
	for (size_t i = 0; i + OP_SIZE <= size && fake_now < BIT(61); i += OP_SIZE) {
		step(data + i);
		check_state();
	}
	return 0;
}
