/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keyboard controller.  Its own commands are answered as a working controller does.  Without a keyboard, whatever is sent to it
 * comes back as a timeout, and the tests of the second port always fail, so that drivers give up at once.  With one, which UEFI
 * firmware waits for, its commands are acknowledged and no key is ever pressed.
 */
#include <dev/i8042.h>
#include "irqchip.h"
#include "record.h"
#include "upcall.h"

#define STATUS_OUT_FULL	0x01
#define STATUS_SYSTEM	0x04		/* self test passed */
#define STATUS_UNLOCKED	0x10
#define STATUS_TIMEOUT	0x40

#define CB_KBD_IRQ	0x01
#define CB_KBD_OFF	0x10
#define CB_AUX_OFF	0x20

enum i8042_command {
	CMD_READ_RAM = 0x20, CMD_WRITE_RAM = 0x60, CMD_AUX_OFF = 0xa7, CMD_AUX_ON = 0xa8, CMD_AUX_TEST = 0xa9,
	CMD_SELF_TEST = 0xaa, CMD_KBD_TEST = 0xab, CMD_KBD_OFF = 0xad, CMD_KBD_ON = 0xae, CMD_READ_INPUT = 0xc0,
	CMD_READ_OUTPUT = 0xd0, CMD_WRITE_OUTPUT = 0xd1, CMD_WRITE_KBD_BUFFER = 0xd2, CMD_WRITE_AUX_BUFFER = 0xd3,
	CMD_WRITE_AUX = 0xd4, CMD_PULSE = 0xf0,
};

#define SELF_TEST_OK	0x55
#define CLOCK_STUCK	0x01
#define KBD_TEST_OK	0x00
#define RESEND		0xfe		/* what the controller puts into the buffer when a device does not answer */
#define INPUT_UNLOCKED	0x80
#define OUTPUT_RESET	0x01		/* output port: 0 holds the CPU in reset */
#define OUTPUT_A20	0x02

static void update_irq(struct i8042 *k)
{
	irq_line_set(k->env.chip, GSI_KBD, k->s.out_full && (k->s.command_byte & CB_KBD_IRQ));
}

static void answer(struct i8042 *k, uint8_t byte, bool timeout)
{
	k->s.out = byte;
	k->s.out_full = true;
	k->s.out_timeout = timeout;
	update_irq(k);
}

/* What a keyboard answers.  IBM, "Keyboard/Auxiliary Device Controller", commands from the system. */
enum keyboard_byte {
	KBD_LEDS = 0xed, KBD_ECHO = 0xee, KBD_SCAN_CODES = 0xf0, KBD_IDENTIFY = 0xf2, KBD_RATE = 0xf3, KBD_RESET = 0xff,
	KBD_ACK = 0xfa, KBD_TEST_PASSED = 0xaa, KBD_ID1 = 0xab, KBD_ID2 = 0x83, KBD_SET_2 = 0x02,
};

static void reply_next(struct i8042 *k)
{
	if (!k->s.replies || k->s.out_full)
		return;
	answer(k, k->s.reply[0], false);
	k->s.reply[0] = k->s.reply[1];
	k->s.reply[1] = k->s.reply[2];
	k->s.replies--;
}

static void keyboard_reply(struct i8042 *k, unsigned count, uint8_t first, uint8_t second, uint8_t third)
{
	k->s.reply[0] = first;
	k->s.reply[1] = second;
	k->s.reply[2] = third;
	k->s.replies = (uint8_t)count;
	k->s.out_full = false;		/* a new command ends what is still being said */
	reply_next(k);
}

static void keyboard_write(struct i8042 *k, uint8_t val)
{
	uint8_t command = k->s.keyboard_command;

	k->s.keyboard_command = 0;
	if (command == KBD_SCAN_CODES && !val)
		keyboard_reply(k, 2, KBD_ACK, KBD_SET_2, 0);
	else if (command)
		keyboard_reply(k, 1, KBD_ACK, 0, 0);
	else if (val == KBD_ECHO)
		keyboard_reply(k, 1, KBD_ECHO, 0, 0);
	else if (val == KBD_IDENTIFY)
		keyboard_reply(k, 3, KBD_ACK, KBD_ID1, KBD_ID2);
	else if (val == KBD_RESET)
		keyboard_reply(k, 2, KBD_ACK, KBD_TEST_PASSED, 0);
	else
		keyboard_reply(k, 1, KBD_ACK, 0, 0);
	if (!command && (val == KBD_LEDS || val == KBD_SCAN_CODES || val == KBD_RATE))
		k->s.keyboard_command = val;
}

static void set_command_byte(struct i8042 *k, uint8_t val)
{
	k->s.command_byte = val;
	update_irq(k);
}

