/* SPDX-License-Identifier: Apache-2.0 */
/* sources: vmm/root/config.c vmm/root/config_disk.c vmm/root/config_driver.c vmm/root/config_net.c vmm/root/config_prop.c vmm/root/blob.c vmm/rt/fmt.c */
/* What root accepts as a configuration, and what it says about the rest. */
#include <root/config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <libfdt.h>

static char said[2048];
static struct config c;
static char blob[16384];
static size_t blob_size;

static void report(const char *line)
{
	strncat(said, line, sizeof(said) - strlen(said) - 2);
	strcat(said, "\n");
}

/* The tree is built by libfdt's sequential writer; a test leaves out or adds what it is about. */
static void begin(void)
{
	said[0] = 0;
	fdt_create(blob, sizeof(blob));
	fdt_finish_reservemap(blob);
	fdt_begin_node(blob, "");
	fdt_property_string(blob, "compatible", CONFIG_COMPATIBLE);
}

static void finish(void)
{
	assert_int_equal(fdt_end_node(blob), 0);
	assert_int_equal(fdt_finish(blob), 0);
	blob_size = fdt_totalsize(blob);
}

static void vm_begin(const char *node, const char *name)
{
	fdt_begin_node(blob, node);
	fdt_property_string(blob, "name", name);
	fdt_property_u64(blob, "memory", 64 * MIB);
	fdt_property_u32(blob, "cpus", 1);
	fdt_property_string(blob, "kernel", "guest-kernel");
}

static void one_vm(void (*extra)(void))
{
	begin();
	fdt_begin_node(blob, "vms");
	vm_begin("vm@0", "web");
	if (extra)
		extra();
	fdt_end_node(blob);
	fdt_end_node(blob);
	finish();
}

static bool read_config(void)
{
	return config_read(&c, blob, blob_size, report);
}

static void a_full_configuration_is_read_as_written(void **state)
{
	(void)state;
	begin();
	fdt_property_string(blob, "when-all-stopped", "poweroff");
	fdt_begin_node(blob, "console");
	fdt_property_u32(blob, "prefix", 28);
	fdt_property_string(blob, "front", "web");
	fdt_end_node(blob);
	fdt_begin_node(blob, "vms");
	vm_begin("vm@0", "web");
	fdt_property_string(blob, "cmdline", "console=ttyS0 quiet");
	fdt_property_u32(blob, "priority", 7);
	fdt_property_u32(blob, "budget-us", 5000);
	fdt_property_u32(blob, "period-us", 10000);
	fdt_property_string(blob, "restart", "on-failure");
	fdt_property_u32(blob, "autostart", 0);
	fdt_property_u32(blob, "restart-limit", 3);
	fdt_property_u32(blob, "watchdog-ms", 5000);
	fdt_property(blob, "cpu-list", "\0\0\0\7", 4);
	fdt_property_u32(blob, "exclusive", 1);
	fdt_begin_node(blob, "module@0");
	fdt_property_string(blob, "image", "rd");
	fdt_end_node(blob);
	fdt_begin_node(blob, "module@1");
	fdt_property_string(blob, "image", "env");
	fdt_property_string(blob, "cmdline", "a b");
	fdt_end_node(blob);
	fdt_end_node(blob);
	fdt_end_node(blob);
	fdt_begin_node(blob, "drivers");
	fdt_begin_node(blob, "serial");
	fdt_property_string(blob, "image", "serial.elf");
	fdt_end_node(blob);
	fdt_end_node(blob);
	finish();
	assert_true(read_config());
	assert_string_equal(said, "");
	assert_true(c.power_off);
	assert_int_equal(c.prefix, 28);
	assert_string_equal(c.front, "web");
	assert_true(c.serial);
	assert_string_equal(c.serial_image, "serial.elf");
	assert_int_equal(c.vm_count, 1);
	assert_string_equal(c.vm[0].name, "web");
	assert_int_equal(c.vm[0].memory, 64 * MIB);
	assert_string_equal(c.vm[0].kernel, "guest-kernel");
	assert_int_equal(c.vm[0].module_count, 2);
	assert_string_equal(c.vm[0].module[0].image, "rd");
	assert_string_equal(c.vm[0].module[0].args, "");
	assert_string_equal(c.vm[0].module[1].image, "env");
	assert_string_equal(c.vm[0].module[1].args, "a b");
	assert_string_equal(c.vm[0].cmdline, "console=ttyS0 quiet");
	assert_int_equal(c.vm[0].priority, 7);
	assert_int_equal(c.vm[0].budget_us, 5000);
	assert_int_equal(c.vm[0].period_us, 10000);
	assert_int_equal(c.vm[0].restart, CONFIG_RESTART_ON_FAILURE);
	assert_int_equal(c.vm[0].autostart, 0);
	assert_int_equal(c.vm[0].restart_limit, 3);
	assert_int_equal(c.vm[0].watchdog_ms, 5000);
	assert_int_equal(c.vm[0].cpu_list.count, 1);
	assert_int_equal(c.vm[0].cpu_list.item[0], 7);
	assert_int_equal(c.vm[0].exclusive, 1);
}

