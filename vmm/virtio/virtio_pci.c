/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The PCI side of virtio devices: configuration space, BARs, registers.
 *
 *	BAR 0, ports    notification, a port pair for each queue: an OUT needs no decoding, so that the kernel can take it for a doorbell
 *	BAR 2, memory   0000 common configuration   1000 ISR   2000 device configuration
 *	                4000 MSI-X table            5000 pending bits            6000 notification again
 */
#include <virtio/virtio.h>

#include <dev/pci_cfg.h>

#define VENDOR		0x1af4u
#define DEVICE_BASE	0x1040u		/* + virtio ID */
#define REVISION	1u
#define SUBSYSTEM	0x1100u		/* no other meaning than: none in particular */

#define NOTIFY_BAR	0u
#define NOTIFY_STEP	4u		/* notify_off_multiplier */
#define NOTIFY_SIZE	(NOTIFY_STEP * VIRTIO_QUEUES)
#define REGS_BAR	2u
#define REGS_SIZE	0x8000u
enum region { COMMON = 0, ISR = 1, DEVICE = 2, MSIX_TABLE = 4, MSIX_PENDING = 5, NOTIFY = 6 };
#define REGION(off)	((off) >> 12)
#define REGION_OFF(off)	((off) & 0xfff)

/* "Virtio Structure PCI Capabilities" */
enum cap_type { CAP_COMMON = 1, CAP_NOTIFY = 2, CAP_ISR = 3, CAP_DEVICE = 4, CAP_PCI = 5 };
#define CAP_VENDOR	0x09u
#define CAP_LEN		16u
#define CAP_LEN_MORE	20u		/* with multiplier or data */
enum { CAP_BAR = 4, CAP_OFFSET = 8, CAP_LENGTH = 12, CAP_DATA = 16 };
enum cap_place { AT_MSIX = 0x40, AT_COMMON = 0x4c, AT_NOTIFY = 0x5c, AT_NOTIFY2 = 0x70, AT_ISR = 0x84, AT_DEVICE = 0x94, AT_PCI = 0xa4 };

/* "Common configuration structure layout" */
enum common {
	DEVICE_FEATURE_SELECT = 0, DEVICE_FEATURE = 4, DRIVER_FEATURE_SELECT = 8, DRIVER_FEATURE = 12, CONFIG_VECTOR = 16,
	NUM_QUEUES = 18, DEVICE_STATUS = 20, CONFIG_GENERATION = 21, QUEUE_SELECT = 22, QUEUE_SIZE = 24, QUEUE_VECTOR = 26,
	QUEUE_ENABLE = 28, QUEUE_NOTIFY_OFF = 30, QUEUE_DESC = 32, QUEUE_DRIVER = 40, QUEUE_DEVICE = 48, QUEUE_NOTIFY_DATA = 56,
	QUEUE_RESET = 58, COMMON_SIZE = 60,
};

/* --- interrupts ------------------------------------------------------------------------------------------------------ */

void virtio_pci_interrupt(struct virtio *v, uint16_t vector, uint8_t isr)
{
	if (msix_enabled(&v->msix)) {
		msix_send(&v->msix, vector);
		return;
	}
	v->isr |= isr;
	pci_intx_set(&v->func, true);
}

void virtio_pci_reset(struct virtio *v)
{
	v->isr = 0;
	pci_intx_set(&v->func, false);
}

/* Reading acknowledges. */
static uint64_t isr_read(struct virtio *v)
{
	uint8_t isr = v->isr;

	virtio_pci_reset(v);
	return isr;
}

/* --- common configuration -------------------------------------------------------------------------------------------- */

static void put(uint8_t *image, unsigned off, unsigned size, uint64_t val)
{
	__builtin_memcpy(image + off, &val, size);
}

static void image_queue(const struct virtio *v, uint8_t *image)
{
	unsigned q = v->queue_select;
	const struct vq *vq = &v->queue[q % VIRTIO_QUEUES];

	put(image, QUEUE_VECTOR, 2, VIRTIO_NO_VECTOR);
	if (q >= v->queue_count)
		return;			/* size 0: there is no such queue */
	put(image, QUEUE_SIZE, 2, vq->size);
	put(image, QUEUE_VECTOR, 2, v->vector[q]);
	put(image, QUEUE_ENABLE, 2, vq->enabled);
	put(image, QUEUE_NOTIFY_OFF, 2, q);
	put(image, QUEUE_DESC, 8, vq->desc);
	put(image, QUEUE_DRIVER, 8, vq->driver);
	put(image, QUEUE_DEVICE, 8, vq->device);
	put(image, QUEUE_NOTIFY_DATA, 2, q);
	put(image, QUEUE_RESET, 2, v->stopping >> q & 1);
}

