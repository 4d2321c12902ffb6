/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PCI bus 0: host bridge, configuration mechanism #1 (ports CF8h-CFFh, with the reset control register at CF9h) and ECAM.
 * Devices join with pci_add(); absent functions read as ones.
 */
#ifndef DEV_PCI_H
#define DEV_PCI_H

#include "bus.h"
#include <dev/env.h>

#define PCI_ECAM_BASE	0xb0000000ull	/* one bus: 1 MiB.  The MCFG table says segment 0, buses 0-0 */
#define PCI_ECAM_SIZE	0x100000ull
#define PCI_PORT	0xcf8
#define PCI_PORT_LEN	8
#define PCI_FUNCS	32		/* functions a bus can hold */
#define PCI_CFG_SIZE	256
#define PCI_BARS	6

/* One register of a function's configuration space; what no row mentions reads 0 and is read-only. */
struct pci_row {
	uint8_t off, size;		/* 1, 2 or 4 bytes */
	uint32_t reset;
	uint32_t writable;		/* bits a guest can change */
	uint32_t w1c;			/* bits a guest clears by writing 1 */
};

/* A window of registers that the guest places.  @size is a power of two (I/O: at least 4, memory: at least 4096), 0 = none. */
struct pci_bar {
	uint64_t size;
	bool io, wide, prefetch;	/* @wide: 64 bits, takes the next BAR too */
	unsigned max_size;		/* as in struct bus_range */
	const struct bus_ops *ops;	/* called with pci_func.dev */
	const char *name;
};

struct pci_func;

/*
 * Optional side effects of configuration accesses of a device.  @off and @size: what the guest wrote, already stored, or what
 * it is about to read.
 */
struct pci_ops {
	void (*cfg_wrote)(struct pci_func *f, unsigned off, unsigned size);
	void (*cfg_reading)(struct pci_func *f, unsigned off, unsigned size);
};

struct pci_func {
	/* set by the device before pci_add() */
	uint8_t devfn;				/* device << 3 | function */
	const struct pci_row *rows;
	unsigned row_count;
	struct pci_bar bar[PCI_BARS];
	const struct pci_ops *ops;		/* may be NULL */
	void *dev;
	/* owned by pci.c */
	uint8_t cfg[PCI_CFG_SIZE], writable[PCI_CFG_SIZE], w1c[PCI_CFG_SIZE];
	uint64_t mapped[PCI_BARS];		/* where each BAR is on its bus now, PCI_UNMAPPED */
	uint64_t placed[PCI_BARS];		/* what each BAR holds after a reset: pci_place() */
	bool intx;				/* level of its INTx pin */
	struct pci *bus;
};
#define PCI_UNMAPPED UINT64_MAX

struct pci_state {
	uint32_t address;			/* CONFIG_ADDRESS */
	uint8_t reset_control;			/* CF9h */
};

struct pci {
	struct pci_state s;
	struct pci_func *func[PCI_FUNCS];
	unsigned func_count;
	struct pci_func bridge;			/* device 0 */
	struct bus *pio, *mmio;
	struct dev_env env;
	uint64_t free_io, free_mem;		/* where pci_place() puts the next BAR */
};

extern const struct bus_ops pci_port_ops;	/* dev = struct pci, PCI_PORT_LEN ports, up to 4 bytes wide */
extern const struct bus_ops pci_ecam_ops;	/* dev = struct pci, up to 4 bytes wide (8 is split) */

void pci_init(struct pci *p, const struct dev_env *env, struct bus *pio, struct bus *mmio);
void pci_reset(struct pci *p);
/* The bus without its functions, and one of these. */
bool pci_restore(void *dev, const void *state) MUST_USE;
bool pci_func_restore(void *dev, const void *state) MUST_USE;
/* Put @f, whose memory stays the caller's, on the bus.  False: devfn taken or bus full. */
bool pci_add(struct pci *p, struct pci_func *f) MUST_USE;
/*
 * Give the BARs of @f addresses, as firmware would; decoding stays off.  False: there is no room for all of them, and those have
 * none.
 */
bool pci_place(struct pci *p, struct pci_func *f) MUST_USE;
#define PCI_IO_BASE	0xc000ull		/* BARs of ports: 0xc000 ... 0xffff */
#define PCI_IO_END	0x10000ull
#define PCI_MEM_BASE	0xc0000000ull		/* BARs of memory: the window of the DSDT */
#define PCI_MEM_END	0xfec00000ull
/* Drive the INTx pin of @f.  Its line is pci_gsi(f): GSI 16 + (device + pin - 1) % 8; the _PRT must say the same. */
void pci_intx_set(struct pci_func *f, bool level);
unsigned pci_gsi(const struct pci_func *f);

#endif
