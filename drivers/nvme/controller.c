/* SPDX-License-Identifier: Apache-2.0 */
/* The controller: see controller.h. */
#include "controller.h"

#include <lib/bytes.h>
#include <rt/log.h>
#include <rt/time.h>

/* "Controller Properties", in words. */
#define REG_CAP		0u
#define REG_CC		5u
#define REG_CSTS	7u
#define REG_AQA		9u
#define REG_ASQ		10u
#define REG_ACQ		12u
#define REGS_SIZE	4096u		/* the doorbells follow */
#define CAP_ENTRIES(v)	(((v) & 0xffff) + 1)
#define CAP_TIMEOUT(v)	(((v) >> 24 & 0xff) * 500)	/* ms */
#define CAP_STRIDE(v)	((v) >> 32 & 0xf)
#define CAP_PAGE_MIN(v)	((v) >> 48 & 0xf)
#define CC_ENABLE	(1u << 0)
#define CC_SIZES	(6u << 16 | 4u << 20)	/* of the entries: 64 and 16 bytes; pages of 4 KiB */
#define CSTS_READY	(1u << 0)

#define ADMIN_CREATE_SQ	0x01u
#define ADMIN_CREATE_CQ	0x05u
#define ADMIN_IDENTIFY	0x06u
#define ADMIN_FEATURES	0x09u
#define FEATURE_QUEUES	7u
#define QUEUE_PRESENT	(1u << 0)	/* contiguous */
#define QUEUE_INTERRUPT	(1u << 1)
#define ADMIN_DEPTH	8u
#define ADMIN_SECONDS	10u

/* "Identify Controller Data Structure", "Identify Namespace Data Structure". */
#define CNS_NAMESPACE	0u
#define CNS_CONTROLLER	1u
#define IC_SERIAL	4u
#define IC_TRANSFER	77u
#define IC_NAMESPACES	516u
#define IC_COMMANDS	520u
#define IC_CACHE	525u
#define COMMANDS_DATASET (1u << 2)
#define COMMANDS_ZEROES	(1u << 3)
#define IN_SIZE		0u
#define IN_FORMAT	26u
#define IN_FORMATS	128u
#define MAX_COUNT	0x10000u	/* blocks of one command */

static bool ready_is(struct nvme_controller *c, uint32_t value)
{
	uint64_t end = clock_now() + rt_info()->tsc_hz / 1000 * (CAP_TIMEOUT(c->cap) + 500);

	while ((c->regs[REG_CSTS] & CSTS_READY) != value)
		if (clock_now() > end)
			return false;
	return true;
}

static void bells_set(struct nvme_controller *c, struct nvme_queue *q, unsigned number)
{
	q->submission_bell = c->bells + 2 * number * c->bell_step;
	q->completion_bell = c->bells + (2 * number + 1) * c->bell_step;
}

static void put64(volatile uint32_t *reg, uint64_t v)
{
	reg[0] = (uint32_t)v;
	reg[1] = (uint32_t)(v >> 32);
}

/* "Controller Initialization".  Disabling it ends whatever a predecessor has left going on. */
bool nvme_controller_begin(struct nvme_controller *c, struct driver *d)
{
	*c = (struct nvme_controller){ .driver = d };
	if (!device_enable(d, PCI_ENABLE_MEMORY))
		return false;
	c->regs = device_map(d, 0, 0, REGS_SIZE);
	c->bells = device_map(d, 0, REGS_SIZE, REGS_SIZE);
	c->buffer = dma_alloc(d, NVME_PAGE, NVME_PAGE, &c->buffer_addr);
	if (!c->regs || !c->bells || !c->buffer)
		return false;
	c->cap = (uint64_t)c->regs[REG_CAP + 1] << 32 | c->regs[REG_CAP];
	c->bell_step = 1u << CAP_STRIDE(c->cap);
	if (CAP_PAGE_MIN(c->cap) || 4u * c->bell_step * sizeof(uint32_t) > REGS_SIZE) {
		rt_log("a controller with large pages or far doorbells");
		return false;
	}
	c->regs[REG_CC] = 0;
	if (!ready_is(c, 0) || !nvme_queue_begin(&c->admin, d, ADMIN_DEPTH) ||
	    !nvme_queue_begin(&c->io, d, (unsigned)min_u64(NVME_DEPTH, CAP_ENTRIES(c->cap))) ||
	    !device_enable(d, PCI_ENABLE_MEMORY | PCI_ENABLE_MASTER))
		return false;
	bells_set(c, &c->admin, 0);
	bells_set(c, &c->io, 1);
	c->regs[REG_AQA] = (ADMIN_DEPTH - 1) << 16 | (ADMIN_DEPTH - 1);
	put64(c->regs + REG_ASQ, c->admin.submission_addr);
	put64(c->regs + REG_ACQ, c->admin.completion_addr);
	c->regs[REG_CC] = CC_SIZES | CC_ENABLE;
	return ready_is(c, CSTS_READY);
}

