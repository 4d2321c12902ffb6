/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The few static ACPI tables that the kernel itself reads.  A pure function over a struct phys_window: firmware tables are
 * outside input, whose every length and checksum is checked.  ACPI, "ACPI Software Programming Model".
 */
#include "acpi.h"

#include <kernel/fmt.h>
#include <kernel/string.h>

struct rsdp {
	char signature[8];
	uint8_t checksum;
	char oem[6];
	uint8_t revision;
	uint32_t rsdt;
	/* from revision 2 on */
	uint32_t length;
	uint64_t xsdt;
	uint8_t checksum_all, reserved[3];
} __attribute__((packed));
_Static_assert(sizeof(struct rsdp) == 36, "ACPI");
#define RSDP_V1_SIZE	20u

struct table_header {
	char signature[4];
	uint32_t length;
	uint8_t revision, checksum;
	char oem[6], oem_table[8];
	uint32_t oem_revision, creator, creator_revision;
};
_Static_assert(sizeof(struct table_header) == 36, "ACPI");

/* No table that the kernel reads comes near it; a length beyond is nonsense. */
#define TABLE_MAX	(1u << 20)

#define FADT_PM_TIMER		76u	/* uint32_t: port */
#define FADT_PM_TIMER_LENGTH	91u	/* uint8_t: 4     */
#define FADT_FLAGS		112u	/* uint32_t       */
#define FADT_TIMER_32		BIT(8)

#define MADT_LAPIC_BASE		36u	/* uint32_t */
#define MADT_ENTRIES		44u
enum madt_type {
	MADT_LAPIC = 0, MADT_IOAPIC = 1, MADT_OVERRIDE = 2, MADT_LAPIC_NMI = 4, MADT_LAPIC_ADDRESS = 5, MADT_X2APIC = 9,
	MADT_X2APIC_NMI = 10,
};
#define MADT_CPU_ENABLED	BIT(0)

/* A table that lies wholly in the window and has a correct checksum. */
struct table {
	const uint8_t *data;
	uint32_t length;
};

static bool fail(struct acpi_error *err, const char *fmt, ...) PRINTF_LIKE(2, 3);
static bool fail(struct acpi_error *err, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	fmt_text_v(err->text, sizeof(err->text), fmt, args);
	va_end(args);
	return false;
}

static bool sum_is_zero(const uint8_t *p, size_t n)
{
	uint8_t sum = 0;

	for (size_t i = 0; i < n; i++)
		sum = (uint8_t)(sum + p[i]);
	return sum == 0;
}

/* Little-endian values at any alignment; the caller has checked the bounds. */
static uint16_t get16(const uint8_t *p) { uint16_t v; memcpy(&v, p, sizeof(v)); return v; }
static uint32_t get32(const uint8_t *p) { uint32_t v; memcpy(&v, p, sizeof(v)); return v; }
static uint64_t get64(const uint8_t *p) { uint64_t v; memcpy(&v, p, sizeof(v)); return v; }

static bool table_open(const struct phys_window *mem, uint64_t pa, struct table *t, struct acpi_error *err)
{
	struct table_header h;

	if (!phys_copy(mem, pa, &h, sizeof(h)))
		return fail(err, "ACPI: a table at %#lx is out of reach", (unsigned long)pa);
	t->data = h.length < sizeof(h) || h.length > TABLE_MAX ? NULL : phys_at(mem, pa, h.length);
	t->length = h.length;
	if (!t->data)
		return fail(err, "ACPI: table %.4s at %#lx claims %u bytes", h.signature, (unsigned long)pa, h.length);
	if (!sum_is_zero(t->data, t->length))
		return fail(err, "ACPI: table %.4s at %#lx has a wrong checksum", h.signature, (unsigned long)pa);
	return true;
}

/* The root table, and the size of its pointers. */
static bool root_open(const struct phys_window *mem, uint64_t pa, struct table *root, unsigned *width, struct acpi_error *err)
{
	struct rsdp r = { .revision = 0 };

	if (!phys_copy(mem, pa, &r, RSDP_V1_SIZE) || memcmp(r.signature, "RSD PTR ", 8) != 0)
		return fail(err, "ACPI: no RSDP at %#lx", (unsigned long)pa);
	if (!sum_is_zero((const uint8_t *)&r, RSDP_V1_SIZE))
		return fail(err, "ACPI: the RSDP at %#lx has a wrong checksum", (unsigned long)pa);
	if (r.revision >= 2 && (!phys_copy(mem, pa, &r, sizeof(r)) || !sum_is_zero((const uint8_t *)&r, sizeof(r))))
		return fail(err, "ACPI: the extended RSDP at %#lx has a wrong checksum", (unsigned long)pa);
	*width = r.revision >= 2 && r.xsdt ? 8 : 4;
	if (!table_open(mem, *width == 8 ? r.xsdt : r.rsdt, root, err))
		return false;
	if (memcmp(root->data, *width == 8 ? "XSDT" : "RSDT", 4) != 0)
		return fail(err, "ACPI: the RSDP at %#lx leads to a table %.4s", (unsigned long)pa, (const char *)root->data);
	return true;
}

/* Some firmware lists a CPU both ways, as local APIC and as x2APIC.  CPUs beyond ACPI_CPUS are left alone. */
static void add_cpu(struct acpi_info *out, uint32_t apic_id, uint32_t uid, uint32_t flags)
{
	if (!(flags & MADT_CPU_ENABLED))
		return;
	for (unsigned i = 0; i < out->cpu_count; i++)
		if (out->cpu[i].apic_id == apic_id)
			return;
	if (out->cpu_count < ACPI_CPUS)
		out->cpu[out->cpu_count++] = (struct acpi_cpu){ .apic_id = apic_id, .uid = uid };
}

