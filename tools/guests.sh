#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Prepares the named guests: an unmodified Debian kernel (build/guests/linux-cloud) and an initramfs around
# busybox (build/guests/busybox); and an archive (build/guests/stress) with a load generator, which can be appended to
# an initramfs.  Packages are fetched with apt and only unpacked, never installed.
# Does nothing when the result is there and the sources in tools/guest/ have not changed.
set -eu
cd "$(dirname "$0")/.."

out=build/guests
work=$out/work
stamp=$out/stamp
sources="tools/guests.sh tools/guest/init.c tools/guest/inittab tools/guest/rcS tools/guest/profile tools/guest/power"

now=$(cat $sources | sha256sum)
if [ -f $out/linux-cloud ] && [ -f $out/busybox ] && [ -f $out/stress ] && [ "$(cat $stamp 2>/dev/null)" = "$now" ]; then
	exit 0
fi

die() {
	echo "tools/guests.sh: $*" >&2
	exit 1
}

# real_kernel: the package that the meta package stands for today; empty if apt knows none.
real_kernel() {
	apt-cache depends linux-image-cloud-amd64 2>/dev/null |
		sed -n 's/^ *Depends: \(linux-image-[0-9][^ ]*\)$/\1/p' | head -n 1
}

# fetch PACKAGE...: downloads into the current folder.
fetch() {
	apt-get -q -o APT::Sandbox::User= download "$@"
}

# update_lists: what apt knows may be missing or older than the mirror.
update_lists() {
	if [ "$(id -u)" = 0 ]; then
		apt-get -q update
	else
		sudo apt-get -q update
	fi
}

download() {
	rm -rf "$work"
	mkdir -p "$work/deb" "$work/kernel" "$work/busybox"
	[ -n "$(real_kernel)" ] || update_lists
	[ -n "$(real_kernel)" ] || die "apt knows no package linux-image-cloud-amd64"
	(
		cd "$work/deb"
		fetch "$(real_kernel)" busybox-static || {
			update_lists
			fetch "$(real_kernel)" busybox-static
		}
	) || die "the packages of the guests could not be downloaded"
	dpkg-deb -x "$work"/deb/linux-image-*.deb "$work/kernel"
	dpkg-deb -x "$work"/deb/busybox-static_*.deb "$work/busybox"
	rm -r "$work/deb"
}

download_stress() {
	rm -rf "$work/deb" "$work/stress"
	mkdir -p "$work/deb" "$work/stress"
	(
		cd "$work/deb"
		fetch stress libc6 || {
			update_lists
			fetch stress libc6
		}
	) || die "the package stress could not be downloaded"
	for deb in "$work"/deb/*.deb; do
		dpkg-deb -x "$deb" "$work/stress"
	done
	rm -r "$work/deb"
}

# archive ROOT OUT: the same files give the same bytes.
archive() {
	chmod -R u=rwX,go=rX "$1"
	find "$1" -exec touch -h -d @0 {} +
	(cd "$1" && find . | LC_ALL=C sort | cpio --quiet --reproducible -o -H newc -R 0:0) >"$2"
}

# stress OUT: the program and the libraries that it is linked to.
stress() {
	root=$work/root-stress
	rm -rf "$root"
	mkdir -p "$root/bin" "$root/lib64" "$root/lib/x86_64-linux-gnu"
	cp "$work/stress/usr/bin/stress" "$root/bin/"
	cp -L "$work/stress/lib64/ld-linux-x86-64.so.2" "$root/lib64/" 2>/dev/null ||
		cp "$work"/stress/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2 "$root/lib64/"
	cp "$work"/stress/lib/x86_64-linux-gnu/libc.so.6 "$work"/stress/lib/x86_64-linux-gnu/libm.so.6 "$root/lib/x86_64-linux-gnu/"
	archive "$root" "$1"
}

# initramfs OUT: the file system of a guest.
initramfs() {
	root=$work/root
	rm -rf "$root"
	mkdir -p "$root/bin" "$root/sbin" "$root/etc/acpi/PWRF" "$root/lib" "$root/proc" "$root/sys" "$root/dev" \
		"$root/run" "$root/tmp" "$root/root"
	cp "$work/busybox/bin/busybox" "$root/bin/busybox"
	for applet in $("$root/bin/busybox" --list); do
		[ "$applet" = busybox ] || ln -s busybox "$root/bin/$applet"
	done
	ln -s ../bin/busybox "$root/sbin/init"
	"${CC:-gcc}" -O2 -Wall -Wextra -Werror -static -nostdlib -ffreestanding -fno-stack-protector -fno-pie -no-pie \
		-Wl,--build-id=none -o "$root/init" tools/guest/init.c
	strip "$root/init"
	# The power button: these two drivers are modules of Debian's kernel.
	for module in acpi/button input/evdev; do
		cp "$work"/kernel/lib/modules/*/kernel/drivers/$module.ko "$root/lib/"
	done
	# The drivers of virtio devices, in the order in which rcS loads them.
	: >"$root/etc/virtio"
	for module in drivers/virtio/virtio_ring drivers/virtio/virtio drivers/virtio/virtio_pci_modern_dev \
		drivers/virtio/virtio_pci_legacy_dev drivers/virtio/virtio_pci drivers/char/hw_random/rng-core \
		drivers/char/hw_random/virtio-rng drivers/block/virtio_blk drivers/char/virtio_console \
		net/core/failover drivers/net/net_failover drivers/net/virtio_net drivers/virtio/virtio_balloon; do
		# A driver that this kernel has built in is no file.
		for file in "$work"/kernel/lib/modules/*/kernel/$module.ko; do
			[ ! -f "$file" ] || cp "$file" "$root/lib/"
		done
		echo "${module##*/}" >>"$root/etc/virtio"
	done
	cp tools/guest/inittab tools/guest/rcS tools/guest/profile "$root/etc/"
	cp tools/guest/power "$root/etc/acpi/PWRF/00000080"
	chmod 755 "$root/etc/rcS" "$root/etc/acpi/PWRF/00000080"
	archive "$root" "$1"
}

if [ ! -d $work/kernel/boot ] || [ ! -f $work/busybox/bin/busybox ]; then
	download
fi
[ -f $work/stress/usr/bin/stress ] || download_stress
initramfs $work/initramfs
mv $work/initramfs $out/busybox
stress $work/stress.cpio
mv $work/stress.cpio $out/stress
cp "$work"/kernel/boot/vmlinuz-* $out/linux-cloud
echo "$now" >$stamp
echo "guests ready: $(ls "$work"/kernel/boot | sed -n 's/^vmlinuz-//p'), busybox"
