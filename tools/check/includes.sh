#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Include direction: which folder may include headers of which audience.  Cross-folder headers are <dir/name.h>, private ones
# are "name.h" beside the file.  Prints every line that breaks the rule.
cd "$(dirname "$0")/../.." || exit 1
rules='boot:abi x86 lib kernel
arch/x86:abi x86 lib arch mm kernel
arch/vmx:abi x86 lib arch mm kernel vmx
arch/svm:abi x86 lib arch mm kernel svm
arch/iommu:abi x86 lib arch mm kernel
mm:abi lib arch mm kernel
kernel:abi lib arch mm kernel
vmm:abi x86 lib rt svc dev load root virtio asm
vmm/rt:abi lib rt
drivers:abi x86 lib rt svc drv
include/abi:abi
include/lib:lib
include/x86:lib x86'
echo "$rules" | while IFS=: read -r dir ok; do
	[ -d "$dir" ] && grep -rnE '^[[:space:]]*#[[:space:]]*include' --include='*.[ch]' "$dir" |
	awk -v ok=" $ok " '
		match($0, /<[^>]+\//) { d = substr($0, RSTART + 1); sub(/\/.*/, "", d)
			if (!index(ok, " " d " ")) print "not allowed here: " $0 }
		/"[^"]*\// { print "private header by path: " $0 }'
done | sort -u | { ! grep . ; }
