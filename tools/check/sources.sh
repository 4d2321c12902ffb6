#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The source lists of the Makefile are those of the tree: no file is forgotten, none is listed that is not there.
cd "$(dirname "$0")/../.." || exit 1
listed=$(make -s --no-print-directory list-sources | LC_ALL=C sort)
there=$(ls boot/*.asm boot/*.c arch/*/*.asm arch/*/*.c kernel/*.c mm/*.c vmm/*.c vmm/*/*.c vmm/*/*.asm drivers/*/*.c | LC_ALL=C sort)
[ "$listed" = "$there" ] && exit 0
echo "$listed" >"${TMPDIR:-/tmp}/trivet-listed.$$"
echo "$there" | diff "${TMPDIR:-/tmp}/trivet-listed.$$" - | sed -n 's/^</not there:/p; s/^>/not in the Makefile:/p'
rm -f "${TMPDIR:-/tmp}/trivet-listed.$$"
exit 1
