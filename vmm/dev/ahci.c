/* SPDX-License-Identifier: Apache-2.0 */
/* SATA host adapter: registers, ports and commands; see ahci.h. */
#include <dev/ahci.h>
#include <dev/pci_cfg.h>
#include <lib/bytes.h>

#define REGISTERS_BAR	5u

/* "Generic Host Control" */
enum { CAP = 0x00, GHC = 0x04, IS = 0x08, PI = 0x0c, VS = 0x10, PORTS = 0x100, PORT_STEP = 0x80 };
#define CAP_VALUE	((uint32_t)(BIT(31) | BIT(24) | 1u << 20 | BIT(18) | 31u << 8 | (AHCI_PORTS - 1)))	/* 64 bits, CLO, 1.5 Gbit/s, 32 slots */
#define VERSION		0x00010300u
#define GHC_RESET	0x00000001u
#define GHC_IE		0x00000002u
#define GHC_AE		0x80000000u		/* there is no other mode */

/* "Port Registers" */
enum {
	P_CLB = 0x00, P_CLBU = 0x04, P_FB = 0x08, P_FBU = 0x0c, P_IS = 0x10, P_IE = 0x14, P_CMD = 0x18, P_TFD = 0x20, P_SIG = 0x24,
	P_SSTS = 0x28, P_SCTL = 0x2c, P_SERR = 0x30, P_SACT = 0x34, P_CI = 0x38,
};
#define IS_D2H		0x00000001u
#define IS_PIO		0x00000002u
#define IS_PRD		0x00000020u
#define IS_BUS		0x20000000u		/* HBFS: what it should fetch is no memory */
#define IS_TASK		0x40000000u		/* TFES */
#define IE_ALL		0xfdc000ffu
#define CMD_START	0x00000001u
#define CMD_FRE		0x00000010u
#define CMD_FR		0x00004000u
#define CMD_CR		0x00008000u
#define CMD_CLO		0x00000008u
#define CMD_FIXED	0x00000006u		/* powered, spun up */
#define CMD_WRITABLE	0x03000011u		/* ATAPI and its light, FRE, start */
#define CMD_SLOT(n)	((uint32_t)(n) << 8)
#define SSTS_UP		0x00000113u
#define SCTL_DET(v)	((v) & 0xfu)
#define TFD_FREE	(ATA_DRDY | ATA_SEEK)
#define TFD_NONE	0x7fu

/* "Command List Structure", "Command Table", "Received FIS Structure"; Serial ATA, "FIS Types". */
#define HEADER_SIZE	32u
#define HEADER_WRITE	0x40u
#define HEADER_RESET	0x100u
#define HEADER_CLEAR	0x400u
enum { TABLE_FIS = 0x00, TABLE_CDB = 0x40, TABLE_PRD = 0x80, PRD_SIZE = 16 };
enum { FIS_PIO = 0x20, FIS_D2H = 0x40, FIS_SIZE = 20 };
enum { TYPE_H2D = 0x27, TYPE_D2H = 0x34, TYPE_PIO = 0x5f };
#define FIS_COMMAND	0x80u			/* not the control register */
#define FIS_INTERRUPT	0x40u
#define CONTROL_SRST	0x04u

/* One command on its way. */
struct transfer {
	struct ata_data data;		/* first: ata.c knows only this */
	const struct gmem *mem;
	uint64_t prd;			/* the next descriptor ... */
	unsigned left;			/* ... and how many there are */
	uint64_t addr;			/* of what is left of the present one */
	uint32_t len;
	bool in, fault, prd_interrupt;
};

static void intx_update(struct ahci *a)
{
	for (unsigned i = 0; i < AHCI_PORTS; i++)
		if (a->s.port[i].is & a->s.port[i].ie)
			a->s.is |= 1u << i;
	pci_intx_set(&a->func, a->s.ghc & GHC_IE && a->s.is);
}

/* --- data ------------------------------------------------------------------------------------------------------------ */

/* "Physical Region Descriptor Table": each is read once. */
static bool prd_next(struct transfer *t)
{
	uint8_t prd[PRD_SIZE];

	if (!t->left)
		return false;
	if (!gmem_read(t->mem, (gpa_t){ t->prd }, prd, sizeof(prd))) {
		t->fault = true;
		return false;
	}
	t->left--;
	t->prd += sizeof(prd);
	t->addr = read_le(prd, 8) & ~1ull;
	t->len = (uint32_t)(read_le(prd + 12, 4) & 0x3fffff) + 1;
	t->prd_interrupt |= prd[15] >> 7;
	return true;
}

