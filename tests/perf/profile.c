/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A plugin for QEMU that counts which instructions of the hypervisor are executed while the benchmark guest measures an event:
 * tools/bench_profile.py makes stages and functions of it.
 *
 *	vmrun ---> the guest, not counted, but its marks switch counting on and off ---> the instruction behind vmrun
 *
 * Debian ships no header for plugins, so what is used of the interface is declared here.  QEMU documentation: "QEMU TCG Plugins".
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXPORT		__attribute__((visibility("default")))
#define PLUGIN_VERSION	1

typedef uint64_t plugin_id;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
enum { CB_NO_REGS = 0 };

typedef void translate_cb(plugin_id id, struct qemu_plugin_tb *tb);
typedef void exec_cb(unsigned cpu, void *data);
typedef void exit_cb(plugin_id id, void *data);

void qemu_plugin_register_vcpu_tb_trans_cb(plugin_id id, translate_cb *cb);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *insn, exec_cb *cb, int flags, void *data);
void qemu_plugin_register_atexit_cb(plugin_id id, exit_cb *cb, void *data);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t index);
const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *insn);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *insn);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *insn);

int qemu_plugin_install(plugin_id id, const void *info, int argc, char **argv);
extern EXPORT int qemu_plugin_version;
int qemu_plugin_version = PLUGIN_VERSION;

#define EVENTS		128u
#define BUCKETS		65536u

/* An instruction at an address of the host's: how often it was executed during each event. */
struct place {
	struct place *next;
	uint64_t address;
	uint64_t count[EVENTS];
};

/* NOPs that the guest executes around an event (guest.h), and VMRUN. */
static const uint8_t mark_begin[] = { 0x0f, 0x1f, 0x80, 'b', 'e', 'g', 0 };
static const uint8_t mark_end[] = { 0x0f, 0x1f, 0x80, 'e', 'n', 'd', 0 };
static const uint8_t vmrun[] = { 0x0f, 0x01, 0xd8 };

static struct place *bucket[BUCKETS];
static const char *output;
static unsigned event;		/* begun so far; the first is 1 */
static bool counting, in_guest;
static uint64_t behind_vmrun;

static struct place *place_at(uint64_t address)
{
	struct place **at = &bucket[(address ^ address >> 16) % BUCKETS], *p;

	for (p = *at; p; p = p->next)
		if (p->address == address)
			return p;
	p = calloc(1, sizeof(*p));
	if (!p)
		abort();
	p->address = address;
	p->next = *at;
	*at = p;
	return p;
}

static void on_instruction(unsigned cpu, void *data)
{
	struct place *p = data;

	(void)cpu;
	if (in_guest && p->address == behind_vmrun)
		in_guest = false;
	if (counting && !in_guest)
		p->count[event % EVENTS]++;
}

static void on_vmrun(unsigned cpu, void *data)
{
	(void)cpu;
	behind_vmrun = ((struct place *)data)->address + sizeof(vmrun);
	in_guest = true;
}

static void on_begin(unsigned cpu, void *data)
{
	(void)cpu;
	(void)data;
	event++;
	counting = true;
}

static void on_end(unsigned cpu, void *data)
{
	(void)cpu;
	(void)data;
	counting = false;
}

static bool is(const struct qemu_plugin_insn *insn, const uint8_t *bytes, size_t size)
{
	return qemu_plugin_insn_size(insn) == size && !memcmp(qemu_plugin_insn_data(insn), bytes, size);
}

static void on_translation(plugin_id id, struct qemu_plugin_tb *tb)
{
	(void)id;
	for (size_t i = 0; i < qemu_plugin_tb_n_insns(tb); i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
		struct place *p = place_at(qemu_plugin_insn_vaddr(insn));

		qemu_plugin_register_vcpu_insn_exec_cb(insn, on_instruction, CB_NO_REGS, p);
		if (is(insn, vmrun, sizeof(vmrun)))
			qemu_plugin_register_vcpu_insn_exec_cb(insn, on_vmrun, CB_NO_REGS, p);
		else if (is(insn, mark_begin, sizeof(mark_begin)))
			qemu_plugin_register_vcpu_insn_exec_cb(insn, on_begin, CB_NO_REGS, p);
		else if (is(insn, mark_end, sizeof(mark_end)))
			qemu_plugin_register_vcpu_insn_exec_cb(insn, on_end, CB_NO_REGS, p);
	}
}

/* A line for each event and address: event, address, executions. */
static void on_exit_of_qemu(plugin_id id, void *data)
{
	FILE *f = fopen(output, "w");

	(void)id;
	(void)data;
	if (!f) {
		perror(output);
		return;
	}
	for (unsigned b = 0; b < BUCKETS; b++)
		for (const struct place *p = bucket[b]; p; p = p->next)
			for (unsigned e = 0; e < EVENTS; e++)
				if (p->count[e])
					fprintf(f, "%u %" PRIx64 " %" PRIu64 "\n", e, p->address, p->count[e]);
	fclose(f);
}

EXPORT int qemu_plugin_install(plugin_id id, const void *info, int argc, char **argv)
{
	static const char option[] = "out=";

	(void)info;
	if (argc != 1 || strncmp(argv[0], option, sizeof(option) - 1)) {
		fprintf(stderr, "profile: expected out=FILE\n");
		return -1;
	}
	output = strdup(argv[0] + sizeof(option) - 1);
	qemu_plugin_register_vcpu_tb_trans_cb(id, on_translation);
	qemu_plugin_register_atexit_cb(id, on_exit_of_qemu, NULL);
	return output ? 0 : -1;
}