static void what_is_optional_has_defaults(void **state)
{
	(void)state;
	one_vm(NULL);
	assert_true(read_config());
	assert_int_equal(c.prefix, 1);
	assert_false(c.power_off);
	assert_false(c.serial);
	assert_string_equal(c.front, "");
	assert_int_equal(c.vm[0].priority, 100);
	assert_int_equal(c.vm[0].restart, CONFIG_RESTART_NEVER);
	assert_int_equal(c.vm[0].autostart, 1);
	assert_int_equal(c.vm[0].restart_limit, CONFIG_RESTART_LIMIT);
	assert_int_equal(c.vm[0].watchdog_ms, 0);
	assert_int_equal(c.vm[0].cpu_list.count, 0);
	assert_int_equal(c.vm[0].module_count, 0);
}

static void unknown_property(void) { fdt_property_u32(blob, "memroy", 1); }
static void property_twice(void) { fdt_property_u32(blob, "cpus", 1); }
static void short_number(void) { fdt_property(blob, "priority", "ab", 2); }
static void large_number(void) { fdt_property_u32(blob, "priority", 201); }
static void wrong_word(void) { fdt_property_string(blob, "restart", "sometimes"); }
static void two_strings(void) { fdt_property(blob, "cmdline", "a\0b", 4); }
static void open_string(void) { fdt_property(blob, "cmdline", "ab", 2); }
static void escape_string(void) { fdt_property_string(blob, "cmdline", "a\033[2J"); }
static void budget_alone(void) { fdt_property_u32(blob, "budget-us", 5); }
static void cpus(unsigned count, ...)
{
	uint32_t list[CONFIG_LIST + 1];
	va_list args;

	va_start(args, count);
	for (unsigned i = 0; i < count; i++)
		list[i] = cpu_to_fdt32(va_arg(args, uint32_t));
	va_end(args);
	fdt_property(blob, "cpu-list", list, (int)(4 * count));
}
static void list_empty_one(void) { fdt_property(blob, "cpu-list", NULL, 0); }
static void list_odd(void) { fdt_property(blob, "cpu-list", "abcdef", 6); }
static void list_long(void) { cpus(9, 0, 1, 2, 3, 4, 5, 6, 7, 8); }
static void list_beyond(void) { cpus(1, 256); }
static void list_more_than_cpus(void) { cpus(2, 0, 1); }
static void exclusive_alone(void) { fdt_property_u32(blob, "exclusive", 1); }
static void exclusive_root(void) { cpus(1, 0); exclusive_alone(); }
static void short_watchdog(void) { fdt_property_u32(blob, "watchdog-ms", 999); }
static void many_restarts(void) { fdt_property_u32(blob, "restart-limit", 9); }
static void child_node(void) { fdt_begin_node(blob, "disk"); fdt_end_node(blob); }
static void module_node(const char *name, const char *image, const char *cmdline)
{
	fdt_begin_node(blob, name);
	fdt_property_string(blob, "image", image);
	fdt_property_string(blob, "cmdline", cmdline);
	fdt_end_node(blob);
}
static void nameless_module(void) { module_node("module@0", "", ""); }
static void too_many_modules(void)
{
	for (unsigned i = 0; i <= VM_MODULES; i++)
		module_node((const char *[]){ "module@0", "module@1", "module@2", "module@3", "module@4" }[i], "m", "");
}
static void long_together(void)
{
	static char text[VM_CMDLINE - 100], args[100];

	memset(text, 'x', sizeof(text) - 1);
	memset(args, 'y', sizeof(args) - 1);
	fdt_property_string(blob, "cmdline", text);
	module_node("module@0", "m", args);
	module_node("module@1", "m", "");
}
static void long_string(void)
{
	static char text[VM_CMDLINE + 1];

	memset(text, 'x', sizeof(text) - 1);
	fdt_property_string(blob, "cmdline", text);
}

