/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration of the system, as tools/trivet compiled it and root has checked it again. */
#ifndef ROOT_CONFIG_H
#define ROOT_CONFIG_H

#include <lib/base.h>
#include <svc/driver.h>
#include <svc/vm.h>

#define CONFIG_VMS		16u
#define CONFIG_MODULE_ARGS	512u
#define CONFIG_CPU		256u	/* words that describe a CPU, with NUL */
#define CONFIG_MONITOR		"vmm"	/* the usual monitor */
#define CONFIG_COMPATIBLE	"trivet,system-1"

enum config_restart { CONFIG_RESTART_NEVER, CONFIG_RESTART_ON_FAILURE, CONFIG_RESTART_ALWAYS };

/* A list of small numbers. */
#define CONFIG_LIST		VM_CPUS
struct config_list {
	uint32_t count, item[CONFIG_LIST];
};

/* A file for the guest beside the kernel. */
struct config_module {
	char image[VM_MODULE_NAME];	/* name of a boot module                                     */
	char args[CONFIG_MODULE_ARGS];	/* its command line                                          */
};

#define CONFIG_SERIAL		21u	/* of a disk, with NUL */

#define CONFIG_DRIVERS		8u

/* A driver, with the device that it drives, or a server without one. */
struct config_driver {
	char name[DRIVER_NAME];
	char image[VM_MODULE_NAME];	/* name of a boot module                                     */
	struct config_list ids;		/* of its device: vendor << 16 | device, one of these; or    */
	uint32_t class;			/* class << 16 | subclass << 8 | interface, 0: by @ids; with neither it has no device */
	uint32_t address;		/* bus << 8 | device << 3 | function, plus 1; 0: the first one that fits */
};

struct config_disk {
	char driver[DRIVER_NAME];	/* behind which driver; "": in memory.  Then the next two say what of it */
	char part[DRIVER_PART];		/* as in struct driver_client                                */
	uint32_t unit;
	char image[VM_MODULE_NAME];	/* name of a boot module; "": the disk begins empty          */
	uint64_t size;			/* bytes, multiple of 4 KiB; 0: that of the image            */
	uint32_t read_only;		/* 0 or 1                                                    */
	char serial[CONFIG_SERIAL];
	uint32_t type;			/* enum vm_disk_type of svc/vm.h                             */
};

/* A network port of a VM. */
struct config_net {
	uint32_t network;		/* index of its network                                      */
	uint32_t vlan;			/* of its untagged frames, 0: the network without number     */
	struct config_list tagged;	/* further VLANs, with tags                                  */
	uint64_t mac;			/* first byte lowest                                         */
	uint64_t rate;			/* bytes a second that it may send; 0: no limit              */
	uint32_t isolated, any_source, capture;	/* 0 or 1: SWITCH_* of svc/switch.h                  */
};

struct config_vm {
	char name[VM_NAME];
	uint64_t memory;		/* bytes, multiple of 4 KiB                                  */
	uint32_t cpus;			/* 1 ... VM_CPUS                                             */
	uint32_t priority;		/* 1 ... CONFIG_PRIORITY_MAX                                 */
	uint32_t budget_us, period_us;	/* both 0: no limit                                          */
	uint32_t restart;		/* enum config_restart                                       */
	uint32_t restart_limit;		/* 1 ... CONFIG_RESTARTS within POLICY_WINDOW_S              */
	uint32_t watchdog_ms;		/* its monitor must show signs of life so often; 0: no watch */
	uint32_t resume;		/* 0 or 1: a new monitor goes on with the guest of one that failed */
	struct config_list cpu_list;	/* CPUs of the machine: virtual CPU n runs on entry n % count; none: root chooses */
	uint32_t exclusive;		/* 0 or 1: nobody else runs on these                         */
	uint32_t autostart;		/* 0 or 1                                                    */
	char monitor[VM_MODULE_NAME];	/* name of the boot module that is its monitor               */
	char kernel[VM_MODULE_NAME];	/* names of boot modules; "": none, but not both             */
	char firmware[VM_MODULE_NAME];
	struct config_module module[VM_MODULES];
	unsigned module_count;
	uint32_t devices;		/* VM_DEVICE_* of svc/vm.h                                   */
	char cpu[CONFIG_CPU];		/* words of vmm/cpu_model.h; "": the host's                  */
	uint32_t paravirt;		/* enum vm_paravirt                                          */
	char cmdline[VM_CMDLINE];
	unsigned disk_count;
	struct config_disk disk[VM_DISKS];
	unsigned net_count;
	struct config_net net[VM_NETS];
};

#define CONFIG_NETWORKS		4u

#define CONFIG_CPUS		256u	/* of the machine                                    */
#define CONFIG_CPU_ROOT		0u	/* where root and the drivers run                    */
#define CONFIG_RESTARTS		8u	/* highest restart_limit                             */
#define CONFIG_RESTART_LIMIT	5u	/* the usual one                                     */
#define CONFIG_PRIORITY_MAX	200u	/* above it: root and the drivers                            */

struct config_network {
	char name[VM_NAME];
	char uplink[DRIVER_NAME];	/* the driver of a NIC; "": none                             */
};

struct config {
	uint8_t prefix;			/* ASCII control code of the console's prefix key            */
	bool power_off;			/* when every VM has stopped                                 */
	bool serial;			/* is there a serial driver?                                 */
	char front[VM_NAME];		/* VM in front at boot; "": the management shell             */
	char serial_image[VM_MODULE_NAME];
	unsigned network_count;
	struct config_network network[CONFIG_NETWORKS];
	char pci_image[VM_MODULE_NAME];	/* of the PCI server; "": none                               */
	unsigned driver_count;
	struct config_driver driver[CONFIG_DRIVERS];
	unsigned vm_count;
	unsigned vm_refused;		/* entries that were left out, each reported                 */
	struct config_vm vm[CONFIG_VMS];
};

/* Takes one line, without newline, that says what is wrong where. */
typedef void config_report(const char *line);

/*
 * Read the flattened device tree @blob of @size bytes into @c.  @blob is outside input: every offset, type and range is
 * checked, and what is not known is refused.  An error inside one VM's node is reported and costs that VM only; any other
 * error is reported and returns false, and then @c must not be used.
 */
bool config_read(struct config *c, const void *blob, size_t size, config_report *report) MUST_USE;

#endif
