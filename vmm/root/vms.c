/* SPDX-License-Identifier: Apache-2.0 */
/* The table of virtual machines. */
#include "vms.h"

#include <rt/start.h>
#include <rt/string.h>

#include "root.h"
#include "shell.h"
#include "system.h"
#include "word.h"

static struct vm vms[CONFIG_VMS];
static unsigned count;
static bool starting;		/* vms_autostart() is at work: who lives is not known yet */

void vms_init(void)
{
	vm_scrub_init();
	for (count = 0; count < root.config.vm_count; count++)
		vm_init(&vms[count], &root.config.vm[count], count);
}

void vms_link(void)
{
	for (unsigned i = 0; i < count; i++)
		vm_disks_link(&vms[i]);
}

void vms_autostart(void)
{
	starting = true;
	for (unsigned i = 0; i < count; i++)
		if (vms[i].config->autostart)
			vm_start_or_say(&vms[i]);
	starting = false;
	vms_front_check();
}

void vms_front_check(void)
{
	struct vm *front = root.console.front == CONSOLE_SHELL ? NULL : &vms[root.console.front - 1];
	unsigned next = CONSOLE_SHELL;

	if (starting || !front || front->phase != VM_STOPPED || front->ran)
		return;
	for (unsigned i = count; i--;)
		if (vms[i].phase != VM_STOPPED)
			next = i + 1;
	console_show(&root.console, next, true);
	if (next == CONSOLE_SHELL)
		shell_shown();
}

unsigned vms_count(void)
{
	return count;
}

struct vm *vms_get(unsigned index)
{
	return index < count ? &vms[index] : NULL;
}

struct vm *vms_find(const char *word)
{
	unsigned number;

	for (unsigned i = 0; i < count; i++)
		if (str_equal(vms[i].config->name, word))
			return &vms[i];
	return word_number(word, &number) && number ? vms_get(number - 1) : NULL;
}

void vms_stop_all(bool force)
{
	for (unsigned i = 0; i < count; i++)
		if (vms[i].phase != VM_STOPPED && vm_stop(&vms[i], force, false))
			continue;		/* it stops already */
	system_vms_changed();
}

bool vms_all_stopped(void)
{
	for (unsigned i = 0; i < count; i++)
		if (vms[i].phase != VM_STOPPED)
			return false;
	return true;
}

void vms_place(struct place *p)
{
	place_init(p, rt_info()->cpu_count);
	for (unsigned i = 0; i < count; i++)
		if (vms[i].phase == VM_PREPARING || vms[i].phase == VM_RUNNING)
			place_add(p, vms[i].config, vms[i].cpu);
}

bool vms_any_ran(void)
{
	for (unsigned i = 0; i < count; i++)
		if (vms[i].ever_ran)
			return true;
	return false;
}
