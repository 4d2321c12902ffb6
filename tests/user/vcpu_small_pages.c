/* SPDX-License-Identifier: Apache-2.0 */
/* The tests of vcpu_run.c with optional features of the CPU switched off: nested tables have pages of 4 KiB only. */
/* cmdline: off=nextrip,decode,flushasid,cleanbits,npt2m,npt1g */
#include "vcpu_run.c"