/* One admin command, waited for. */
static bool admin(struct nvme_controller *c, const struct nvme_command *command)
{
	uint64_t end = clock_now() + ADMIN_SECONDS * rt_info()->tsc_hz;
	uint16_t id, status;

	nvme_queue_put(&c->admin, command);
	nvme_queue_tell(&c->admin);
	while (!nvme_queue_take(&c->admin, &id, &status))
		if (clock_now() > end)
			return false;
	if (status)
		rt_log("admin command 0x%x: status 0x%x", command->opcode, status);
	return !status;
}

static bool identify(struct nvme_controller *c, unsigned what, unsigned namespace)
{
	const struct nvme_command command = {
		.opcode = ADMIN_IDENTIFY, .namespace = namespace, .prp = { c->buffer_addr }, .word = { what },
	};

	return admin(c, &command);
}

static bool queues_make(struct nvme_controller *c)
{
	const uint32_t queue = (c->io.depth - 1u) << 16 | 1;
	const struct nvme_command number = { .opcode = ADMIN_FEATURES, .word = { FEATURE_QUEUES, 0 } };
	const struct nvme_command completion = {
		.opcode = ADMIN_CREATE_CQ, .prp = { c->io.completion_addr }, .word = { queue, QUEUE_PRESENT | QUEUE_INTERRUPT },
	};
	const struct nvme_command submission = {
		.opcode = ADMIN_CREATE_SQ, .prp = { c->io.submission_addr }, .word = { queue, 1u << 16 | QUEUE_PRESENT },
	};

	return admin(c, &number) && admin(c, &completion) && admin(c, &submission);
}

/* Namespace @i + 1; one that is not there has no blocks. */
static void namespace_read(struct nvme_controller *c, unsigned i, const struct block_unit *model, struct block_unit *u)
{
	uint64_t blocks;
	uint32_t format;

	if (!identify(c, CNS_NAMESPACE, i + 1))
		return;
	blocks = read_le(c->buffer + IN_SIZE, 8);
	format = (uint32_t)read_le(c->buffer + IN_FORMATS + 4 * (c->buffer[IN_FORMAT] & 0xfu), 4);
	c->namespace[i].shift = format >> 16 & 0xff;
	/* Blocks of 512 bytes or 4 KiB; nothing stands beside them. */
	if (!blocks || format & 0xffff || (c->namespace[i].shift != 9 && c->namespace[i].shift != 12) || blocks >> 48)
		return;
	*u = *model;
	u->block = 1u << c->namespace[i].shift;
	u->sectors = blocks * (u->block / BLK_SECTOR);
	u->max_discard = MAX_COUNT;
}

bool nvme_controller_run(struct nvme_controller *c, struct block *b)
{
	struct block_unit model = { .max_sectors = 0xffff };
	uint64_t count, commands;
	unsigned n = 0;

	if (!identify(c, CNS_CONTROLLER, 0))
		return false;
	c->max_transfer = c->buffer[IC_TRANSFER] && c->buffer[IC_TRANSFER] < 16 ? (uint64_t)NVME_PAGE << c->buffer[IC_TRANSFER] : UINT64_MAX;
	count = read_le(c->buffer + IC_NAMESPACES, 4);
	commands = read_le(c->buffer + IC_COMMANDS, 2);
	model.flags = (c->buffer[IC_CACHE] & 1 ? BLK_HAS_FLUSH : 0) | (commands & COMMANDS_DATASET ? BLK_HAS_DISCARD : 0) |
		      (commands & COMMANDS_ZEROES ? BLK_HAS_ZEROES : 0);
	for (unsigned i = 0; i < BLK_SERIAL; i++)
		if (c->buffer[IC_SERIAL + i] > ' ' && c->buffer[IC_SERIAL + i] <= '~')
			model.serial[n++] = (char)c->buffer[IC_SERIAL + i];
	for (unsigned i = 0; i < NVME_NAMESPACES && i < count; i++)
		namespace_read(c, i, &model, block_unit(b, i));
	return queues_make(c);
}
