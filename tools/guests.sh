#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Prepares the named guests: an unmodified Debian kernel (build/guests/linux-cloud) and an initramfs around
# busybox (build/guests/busybox); and an archive (build/guests/stress) with a load generator, which can be appended to
# an initramfs.  Packages are fetched with apt and only unpacked, never installed.
# Does nothing when the result is there and the sources in tools/guest/ have not changed.
#
# With the argument "more", also what `make test-guests` boots: Debian's generic and real-time kernels (linux-generic, linux-rt), an
# initramfs with drivers for SATA (busybox-sata), memtest86+, iPXE's CD (ipxe), Xen (xen), and a CD on which GRUB has a menu (grub-cd).
set -eu
cd "$(dirname "$0")/.."

out=build/guests
work=$out/work
stamp=$out/stamp
sources="tools/guests.sh tools/guest/init.c tools/guest/inittab tools/guest/rcS tools/guest/profile tools/guest/power"

now=$(cat $sources | sha256sum)
die() {
	echo "tools/guests.sh: $*" >&2
	exit 1
}

# real_kernel KIND: the package that the meta package stands for today; empty if apt knows none.
real_kernel() {
	apt-cache depends "linux-image-$1" 2>/dev/null |
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
	[ -n "$(real_kernel cloud-amd64)" ] || update_lists
	[ -n "$(real_kernel cloud-amd64)" ] || die "apt knows no package linux-image-cloud-amd64"
	(
		cd "$work/deb"
		fetch "$(real_kernel cloud-amd64)" busybox-static || {
			update_lists
			fetch "$(real_kernel cloud-amd64)" busybox-static
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

download_more() {
	rm -rf "$work/deb" "$work/more"
	mkdir -p "$work/deb" "$work/more"
	(
		cd "$work/deb"
		fetch "$(real_kernel amd64)" "$(real_kernel rt-amd64)" memtest86+ ipxe xen-hypervisor-4.17-amd64 || {
			update_lists
			fetch "$(real_kernel amd64)" "$(real_kernel rt-amd64)" memtest86+ ipxe xen-hypervisor-4.17-amd64
		}
	) || die "the packages of further guests could not be downloaded"
	for deb in "$work"/deb/*.deb; do
		dpkg-deb -x "$deb" "$work/more"
	done
	rm -r "$work/deb"
}

# sata OUT: the initramfs with the drivers for SATA and ISO 9660 of the generic kernel in /lib, and /sata, which loads them.
sata() {
	root=$work/root-sata
	rm -rf "$root"
	mkdir -p "$root/lib"
	echo 'cd /lib' >"$root/sata"
	for module in crypto/crct10dif_common crypto/crct10dif_generic lib/crc-t10dif lib/crc64 crypto/crc64_rocksoft_generic \
		lib/crc64-rocksoft block/t10-pi drivers/scsi/scsi_common drivers/scsi/scsi_mod drivers/ata/libata drivers/ata/libahci \
		drivers/ata/ahci drivers/scsi/sd_mod drivers/cdrom/cdrom drivers/scsi/sr_mod fs/isofs/isofs; do
		cp "$work"/more/lib/modules/*[0-9]-amd64/kernel/$module.ko "$root/lib/"
		echo "insmod ${module##*/}.ko" >>"$root/sata"
	done
	archive "$root" "$work/sata.cpio"
	cat $out/busybox "$work/sata.cpio" >"$1"
}

# grub_cd OUT: boots by BIOS and UEFI, as CD and as disk; menu and Linux on the serial console.
grub_cd() {
	root=$work/root-grub
	rm -rf "$root"
	mkdir -p "$root/boot/grub"
	cp $out/linux-cloud $out/busybox "$root/boot/"
	cat >"$root/boot/grub/grub.cfg" <<-'EOF'
		serial --unit=0 --speed=115200
		terminal_input serial
		terminal_output serial
		set timeout=3
		menuentry "Linux from this disc" {
			linux /boot/linux-cloud console=ttyS0 hostname=grub
			initrd /boot/busybox
		}
	EOF
	grub-mkrescue -o "$1" "$root" >"$work/grub-mkrescue.log" 2>&1 || die "grub-mkrescue failed: see $work/grub-mkrescue.log"
}

more() {
	[ -f $work/more/boot/memtest86+x64.bin ] || download_more
	cp "$work"/more/boot/vmlinuz-*[0-9]-amd64 $out/linux-generic
	cp "$work"/more/boot/vmlinuz-*-rt-amd64 $out/linux-rt
	cp "$work/more/boot/memtest86+x64.bin" $out/memtest86+
	cp "$work/more/usr/lib/ipxe/ipxe.iso" $out/ipxe
	gzip -dc "$work"/more/boot/xen-*-amd64.gz >$out/xen
	sata $out/busybox-sata
	grub_cd $out/grub-cd
	echo "$now" >$stamp-more
	echo "further guests ready: generic and real-time kernel, memtest86+, iPXE, Xen, GRUB"
}

base() {
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
}

if [ ! -f $out/linux-cloud ] || [ ! -f $out/busybox ] || [ ! -f $out/stress ] || [ "$(cat $stamp 2>/dev/null)" != "$now" ]; then
	base
fi
if [ "${1:-}" = more ] && [ "$(cat $stamp-more 2>/dev/null)" != "$now" ]; then
	more
fi
