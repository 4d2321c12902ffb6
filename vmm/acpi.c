/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ACPI tables for the guest.  ACPI specification, "ACPI Software Programming Model".
 *
 *	RSDP -> XSDT, RSDT -> FADT -> FACS, DSDT (compiled from vmm/acpi/dsdt.asl)
 *	                      MADT, MCFG, HPET
 *
 * Tables are appended one by one; each is finished (length, checksum) when its last byte is there.
 */
#include "acpi.h"

#include <dev/hpet.h>
#include <dev/ioapic.h>
#include <dev/lapic.h>
#include <dev/pci.h>
#include <dev/pm.h>

#include "dsdt.h"

#define PACKED		__attribute__((packed))
#define TABLES_MAX	8u
#define TABLE_ALIGN	16u
#define FACS_ALIGN	64u

struct PACKED rsdp {
	char signature[8];
	uint8_t checksum;		/* of the first 20 bytes */
	char oem_id[6];
	uint8_t revision;
	uint32_t rsdt, length;
	uint64_t xsdt;
	uint8_t checksum_all, reserved[3];
};
_Static_assert(sizeof(struct rsdp) == 36, "ACPI");

struct PACKED table_header {
	char signature[4];
	uint32_t length;
	uint8_t revision, checksum;
	char oem_id[6], oem_table_id[8];
	uint32_t oem_revision;
	char creator_id[4];
	uint32_t creator_revision;
};
_Static_assert(sizeof(struct table_header) == 36, "ACPI");

enum { GAS_MEMORY = 0, GAS_IO = 1 };
enum { GAS_BYTE = 1, GAS_WORD = 2, GAS_DWORD = 3 };

struct PACKED gas {
	uint8_t space, bits, offset, access;
	uint64_t address;
};

struct PACKED fadt {
	struct table_header h;
	uint32_t firmware_ctrl, dsdt;
	uint8_t reserved0, preferred_pm_profile;
	uint16_t sci_int;
	uint32_t smi_cmd;
	uint8_t acpi_enable, acpi_disable, s4bios_req, pstate_cnt;
	uint32_t pm1a_evt_blk, pm1b_evt_blk, pm1a_cnt_blk, pm1b_cnt_blk, pm2_cnt_blk, pm_tmr_blk, gpe0_blk, gpe1_blk;
	uint8_t pm1_evt_len, pm1_cnt_len, pm2_cnt_len, pm_tmr_len, gpe0_blk_len, gpe1_blk_len, gpe1_base, cst_cnt;
	uint16_t p_lvl2_lat, p_lvl3_lat, flush_size, flush_stride;
	uint8_t duty_offset, duty_width, day_alrm, mon_alrm, century;
	uint16_t iapc_boot_arch;
	uint8_t reserved1;
	uint32_t flags;
	struct gas reset_reg;
	uint8_t reset_value;
	uint16_t arm_boot_arch;
	uint8_t minor_version;
	uint64_t x_firmware_ctrl, x_dsdt;
	struct gas x_pm1a_evt_blk, x_pm1b_evt_blk, x_pm1a_cnt_blk, x_pm1b_cnt_blk, x_pm2_cnt_blk, x_pm_tmr_blk, x_gpe0_blk,
		x_gpe1_blk, sleep_control, sleep_status;
	char hypervisor_vendor[8];
};
_Static_assert(offsetof(struct fadt, flags) == 112, "ACPI");
_Static_assert(offsetof(struct fadt, x_dsdt) == 140, "ACPI");
_Static_assert(sizeof(struct fadt) == 276, "ACPI");

/* FADT flags and boot architecture flags; what is not said here is 0. */
#define FADT_WBINVD		BIT(0)
#define FADT_PROC_C1		BIT(2)
#define FADT_SLP_BUTTON		BIT(5)	/* there is none */
#define FADT_TMR_VAL_EXT	BIT(8)
#define FADT_RESET_REG_SUP	BIT(10)
#define BOOT_LEGACY_DEVICES	BIT(0)
#define BOOT_NO_VGA		BIT(2)
#define BOOT_NO_ASPM		BIT(4)
#define PM_PROFILE_SERVER	4u
#define RESET_PORT		0xcf9u
#define RESET_VALUE		6u
#define P_LVL2_NONE		101u
#define P_LVL3_NONE		1001u
#define RTC_CENTURY		0x32u

