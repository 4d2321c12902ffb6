/* SPDX-License-Identifier: Apache-2.0 */
/* cpus: 4 */
/* All CPUs of the machine come up. */
#include "check.h"

uint64_t rt_main(const struct tv_start *start)
{
	const struct tv_info *info = rt_info();

	(void)start;
	expect(info->cpu_count == 4);
	for (unsigned i = 0; i < info->cpu_count; i++)
		for (unsigned k = 0; k < i; k++)
			expect(info->cpu[i].apic_id != info->cpu[k].apic_id);
	verdict("every CPU of the machine is in use, under an APIC id of its own");
	done();
}