static uint64_t common_read(const struct virtio *v, uint64_t off, unsigned size)
{
	uint8_t image[COMMON_SIZE] = { 0 };
	uint64_t val = 0;

	if (!range_inside(off, size, COMMON_SIZE))
		return 0;
	put(image, DEVICE_FEATURE_SELECT, 4, v->feature_select);
	put(image, DEVICE_FEATURE, 4, v->feature_select < 2 ? (uint32_t)(v->offered >> (32 * v->feature_select)) : 0);
	put(image, DRIVER_FEATURE_SELECT, 4, v->driver_feature_select);
	put(image, DRIVER_FEATURE, 4, v->driver_feature_select < 2 ? (uint32_t)(v->accepted >> (32 * v->driver_feature_select)) : 0);
	put(image, CONFIG_VECTOR, 2, v->config_vector);
	put(image, NUM_QUEUES, 2, v->queue_count);
	put(image, DEVICE_STATUS, 1, v->status);
	put(image, CONFIG_GENERATION, 1, v->generation);
	put(image, QUEUE_SELECT, 2, v->queue_select);
	image_queue(v, image);
	__builtin_memcpy(&val, image + off, size);
	return val;
}

static void driver_feature_write(struct virtio *v, uint32_t val)
{
	unsigned shift = 32 * v->driver_feature_select;

	if (v->driver_feature_select >= 2 || v->status & VIRTIO_FEATURES_OK || v->resetting)
		return;
	v->accepted = (v->accepted & ~((uint64_t)UINT32_MAX << shift)) | (uint64_t)val << shift;
}

/* "A device that cannot use the vector reads back as no vector." */
static uint16_t vector_checked(const struct virtio *v, uint64_t val)
{
	return val < v->msix.count ? (uint16_t)val : VIRTIO_NO_VECTOR;
}

/* Half of a 64-bit register, or all of it. */
static void address_write(uint64_t *reg, unsigned off, unsigned size, uint64_t val)
{
	if (size == 4 && off % 4 == 0)
		*reg = off % 8 ? (*reg & UINT32_MAX) | val << 32 : (*reg & ~(uint64_t)UINT32_MAX) | val;
}

/* Registers of the selected queue; only its vector can change while it is in use. */
static void queue_write(struct virtio *v, unsigned off, unsigned size, uint64_t val)
{
	unsigned q = v->queue_select;
	struct vq *vq = &v->queue[q % VIRTIO_QUEUES];
	bool word = size == 2;

	if (q >= v->queue_count || v->resetting)
		return;
	if (off == QUEUE_VECTOR && word)
		v->vector[q] = vector_checked(v, val);
	else if (off == QUEUE_RESET && word && val == 1)
		virtio_queue_reset(v, q);
	else if (vq->enabled || v->stopping & 1u << q)
		return;
	else if (off == QUEUE_SIZE && word)
		vq->size = val <= v->queue_max[q] ? (uint16_t)val : vq->size;
	else if (off == QUEUE_ENABLE && word && val == 1)
		virtio_queue_enable(v, q);
	else if (off >= QUEUE_DESC && off < QUEUE_DRIVER)
		address_write(&vq->desc, off, size, val);
	else if (off >= QUEUE_DRIVER && off < QUEUE_DEVICE)
		address_write(&vq->driver, off, size, val);
	else if (off >= QUEUE_DEVICE && off < QUEUE_NOTIFY_DATA)
		address_write(&vq->device, off, size, val);
}

/* Drivers access each register in its own width; anything else is dropped. */
static void common_write(struct virtio *v, uint64_t off, unsigned size, uint64_t val)
{
	if (off == DEVICE_FEATURE_SELECT && size == 4)
		v->feature_select = (uint32_t)val;
	else if (off == DRIVER_FEATURE_SELECT && size == 4)
		v->driver_feature_select = (uint32_t)val;
	else if (off == DRIVER_FEATURE && size == 4)
		driver_feature_write(v, (uint32_t)val);
	else if (off == CONFIG_VECTOR && size == 2)
		v->config_vector = vector_checked(v, val);
	else if (off == DEVICE_STATUS && size == 1)
		virtio_status_write(v, (uint8_t)val);
	else if (off == QUEUE_SELECT && size == 2)
		v->queue_select = (uint16_t)val;
	else if (off >= QUEUE_SIZE && off < COMMON_SIZE)
		queue_write(v, (unsigned)off, size, val);
}

