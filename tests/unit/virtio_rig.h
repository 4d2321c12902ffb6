/* SPDX-License-Identifier: Apache-2.0 */
/* A virtio device on a PCI bus, and a driver that sets it up by the book: for tests of the transport and of device types. */
#ifndef VIRTIO_RIG_H
#define VIRTIO_RIG_H

#include <dev/pci_cfg.h>
#include <dev_fake.h>
#include <virtio/virtio.h>

#include "irqchip.h"
#include "vq_driver.h"

/* Registers of the common configuration, as the standard numbers them: compared with Linux' header in virtio_test.c. */
enum {
	C_DEVICE_SELECT = 0, C_DEVICE_FEATURE = 4, C_DRIVER_SELECT = 8, C_DRIVER_FEATURE = 12, C_CONFIG_VECTOR = 16, C_NUM_QUEUES = 18,
	C_STATUS = 20, C_GENERATION = 21, C_QUEUE_SELECT = 22, C_QUEUE_SIZE = 24, C_QUEUE_VECTOR = 26, C_QUEUE_ENABLE = 28,
	C_QUEUE_NOTIFY_OFF = 30, C_QUEUE_DESC = 32, C_QUEUE_DRIVER = 40, C_QUEUE_DEVICE = 48, C_QUEUE_RESET = 58,
};
#define R_ISR		0x1000u
#define R_DEVICE	0x2000u
#define R_MSIX		0x4000u
#define R_PENDING	0x5000u
#define R_NOTIFY	0x6000u

#define RIG_VECTOR(n)	(0x40u + (n))		/* what vector n of the device is programmed to */

static struct vm vm;
static struct bus pio, mmio;
static struct pci pci;
static struct vq_driver drv[VIRTIO_QUEUES];
static struct gmem *rig_mem;
static unsigned msi_count[256];			/* messages, by vector */
static uint64_t rig_regs, rig_ports;		/* where the BARs are */

bool msi_deliver(struct irqchip *c, uint64_t addr, uint32_t data)
{
	(void)c;
	if ((addr & ~0xfffffull) != 0xfee00000)
		return false;
	msi_count[data & 0xff]++;
	return true;
}

static uint64_t cfg_in(unsigned reg, unsigned size) { return bus_read(&mmio, PCI_ECAM_BASE + 0x8000 + reg, size); }
static void cfg_out(unsigned reg, unsigned size, uint64_t val) { bus_write(&mmio, PCI_ECAM_BASE + 0x8000 + reg, size, val); }
static uint64_t reg_in(uint64_t off, unsigned size) { return bus_read(&mmio, rig_regs + off, size); }
static void reg_out(uint64_t off, unsigned size, uint64_t val) { bus_write(&mmio, rig_regs + off, size, val); }

/* Buses, and memory that all queues share, with the areas of each queue in a quarter of its first pages. */
static void rig_buses(void)
{
	struct dev_env env = { .vm = &vm };
	struct bus_range ecam = { PCI_ECAM_BASE, PCI_ECAM_SIZE, &pci_ecam_ops, &pci, "ecam", 4 };

	fake_reset(&vm);
	memset(fake_line, 0, sizeof(fake_line));
	memset(msi_count, 0, sizeof(msi_count));
	bus_init(&pio, &vm, "port", 0xffff);
	bus_init(&mmio, &vm, "mmio", UINT64_MAX);
	pci_init(&pci, &env, &pio, &mmio);
	assert_true(bus_add(&mmio, &ecam));
	vq_driver_init(&drv[0], 8, false);
	rig_mem = &drv[0].mem;
}

/* Where queue @q has its areas in the shared memory. */
static void rig_queue(unsigned q, uint16_t size, bool packed)
{
	uint8_t *ram = drv[0].ram;
	struct gmem mem = drv[0].mem;

	drv[q] = (struct vq_driver){ .ram = ram, .mem = mem, .size = size, .packed = packed, .avail_wrap = true, .used_wrap = true,
				     .desc = RAM + q * 0x800, .avail = RAM + q * 0x800 + 0x400, .used = RAM + q * 0x800 + 0x600 };
	memset(ram + q * 0x800, 0, 0x800);
}