struct PACKED facs {
	char signature[4];
	uint32_t length, hardware_signature, waking_vector, global_lock, flags;
	uint64_t x_waking_vector;
	uint8_t version, reserved[31];
};
_Static_assert(sizeof(struct facs) == 64, "ACPI");
_Static_assert(ACPI_WAKING_VECTOR == FACS_ALIGN + offsetof(struct facs, waking_vector), "it is the first table behind the RSDP");

struct PACKED madt {
	struct table_header h;
	uint32_t lapic, flags;
};
#define MADT_PCAT_COMPAT	1u	/* there are 8259s too */

struct PACKED madt_lapic { uint8_t type, length, uid, apic_id; uint32_t flags; };
struct PACKED madt_ioapic { uint8_t type, length, id, reserved; uint32_t address, gsi_base; };
struct PACKED madt_override { uint8_t type, length, bus, source; uint32_t gsi; uint16_t flags; };
struct PACKED madt_nmi { uint8_t type, length, uid; uint16_t flags; uint8_t lint; };
enum { MADT_LAPIC = 0, MADT_IOAPIC = 1, MADT_OVERRIDE = 2, MADT_LAPIC_NMI = 4 };
#define MADT_ENABLED		1u
#define MADT_ALL_CPUS		0xffu
#define MPS_EDGE_HIGH		0x5u	/* trigger mode and polarity: said, not the bus' default */
#define MPS_LEVEL_LOW		0xfu

struct PACKED mcfg {
	struct table_header h;
	uint64_t reserved0;
	uint64_t base;
	uint16_t segment;
	uint8_t bus_first, bus_last;
	uint32_t reserved1;
};
_Static_assert(sizeof(struct mcfg) == 60, "ACPI");

struct PACKED hpet_table {
	struct table_header h;
	uint32_t block_id;
	struct gas base;
	uint8_t number;
	uint16_t min_tick;
	uint8_t page_protection;
};
_Static_assert(sizeof(struct hpet_table) == 56, "ACPI");

/* The area being filled. */
struct writer {
	uint8_t *buf;
	uint64_t size, gpa, used;
	bool full;
};

/* @len zeroed bytes, aligned; NULL when the area is full, which stays so. */
static void *take(struct writer *w, uint64_t len, uint64_t align)
{
	uint64_t at = align_up(w->used, align);

	if (w->full || !range_inside(at, len, w->size)) {
		w->full = true;
		return NULL;
	}
	w->used = at + len;
	return w->buf + at;
}

static uint64_t gpa_of(const struct writer *w, const void *table)
{
	return w->gpa + (uint64_t)((const uint8_t *)table - w->buf);
}

/* The byte that makes the sum of @len bytes zero, if it replaces a zero. */
static uint8_t checksum(const void *table, uint64_t len)
{
	const uint8_t *p = table;
	uint8_t sum = 0;

	while (len--)
		sum = (uint8_t)(sum + *p++);
	return (uint8_t)-sum;
}

static struct table_header *table_begin(struct writer *w, const char *signature, uint8_t revision, uint64_t len)
{
	struct table_header *h = take(w, len, TABLE_ALIGN);

	if (!h)
		return NULL;
	__builtin_memcpy(h->signature, signature, 4);
	h->revision = revision;
	__builtin_memcpy(h->oem_id, "TRIVET", 6);
	__builtin_memcpy(h->oem_table_id, "TV", 2);
	__builtin_memcpy(h->oem_table_id + 2, signature, 4);
	h->oem_revision = 1;
	__builtin_memcpy(h->creator_id, "TRVT", 4);
	h->creator_revision = 1;
	return h;
}

/* The table reaches to the end of what was taken. */
static uint64_t table_end(struct writer *w, struct table_header *h)
{
	if (!h || w->full)
		return 0;
	h->length = (uint32_t)(w->buf + w->used - (uint8_t *)h);
	h->checksum = 0;
	h->checksum = checksum(h, h->length);
	return gpa_of(w, h);
}

static struct gas gas_io(unsigned port, unsigned bytes, uint8_t access)
{
	return (struct gas){ GAS_IO, (uint8_t)(bytes * 8), 0, access, port };
}