/* Commands with a meaning of their own; the ranges for RAM and pulses are taken apart in command_write(). */
static void command_run(struct i8042 *k, uint8_t cmd)
{
	uint8_t cb = k->s.command_byte;

	switch (cmd) {
	case CMD_AUX_OFF:
		set_command_byte(k, cb | CB_AUX_OFF);
		break;
	case CMD_AUX_ON:
		set_command_byte(k, cb & (uint8_t)~CB_AUX_OFF);
		break;
	case CMD_AUX_TEST:
		answer(k, CLOCK_STUCK, false);
		break;
	case CMD_SELF_TEST:
		answer(k, SELF_TEST_OK, false);
		break;
	case CMD_KBD_TEST:
		answer(k, KBD_TEST_OK, false);
		break;
	case CMD_KBD_OFF:
		set_command_byte(k, cb | CB_KBD_OFF);
		break;
	case CMD_KBD_ON:
		set_command_byte(k, cb & (uint8_t)~CB_KBD_OFF);
		break;
	case CMD_READ_INPUT:
		answer(k, INPUT_UNLOCKED, false);
		break;
	case CMD_READ_OUTPUT:
		answer(k, k->s.output_port | (k->s.out_full ? 0x10 : 0), false);
		break;
	case CMD_WRITE_OUTPUT:
	case CMD_WRITE_KBD_BUFFER:
	case CMD_WRITE_AUX_BUFFER:
	case CMD_WRITE_AUX:
		k->s.pending = cmd;
		break;
	default:		/* unknown commands do nothing */
		break;
	}
}

static void command_write(struct i8042 *k, uint8_t cmd)
{
	k->s.pending = 0;
	if (cmd >= CMD_READ_RAM && cmd < CMD_READ_RAM + 32)
		answer(k, cmd == CMD_READ_RAM ? k->s.command_byte : k->s.ram[cmd - CMD_READ_RAM - 1], false);
	else if (cmd >= CMD_WRITE_RAM && cmd < CMD_WRITE_RAM + 32)
		k->s.pending = cmd;
	else if (cmd < CMD_PULSE)
		command_run(k, cmd);
	else if (!(cmd & OUTPUT_RESET))		/* a 0 in bits 3:0 pulses that output low */
		vm_reset(k->env.vm);
}

/* The data byte of a command, or a byte for the keyboard. */
static void data_write(struct i8042 *k, uint8_t val)
{
	uint8_t cmd = k->s.pending;

	k->s.pending = 0;
	switch (cmd) {
	case 0:
		if (k->keyboard) {
			keyboard_write(k, val);
			break;
		}
		answer(k, RESEND, true);
		break;
	case CMD_WRITE_AUX:
		answer(k, RESEND, true);
		break;
	case CMD_WRITE_RAM:
		set_command_byte(k, val);
		break;
	case CMD_WRITE_OUTPUT:
		k->s.output_port = val;
		if (!(val & OUTPUT_RESET))
			vm_reset(k->env.vm);
		break;
	case CMD_WRITE_KBD_BUFFER:
	case CMD_WRITE_AUX_BUFFER:	/* not marked as from the second port: there is none */
		answer(k, val, false);
		break;
	default:
		k->s.ram[((unsigned)cmd - CMD_WRITE_RAM - 1) % sizeof(k->s.ram)] = val;
		break;
	}
}

static uint64_t i8042_data_read(void *dev, uint64_t off, unsigned size)
{
	struct i8042 *k = dev;
	uint8_t byte = k->s.out;	/* stays readable */

	(void)off;
	(void)size;
	k->s.out_full = false;
	k->s.out_timeout = false;
	update_irq(k);
	reply_next(k);
	return byte;
}

static void i8042_data_write(void *dev, uint64_t off, unsigned size, uint64_t val)
{
	(void)off;
	(void)size;
	data_write(dev, (uint8_t)val);
}

static uint64_t i8042_status_read(void *dev, uint64_t off, unsigned size)
{
	const struct i8042 *k = dev;

	(void)off;
	(void)size;
	return STATUS_SYSTEM | STATUS_UNLOCKED | (k->s.out_full ? STATUS_OUT_FULL : 0) | (k->s.out_timeout ? STATUS_TIMEOUT : 0);
}

static void i8042_command_write(void *dev, uint64_t off, unsigned size, uint64_t val)
{
	(void)off;
	(void)size;
	command_write(dev, (uint8_t)val);
}

const struct bus_ops i8042_data_ops = { i8042_data_read, i8042_data_write };
const struct bus_ops i8042_cmd_ops = { i8042_status_read, i8042_command_write };

void i8042_reset(struct i8042 *k)
{
	k->s = (struct i8042_state){
		.command_byte = CB_KBD_OFF | CB_AUX_OFF | 0x04,
		.output_port = OUTPUT_RESET | OUTPUT_A20,
	};
	update_irq(k);
}

bool i8042_restore(void *dev, const void *state)
{
	const struct i8042_state *s = state;
	struct i8042 *k = dev;

	if (s->replies > ARRAY_LEN(s->reply))
		return false;
	k->s = *s;
	k->s.out_full = record_bool(&s->out_full);
	k->s.out_timeout = record_bool(&s->out_timeout);
	update_irq(k);
	return true;
}

void i8042_init(struct i8042 *k, const struct dev_env *env)
{
	*k = (struct i8042){ .env = *env };
	i8042_reset(k);
}
