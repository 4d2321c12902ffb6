/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Root and a monitor: what the monitor is given, what the two share, and how it ends.
 *
 * Capabilities in the start page (rt/start.h):
 *   domain      DOMAIN         MAP                  its own host space: map what it has regions for
 *   ram0 ...    REGION         READ WRITE EXEC      guest RAM, vm_config.ram_count pieces, 2 MiB aligned (1 GiB where that
 *                                                   large), all zero
 *   kernel      REGION         READ                 only when vm_config.kernel_size is not 0, the bytes of the file
 *   firmware    REGION         READ EXEC            the same with firmware_size
 *   module0 ... REGION         READ                 vm_config.module_count further files for the guest, such as its initrd
 *   image0 ...  REGION         READ                 the module of a disk; its first vm_disk.image_size bytes are the file
 *   ramdisk0 .. REGION         READ WRITE           memory of a disk that can be written, of vm_disk.size bytes rounded up to 4 KiB,
 *                                                   and the bits behind it; it is all zero when the VM is started for the first time
 *                                                   and then keeps what the monitor has put there
 *   blk0 ...    NOTIFICATION   SIGNAL               the server of a disk that is behind one; area "blk0" ... is its link (svc/blk.h)
 *   net0 ...    NOTIFICATION   SIGNAL               the server of a network port; area "net0" ... is its links (svc/net.h)
 *   ntfn        NOTIFICATION   WAIT CONTROL SIGNAL  bound to thread 0 by root
 *   root        NOTIFICATION   SIGNAL               one bit of root's: signal vm_config.root_signal, no other is allowed
 *   thread0 ... THREAD         CONTROL READ         one for each virtual CPU; all but thread 0 wait to be started and have no
 *                                                   notification bound yet
 *   sched0 ...  SCHED          READ                 the scheduling context of each thread
 * The monitor makes its guest space, vCPUs and further notifications itself, in selectors from tv_start.free_sel on; its
 * quota pays.  Host addresses from VM_HOST_FREE up are free for its own mappings.
 *
 * Areas "record" and "old": svc/record.h.
 *
 * Area "shared": struct vm_shared.  Signals: root signals bit VM_SIGNAL_ROOT of "ntfn" when it set a request, put console
 * input or made room for output; the monitor signals "root" as the ring protocol (rt/ring.h) says, and when the state changes.
 * A monitor that writes console output byte by byte should collect: signal at the latest VM_OUTPUT_DELAY_US after the first
 * byte and before it sleeps.
 *
 * The end: thread 0 exits with an enum vm_exit code, having put the reason, if there is more to say than the code does, into
 * vm_status.reason; root destroys the domain.  A fault of any thread or a panic counts as VM_EXIT_MONITOR.
 */
#ifndef SVC_VM_H
#define SVC_VM_H

#include <stdatomic.h>

#include <abi/exit.h>
#include <lib/base.h>
#include <rt/ring.h>
#include <rt/start.h>

#define VM_CPUS			8u		/* virtual CPUs of one VM */
#define VM_RAM_PIECES		4u
#define VM_MODULES		4u
#define VM_NETS			4u
#define VM_DISKS		4u		/* disks in memory of one VM */
#define VM_CMDLINE		1536u
#define VM_NAME			32u
#define VM_MODULE_NAME		64u

#define VM_HOST_FREE		0x100000000ull	/* host-virtual: from here to TV_USER_MAX nothing is mapped by root */

struct vm_ram {
	uint64_t size;				/* bytes, multiple of 2 MiB, the last piece of 4 KiB          */
	uint32_t sel;				/* REGION capability                                          */
	uint32_t reserved;
};

#define VM_DEVICE_TEST		(1u << 0)	/* isa-debug-exit and pc-testdev      */
#define VM_DEVICE_PVPANIC	(1u << 1)
#define VM_DEVICE_CONSOLE	(1u << 2)	/* virtio console                     */

/* Whose paravirtual interface a guest finds. */
enum vm_paravirt { VM_PARAVIRT_KVM = 0, VM_PARAVIRT_HYPERV = 1, VM_PARAVIRT_NONE = 2, VM_PARAVIRTS };

/* A file that goes into the guest along with the kernel. */
struct vm_module {
	uint64_t size;				/* bytes                                                      */
	uint32_t args;				/* its command line: offset in vm_config.cmdline              */
	uint32_t reserved;
	char name[VM_MODULE_NAME];		/* for messages                                               */
};