/* A name that nobody looks for instead of \_S3, in the @size bytes of the DSDT at @aml. */
static void suspend_hide(uint8_t *aml, uint64_t size)
{
	for (uint64_t i = 0; i + 4 <= size; i++)
		if (!__builtin_memcmp(aml + i, "_S3_", 4))
			aml[i + 3] = 'X';
	aml[offsetof(struct table_header, checksum)] = 0;
	aml[offsetof(struct table_header, checksum)] = checksum(aml, size);
}

static uint64_t dsdt_add(struct writer *w, const struct acpi_config *cfg)
{
	void *p = take(w, sizeof(dsdt_aml), TABLE_ALIGN);

	if (!p)
		return 0;
	__builtin_memcpy(p, dsdt_aml, sizeof(dsdt_aml));	/* checksum by iasl */
	if (!cfg->suspend)
		suspend_hide(p, sizeof(dsdt_aml));
	return gpa_of(w, p);
}

static uint64_t facs_add(struct writer *w)
{
	struct facs *f = take(w, sizeof(*f), FACS_ALIGN);

	if (!f)
		return 0;
	__builtin_memcpy(f->signature, "FACS", 4);
	f->length = sizeof(*f);
	f->version = 2;
	return gpa_of(w, f);
}

/* ACPI specification, "Fixed ACPI Description Table".  What the hardware is stands in vmm/dev/pm.h. */
static uint64_t fadt_add(struct writer *w, uint64_t facs, uint64_t dsdt)
{
	struct fadt *f = (struct fadt *)(void *)table_begin(w, "FACP", 6, sizeof(*f));

	if (!f)
		return 0;
	f->minor_version = 3;
	f->firmware_ctrl = (uint32_t)facs;
	f->dsdt = (uint32_t)dsdt;
	f->x_dsdt = dsdt;		/* x_firmware_ctrl stays 0: only one of the two may be set */
	f->preferred_pm_profile = PM_PROFILE_SERVER;
	f->sci_int = GSI_SCI;
	f->pm1a_evt_blk = PM_BASE + PM1A_EVT;
	f->pm1a_cnt_blk = PM_BASE + PM1A_CNT;
	f->pm_tmr_blk = PM_BASE + PM_TMR;
	f->gpe0_blk = PM_BASE + PM_GPE0;
	f->pm1_evt_len = PM1A_EVT_LEN;
	f->pm1_cnt_len = PM1A_CNT_LEN;
	f->pm_tmr_len = PM_TMR_LEN;
	f->gpe0_blk_len = PM_GPE0_LEN;
	f->p_lvl2_lat = P_LVL2_NONE;
	f->p_lvl3_lat = P_LVL3_NONE;
	f->century = RTC_CENTURY;
	f->iapc_boot_arch = BOOT_LEGACY_DEVICES | BOOT_NO_VGA | BOOT_NO_ASPM;
	f->flags = (uint32_t)(FADT_WBINVD | FADT_PROC_C1 | FADT_SLP_BUTTON | FADT_TMR_VAL_EXT |
			      FADT_RESET_REG_SUP);
	f->reset_reg = gas_io(RESET_PORT, 1, GAS_BYTE);
	f->reset_value = RESET_VALUE;
	f->x_pm1a_evt_blk = gas_io(PM_BASE + PM1A_EVT, PM1A_EVT_LEN, GAS_WORD);
	f->x_pm1a_cnt_blk = gas_io(PM_BASE + PM1A_CNT, PM1A_CNT_LEN, GAS_WORD);
	f->x_pm_tmr_blk = gas_io(PM_BASE + PM_TMR, PM_TMR_LEN, GAS_DWORD);
	f->x_gpe0_blk = gas_io(PM_BASE + PM_GPE0, PM_GPE0_LEN, GAS_BYTE);
	__builtin_memcpy(f->hypervisor_vendor, "Trivet\0", 8);
	return table_end(w, &f->h);
}

static void madt_override_add(struct writer *w, unsigned irq, unsigned gsi, unsigned flags)
{
	struct madt_override *o = take(w, sizeof(*o), 1);

	if (o)
		*o = (struct madt_override){ MADT_OVERRIDE, sizeof(*o), 0, (uint8_t)irq, gsi, (uint16_t)flags };
}

