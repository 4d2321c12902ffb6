# SPDX-License-Identifier: Apache-2.0
"""The emulated machine: QEMU's command line, and the choice between emulation and KVM."""
import shutil
import subprocess
from pathlib import Path

from . import drivers
from .layout import BUILD
from .problem import NoEmulator, Problem

QEMU = "qemu-system-x86_64"
OVMF_CODE = Path("/usr/share/OVMF/OVMF_CODE_4M.fd")
OVMF_VARS = Path("/usr/share/OVMF/OVMF_VARS_4M.fd")
TRIAL_SECONDS = 5
TRIAL_YES = 33                  # exit status of QEMU after tools/probe.asm said yes
MIB = 1 << 20

MEDIA = {
    "cd": ["-device", "ide-cd,drive=boot,bus=ide.0,bootindex=0"],
    "disk": ["-device", "ide-hd,drive=boot,bus=ide.0,bootindex=0"],
    "usb": ["-device", "qemu-xhci", "-device", "usb-storage,drive=boot,bootindex=0"],
}


def find_qemu():
    path = shutil.which(QEMU)
    if not path:
        raise NoEmulator(f"{QEMU} is not installed (Debian package qemu-system-x86); run `make deps`")
    return path


def kvm_works():
    """Proof that KVM here runs guests that use SVM themselves: a small kernel does so, within a time limit."""
    nested = Path("/sys/module/kvm_amd/parameters/nested")
    probe = BUILD / "probe.elf"
    try:
        if nested.read_text().strip() not in ("1", "Y") or not probe.exists():
            return False
        trial = subprocess.run(
            [find_qemu(), "-accel", "kvm", "-machine", "q35", "-cpu", "host", "-m", "64", "-nic", "none", "-display", "none", "-serial", "none",
             "-monitor", "none", "-no-reboot", "-kernel", str(probe), "-device", "isa-debug-exit,iobase=0xf4,iosize=4"],
            timeout=TRIAL_SECONDS, stdin=subprocess.DEVNULL, capture_output=True)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return trial.returncode == TRIAL_YES


def choose(wanted):
    """The machine to run on: "qemu-svm", "kvm", or a Bochs (bochs.py) if that is what is wanted."""
    if wanted == "qemu-svm" or wanted.startswith("bochs-"):
        return wanted
    if kvm_works():
        return "kvm"
    if wanted == "kvm":
        raise NoEmulator("--on kvm: KVM does not offer nested SVM on this machine; expected auto or qemu-svm")
    return "qemu-svm"


def quoted(path):
    """A file name inside an option of QEMU."""
    return str(path).replace(",", ",,")


def base_command(on="qemu-svm", cpus=1, memory=1024 * MIB, firmware="bios", icount=False, cpu=None):
    """QEMU and the machine, without anything to boot and without its console.  @memory in bytes."""
    command = [find_qemu(), "-machine", "q35", "-accel", "kvm" if on == "kvm" else "tcg",
               "-cpu", cpu or ("host" if on == "kvm" else "max,+svm"), "-smp", str(cpus), "-m", str(memory // MIB),
               "-display", "none", "-nic", "none", "-monitor", "none", "-no-reboot"]
    if icount:
        command += ["-icount", "shift=0,sleep=off", "-rtc", "base=2024-01-01,clock=vm"]
    if firmware == "uefi":
        for path in (OVMF_CODE, OVMF_VARS):
            if not path.exists():
                raise Problem("is missing (Debian package ovmf); run `make deps`", path)
        command += ["-drive", f"if=pflash,unit=0,format=raw,readonly=on,file={OVMF_CODE}",
                    "-drive", f"if=pflash,unit=1,format=raw,snapshot=on,file={OVMF_VARS}"]
    return command


def disks(system):
    """The disks of the machine that @system is made for; what is written to them stays."""
    command = []
    for number, disk in enumerate(system.machine_disks):
        drive = f"machine{number}"
        command += ["-drive", f"if=none,id={drive},format=raw,file={quoted(disk.image)}",
                    "-device", drivers.KINDS[disk.kind].qemu.format(drive=drive, port=number + 1)]
    return command


def nics(system, forward=()):
    """Its network cards, on a network of the emulator's own: 10.0.2.0/24, gateway 10.0.2.2, the outside behind it.  @forward: (port of this
    machine, port of 10.0.2.15 on the first of these networks) pairs."""
    command = []
    for number, kind in enumerate(system.machine_nics):
        netdev = f"user,id=nic{number}" + "".join(f",hostfwd=tcp:127.0.0.1:{here}-10.0.2.15:{there}" for here, there in forward if not number)
        command += ["-netdev", netdev, "-device", drivers.KINDS[kind].qemu_nic.format(netdev=f"nic{number}")]
    return command


def boot_image(path, media="cd"):
    drive = "media=cdrom,readonly=on" if media == "cd" else "snapshot=on"
    return ["-drive", f"if=none,id=boot,format=raw,{drive},file={quoted(path)}", *MEDIA[media]]


def boot_direct(kernel, bundle, cmdline):
    return ["-kernel", str(kernel), "-initrd", quoted(bundle), "-append", cmdline]
