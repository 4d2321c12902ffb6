/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs the benchmark guest under Linux KVM, as the init process of a machine that has nothing else: loads KVM's modules (the
 * CPU vendor's is /kvm-vendor.ko), builds a VM as Trivet's loader would leave it, and answers its exits.  A minimal monitor: what it adds to KVM's own costs is next to
 * nothing.  Linux kernel documentation: "The Definitive KVM (Kernel-based Virtual Machine) API Documentation".
 *
 * The machine is switched off at the end; a failure is said on the console as "perf.failed: why".
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/syscall.h>
#include <termios.h>
#include <unistd.h>

#include <linux/kvm.h>

#define GUEST_FILE	"/guest"
#define MEMORY		(64ul << 20)
#define READY		(32ul << 20)	/* from here on the guest finds memory that the host has touched: guest.c */
#define LOAD		0x200000u
#define ENTRY		(LOAD + 0x200)	/* boot protocol: the 64-bit entry */
#define SETUP_SIZE	1024u
#define TABLES		0x10000u	/* page tables: one, one, and a directory for each of 4 GiB */
#define DIRECTORIES	4u

#define PTE_TABLE	0x3ull		/* present, writable */
#define PDE_LARGE	0x83ull		/* and a page of 2 MiB */
#define GUEST_CR0	0x80010031ull	/* PG, WP, NE, ET, PE */
#define GUEST_CR4	0x20ull		/* PAE */
#define GUEST_EFER	0x500ull	/* LMA, LME */

#define COM1		0x3f8u
#define COM1_LSR	(COM1 + 5)
#define LSR_EMPTY	0x60u
#define PM1A_CNT	0x604u
#define SLP_EN_HIGH	(1u << 5)	/* in the register's second byte */
#define CPUID_ENTRIES	100u
#define ECX_X2APIC	(1u << 21)
#define ECX_DEADLINE	(1u << 24)

static char line[256];
static size_t line_length;

/* When all that was written is out: a slow console would lose the last lines, or mix them with the kernel's. */
static void __attribute__((noreturn)) power_off(void)
{
	(void)tcdrain(STDOUT_FILENO);
	reboot(RB_POWER_OFF);
	exit(1);
}

/* Says why and switches the machine off. */
static void __attribute__((noreturn, format(printf, 1, 2))) fail(const char *format, ...)
{
	va_list args;

	printf("\nperf.failed: ");
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n");
	fflush(stdout);
	power_off();
}

static int checked(int result, const char *what)
{
	if (result < 0)
		fail("%s: %s", what, strerror(errno));
	return result;
}

static void load_module(const char *path)
{
	int fd = checked(open(path, O_RDONLY | O_CLOEXEC), path);

	checked((int)syscall(SYS_finit_module, fd, "", 0), path);
	close(fd);
}

/* Linear addresses are physical ones up to 4 GiB. */
static void make_tables(uint8_t *memory)
{
	uint64_t *top = (uint64_t *)(void *)(memory + TABLES), *pointers = top + 512, *entries = top + 1024;

	top[0] = (TABLES + 0x1000) | PTE_TABLE;
	for (unsigned i = 0; i < DIRECTORIES; i++)
		pointers[i] = (TABLES + 0x2000 + i * 0x1000) | PTE_TABLE;
	for (unsigned i = 0; i < DIRECTORIES * 512; i++)
		entries[i] = ((uint64_t)i << 21) | PDE_LARGE;
}

/* Memory of small pages, as a host without spare large ones gives it; above READY all are there. */
static uint8_t *make_memory(int vm)
{
	uint8_t *memory = mmap(NULL, MEMORY, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct kvm_userspace_memory_region region = { .memory_size = MEMORY, .userspace_addr = (uintptr_t)memory };
	int file = checked(open(GUEST_FILE, O_RDONLY | O_CLOEXEC), GUEST_FILE);

	if (memory == MAP_FAILED)
		fail("no memory for the guest");
	(void)madvise(memory, MEMORY, MADV_NOHUGEPAGE);
	memset(memory + READY, 0xff, MEMORY - READY);
	if (checked((int)pread(file, memory + LOAD, READY / 2 - LOAD, SETUP_SIZE), GUEST_FILE) == 0)
		fail("%s is too short", GUEST_FILE);
	close(file);
	make_tables(memory);
	checked(ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region), "KVM_SET_USER_MEMORY_REGION");
	return memory;
}

