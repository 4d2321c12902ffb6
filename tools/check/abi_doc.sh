#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# docs/abi.md names every hypercall, status, exit kind and capability type of include/abi/: as TV_NAME, or in small letters.
cd "$(dirname "$0")/../.." || exit 1
[ -f docs/abi.md ] || {
	echo "docs/abi.md is missing"
	exit 1
}
status=0
for name in $(sed -n 's/^[[:space:]]*\(TV_[A-Z0-9_]*\)[[:space:]]*=.*/\1/p' \
	include/abi/hypercall.h include/abi/status.h include/abi/exit.h include/abi/object.h); do
	small=$(echo "${name#TV_}" | tr '[:upper:]' '[:lower:]')
	grep -qE "\b($name|$small)\b" docs/abi.md || {
		echo "docs/abi.md does not mention $name"
		status=1
	}
done
exit $status