/* ACPI specification, "Multiple APIC Description Table". */
static uint64_t madt_add(struct writer *w, const struct acpi_config *cfg)
{
	struct madt *m = (struct madt *)(void *)table_begin(w, "APIC", 5, sizeof(*m));
	struct madt_ioapic *io;
	struct madt_nmi *nmi;

	if (!m)
		return 0;
	m->lapic = (uint32_t)LAPIC_DEFAULT_BASE;
	m->flags = MADT_PCAT_COMPAT;
	for (unsigned i = 0; i < cfg->cpu_count; i++) {
		struct madt_lapic *l = take(w, sizeof(*l), 1);

		if (l)
			*l = (struct madt_lapic){ MADT_LAPIC, sizeof(*l), (uint8_t)i, (uint8_t)i, MADT_ENABLED };
	}
	io = take(w, sizeof(*io), 1);
	if (io)
		*io = (struct madt_ioapic){ MADT_IOAPIC, sizeof(*io), (uint8_t)cfg->ioapic_id, 0, (uint32_t)IOAPIC_BASE, 0 };
	madt_override_add(w, 0, GSI_PIT, MPS_EDGE_HIGH);
	madt_override_add(w, GSI_SCI, GSI_SCI, MPS_LEVEL_LOW);
	nmi = take(w, sizeof(*nmi), 1);
	if (nmi)
		*nmi = (struct madt_nmi){ MADT_LAPIC_NMI, sizeof(*nmi), MADT_ALL_CPUS, MPS_EDGE_HIGH, 1 };
	return table_end(w, &m->h);
}

/* PCI Firmware Specification, "MCFG Table Description". */
static uint64_t mcfg_add(struct writer *w)
{
	struct mcfg *m = (struct mcfg *)(void *)table_begin(w, "MCFG", 1, sizeof(*m));

	if (!m)
		return 0;
	m->base = PCI_ECAM_BASE;
	m->bus_last = (uint8_t)(PCI_ECAM_SIZE / MIB - 1);
	return table_end(w, &m->h);
}

/* Intel, "IA-PC HPET Specification", "The ACPI 2.0 HPET Description Table". */
static uint64_t hpet_add(struct writer *w)
{
	struct hpet_table *t = (struct hpet_table *)(void *)table_begin(w, "HPET", 1, sizeof(*t));

	if (!t)
		return 0;
	t->block_id = HPET_ID;
	t->base = (struct gas){ .space = GAS_MEMORY, .address = HPET_BASE };
	t->min_tick = HPET_MIN_TICK;
	return table_end(w, &t->h);
}

/* RSDT or XSDT: the addresses of @count tables, @width bytes each. */
static uint64_t sdt_add(struct writer *w, const char *signature, const uint64_t *table, unsigned count, unsigned width)
{
	struct table_header *h = table_begin(w, signature, 1, sizeof(*h));

	for (unsigned i = 0; i < count; i++) {
		void *entry = take(w, width, 1);

		if (entry)
			__builtin_memcpy(entry, &table[i], width);
	}
	return table_end(w, h);
}

uint64_t acpi_build(uint8_t *buf, uint64_t size, uint64_t gpa, const struct acpi_config *cfg)
{
	struct writer w = { buf, size, gpa, 0, false };
	struct rsdp *r = take(&w, sizeof(*r), TABLE_ALIGN);
	uint64_t table[TABLES_MAX], facs, dsdt, rsdt;
	unsigned count = 0;

	if (!r)
		return 0;
	facs = facs_add(&w);
	dsdt = dsdt_add(&w, cfg);
	table[count++] = fadt_add(&w, facs, dsdt);
	table[count++] = madt_add(&w, cfg);
	table[count++] = mcfg_add(&w);
	table[count++] = hpet_add(&w);
	rsdt = sdt_add(&w, "RSDT", table, count, 4);

	__builtin_memcpy(r->signature, "RSD PTR ", 8);
	__builtin_memcpy(r->oem_id, "TRIVET", 6);
	r->revision = 2;
	r->rsdt = (uint32_t)rsdt;
	r->length = sizeof(*r);
	r->xsdt = sdt_add(&w, "XSDT", table, count, 8);
	r->checksum = checksum(r, 20);
	r->checksum_all = checksum(r, sizeof(*r));
	return w.full ? 0 : w.used;
}
