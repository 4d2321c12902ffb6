/* SPDX-License-Identifier: Apache-2.0 */
/* A guest that starts as a PC does: firmware at the reset vector, and the parts of the machine that only firmware looks at. */
#ifndef VMM_FIRMWARE_H
#define VMM_FIRMWARE_H

#include <dev/fwcfg.h>
#include <dev/pci.h>

#define FIRMWARE_MAX		(8 * MIB)	/* below 4 GiB; above it begin the local APICs' and the IOAPIC's pages */
#define FIRMWARE_LOW		(128 * KIB)	/* its end appears below 1 MiB as well */
#define FIRMWARE_LINE		128u
#define FIRMWARE_TABLES		(16 * KIB)
#define FIRMWARE_SCRIPT		(8 * KIB)

struct vm;

/* An entry of the file "etc/e820". */
struct __attribute__((packed)) firmware_ram {
	uint64_t addr, size;
	uint32_t type;
};

struct firmware {
	struct fwcfg fwcfg;
	struct pci_func lpc;			/* ICH9's bridge to ISA */
	struct firmware_ram ram[2];
	char line[FIRMWARE_LINE];		/* of the debug port */
	unsigned length;
};

/* What goes to the firmware beside itself; @kernel_size 0: nothing. */
struct firmware_input {
	const uint8_t *image;			/* @size bytes, a multiple of 4 KiB up to FIRMWARE_MAX; stays mapped */
	uint64_t size;
	const uint8_t *kernel, *initrd;		/* a bzImage; both stay mapped */
	uint64_t kernel_size, initrd_size;
	const char *cmdline;
};

/*
 * Put the firmware's end below 1 MiB and give the machine what it expects; its image must be in guest memory already, up to 4 GiB.
 * False after vm_stop().
 */
bool firmware_init(struct vm *vm, const struct firmware_input *in) MUST_USE;

#endif
