/* SPDX-License-Identifier: Apache-2.0 */
/* sources: vmm/root/config.c vmm/root/config_disk.c vmm/root/config_driver.c vmm/root/config_net.c vmm/root/config_prop.c vmm/root/blob.c vmm/rt/fmt.c */
/* Any bytes as the configuration module: no crash, and what is accepted keeps the promises of config.h. */
#include <root/config.h>

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void report(const char *line)
{
	if (strnlen(line, 256) == 256 || strchr(line, '\n') || strchr(line, '\033'))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct config c;
	uint8_t *copy = malloc(size ? size : 1);	/* aligned, and exactly as long as the input */

	memcpy(copy, data, size);
	if (config_read(&c, copy, size, report)) {
		if (c.vm_count > CONFIG_VMS || c.prefix == 0 || c.prefix > 31)
			abort();
		for (unsigned i = 0; i < c.vm_count; i++) {
			const struct config_vm *vm = &c.vm[i];

			if (!vm->name[0] || vm->cpus == 0 || vm->cpus > VM_CPUS || vm->memory == 0 ||
			    vm->budget_us > vm->period_us || vm->priority > CONFIG_PRIORITY_MAX ||
			    vm->restart > CONFIG_RESTART_ALWAYS || strnlen(vm->cmdline, VM_CMDLINE) == VM_CMDLINE)
				abort();
		}
	}
	free(copy);
	return 0;
}
