#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# kernel/ and mm/ know no CPU vendor and no device.
cd "$(dirname "$0")/../.." || exit 1
! grep -rniE '\b(vmcs|vmcb|vmx|svm|ept|npt|virtio|lapic|intel|amd)(_|\b)' kernel mm