/* What KVM can do, with the local APIC that Trivet has as well. */
static void set_cpuid(int kvm, int vcpu)
{
	struct kvm_cpuid2 *cpuid = calloc(1, sizeof(*cpuid) + CPUID_ENTRIES * sizeof(cpuid->entries[0]));

	if (!cpuid)
		fail("no memory");
	cpuid->nent = CPUID_ENTRIES;
	checked(ioctl(kvm, KVM_GET_SUPPORTED_CPUID, cpuid), "KVM_GET_SUPPORTED_CPUID");
	for (unsigned i = 0; i < cpuid->nent; i++)
		if (cpuid->entries[i].function == 1)
			cpuid->entries[i].ecx |= ECX_X2APIC | ECX_DEADLINE;
	checked(ioctl(vcpu, KVM_SET_CPUID2, cpuid), "KVM_SET_CPUID2");
	free(cpuid);
}

static void set_registers(int vcpu)
{
	const struct kvm_segment data = { .limit = ~0u, .selector = 0x18, .type = 3, .present = 1, .db = 1, .s = 1, .g = 1 };
	struct kvm_regs regs = { .rip = ENTRY, .rflags = 2 };
	struct kvm_sregs sregs;

	checked(ioctl(vcpu, KVM_GET_SREGS, &sregs), "KVM_GET_SREGS");
	sregs.ds = sregs.es = sregs.fs = sregs.gs = sregs.ss = data;
	sregs.cs = (struct kvm_segment){ .limit = ~0u, .selector = 0x10, .type = 11, .present = 1, .s = 1, .l = 1, .g = 1 };
	sregs.cr0 = GUEST_CR0;
	sregs.cr3 = TABLES;
	sregs.cr4 = GUEST_CR4;
	sregs.efer = GUEST_EFER;
	checked(ioctl(vcpu, KVM_SET_SREGS, &sregs), "KVM_SET_SREGS");
	checked(ioctl(vcpu, KVM_SET_REGS, &regs), "KVM_SET_REGS");
}

/* A character of the guest's, passed on in whole lines. */
static void console(char c)
{
	line[line_length++] = c;
	if (c == '\n' || line_length == sizeof(line)) {
		if (write(STDOUT_FILENO, line, line_length) < 0)
			fail("console: %s", strerror(errno));
		line_length = 0;
	}
}

/* False: the guest has switched its machine off. */
static int port_access(struct kvm_run *run)
{
	uint8_t *data = (uint8_t *)run + run->io.data_offset;
	size_t size = (size_t)run->io.size * run->io.count;

	if (run->io.direction == KVM_EXIT_IO_IN) {
		memset(data, run->io.port == COM1_LSR ? LSR_EMPTY : 0xff, size);
		return 1;
	}
	if (run->io.port == COM1)
		console((char)data[0]);
	return run->io.port != PM1A_CNT || size != 2 || !(data[1] & SLP_EN_HIGH);
}

static void run_guest(int vcpu, struct kvm_run *run)
{
	for (;;) {
		if (ioctl(vcpu, KVM_RUN, 0) < 0 && errno != EINTR)
			fail("KVM_RUN: %s", strerror(errno));
		switch (run->exit_reason) {
		case KVM_EXIT_IO:
			if (!port_access(run))
				return;
			break;
		case KVM_EXIT_MMIO:
			if (!run->mmio.is_write)
				memset(run->mmio.data, 0xff, sizeof(run->mmio.data));
			break;
		case KVM_EXIT_INTR:
			break;
		default:
			fail("unexpected exit %u (hardware's reason 0x%llx)", run->exit_reason,
			     (unsigned long long)run->hw.hardware_exit_reason);
		}
	}
}

int main(void)
{
	int kvm, vm, vcpu, size;
	struct kvm_run *run;

	checked(mount("dev", "/dev", "devtmpfs", 0, NULL), "/dev");
	load_module("/irqbypass.ko");
	load_module("/kvm.ko");
	load_module("/kvm-vendor.ko");
	kvm = checked(open("/dev/kvm", O_RDWR | O_CLOEXEC), "/dev/kvm");
	vm = checked(ioctl(kvm, KVM_CREATE_VM, 0), "KVM_CREATE_VM");
	checked(ioctl(vm, KVM_CREATE_IRQCHIP, 0), "KVM_CREATE_IRQCHIP");
	(void)make_memory(vm);
	vcpu = checked(ioctl(vm, KVM_CREATE_VCPU, 0), "KVM_CREATE_VCPU");
	size = checked(ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0), "KVM_GET_VCPU_MMAP_SIZE");
	run = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu, 0);
	if (run == MAP_FAILED)
		fail("the vCPU's page: %s", strerror(errno));
	set_cpuid(kvm, vcpu);
	set_registers(vcpu);
	run_guest(vcpu, run);
	power_off();
}
