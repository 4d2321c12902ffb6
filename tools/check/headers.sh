#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Self-standing headers: every header of include/ compiles when it is the only one included.
cd "$(dirname "$0")/../.." || exit 1
status=0
for header in $(find include -name '*.h' | LC_ALL=C sort); do
	echo "#include <${header#include/}>" |
		"${CC:-gcc}" -std=c11 -Wall -Wextra -Wconversion -Wshadow -Wmissing-prototypes -Wstrict-prototypes -Wvla -Werror \
			-ffreestanding -mgeneral-regs-only -Iinclude -fsyntax-only -x c - || status=1
done
exit $status
