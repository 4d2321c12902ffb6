#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Every source file begins with its SPDX line; no file has trailing blanks or an unnumbered reminder in it.
cd "$(dirname "$0")/../.." || exit 1
status=0
files=$(find boot arch mm kernel include vmm drivers tests tools \
	\( -name '*.c' -o -name '*.h' -o -name '*.asm' -o -name '*.py' -o -name '*.sh' -o -name '*.asl' \) -type f | LC_ALL=C sort)
for file in $files; do
	head -n 2 "$file" | grep -q 'SPDX-License-Identifier: Apache-2.0' || {
		echo "$file: no SPDX line"
		status=1
	}
done
# shellcheck disable=SC2086 # a list of files
if grep -nE '[[:blank:]]+$' $files; then
	echo "trailing blanks"
	status=1
fi
# shellcheck disable=SC2086
if grep -nE '\b(TOD[O]|FIXM[E]|XX[X])\b' $files; then
	echo "reminders belong into the tracker"
	status=1
fi
exit $status
