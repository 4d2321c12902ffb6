/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of root share: where things are in its capability table and address space, its signals, its state. */
#ifndef ROOT_ROOT_H
#define ROOT_ROOT_H

#include <abi/info.h>
#include <abi/object.h>
#include <lib/base.h>
#include <rt/event.h>

#include "config.h"
#include "console.h"

/* Selectors.  The regions of rootinfo stand from TV_SEL_REGION on. */
#define ROOT_SEL_NTFN		(TV_SEL_REGION + TV_ROOT_REGIONS)
#define ROOT_SEL_THREAD		(ROOT_SEL_NTFN + 1)
#define ROOT_SEL_SCHED		(ROOT_SEL_NTFN + 2)
#define ROOT_SEL_PORTS_SERIAL	(ROOT_SEL_NTFN + 3)	/* the serial driver's ports                */
#define ROOT_SEL_NETWORK	(ROOT_SEL_NTFN + 4)	/* what each network's switch waits for     */
#define ROOT_SEL_PORTS		(ROOT_SEL_NTFN + 8)	/* and the following: granted to root itself */
#define ROOT_SEL_DRIVER		128u			/* + index: a driver's notification         */
#define ROOT_SEL_RAM		144u			/* + VM * VM_RAM_PIECES + piece             */
#define ROOT_SEL_PCI		224u			/* endpoint of the PCI server               */
#define ROOT_SEL_PORTS_PCI	225u
#define ROOT_SEL_CHILD		256u			/* CHILD_SELS for each child                                        */

/* Children: the VMs' monitors, then the drivers. */
#define ROOT_CHILD_SERIAL	CONFIG_VMS
#define ROOT_CHILD_NETWORK	(CONFIG_VMS + 1)
#define ROOT_CHILD_PCI		(ROOT_CHILD_NETWORK + CONFIG_NETWORKS)
#define ROOT_CHILD_DRIVER	(ROOT_CHILD_PCI + 1)	/* + index */
#define ROOT_CHILDREN		(ROOT_CHILD_DRIVER + CONFIG_DRIVERS)

/* Bits of root's notification. */
#define ROOT_BIT_SERIAL		0u
#define ROOT_BIT_SERIAL_END	1u
#define ROOT_BIT_LOG		2u
#define ROOT_BIT_PCI		3u
#define ROOT_BIT_PCI_END	4u
#define ROOT_BIT_VM		16u			/* + index: the monitor's signal       */
#define ROOT_BIT_VM_END		32u			/* + index: one of its threads stopped */
#define ROOT_BIT_NETWORK	48u			/* + index: the switch's signal        */
#define ROOT_BIT_NETWORK_END	52u			/* + index: it has stopped             */
_Static_assert(ROOT_SEL_NETWORK + CONFIG_NETWORKS <= ROOT_SEL_PORTS, "selectors");
_Static_assert(ROOT_BIT_NETWORK + CONFIG_NETWORKS <= ROOT_BIT_NETWORK_END && ROOT_BIT_NETWORK_END + CONFIG_NETWORKS <= EVENT_BITS, "bits");
_Static_assert(ROOT_BIT_VM + CONFIG_VMS <= ROOT_BIT_VM_END && ROOT_BIT_VM_END + CONFIG_VMS <= ROOT_BIT_NETWORK, "bits");
#define ROOT_BIT_DRIVER		56u			/* + index: a driver's signal          */
#define ROOT_BIT_DRIVER_END	8u			/* + index: it has stopped             */
_Static_assert(ROOT_BIT_NETWORK_END + CONFIG_NETWORKS <= ROOT_BIT_DRIVER && ROOT_BIT_DRIVER + CONFIG_DRIVERS <= EVENT_BITS, "bits");
_Static_assert(ROOT_BIT_PCI_END < ROOT_BIT_DRIVER_END && ROOT_BIT_DRIVER_END + CONFIG_DRIVERS <= ROOT_BIT_VM, "bits");
_Static_assert(ROOT_SEL_DRIVER + CONFIG_DRIVERS <= ROOT_SEL_RAM && ROOT_SEL_RAM + CONFIG_VMS * VM_RAM_PIECES <= ROOT_SEL_PCI, "selectors");

/* Priorities; the kernel's highest, 255, is root's own. */
#define ROOT_PRIORITY		255u
#define ROOT_PRIORITY_DRIVER	240u

/* Address space of root. */
#define ROOT_WINDOW		0x001000000000ull	/* memory that is filled or cleared, one piece at a time          */
#define ROOT_MODULE		0x002000000000ull	/* a boot module, one at a time                                   */
#define ROOT_ACPI		0x003000000000ull	/* firmware tables                                                */
#define ROOT_KEPT		0x004000000000ull	/* what stays mapped: rings and pages shared with children        */

struct root {
	const struct tv_rootinfo *info;
	uint64_t tsc_hz;
	uint64_t wall_seconds, wall_tsc;	/* UTC at a time stamp */
	struct event_loop loop;
	struct config config;
	struct console console;
};

extern struct root root;

/* Deadlines: @ms milliseconds from now. */
uint64_t root_after_ms(uint64_t ms);

/*
 * A line for the people who run the machine: on the management shell, and, whatever is in front, on the terminal.
 * Before the terminal is up it goes to the kernel log, which the kernel prints.
 */
void root_say(const char *fmt, ...) PRINTF_LIKE(1, 2);

/* A line for the management shell only. */
void root_note(const char *fmt, ...) PRINTF_LIKE(1, 2);

/* "trivet: cannot run: ...": the system as a whole cannot be started.  Stops here; the message stays on the console. */
NORETURN void root_cannot_run(const char *line);

#endif
