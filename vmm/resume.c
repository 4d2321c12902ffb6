/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of everything that a guest's machine consists of besides its memory and what the kernel keeps.
 *
 * The old monitor may have ended between any two instructions.  An access that it was emulating is made again, because RIP moves
 * only afterwards; whoever takes an interrupt out of a controller has written it to the state page before (inject.c).
 * Outputs of devices are driven again, so that a change that was under way arrives.
 */
#include "resume.h"

#include <rt/time.h>

#include "upcall.h"
#include "vcpu.h"
#include "vm.h"

#define ROWS_MAX	RECORD_ENTRIES

struct rows {
	struct record_row row[ROWS_MAX];
	unsigned count;
};

static bool start_restore(void *dev, const void *state)
{
	const struct start_state *s = state;
	struct vm *vm = dev;

	if (s->tsc > clock_now())
		return false;
	vm->start = *s;
	return true;
}

static bool cpu_restore(void *dev, const void *state)
{
	const struct vcpu_state *s = state;
	struct vcpu *v = dev;

	if (s->mp > MP_WAIT_SIPI || s->halted > 1 || s->unhalt > 1 || (v->index == 0 && s->mp != MP_RUNNING))
		return false;
	v->s = *s;
	return true;
}

static void add(struct rows *r, enum record_kind kind, uint32_t index, void *dev, const void *state, size_t size,
		bool (*restore)(void *dev, const void *state))
{
	if (r->count < ROWS_MAX)
		r->row[r->count] = (struct record_row){ kind, index, dev, state, (uint32_t)size, restore };
	r->count++;
}

/* Who receives before who sends: local APICs, interrupt controllers, devices. */
static void list(struct rows *r, struct vm *vm)
{
	struct board *b = &vm->board;

	r->count = 0;
	add(r, RECORD_START, 0, vm, &vm->start, sizeof(vm->start), start_restore);
	add(r, RECORD_HYPERV, 0, vm, &vm->hv, sizeof(vm->hv), hyperv_restore);
	for (unsigned i = 0; i < vm->cpu_count; i++) {
		struct vcpu *v = vm->vcpu[i];

		add(r, RECORD_LAPIC, i, &v->lapic, &v->lapic.s, sizeof(v->lapic.s), lapic_restore);
		add(r, RECORD_MSR, i, v, &v->msr, sizeof(v->msr), msr_restore);
		add(r, RECORD_CPU, i, v, &v->s, sizeof(v->s), cpu_restore);
	}
	add(r, RECORD_PIC, 0, &b->pic, b->pic.s, sizeof(b->pic.s), pic_restore);
	add(r, RECORD_IOAPIC, 0, &b->ioapic, &b->ioapic.s, sizeof(b->ioapic.s), ioapic_restore);
	add(r, RECORD_HPET, 0, &b->hpet, &b->hpet.s, sizeof(b->hpet.s), hpet_restore);
	add(r, RECORD_PIT, 0, &b->pit, &b->pit.s, sizeof(b->pit.s), pit_restore);
	add(r, RECORD_RTC, 0, &b->rtc, &b->rtc.s, sizeof(b->rtc.s), rtc_restore);
	for (unsigned i = 0; i < ARRAY_LEN(b->com); i++)
		add(r, RECORD_UART, i, &b->com[i], &b->com[i].s, sizeof(b->com[i].s), uart_restore);
	add(r, RECORD_PM, 0, &b->pm, &b->pm.s, sizeof(b->pm.s), pm_restore);
	add(r, RECORD_I8042, 0, &b->kbd, &b->kbd.s, sizeof(b->kbd.s), i8042_restore);
	add(r, RECORD_MISC, 0, &b->misc, &b->misc.s, sizeof(b->misc.s), misc_restore);
	add(r, RECORD_PCI, 0, &b->pci, &b->pci.s, sizeof(b->pci.s), pci_restore);
	add(r, RECORD_BRIDGE, 0, &b->pci.bridge, &b->pci.bridge, sizeof(b->pci.bridge), pci_func_restore);
	if (vm->ahci.func.bus) {
		add(r, RECORD_BRIDGE, vm->ahci.func.devfn, &vm->ahci.func, &vm->ahci.func, sizeof(vm->ahci.func), pci_func_restore);
		add(r, RECORD_AHCI, 0, &vm->ahci, &vm->ahci.s, sizeof(vm->ahci.s), ahci_restore);
	}
	for (unsigned i = 0; i < b->pci.func_count; i++)
		if (b->pci.func[i]->dev && b->pci.func[i] != &vm->ahci.func)
			add(r, RECORD_VIRTIO, b->pci.func[i]->devfn, b->pci.func[i]->dev, b->pci.func[i]->dev,
			    sizeof(struct virtio), virtio_restore);
}

bool resume_prepare(struct vm *vm, struct record *r, uint64_t generation)
{
	static struct rows rows;

	list(&rows, vm);
	return rows.count <= ROWS_MAX && record_write(r, rows.row, rows.count, generation);
}

const char *resume_read(struct vm *vm, const struct record_old *old)
{
	static struct rows rows;
	const char *wrong;

	list(&rows, vm);
	vm_dev_lock(vm);
	wrong = rows.count <= ROWS_MAX ? record_read(old, rows.row, rows.count) : "too many devices";
	vm_dev_unlock(vm);
	return wrong;
}
