/* SPDX-License-Identifier: Apache-2.0 */
/* The serial driver as root's child: started at boot, started again whenever it ends. */
#ifndef ROOT_SERIAL_H
#define ROOT_SERIAL_H

#include <lib/base.h>
#include <rt/ring.h>

/* Start the driver that the configuration names, if it names one. */
void serial_init(void);
/* Does the driver run and own the device? */
bool serial_ready(void);
/* Is there a driver, or will there be one again? */
bool serial_expected(void);
/* The rings to it; only while serial_expected(). */
struct ring *serial_tx(void);
struct ring *serial_rx(void);
/* Tell it, if it sleeps, that bytes were put or taken. */
void serial_wake(void);
/* Has it broken the protocol of its rings?  Then it is started again, and the rings are new. */
bool serial_was_broken(void);
/* Take the driver down and start it again; everything that it has not sent yet is sent by its successor. */
void serial_restart(void);
/* What it has done so far, for people, in one line, to @buf. */
void serial_status(char *buf, size_t size);
/* Has everything that was put into the ring left the wire? */
bool serial_drained(void);

#endif