/* --- BARs ------------------------------------------------------------------------------------------------------------ */

static uint64_t regs_read(void *dev, uint64_t off, unsigned size)
{
	struct virtio *v = dev;

	switch (REGION(off)) {
	case COMMON:	   return common_read(v, off, size);
	case ISR:	   return REGION_OFF(off) == 0 ? isr_read(v) : 0;
	case DEVICE:	   return v->type->config_read ? v->type->config_read(v, REGION_OFF(off), size) : 0;
	case MSIX_TABLE:   return msix_table_read(&v->msix, REGION_OFF(off), size);
	case MSIX_PENDING: return msix_pending_read(&v->msix, REGION_OFF(off), size);
	default:	   return 0;
	}
}

/* The queue follows from the address; what is written only repeats it. */
static void notify_write(void *dev, uint64_t off, unsigned size, uint64_t val)
{
	(void)size;
	(void)val;
	virtio_kick(dev, (unsigned)(off / NOTIFY_STEP));
}

static void regs_write(void *dev, uint64_t off, unsigned size, uint64_t val)
{
	struct virtio *v = dev;

	switch (REGION(off)) {
	case COMMON:
		common_write(v, off, size, val);
		break;
	case DEVICE:
		if (v->type->config_write)
			v->type->config_write(v, REGION_OFF(off), size, val);
		break;
	case MSIX_TABLE:
		msix_table_write(&v->msix, REGION_OFF(off), size, val);
		break;
	case NOTIFY:
		notify_write(v, REGION_OFF(off), size, val);
		break;
	}
}

static uint64_t notify_read(void *dev, uint64_t off, unsigned size)
{
	(void)dev;
	(void)off;
	(void)size;
	return 0;
}

static const struct bus_ops notify_ops = { notify_read, notify_write };
static const struct bus_ops regs_ops = { regs_read, regs_write };

/* --- configuration space --------------------------------------------------------------------------------------------- */

/*
 * "PCI configuration access capability": the guest names a register of a BAR in it, then reads or writes its data.  @size is 0 when
 * what it names is no register.
 */
static unsigned window(const struct pci_func *f, const struct bus_ops **ops, uint64_t *off)
{
	unsigned bar = pci_cfg_read(f, AT_PCI + CAP_BAR, 1), size = pci_cfg_read(f, AT_PCI + CAP_LENGTH, 4);
	uint64_t end = bar == NOTIFY_BAR ? NOTIFY_SIZE : bar == REGS_BAR ? REGS_SIZE : 0;

	*ops = bar == NOTIFY_BAR ? &notify_ops : &regs_ops;
	*off = pci_cfg_read(f, AT_PCI + CAP_OFFSET, 4);
	if ((size != 1 && size != 2 && size != 4) || !range_inside(*off, size, end) || *off % size)
		return 0;
	return size;
}

static bool touches(unsigned off, unsigned size, unsigned first, unsigned len)
{
	return off < first + len && first < off + size;
}

static void cfg_reading(struct pci_func *f, unsigned off, unsigned size)
{
	const struct bus_ops *ops;
	uint64_t at;
	unsigned width;

	if (!touches(off, size, AT_PCI + CAP_DATA, 4))
		return;
	width = window(f, &ops, &at);
	if (width)
		pci_cfg_set(f, AT_PCI + CAP_DATA, width, (uint32_t)ops->read(f->dev, at, width));
}

static void cfg_wrote(struct pci_func *f, unsigned off, unsigned size)
{
	struct virtio *v = f->dev;
	const struct bus_ops *ops;
	uint64_t at;
	unsigned width;

	if (touches(off, size, AT_MSIX, MSIX_CAP_SIZE) || touches(off, size, PCI_COMMAND, 2))
		msix_control_changed(&v->msix);
	if (touches(off, size, PCI_COMMAND, 2))
		virtio_kick_all(v);
	if (!touches(off, size, AT_PCI + CAP_DATA, 4))
		return;
	width = window(f, &ops, &at);
	if (width)
		ops->write(v, at, width, pci_cfg_read(f, AT_PCI + CAP_DATA, width));
}

static const struct pci_ops cfg_ops = { .cfg_wrote = cfg_wrote, .cfg_reading = cfg_reading };