static uint8_t *data_next(struct ata_data *d, uint32_t max, uint32_t *len)
{
	struct transfer *t = container_of(d, struct transfer, data);
	uint8_t *p;

	if (!t->len && !prd_next(t))
		return NULL;
	*len = max < t->len ? max : t->len;
	p = gmem_at(t->mem, (gpa_t){ t->addr }, *len, t->in);
	if (!p) {
		t->fault = true;
		return NULL;
	}
	t->addr += *len;
	t->len -= *len;
	d->done += *len;
	return p;
}

/* --- FISes ----------------------------------------------------------------------------------------------------------- */

static void fis_receive(struct ahci *a, struct ahci_port *p, unsigned at, const uint8_t fis[FIS_SIZE])
{
	if (p->cmd & CMD_FRE && !gmem_write(a->mem, (gpa_t){ p->fis + at }, fis, FIS_SIZE))
		p->is |= IS_BUS;
}

/* The registers of the drive as they are after @t, in the layout that both kinds of FIS have. */
static void fis_fill(uint8_t fis[FIS_SIZE], uint8_t type, const struct ata_task *t)
{
	__builtin_memset(fis, 0, FIS_SIZE);
	fis[0] = type;
	fis[1] = FIS_INTERRUPT;
	fis[2] = t->status;
	fis[3] = t->error;
	write_le(fis + 4, 3, t->lba & 0xffffff);
	fis[7] = t->device;
	write_le(fis + 8, 3, t->lba >> 24 & 0xffffff);
	write_le(fis + 12, 2, t->count);
}

static void d2h_send(struct ahci *a, struct ahci_port *p, const struct ata_task *t)
{
	uint8_t fis[FIS_SIZE];

	fis_fill(fis, TYPE_D2H, t);
	fis_receive(a, p, FIS_D2H, fis);
	p->tfd = t->status | (uint32_t)t->error << 8;
}

static void pio_send(struct ahci *a, struct ahci_port *p, const struct ata_task *t, uint32_t bytes)
{
	uint8_t fis[FIS_SIZE];

	fis_fill(fis, TYPE_PIO, t);
	fis[1] |= 0x20;				/* to the host */
	fis[2] = t->status | ATA_DRQ;
	fis[15] = t->status;			/* when the data are there */
	write_le(fis + 16, 2, bytes & 0xffff);
	fis_receive(a, p, FIS_PIO, fis);
	p->is |= IS_PIO;
	p->tfd = t->status | (uint32_t)t->error << 8;
}

/* After a reset the drive says what it is. */
static void greet(struct ahci *a, struct ahci_port *p)
{
	struct ata_task t = { .status = TFD_FREE, .error = 1, .count = p->sig & 0xff, .lba = p->sig >> 8 };

	p->greeting = !(p->cmd & CMD_FRE);
	d2h_send(a, p, &t);
}

/* --- commands -------------------------------------------------------------------------------------------------------- */

static void task_load(struct ata_task *t, const uint8_t *fis)
{
	t->command = fis[2];
	t->features = fis[3];
	t->lba = read_le(fis + 4, 3) | read_le(fis + 8, 3) << 24;
	t->device = fis[7];
	t->count = (uint16_t)read_le(fis + 12, 2);
}

/* A command for the drive on port @n, whose data @x describes. */
static void command_run(struct ahci *a, unsigned n, struct ata_task *t, struct transfer *x)
{
	struct ahci_port *p = &a->s.port[n];
	struct ata_drive *d = &a->drive[n];

	d->sense = p->sense;
	d->asc = p->asc;
	t->data = &x->data;
	ata_run(d, t);
	p->sense = d->sense;
	p->asc = d->asc;
	if (x->fault) {
		p->is |= IS_BUS;
		t->status |= ATA_ERR;
		t->error |= ATA_ABRT;
	}
	if (t->pio_in && !(t->status & ATA_ERR))
		pio_send(a, p, t, x->data.done);
	/* After data by PIO a disk says nothing more; a CD drive does, and so does whatever failed. */
	if (!t->pio_in || d->cd || t->status & ATA_ERR) {
		d2h_send(a, p, t);
		p->is |= IS_D2H;
	}
	if (x->prd_interrupt)
		p->is |= IS_PRD;
	if (t->status & ATA_ERR) {
		p->is |= IS_TASK;
		p->halted = 1;
	}
}

/* "Software Reset": the drive answers when the bit goes away again. */
static void control_run(struct ahci *a, struct ahci_port *p, const uint8_t *header, const uint8_t *fis)
{
	if (fis[15] & CONTROL_SRST)
		p->tfd = header[1] & (HEADER_CLEAR >> 8) ? TFD_FREE : TFD_FREE | ATA_BSY;
	else
		greet(a, p);
}