static void a_bad_vm_entry_is_refused_with_its_node_and_property(void **state)
{
	static const struct {
		void (*extra)(void);
		const char *says;
	} rows[] = {
		{ unknown_property, "config: /vms/vm@0: unknown property \"memroy\"\n" },
		{ property_twice, "config: /vms/vm@0: cpus: given twice\n" },
		{ short_number, "config: /vms/vm@0: priority: expected a number of 4 bytes, found 2\n" },
		{ large_number, "config: /vms/vm@0: priority: expected 1 to 200, found 201\n" },
		{ wrong_word, "config: /vms/vm@0: restart: expected one of: never, on-failure, always\n" },
		{ two_strings, "config: /vms/vm@0: cmdline: expected one string\n" },
		{ open_string, "config: /vms/vm@0: cmdline: expected one string\n" },
		{ escape_string, "config: /vms/vm@0: cmdline: expected printable ASCII characters\n" },
		{ long_string, "config: /vms/vm@0: cmdline: expected at most 1535 characters, found 1536\n" },
		{ budget_alone, "config: /vms/vm@0: budget-us: expected at most period-us (0), found 5\n" },
		{ list_empty_one, "config: /vms/vm@0: cpu-list: expected 1 to 8 numbers of 4 bytes, found 0 bytes\n" },
		{ list_odd, "config: /vms/vm@0: cpu-list: expected 1 to 8 numbers of 4 bytes, found 6 bytes\n" },
		{ list_long, "config: /vms/vm@0: cpu-list: expected 1 to 8 numbers of 4 bytes, found 36 bytes\n" },
		{ list_beyond, "config: /vms/vm@0: cpu-list: expected 0 to 255, found 256\n" },
		{ list_more_than_cpus, "config: /vms/vm@0: cpu-list: expected at most one for each of 1 virtual CPUs, found 2\n" },
		{ exclusive_alone, "config: /vms/vm@0: exclusive: expected a cpu-list beside it\n" },
		{ exclusive_root, "config: /vms/vm@0: exclusive: CPU 0 runs root and the drivers and cannot be given away\n" },
		{ short_watchdog, "config: /vms/vm@0: watchdog-ms: expected 0 or at least 1000, found 999\n" },
		{ many_restarts, "config: /vms/vm@0: restart-limit: expected 1 to 8, found 9\n" },
		{ nameless_module, "config: /vms/vm@0: module 0: expected the name of a boot module\n" },
		{ too_many_modules, "config: /vms/vm@0: more than 4 modules\n" },
		{ long_together, "config: /vms/vm@0: cmdline: longer than 1535 characters together with those of the modules and the CPU\n" },
		{ child_node, "config: /vms/vm@0: unknown node \"disk\"\n" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		one_vm(rows[i].extra);
		assert_true(read_config());
		assert_string_equal(said, rows[i].says);
		assert_int_equal(c.vm_count, 0);
		assert_int_equal(c.vm_refused, 1);
	}
}

static void a_missing_property_is_named(void **state)
{
	(void)state;
	begin();
	fdt_begin_node(blob, "vms");
	fdt_begin_node(blob, "vm@3");
	fdt_property_string(blob, "name", "web");
	fdt_end_node(blob);
	fdt_end_node(blob);
	finish();
	assert_true(read_config());
	assert_string_equal(said, "config: /vms/vm@3: memory: missing\n");
}

static void a_bad_vm_does_not_prevent_the_others(void **state)
{
	(void)state;
	begin();
	fdt_begin_node(blob, "vms");
	vm_begin("vm@0", "a");
	fdt_end_node(blob);
	vm_begin("vm@1", "a");		/* the same name again */
	fdt_end_node(blob);
	vm_begin("vm@2", "b c");
	fdt_end_node(blob);
	vm_begin("vm@3", "d");
	fdt_end_node(blob);
	fdt_end_node(blob);
	finish();
	assert_true(read_config());
	assert_string_equal(said, "config: /vms/vm@1: name: \"a\" is the name of another VM\n"
				  "config: /vms/vm@2: name: expected letters, digits, - and _\n");
	assert_int_equal(c.vm_count, 2);
	assert_string_equal(c.vm[0].name, "a");
	assert_string_equal(c.vm[1].name, "d");
}

static void more_vms_than_there_is_room_for_are_refused(void **state)
{
	(void)state;
	begin();
	fdt_begin_node(blob, "vms");
	for (unsigned i = 0; i < CONFIG_VMS + 2; i++) {
		char node[16], name[16];

		snprintf(node, sizeof(node), "vm@%u", i);
		snprintf(name, sizeof(name), "v%u", i);
		vm_begin(node, name);
		fdt_end_node(blob);
	}
	fdt_end_node(blob);
	finish();
	assert_true(read_config());
	assert_int_equal(c.vm_count, CONFIG_VMS);
	assert_int_equal(c.vm_refused, 2);
}

static void a_front_that_is_no_vm_is_reported_and_ignored(void **state)
{
	(void)state;
	begin();
	fdt_begin_node(blob, "console");
	fdt_property_string(blob, "front", "web");
	fdt_end_node(blob);
	finish();
	assert_true(read_config());
	assert_string_equal(said, "config: /console: front: no VM is called \"web\"\n");
	assert_string_equal(c.front, "");
}

static void errors_outside_the_vms_are_fatal(void **state)
{
	(void)state;

	begin();
	fdt_property_u32(blob, "colour", 1);
	finish();
	assert_false(read_config());
	assert_string_equal(said, "config: /: unknown property \"colour\"\n");

	begin();
	fdt_begin_node(blob, "disks");
	fdt_end_node(blob);
	finish();
	assert_false(read_config());
	assert_string_equal(said, "config: /: unknown node \"disks\"\n");

	begin();
	fdt_begin_node(blob, "console");
	fdt_property_u32(blob, "prefix", 65);
	fdt_end_node(blob);
	finish();
	assert_false(read_config());
	assert_string_equal(said, "config: /console: prefix: expected 1 to 31, found 65\n");

	begin();
	fdt_begin_node(blob, "drivers");
	fdt_begin_node(blob, "serial");
	fdt_end_node(blob);
	fdt_end_node(blob);
	finish();
	assert_false(read_config());
	assert_string_equal(said, "config: /drivers/serial: image: missing\n");
}

static void another_compatible_is_refused(void **state)
{
	(void)state;
	said[0] = 0;
	fdt_create(blob, sizeof(blob));
	fdt_finish_reservemap(blob);
	fdt_begin_node(blob, "");
	fdt_property_string(blob, "compatible", "trivet,system-2");
	finish();
	assert_false(read_config());
	assert_string_equal(said, "config: /: compatible: expected \"trivet,system-1\", found \"trivet,system-2\"\n");
}

static void a_truncated_tree_is_refused_at_every_length(void **state)
{
	(void)state;
	one_vm(NULL);
	for (size_t size = 0; size < blob_size; size++) {
		char *copy = malloc(size ? size : 1);	/* an access beyond it is found by the sanitizer */

		memcpy(copy, blob, size);
		said[0] = 0;
		assert_false(config_read(&c, copy, size, report));
		assert_true(strncmp(said, "config: module: expected a flattened device tree", 48) == 0);
		free(copy);
	}
}

static void a_flipped_byte_never_leads_outside_the_blob(void **state)
{
	(void)state;
	one_vm(NULL);
	for (size_t at = 0; at < blob_size; at++)
		for (unsigned bit = 0; bit < 8; bit++) {
			char *copy = malloc(blob_size);

			memcpy(copy, blob, blob_size);
			copy[at] ^= (char)(1 << bit);
			said[0] = 0;
			(void)!config_read(&c, copy, blob_size, report);
			free(copy);
		}
}

/* --- disks --- */

static void disk(const char *node, const char *image, uint64_t size, uint32_t read_only)
{
	fdt_begin_node(blob, node);
	if (image)
		fdt_property_string(blob, "image", image);
	fdt_property_u64(blob, "size", size);
	fdt_property_u32(blob, "read-only", read_only);
	fdt_property_string(blob, "serial", "S-1");
	fdt_end_node(blob);
}

static void two_disks(void)
{
	disk("disk@0", "web.disk0", 0, 1);
	disk("disk@1", NULL, 8192, 0);
}

static void the_disks_of_a_vm_are_read_in_their_order(void **state)
{
	(void)state;
	one_vm(two_disks);
	assert_true(config_read(&c, blob, blob_size, report));
	assert_string_equal(said, "");
	assert_int_equal(c.vm[0].disk_count, 2);
	assert_string_equal(c.vm[0].disk[0].image, "web.disk0");
	assert_int_equal(c.vm[0].disk[0].read_only, 1);
	assert_int_equal(c.vm[0].disk[1].size, 8192);
	assert_string_equal(c.vm[0].disk[1].serial, "S-1");
}

static void disk_of_nothing(void) { disk("disk@0", NULL, 0, 0); }
static void disk_not_of_pages(void) { disk("disk@0", NULL, 5000, 0); }
static void disk_too_large(void) { disk("disk@0", NULL, 65 * GIB, 0); }
static void disk_read_only_and_empty(void) { disk("disk@0", NULL, 4096, 1); }

static void typed(const char *type)
{
	fdt_begin_node(blob, "disk@0");
	fdt_property_string(blob, "image", "x");
	fdt_property_string(blob, "type", type);
	fdt_end_node(blob);
}
static void disk_of_no_type(void) { typed("tape"); }
static void flash_read_only(void)
{
	fdt_begin_node(blob, "disk@0");
	fdt_property_string(blob, "image", "x");
	fdt_property_string(blob, "type", "flash");
	fdt_property_u32(blob, "read-only", 1);
	fdt_end_node(blob);
}
static void cd_to_write(void) { typed("cdrom"); }

static void one_disk_too_many(void)
{
	for (unsigned i = 0; i <= VM_DISKS; i++)
		disk("disk@0", "x", 0, 0);
}

static void a_vm_with_a_wrong_disk_is_left_out(void **state)
{
	static const struct { void (*extra)(void); const char *says; } bad[] = {
		{ disk_of_nothing, "/vms/vm@0/disk@0: size: expected one" },
		{ disk_not_of_pages, "/vms/vm@0/disk@0: size: expected a multiple of 4096, found 5000" },
		{ disk_too_large, "/vms/vm@0/disk@0: size: expected 0 to" },
		{ disk_read_only_and_empty, "/vms/vm@0/disk@0: read-only: expected an image" },
		{ disk_of_no_type, "/vms/vm@0/disk@0: type: expected one of: virtio, sata, cdrom, flash" },
		{ flash_read_only, "/vms/vm@0/disk@0: type: expected a flash that can be written" },
		{ cd_to_write, "/vms/vm@0/disk@0: type: expected a CD to be read-only" },
		{ one_disk_too_many, "/vms/vm@0: more than 4 disks" },
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
		one_vm(bad[i].extra);
		assert_true(config_read(&c, blob, blob_size, report));
		assert_non_null(strstr(said, bad[i].says));
		assert_int_equal(c.vm_count, 0);
		assert_int_equal(c.vm_refused, 1);
	}
}

/* --- networks --- */

static void (*net_extra)(void);

static void net(const char *node, uint32_t network, uint64_t mac)
{
	fdt_begin_node(blob, node);
	fdt_property_u32(blob, "network", network);
	fdt_property_u64(blob, "mac", mac);
	if (net_extra)
		net_extra();
	fdt_end_node(blob);
}

/* Networks "lan" and "dmz"; a VM with the ports that @ports makes, and one behind it with address 2 on the first network. */
static void networks(void (*ports)(void))
{
	begin();
	fdt_begin_node(blob, "networks");
	for (unsigned i = 0; i < 2; i++) {
		fdt_begin_node(blob, i ? "network@1" : "network@0");
		fdt_property_string(blob, "name", i ? "dmz" : "lan");
		fdt_end_node(blob);
	}
	fdt_end_node(blob);
	fdt_begin_node(blob, "vms");
	vm_begin("vm@0", "first");
	net_extra = NULL;
	net("net@0", 0, 2);
	fdt_end_node(blob);
	vm_begin("vm@1", "web");
	ports();
	fdt_end_node(blob);
	fdt_end_node(blob);
	finish();
	assert_true(read_config());
}

static void vlans(void)
{
	const fdt32_t tagged[] = { cpu_to_fdt32(10), cpu_to_fdt32(4094) };

	fdt_property_u32(blob, "vlan", 5);
	fdt_property(blob, "tagged", tagged, sizeof(tagged));
	fdt_property_u32(blob, "isolated", 1);
	fdt_property_u32(blob, "any-source", 1);
	fdt_property_u32(blob, "capture", 1);
	fdt_property_u64(blob, "rate", 12345);
}

static void good_ports(void)
{
	net("net@0", 1, 2);		/* the address is another's, but on another network */
	net_extra = vlans;
	net("net@1", 0, 0x665544332202);
}

static void network_ports_are_read_in_their_order(void **state)
{
	const struct config_net *n = c.vm[1].net;

	(void)state;
	networks(good_ports);
	assert_string_equal(said, "");
	assert_int_equal(c.network_count, 2);
	assert_string_equal(c.network[1].name, "dmz");
	assert_int_equal(c.vm_count, 2);
	assert_int_equal(c.vm[1].net_count, 2);
	assert_int_equal(n[0].network, 1);
	assert_int_equal(n[0].vlan + n[0].tagged.count + n[0].rate + n[0].isolated + n[0].any_source + n[0].capture, 0);
	assert_int_equal(n[1].mac, 0x665544332202);
	assert_int_equal(n[1].vlan, 5);
	assert_int_equal(n[1].tagged.count, 2);
	assert_int_equal(n[1].tagged.item[1], 4094);
	assert_int_equal(n[1].rate, 12345);
	assert_int_equal(n[1].isolated + n[1].any_source + n[1].capture, 3);
}

static void native_vlan_tagged(void)
{
	fdt_property_u32(blob, "vlan", 10);
	fdt_property_u32(blob, "tagged", 10);
}
static void no_vlan(void) { fdt_property_u32(blob, "vlan", 4095); }
static void slow(void) { fdt_property_u64(blob, "rate", 999); }
static void no_such_network(void) { net("net@0", 2, 4); }
static void group_address(void) { net("net@0", 0, 5); }
static void zero_address(void) { net("net@0", 0, 0); }
static void long_address(void) { net("net@0", 0, BIT(48)); }
static void address_of_another(void) { net("net@0", 0, 2); }
static void address_of_its_own(void) { net("net@0", 1, 4); net("net@1", 1, 4); }
static void tagged_twice(void) { net_extra = native_vlan_tagged; net("net@0", 0, 4); }
static void vlan_too_large(void) { net_extra = no_vlan; net("net@0", 0, 4); }
static void too_slow(void) { net_extra = slow; net("net@0", 0, 4); }

static void one_port_too_many(void)
{
	for (unsigned i = 0; i <= VM_NETS; i++)
		net("net@0", 1, 2 + 2 * i);
}

static void a_vm_with_a_wrong_network_port_is_left_out(void **state)
{
	static const struct { void (*ports)(void); const char *says; } bad[] = {
		{ no_such_network, "/vms/vm@1/net@0: network: expected one of 2, found 2" },
		{ group_address, "/vms/vm@1/net@0: mac: expected the address of one station" },
		{ zero_address, "/vms/vm@1/net@0: mac: expected 1 to" }, { long_address, "/vms/vm@1/net@0: mac: expected 1 to" },
		{ address_of_another, "/vms/vm@1/net@0: mac: another port of the network has this address" },
		{ address_of_its_own, "/vms/vm@1/net@1: mac: another port of the network has this address" },
		{ tagged_twice, "/vms/vm@1/net@0: tagged: VLAN 10 is given twice" }, { vlan_too_large, "net@0: vlan: expected 0 to 4094" },
		{ too_slow, "net@0: rate: expected 1000 to" }, { one_port_too_many, "/vms/vm@1: more than 4 network ports" },
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
		networks(bad[i].ports);
		assert_non_null(strstr(said, bad[i].says));
		assert_int_equal(c.vm_count, 1);
		assert_int_equal(c.vm_refused, 1);
	}
}

/* Networks whose uplinks are @first and @second, beside a driver "nic". */
static bool uplinks(const char *first, const char *second)
{
	begin();
	fdt_begin_node(blob, "drivers");
	fdt_begin_node(blob, "driver@0");
	fdt_property_string(blob, "name", "nic");
	fdt_property_string(blob, "image", "virtio-net");
	fdt_end_node(blob);
	fdt_end_node(blob);
	fdt_begin_node(blob, "networks");
	for (unsigned i = 0; i < 2; i++) {
		fdt_begin_node(blob, i ? "network@1" : "network@0");
		fdt_property_string(blob, "name", i ? "dmz" : "lan");
		fdt_property_string(blob, "uplink", i ? second : first);
		fdt_end_node(blob);
	}
	fdt_end_node(blob);
	finish();
	return read_config();
}

static void an_uplink_is_the_driver_of_one_network(void **state)
{
	(void)state;
	assert_true(uplinks("", "nic"));
	assert_string_equal(c.network[0].uplink, "");
	assert_string_equal(c.network[1].uplink, "nic");
	assert_false(uplinks("nci", ""));
	assert_string_equal(said, "config: /networks: uplink: no driver is called \"nci\"\n");
	assert_false(uplinks("nic", "nic"));
	assert_string_equal(said, "config: /networks: uplink: \"nic\" is the uplink of another network\n");
}

/* Driver @name with the property @prop, and a disk of the VM behind @driver. */
static bool drivers(const char *name, const char *prop, uint32_t value, const char *driver)
{
	begin();
	fdt_begin_node(blob, "drivers");
	fdt_begin_node(blob, "driver@0");
	fdt_property_string(blob, "name", name);
	fdt_property_string(blob, "image", "ahci");
	fdt_property_u32(blob, prop, value);
	fdt_end_node(blob);
	fdt_end_node(blob);
	fdt_begin_node(blob, "vms");
	fdt_begin_node(blob, "vm@0");
	fdt_property_string(blob, "name", "a");
	fdt_property_u64(blob, "memory", 64 << 20);
	fdt_property_u32(blob, "cpus", 1);
	fdt_property_string(blob, "kernel", "k");
	fdt_begin_node(blob, "disk@0");
	fdt_property_string(blob, "driver", driver);
	fdt_property_string(blob, "part", "root");
	fdt_property_u32(blob, "unit", 3);
	fdt_end_node(blob);
	fdt_end_node(blob);
	fdt_end_node(blob);
	finish();
	return read_config();
}

static void a_driver_has_a_device_and_disks_of_vms(void **state)
{
	(void)state;
	assert_true(drivers("disk0", "class", 0x010601, "disk0"));
	assert_int_equal(c.driver_count, 1);
	assert_string_equal(c.driver[0].name, "disk0");
	assert_string_equal(c.driver[0].image, "ahci");
	assert_int_equal(c.driver[0].class, 0x010601);
	assert_int_equal(c.vm_count, 1);
	assert_string_equal(c.vm[0].disk[0].driver, "disk0");
	assert_string_equal(c.vm[0].disk[0].part, "root");
	assert_int_equal(c.vm[0].disk[0].unit, 3);
	assert_true(drivers("disk0", "ids", 0x1af41042, "disk0"));
	assert_int_equal(c.driver[0].ids.item[0], 0x1af41042);
	assert_true(drivers("disk0", "address", 0x10000, "disk1"));
	assert_int_equal(c.vm_refused, 1);
	assert_non_null(strstr(said, "disk 0: no driver is called \"disk1\""));
	assert_false(drivers("disk0", "address", 0x10001, "disk0"));
	assert_false(drivers("disk0", "class", 0x1000000, "disk0"));
	assert_false(drivers("-disk", "class", 1, "disk0"));
	assert_false(drivers("disk0", "colour", 1, "disk0"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_full_configuration_is_read_as_written),
		cmocka_unit_test(a_driver_has_a_device_and_disks_of_vms),
		cmocka_unit_test(what_is_optional_has_defaults),
		cmocka_unit_test(a_bad_vm_entry_is_refused_with_its_node_and_property),
		cmocka_unit_test(a_missing_property_is_named),
		cmocka_unit_test(a_bad_vm_does_not_prevent_the_others),
		cmocka_unit_test(more_vms_than_there_is_room_for_are_refused),
		cmocka_unit_test(a_front_that_is_no_vm_is_reported_and_ignored),
		cmocka_unit_test(errors_outside_the_vms_are_fatal),
		cmocka_unit_test(another_compatible_is_refused),
		cmocka_unit_test(a_truncated_tree_is_refused_at_every_length),
		cmocka_unit_test(a_flipped_byte_never_leads_outside_the_blob),
		cmocka_unit_test(network_ports_are_read_in_their_order),
		cmocka_unit_test(a_vm_with_a_wrong_network_port_is_left_out),
		cmocka_unit_test(an_uplink_is_the_driver_of_one_network),
		cmocka_unit_test(the_disks_of_a_vm_are_read_in_their_order),
		cmocka_unit_test(a_vm_with_a_wrong_disk_is_left_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