static void add_nmi(struct acpi_info *out, uint32_t cpu, uint16_t flags, uint8_t lint)
{
	if (out->nmi_count < ACPI_NMIS && lint < 2)
		out->nmi[out->nmi_count++] = (struct acpi_nmi){ .acpi_cpu = cpu, .flags = flags, .lint = lint };
}

static bool add_ioapic(struct acpi_info *out, const uint8_t *e, struct acpi_error *err)
{
	struct acpi_ioapic io = { .id = e[2], .base = get32(e + 4), .gsi_base = get32(e + 8) };

	if (!is_aligned(io.base, 16) || io.base == 0)
		return fail(err, "ACPI: IOAPIC %u at %#lx is misplaced", io.id, (unsigned long)io.base);
	if (out->ioapic_count == ACPI_IOAPICS)
		return fail(err, "ACPI: more than %u IOAPICs", ACPI_IOAPICS);
	out->ioapic[out->ioapic_count++] = io;
	return true;
}

static bool madt_entry(const uint8_t *e, uint8_t length, struct acpi_info *out, struct acpi_error *err)
{
	static const uint8_t needed[] = {
		[MADT_LAPIC] = 8, [MADT_IOAPIC] = 12, [MADT_OVERRIDE] = 10, [MADT_LAPIC_NMI] = 6, [MADT_LAPIC_ADDRESS] = 12,
		[MADT_X2APIC] = 16, [MADT_X2APIC_NMI] = 12,
	};

	if (e[0] < ARRAY_LEN(needed) && length < needed[e[0]])
		return fail(err, "ACPI: a MADT entry of type %u has %u bytes, too few", e[0], length);
	switch (e[0]) {
	case MADT_LAPIC:
		add_cpu(out, e[3], e[2], get32(e + 4));
		return true;
	case MADT_X2APIC:
		add_cpu(out, get32(e + 4), get32(e + 12), get32(e + 8));
		return true;
	case MADT_IOAPIC:
		return add_ioapic(out, e, err);
	case MADT_OVERRIDE:
		if (e[2] == 0 && e[3] < ACPI_ISA_IRQS)		/* bus 0 is ISA, the only one there is */
			out->isa[e[3]] = (struct acpi_override){ .valid = true, .gsi = get32(e + 4), .flags = get16(e + 8) };
		return true;
	case MADT_LAPIC_NMI:
		add_nmi(out, e[2] == 0xff ? ~0u : e[2], get16(e + 3), e[5]);
		return true;
	case MADT_X2APIC_NMI:
		add_nmi(out, get32(e + 4), get16(e + 2), e[8]);
		return true;
	case MADT_LAPIC_ADDRESS:
		out->lapic_base = get64(e + 4);
		return true;
	default:
		return true;
	}
}

static bool parse_madt(const struct table *t, struct acpi_info *out, struct acpi_error *err)
{
	if (t->length < MADT_ENTRIES)
		return fail(err, "ACPI: the MADT has %u bytes, too few", t->length);
	out->lapic_base = get32(t->data + MADT_LAPIC_BASE);
	for (uint32_t at = MADT_ENTRIES; at < t->length;) {
		uint8_t length = t->length - at < 2 ? 0 : t->data[at + 1];

		if (length < 2 || length > t->length - at)
			return fail(err, "ACPI: the MADT entry at offset %#x has an impossible length", at);
		if (!madt_entry(t->data + at, length, out, err))
			return false;
		at += length;
	}
	return true;
}

static void parse_fadt(const struct table *t, struct acpi_info *out)
{
	uint32_t port;

	if (t->length < FADT_FLAGS + 4 || t->data[FADT_PM_TIMER_LENGTH] != 4)
		return;
	port = get32(t->data + FADT_PM_TIMER);
	if (port > 0 && port <= 0xfffc) {
		out->pm_timer_port = (uint16_t)port;
		out->pm_timer_32 = get32(t->data + FADT_FLAGS) & FADT_TIMER_32;
	}
}

bool acpi_parse(const struct phys_window *mem, uint64_t rsdp, struct acpi_info *out, struct acpi_error *err)
{
	struct table root, t;
	unsigned width = 4;
	bool madt = false;

	memset(out, 0, sizeof(*out));
	if (!root_open(mem, rsdp, &root, &width, err))
		return false;
	for (uint32_t at = sizeof(struct table_header); root.length - at >= width; at += width) {
		uint64_t pa = width == 8 ? get64(root.data + at) : get32(root.data + at);
		char signature[4];

		/* Only the tables of interest are opened: a broken one elsewhere is not our business. */
		if (!phys_copy(mem, pa, signature, sizeof(signature)))
			continue;
		if (memcmp(signature, "FACP", 4) == 0 && table_open(mem, pa, &t, err))
			parse_fadt(&t, out);
		if (memcmp(signature, "APIC", 4) == 0 && !madt) {
			if (!table_open(mem, pa, &t, err) || !parse_madt(&t, out, err))
				return false;
			madt = true;
		}
	}
	if (!madt)
		return fail(err, "ACPI: there is no MADT");
	if (out->cpu_count == 0)
		return fail(err, "ACPI: the MADT lists no CPU");
	if (out->ioapic_count == 0)
		return fail(err, "ACPI: the MADT lists no IOAPIC");
	return true;
}