/* The command in @slot of port @n. */
static void slot_run(struct ahci *a, unsigned n, unsigned slot)
{
	struct ahci_port *p = &a->s.port[n];
	uint64_t at = p->list + slot * HEADER_SIZE, table;
	struct transfer x = { .data = { .next = data_next }, .mem = a->mem };
	struct ata_task t = { 0 };
	uint8_t header[16], fis[FIS_SIZE];
	uint32_t done;

	p->cmd = (p->cmd & ~CMD_SLOT(31)) | CMD_SLOT(slot);
	if (!gmem_read(a->mem, (gpa_t){ at }, header, sizeof(header)))
		goto fault;
	table = read_le(header + 8, 8) & ~0x7full;
	if (!gmem_read(a->mem, (gpa_t){ table + TABLE_FIS }, fis, sizeof(fis)) ||
	    !gmem_read(a->mem, (gpa_t){ table + TABLE_CDB }, t.cdb, sizeof(t.cdb)))
		goto fault;
	x.in = !(header[0] & HEADER_WRITE);
	x.left = (unsigned)read_le(header + 2, 2);
	x.prd = table + TABLE_PRD;
	if (fis[0] == TYPE_H2D && fis[1] & FIS_COMMAND) {
		task_load(&t, fis);
		command_run(a, n, &t, &x);
	} else if (fis[0] == TYPE_H2D) {
		control_run(a, p, header, fis);
	}
	done = x.data.done;
	if (!gmem_write(a->mem, (gpa_t){ at + 4 }, &done, sizeof(done)))
		goto fault;
	if (!p->halted)
		p->ci &= ~(1u << slot);
	return;
fault:
	p->is |= IS_BUS;
	p->halted = 1;
}

/* Everything that was issued on port @n. */
static void port_run(struct ahci *a, unsigned n)
{
	struct ahci_port *p = &a->s.port[n];

	if (!(pci_cfg_read(&a->func, PCI_COMMAND, 2) & PCI_COMMAND_MASTER))
		return;
	for (unsigned slot = 0; slot < 32 && !p->halted && p->cmd & CMD_START; slot++)
		if (p->ci & 1u << slot)
			slot_run(a, n, slot);
}

/* --- registers ------------------------------------------------------------------------------------------------------- */

/* "Port Reset": the link comes up again at once. */
static void link_reset(struct ahci *a, unsigned n)
{
	struct ahci_port *p = &a->s.port[n];

	p->ci = 0;
	p->halted = 0;
	p->serr = 0;
	p->tfd = TFD_NONE;
	p->sig = UINT32_MAX;
	if (!a->drive[n].medium)
		return;
	p->sig = a->drive[n].cd ? ATAPI_SIGNATURE : ATA_SIGNATURE;
	greet(a, p);
}

static uint32_t cmd_read(const struct ahci_port *p)
{
	return p->cmd | CMD_FIXED | (p->cmd & CMD_START ? CMD_CR : 0) | (p->cmd & CMD_FRE ? CMD_FR : 0);
}

static void cmd_write(struct ahci *a, unsigned n, uint32_t val)
{
	struct ahci_port *p = &a->s.port[n];
	uint32_t old = p->cmd;

	p->cmd = (old & CMD_SLOT(31)) | (val & CMD_WRITABLE);
	if (val & CMD_CLO)
		p->tfd &= ~(uint32_t)(ATA_BSY | ATA_DRQ);
	if (!(p->cmd & CMD_START)) {
		p->ci = 0;
		p->halted = 0;
		p->cmd &= ~CMD_SLOT(31);
	}
	if (p->greeting && p->cmd & CMD_FRE)
		greet(a, p);
}

static uint32_t port_read(const struct ahci *a, unsigned n, unsigned reg)
{
	const struct ahci_port *p = &a->s.port[n];

	switch (reg) {
	case P_CLB:
		return (uint32_t)p->list;
	case P_CLBU:
		return (uint32_t)(p->list >> 32);
	case P_FB:
		return (uint32_t)p->fis;
	case P_FBU:
		return (uint32_t)(p->fis >> 32);
	case P_IS:
		return p->is;
	case P_IE:
		return p->ie;
	case P_CMD:
		return cmd_read(p);
	case P_TFD:
		return p->tfd;
	case P_SIG:
		return p->sig;
	case P_SSTS:
		return a->drive[n].medium && SCTL_DET(p->sctl) == 0 ? SSTS_UP : 0;
	case P_SCTL:
		return p->sctl;
	case P_SERR:
		return p->serr;
	case P_CI:
		return p->ci;
	default:
		return 0;
	}
}

