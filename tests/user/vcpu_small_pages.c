/* SPDX-License-Identifier: Apache-2.0 */
/* The tests of vcpu_run.c with optional features of the CPU switched off: nested tables have pages of 4 KiB only. */
/* cmdline: off=nextrip,decode,flushasid,cleanbits,npt2m,npt1g */
/* not-on: bochs-svm Bochs holds interrupts of the host back while a guest's IF is 0 at VMRUN */
#include "vcpu_run.c"
