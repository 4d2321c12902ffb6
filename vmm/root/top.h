/* SPDX-License-Identifier: Apache-2.0 */
/* The command top: what the VMs do, once a second. */
#ifndef ROOT_TOP_H
#define ROOT_TOP_H

#include <lib/base.h>

/*
 * Show @count samples, 0: until a key is pressed, and give the prompt back.  @json: a line with one object for each, for
 * scripts; else a screen that is written anew.
 */
void top_start(unsigned count, bool json);

#endif
