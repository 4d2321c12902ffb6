/* SPDX-License-Identifier: Apache-2.0 */
/* How the server reaches configuration space. */
#ifndef PCI_ACCESS_H
#define PCI_ACCESS_H

/* From now on by ECAM, mapped at @base for these buses; before that, by ports. */
void config_ecam(volatile void *base, unsigned first_bus, unsigned last_bus);

#endif
