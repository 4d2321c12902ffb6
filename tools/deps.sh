#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Installs the Debian packages of tools/packages.txt that are missing, then prepares the guests.
# Plain sh: on a fresh machine there is no Python yet.
set -eu
cd "$(dirname "$0")/.."

die() {
	echo "tools/deps.sh: $*" >&2
	exit 1
}

command -v apt-get >/dev/null && command -v dpkg-query >/dev/null ||
	die "no apt-get here; install the counterparts of tools/packages.txt by hand"

wanted=$(sed 's/#.*//' tools/packages.txt)
missing=
for package in $wanted; do
	state=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
	[ "$state" = installed ] || missing="$missing $package"
done

as_root=
if [ "$(id -u)" != 0 ]; then
	as_root=sudo
fi

if [ -n "$missing" ]; then
	echo "installing:$missing"
	if [ -n "$as_root" ] && ! command -v sudo >/dev/null; then
		die "not root and no sudo; run as root: apt-get install$missing"
	fi
	$as_root apt-get -q update
	# shellcheck disable=SC2086 # the list is meant to be split
	$as_root env DEBIAN_FRONTEND=noninteractive \
		apt-get -q -y install --no-install-recommends $missing
fi

exec sh tools/guests.sh