static void row(struct virtio *v, unsigned off, unsigned size, uint32_t reset, uint32_t writable, uint32_t w1c)
{
	v->rows[v->func.row_count++] = (struct pci_row){ (uint8_t)off, (uint8_t)size, reset, writable, w1c };
}

static void header_rows(struct virtio *v)
{
	row(v, PCI_VENDOR, 2, VENDOR, 0, 0);
	row(v, PCI_DEVICE, 2, DEVICE_BASE + v->type->id, 0, 0);
	row(v, PCI_COMMAND, 2, 0, PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER | PCI_COMMAND_INTX_OFF, 0);
	row(v, PCI_STATUS, 2, PCI_STATUS_CAPS, 0, 0xf900);
	row(v, PCI_CLASS, 4, v->type->class | REVISION, 0, 0);
	row(v, PCI_SUBSYSTEM, 4, VENDOR | SUBSYSTEM << 16, 0, 0);
	row(v, PCI_CAPABILITIES, 1, AT_MSIX, 0, 0);
	row(v, PCI_INTERRUPT_LINE, 1, 0, 0xff, 0);
	row(v, PCI_INTERRUPT_PIN, 1, 1, 0, 0);
}

/* One capability at @at, followed by the one at @next. */
static void cap_rows(struct virtio *v, enum cap_place at, unsigned next, enum cap_type type, unsigned bar, uint32_t offset, uint32_t length)
{
	bool more = type == CAP_NOTIFY || type == CAP_PCI;

	row(v, at, 4, CAP_VENDOR | next << 8 | (more ? CAP_LEN_MORE : CAP_LEN) << 16 | (uint32_t)type << 24, 0, 0);
	row(v, at + CAP_BAR, 1, bar, type == CAP_PCI ? 0xff : 0, 0);
	row(v, at + CAP_OFFSET, 4, offset, type == CAP_PCI ? UINT32_MAX : 0, 0);
	row(v, at + CAP_LENGTH, 4, length, type == CAP_PCI ? UINT32_MAX : 0, 0);
	if (more)
		row(v, at + CAP_DATA, 4, type == CAP_NOTIFY ? NOTIFY_STEP : 0, type == CAP_PCI ? UINT32_MAX : 0, 0);
}

static void capability_rows(struct virtio *v, unsigned vectors)
{
	uint32_t notify = NOTIFY_STEP * v->queue_count;

	row(v, AT_MSIX, 4, MSIX_CAP_ID | AT_COMMON << 8 | (vectors - 1) << 16, (MSIX_ENABLE | MSIX_MASK_ALL) << 16, 0);
	row(v, AT_MSIX + 4, 4, MSIX_TABLE << 12 | REGS_BAR, 0, 0);
	row(v, AT_MSIX + 8, 4, MSIX_PENDING << 12 | REGS_BAR, 0, 0);
	cap_rows(v, AT_COMMON, AT_NOTIFY, CAP_COMMON, REGS_BAR, COMMON << 12, COMMON_SIZE);
	cap_rows(v, AT_NOTIFY, AT_NOTIFY2, CAP_NOTIFY, NOTIFY_BAR, 0, notify);
	cap_rows(v, AT_NOTIFY2, AT_ISR, CAP_NOTIFY, REGS_BAR, NOTIFY << 12, notify);
	cap_rows(v, AT_ISR, AT_DEVICE, CAP_ISR, REGS_BAR, ISR << 12, 1);
	cap_rows(v, AT_DEVICE, AT_PCI, CAP_DEVICE, REGS_BAR, DEVICE << 12, 0x1000);
	cap_rows(v, AT_PCI, 0, CAP_PCI, 0, 0, 0);
}

bool virtio_pci_init(struct virtio *v, struct pci *pci, unsigned slot)
{
	unsigned vectors = v->queue_count + 1;

	v->func = (struct pci_func){
		.devfn = (uint8_t)(slot << 3), .rows = v->rows, .ops = &cfg_ops, .dev = v,
		.bar = {
			[NOTIFY_BAR] = { .size = NOTIFY_SIZE, .io = true, .max_size = 4, .ops = &notify_ops, .name = v->type->name },
			[REGS_BAR] = { .size = REGS_SIZE, .max_size = 4, .ops = &regs_ops, .name = v->type->name },
		},
	};
	header_rows(v);
	capability_rows(v, vectors);
	msix_init(&v->msix, &v->func, AT_MSIX, vectors);
	return pci_add(pci, &v->func) && pci_place(pci, &v->func);
}