static void port_write(struct ahci *a, unsigned n, unsigned reg, uint32_t val)
{
	struct ahci_port *p = &a->s.port[n];
	uint32_t old;

	switch (reg) {
	case P_CLB:
		p->list = (p->list & ~0xffffffffull) | (val & ~0x3ffu);
		break;
	case P_CLBU:
		p->list = (uint32_t)p->list | (uint64_t)val << 32;
		break;
	case P_FB:
		p->fis = (p->fis & ~0xffffffffull) | (val & ~0xffu);
		break;
	case P_FBU:
		p->fis = (uint32_t)p->fis | (uint64_t)val << 32;
		break;
	case P_IS:
		p->is &= ~val;
		break;
	case P_IE:
		p->ie = val & IE_ALL;
		break;
	case P_CMD:
		cmd_write(a, n, val);
		break;
	case P_SCTL:
		old = p->sctl;
		p->sctl = val & 0xfff;
		if (SCTL_DET(old) && !SCTL_DET(val))
			link_reset(a, n);
		break;
	case P_SERR:
		p->serr &= ~val;
		break;
	case P_CI:
		if (p->cmd & CMD_START)
			p->ci |= val;
		break;
	default:
		break;
	}
	port_run(a, n);
}

static uint32_t ports_there(const struct ahci *a)
{
	uint32_t mask = 0;

	for (unsigned i = 0; i < AHCI_PORTS; i++)
		mask |= a->drive[i].medium ? 1u << i : 0;
	return mask;
}

static uint64_t registers_read(void *dev, uint64_t off, unsigned size)
{
	const struct ahci *a = dev;
	uint64_t reg = off & ~3ull, n = (reg - PORTS) / PORT_STEP, val = 0;

	(void)size;
	if (reg == CAP)
		val = CAP_VALUE;
	else if (reg == GHC)
		val = a->s.ghc | GHC_AE;
	else if (reg == IS)
		val = a->s.is;
	else if (reg == PI)
		val = ports_there(a);
	else if (reg == VS)
		val = VERSION;
	else if (reg >= PORTS && n < AHCI_PORTS)
		val = port_read(a, (unsigned)n, reg % PORT_STEP);
	return val >> off % 4 * 8;
}

/* Only whole registers can be written. */
static void registers_write(void *dev, uint64_t off, unsigned size, uint64_t val)
{
	uint64_t n = (off - PORTS) / PORT_STEP;
	struct ahci *a = dev;

	if (size != 4 || off % 4)
		return;
	if (off == GHC && val & GHC_RESET)
		ahci_reset(a);
	else if (off == GHC)
		a->s.ghc = (uint32_t)val & GHC_IE;
	else if (off == IS)
		a->s.is &= ~(uint32_t)val;
	else if (off >= PORTS && n < AHCI_PORTS && a->drive[n].medium)
		port_write(a, (unsigned)n, off % PORT_STEP, (uint32_t)val);
	intx_update(a);
}

static const struct bus_ops register_ops = { registers_read, registers_write };

/* Intel, "I/O Controller Hub 9 (ICH9) Family Datasheet", "SATA Controller Registers". */
static const struct pci_row rows[] = {
	{ PCI_VENDOR, 2, 0x8086, 0, 0 },
	{ PCI_DEVICE, 2, 0x2922, 0, 0 },
	{ PCI_COMMAND, 2, 0, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER | PCI_COMMAND_INTX_OFF | 0x0140, 0 },
	{ PCI_CLASS, 4, 0x01060102, 0, 0 },		/* SATA, AHCI 1.0, revision 2 */
	{ PCI_SUBSYSTEM, 4, 0x11001af4, 0, 0 },
	{ PCI_INTERRUPT_LINE, 1, 0, 0xff, 0 },
	{ PCI_INTERRUPT_PIN, 1, 1, 0, 0 },
};

void ahci_reset(struct ahci *a)
{
	a->s = (struct ahci_state){ 0 };
	for (unsigned i = 0; i < AHCI_PORTS; i++)
		link_reset(a, i);
	intx_update(a);
}

bool ahci_restore(void *dev, const void *state)
{
	const struct ahci_state *s = state;
	struct ahci *a = dev;

	a->s = *s;
	intx_update(a);
	return true;
}

bool ahci_init(struct ahci *a, struct pci *pci, const struct gmem *mem, unsigned slot)
{
	a->mem = mem;
	a->func = (struct pci_func){
		.devfn = (uint8_t)(slot << 3), .rows = rows, .row_count = ARRAY_LEN(rows), .dev = a,
		.bar[REGISTERS_BAR] = { .size = AHCI_SIZE, .max_size = 4, .ops = &register_ops, .name = "ahci" },
	};
	if (!pci_add(pci, &a->func) || !pci_place(pci, &a->func))
		return false;
	ahci_reset(a);
	return true;
}