/* Decoding on, MSI-X on, each vector programmed. */
static void rig_pci(bool msix)
{
	rig_ports = cfg_in(0x10, 4) & ~3ull;
	rig_regs = cfg_in(0x18, 4) & ~15ull;
	cfg_out(PCI_COMMAND, 2, PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	if (!msix)
		return;
	cfg_out(0x42, 2, MSIX_ENABLE);
	for (unsigned i = 0; i <= reg_in(C_NUM_QUEUES, 2); i++) {
		reg_out(R_MSIX + 16 * i, 4, 0xfee00000);
		reg_out(R_MSIX + 16 * i + 4, 4, 0);
		reg_out(R_MSIX + 16 * i + 8, 4, RIG_VECTOR(i));
		reg_out(R_MSIX + 16 * i + 12, 4, 0);
	}
}

static void rig_features(uint64_t features)
{
	for (unsigned i = 0; i < 2; i++) {
		reg_out(C_DRIVER_SELECT, 4, i);
		reg_out(C_DRIVER_FEATURE, 4, features >> (32 * i));
	}
}

static __attribute__((unused)) uint64_t rig_offered(void)
{
	uint64_t features;

	reg_out(C_DEVICE_SELECT, 4, 1);
	features = reg_in(C_DEVICE_FEATURE, 4) << 32;
	reg_out(C_DEVICE_SELECT, 4, 0);
	return features | reg_in(C_DEVICE_FEATURE, 4);
}

static void rig_queue_on(unsigned q)
{
	reg_out(C_QUEUE_SELECT, 2, q);
	reg_out(C_QUEUE_SIZE, 2, drv[q].size);
	reg_out(C_QUEUE_VECTOR, 2, q + 1);
	reg_out(C_QUEUE_DESC, 4, drv[q].desc);
	reg_out(C_QUEUE_DESC + 4, 4, drv[q].desc >> 32);
	reg_out(C_QUEUE_DRIVER, 4, drv[q].avail);
	reg_out(C_QUEUE_DRIVER + 4, 4, drv[q].avail >> 32);
	reg_out(C_QUEUE_DEVICE, 4, drv[q].used);
	reg_out(C_QUEUE_DEVICE + 4, 4, drv[q].used >> 32);
	reg_out(C_QUEUE_ENABLE, 2, 1);
}

/* "Device Initialization": everything up to DRIVER_OK, with @features and all queues of @size entries. */
static void rig_start(uint64_t features, uint16_t size, bool msix)
{
	rig_pci(msix);
	reg_out(C_STATUS, 1, 0);
	reg_out(C_STATUS, 1, VIRTIO_ACKNOWLEDGE);
	reg_out(C_STATUS, 1, VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER);
	rig_features(features);
	reg_out(C_STATUS, 1, VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER | VIRTIO_FEATURES_OK);
	assert_true(reg_in(C_STATUS, 1) & VIRTIO_FEATURES_OK);
	reg_out(C_CONFIG_VECTOR, 2, 0);
	for (unsigned q = 0; q < reg_in(C_NUM_QUEUES, 2); q++) {
		rig_queue(q, size, features & VF_PACKED);
		rig_queue_on(q);
		assert_int_equal(reg_in(C_QUEUE_ENABLE, 2), 1);
	}
	reg_out(C_STATUS, 1, VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER | VIRTIO_FEATURES_OK | VIRTIO_DRIVER_OK);
}

static void rig_kick(unsigned q) { bus_write(&pio, rig_ports + 4 * q, 2, q); }

/* The next used buffer of queue @q: its bytes written, or -1. */
static __attribute__((unused)) int64_t rig_used(unsigned q)
{
	uint32_t len;
	uint16_t id;

	return vq_take(&drv[q], &id, &len) ? (int64_t)len : -1;
}

#endif