/* What a disk is to the guest, vm_disk.type; all but virtio are in memory. */
enum vm_disk_type { VM_DISK_VIRTIO = 0, VM_DISK_SATA = 1, VM_DISK_CDROM = 2, VM_DISK_FLASH = 3, VM_DISK_TYPES };

/* A disk, in memory or behind a server. */
struct vm_disk {
	uint64_t size;				/* bytes, a multiple of 4 KiB                                 */
	uint64_t image_size;			/* bytes of the file, 0: the disk begins empty                */
	uint64_t signal;			/* behind a server: the bit to signal on "blkN"               */
	uint32_t read_only;			/* 0 or 1                                                     */
	uint32_t server;			/* 1: behind a server, which says all the rest                */
	char serial[20];			/* not NUL-terminated if it has 20 characters                 */
	uint32_t type;				/* enum vm_disk_type                                          */
};
/* Bytes of "ramdiskN": a bit for each 4 KiB stands behind the data. */
static inline uint64_t vm_disk_memory(uint64_t size)
{
	return size + align_up(size / 4096 / 8 + 8, 4096);
}

/* The configuration in the start page. */
struct vm_config {
	uint64_t memory;			/* bytes of guest RAM: sum of the pieces                      */
	uint64_t kernel_size, firmware_size;	/* bytes of the files; at least one of them is there          */
	uint64_t wall_seconds;			/* seconds since 1970-01-01 UTC at the time-stamp @wall_tsc   */
	uint64_t wall_tsc;
	uint64_t root_signal;			/* the bit to signal on "root"                                */
	uint32_t cpus;				/* 1 ... VM_CPUS                                              */
	uint32_t ram_count;			/* 1 ... VM_RAM_PIECES, in the order of guest addresses       */
	struct vm_ram ram[VM_RAM_PIECES];
	uint32_t thread[VM_CPUS];		/* selectors of thread0 ...                                   */
	uint32_t module_count;			/* 0 ... VM_MODULES                                           */
	uint32_t devices;			/* VM_DEVICE_*: what not every VM has                         */
	struct vm_module module[VM_MODULES];
	char name[VM_NAME];
	char kernel_name[VM_MODULE_NAME];	/* of the boot modules, for messages                          */
	char firmware_name[VM_MODULE_NAME];
	char cmdline[VM_CMDLINE];		/* for the guest kernel; behind its NUL, those of the modules, then the CPU */
	uint64_t old_addr;			/* where the memory in the area "old" was                     */
	uint32_t generation;			/* 0: begin; n: go on as the n-th monitor after the first one, see svc/record.h */
	uint32_t reserved;
	uint32_t disk_count;			/* 0 ... VM_DISKS                                             */
	uint32_t cpu;				/* its CPU, words of vmm/cpu_model.h: offset in @cmdline, 0: host's */
	struct vm_disk disk[VM_DISKS];
	uint32_t net_count;			/* 0 ... VM_NETS: network ports                               */
	uint32_t paravirt;			/* enum vm_paravirt                                           */
	uint64_t net_signal[VM_NETS];		/* the bit to signal on "netN"                                */
};
_Static_assert(offsetof(struct vm_config, ram) == 56, "protocol");
_Static_assert(offsetof(struct vm_config, module) == 160, "protocol");
_Static_assert(offsetof(struct vm_config, name) == 480, "protocol");
_Static_assert(sizeof(struct vm_config) == 656 + VM_CMDLINE + 8 + 56 * VM_DISKS + 8 + 8 * VM_NETS, "protocol");
_Static_assert(sizeof(struct vm_config) <= TV_START_CONFIG, "fits into the start page");

/* Exit codes of thread 0. */
enum vm_exit {
	VM_EXIT_POWEROFF = 0,	/* the guest switched itself off (ACPI S5)                                            */
	VM_EXIT_RESET    = 1,	/* the guest asked for a reset: start it again, whatever the restart policy says      */
	VM_EXIT_STOPPED  = 2,	/* stopped because root asked for it                                                  */
	VM_EXIT_CRASH    = 3,	/* the guest: triple fault, unhandled exit, halted for ever                           */
	VM_EXIT_MONITOR  = 4,	/* the monitor found itself wrong, or the kernel refused it something                 */
	VM_EXIT_REFUSED  = 5,	/* its input cannot be run (no kernel of a known kind, a module too large): starting again is no use   */
	VM_EXITS
};

