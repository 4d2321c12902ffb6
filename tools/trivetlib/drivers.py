# SPDX-License-Identifier: Apache-2.0
"""The kinds of drivers: their programs, what they drive, and how an emulator is given such a device."""
from dataclasses import dataclass


@dataclass
class Kind:
    image: str                  # program in the build folder, and its boot module
    ids: tuple = ()             # vendor << 16 | device of the devices that it drives, or
    pci_class: int = 0          # their class << 16 | subclass << 8 | programming interface
    qemu: str = ""              # QEMU's -device for a disk, or
    qemu_nic: str = ""          # for a network card


KINDS = {
    "e1000e": Kind("e1000e.elf", ids=(0x808610d3,), qemu_nic="e1000e,netdev={netdev}"),
    "virtio-net": Kind("virtio_net.elf", ids=(0x1af41041, 0x1af41000), qemu_nic="virtio-net-pci,netdev={netdev}"),
    "ahci": Kind("ahci.elf", pci_class=0x010601, qemu="ide-hd,drive={drive},bus=ide.{port}"),
    "nvme": Kind("nvme.elf", pci_class=0x010802, qemu="nvme,drive={drive},serial=nvme-{port}"),
    "virtio-blk": Kind("virtio_blk.elf", ids=(0x1af41042, 0x1af41001), qemu="virtio-blk-pci,drive={drive}"),
}
