/* SPDX-License-Identifier: Apache-2.0 */
/* Keyboard controller without mouse (ports 60h and 64h): enough to be probed quickly and to reset the machine. */
#ifndef DEV_I8042_H
#define DEV_I8042_H

#include "bus.h"
#include <dev/env.h>

struct i8042_state {
	uint8_t command_byte;		/* controller RAM byte 0 */
	uint8_t out;			/* the output buffer ... */
	bool out_full, out_timeout;	/* ... is it full, and only because a device did not answer? */
	uint8_t pending;		/* command that waits for its data byte, 0 = none */
	uint8_t output_port;
	uint8_t ram[31];		/* controller RAM bytes 1-31 */
	uint8_t keyboard_command;	/* command of the keyboard that waits for its parameter, 0 = none */
	uint8_t reply[3];		/* what the keyboard says next, once the output buffer is empty */
	uint8_t replies;
};

struct i8042 {
	struct i8042_state s;
	struct dev_env env;
	bool keyboard;			/* one is plugged in; on which nobody ever types */
};

extern const struct bus_ops i8042_data_ops;	/* port 60h, byte wide, dev = struct i8042 */
extern const struct bus_ops i8042_cmd_ops;	/* port 64h */

void i8042_init(struct i8042 *k, const struct dev_env *env);
void i8042_reset(struct i8042 *k);
bool i8042_restore(void *dev, const void *state) MUST_USE;

#endif