/* What the monitor is doing, vm_status.state. */
enum vm_state {
	VM_STATE_STARTING = 0,
	VM_STATE_LOADING  = 1,	/* copies kernel and modules  */
	VM_STATE_RUNNING  = 2,	/* the guest has been entered */
	VM_STATE_STOPPING = 3,
	VM_STATES
};

/* Requests of root, bits of vm_shared.request: root sets them, the monitor takes them with an atomic exchange by 0. */
#define VM_REQUEST_POWER_BUTTON	(1u << 0)	/* press the guest's ACPI power button                       */
#define VM_REQUEST_STOP		(1u << 1)	/* stop at once and exit with VM_EXIT_STOPPED                */
#define VM_REQUEST_RESET	(1u << 2)	/* exit with VM_EXIT_RESET                                   */
#define VM_REQUEST_DUMP		(1u << 3)	/* log the registers of each virtual CPU and the counters    */
#define VM_REQUEST_BEAT		(1u << 4)	/* vm_shared.beat has changed: each thread shall answer      */

#define VM_SIGNAL_ROOT		(1ull << 0)	/* bits of "ntfn": root's,                         */
#define VM_SIGNAL_DISK(n)	(1ull << (8 + (n)))	/* the server's of disk n,                 */
#define VM_SIGNAL_NET(n)	(1ull << (16 + (n)))	/* the server's of network port n;         */
#define VM_SIGNAL_DEVICES	0xffff00ull		/* the other ones are the monitor's        */

#define VM_OUTPUT_DELAY_US	2000u

#define VM_REASON		160u

/*
 * One virtual CPU, written by its thread: now and then, and at once when it sees a new vm_shared.beat, which it then
 * copies to @beat as a sign of life.
 */
struct vm_cpu_status {
	_Atomic uint32_t beat;
	uint32_t reserved;
	_Atomic uint64_t exits[TV_EXIT_KINDS];	/* that reached the monitor, by enum tv_exit_kind            */
	_Atomic uint64_t injected;		/* interrupts delivered to the guest                         */
	_Atomic uint64_t halted;		/* TSC ticks in HLT, or before it was started                */
};

/* Written by the monitor only; root shows it and trusts no word of it. */
struct vm_status {
	_Atomic uint32_t state;			/* enum vm_state                                             */
	_Atomic uint32_t panics;		/* how often the guest has said that it crashed (pvpanic)    */
	_Atomic uint64_t unclaimed;		/* accesses that no device model claimed                     */
	_Atomic uint64_t kernel_entry_tsc;	/* when the guest kernel was entered for the first time      */
	_Atomic uint64_t log_dropped;		/* lines that found no room in the log ring                  */
	char reason[VM_REASON];			/* NUL-terminated: why it ended                              */
	struct vm_cpu_status cpu[VM_CPUS];
};

#define VM_INPUT_SIZE		4096u
#define VM_OUTPUT_SIZE		8192u
#define VM_LOG_SIZE		8192u

/* The area "shared". */
struct vm_shared {
	struct ring_shared input;		/* console: root puts            */
	struct ring_shared output;		/* console: the monitor puts     */
	struct ring_shared log;			/* text lines: the monitor puts  */
	_Atomic uint32_t request;		/* VM_REQUEST_*                  */
	_Atomic uint32_t beat;			/* root counts                   */
	uint32_t reserved[30];
	struct vm_status status;
	uint8_t pad[4096 - 512 - sizeof(struct vm_status)];
	uint8_t input_data[VM_INPUT_SIZE];
	uint8_t output_data[VM_OUTPUT_SIZE];
	uint8_t log_data[VM_LOG_SIZE];
};
_Static_assert(offsetof(struct vm_shared, status) == 512, "protocol");
_Static_assert(offsetof(struct vm_shared, input_data) == 4096, "protocol");
_Static_assert(sizeof(struct vm_shared) == 4096 + VM_INPUT_SIZE + VM_OUTPUT_SIZE + VM_LOG_SIZE, "protocol");

/* Each side's private views of the three rings. */
static inline struct ring vm_ring_input(struct vm_shared *s)
{
	return (struct ring){ &s->input, s->input_data, VM_INPUT_SIZE };
}
static inline struct ring vm_ring_output(struct vm_shared *s)
{
	return (struct ring){ &s->output, s->output_data, VM_OUTPUT_SIZE };
}
static inline struct ring vm_ring_log(struct vm_shared *s)
{
	return (struct ring){ &s->log, s->log_data, VM_LOG_SIZE };
}

#endif
