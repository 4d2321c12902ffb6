/* SPDX-License-Identifier: Apache-2.0 */
/* The address map of the virtual PC and the order in which its devices are created and reset. */
#include <dev/board.h>

#define PORT_LAST 0xffffull

struct map_row {
	const char *name;
	uint64_t base, len;
	unsigned max_size;
	const struct bus_ops *ops;
	size_t dev;			/* offset of the device in struct board */
};

#define DEV(member) offsetof(struct board, member)

static const struct map_row ports[] = {
	{ "pic",	0x20, 2, 1, &pic_master_ops, DEV(pic) },
	{ "pit",	0x40, 4, 1, &pit_ops, DEV(pit) },
	{ "kbd data",	0x60, 1, 1, &i8042_data_ops, DEV(kbd) },
	{ "port61",	0x61, 1, 1, &pit_port61_ops, DEV(pit) },
	{ "kbd",	0x64, 1, 1, &i8042_cmd_ops, DEV(kbd) },
	{ "rtc",	0x70, 4, 1, &rtc_ops, DEV(rtc) },
	{ "post",	0x80, 16, 1, &misc_post_ops, DEV(misc) },
	{ "port92",	0x92, 1, 1, &misc_port92_ops, DEV(misc) },
	{ "pic2",	0xa0, 2, 1, &pic_slave_ops, DEV(pic) },
	{ "apm",	0xb2, 2, 1, &misc_apm_ops, DEV(misc) },
	{ "com2",	UART_COM2, UART_PORTS, 1, &uart_ops, DEV(com[1]) },
	{ "com1",	UART_COM1, UART_PORTS, 1, &uart_ops, DEV(com[0]) },
	{ "elcr",	0x4d0, 2, 1, &pic_elcr_ops, DEV(pic) },
	{ "pm",		PM_BASE, PM_LEN, 4, &pm_ops, DEV(pm) },
	{ "pci",	PCI_PORT, PCI_PORT_LEN, 4, &pci_port_ops, DEV(pci) },
};

static const struct map_row mmio[] = {
	{ "ecam",	PCI_ECAM_BASE, PCI_ECAM_SIZE, 4, &pci_ecam_ops, DEV(pci) },
	{ "hpet",	HPET_BASE, HPET_SIZE, 8, &hpet_ops, DEV(hpet) },
	{ "ioapic",	IOAPIC_BASE, IOAPIC_SIZE, 4, &ioapic_ops, DEV(ioapic) },
};

static bool map_rows(struct board *b, struct bus *bus, const struct map_row *row, size_t count)
{
	for (size_t i = 0; i < count; i++, row++) {
		struct bus_range r = {
			.base = row->base, .len = row->len, .ops = row->ops, .dev = (char *)b + row->dev, .name = row->name,
			.max_size = row->max_size,
		};

		if (!bus_add(bus, &r))
			return false;
	}
	return true;
}

bool board_init(struct board *b, struct vm *vm, const struct board_config *cfg)
{
	struct dev_env env = { .vm = vm, .chip = &b->chip, .timers = &b->timers, .tsc_hz = cfg->tsc_hz };

	bus_init(&b->pio, vm, "port", PORT_LAST);
	bus_init(&b->mmio, vm, "mmio", UINT64_MAX);
	timer_queue_init(&b->timers, vm);
	irqchip_init(&b->chip, vm, &b->pic, &b->ioapic);
	ioapic_init(&b->ioapic, &b->chip, cfg->ioapic_id);
	pic_init(&b->pic, &b->chip);		/* both before the devices, which set their lines */
	pit_init(&b->pit, &env);
	rtc_init(&b->rtc, &env, cfg->unix_time);
	hpet_init(&b->hpet, &env);
	rtc_set_memory(&b->rtc, cfg->ram_below_4g, cfg->ram_above_4g);
	uart_init(&b->com[0], &env, 0, GSI_COM1);
	uart_init(&b->com[1], &env, 1, GSI_COM2);
	pm_init(&b->pm, &env);
	b->rtc.alarm = pm_rtc_alarm;
	b->rtc.alarm_arg = &b->pm;
	i8042_init(&b->kbd, &env);
	misc_init(&b->misc, &env);
	pci_init(&b->pci, &env, &b->pio, &b->mmio);
	return map_rows(b, &b->pio, ports, ARRAY_LEN(ports)) && map_rows(b, &b->mmio, mmio, ARRAY_LEN(mmio));
}

void board_reset(struct board *b)
{
	pm_reset(&b->pm);
	rtc_reset(&b->rtc);
	board_suspend(b);
}

void board_suspend(struct board *b)
{
	pci_reset(&b->pci);
	misc_reset(&b->misc);
	i8042_reset(&b->kbd);
	uart_reset(&b->com[1]);
	uart_reset(&b->com[0]);
	pit_reset(&b->pit);
	hpet_reset(&b->hpet);
	ioapic_reset(&b->ioapic);
	pic_reset(&b->pic);
}
