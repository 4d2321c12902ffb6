# SPDX-License-Identifier: Apache-2.0
"""Compiles a configuration into the flattened device tree that root reads.

	/ { compatible = "trivet,system-1"; when-all-stopped = "poweroff" | "stay";
	    console { prefix = <control code>; front = "name of a VM"; };	absent front: the management shell
	    vms { vm@0 { name, monitor, kernel, firmware, cmdline, cpu, paravirt, restart = "..."; memory = /bits/ 64 <bytes>;
			 cpus, priority, budget-us, period-us, restart-limit, resume, watchdog-ms, exclusive, devices, autostart = <u32>;
			 cpu-list = <u32> ...;	absent: root chooses
			 module@0 { image, cmdline = "..."; };
			 disk@0 { image, serial = "..."; size = /bits/ 64 <bytes>; read-only = <u32>; type = "virtio" | "sata" | "cdrom" | "flash"; };
			 disk@1 { driver, part = "..."; unit, read-only = <u32>; };
			 net@0 { network = <its number>; mac = /bits/ 64 <first byte lowest>; vlan = <u32>; tagged = <u32> ...; absent: none
				 isolated, any-source, capture = <u32>; rate = /bits/ 64 <bytes a second>; absent: no limit }; }; };
	    networks { network@0 { name, uplink = "..."; }; };	absent: none
	    drivers { serial { image = "serial.elf"; }; pci { image = "pci.elf"; };
		      driver@0 { name, image = "..."; ids = <vendor << 16 | device> ...; class, address = <u32>; }; }; };

cpu is a model and changes to its features, as vmm/cpu_model.h has them.  kernel, firmware and image hold names of boot modules."""
import libfdt

from . import cpu, drivers

DEVICES = {"test": 1, "pvpanic": 2, "console": 4}     # VM_DEVICE_* of include/svc/vm.h
SIZE_HINT = 1 << 20     # the library does not make room for what finishing a tree adds


def compile_system(system, module_of):
    """The FDT as bytes; @module_of maps the path of a guest's file to the name of its boot module."""
    tree = libfdt.FdtSw(SIZE_HINT)
    tree.finish_reservemap()
    with tree.add_node(""):
        tree.property_string("compatible", "trivet,system-1")
        tree.property_string("when-all-stopped", system.when_all_stopped)
        with tree.add_node("console"):
            tree.property_u32("prefix", system.prefix)
            if system.front:
                tree.property_string("front", system.front)
        if system.networks:
            with tree.add_node("networks"):
                for index, name in enumerate(system.networks):
                    with tree.add_node(f"network@{index}"):
                        tree.property_string("name", name)
                        if system.networks[name]:
                            tree.property_string("uplink", system.networks[name])
        with tree.add_node("vms"):
            for index, vm in enumerate(system.vms):
                with tree.add_node(f"vm@{index}"):
                    add_vm(tree, vm, module_of)
                    for number, net in enumerate(vm.nets):
                        with tree.add_node(f"net@{number}"):
                            add_net(tree, net, list(system.networks).index(net.network))
        with tree.add_node("drivers"):
            with tree.add_node("serial"):
                tree.property_string("image", "serial.elf")
            if system.drivers:
                with tree.add_node("pci"):
                    tree.property_string("image", "pci")
            for index, driver in enumerate(system.drivers):
                with tree.add_node(f"driver@{index}"):
                    add_driver(tree, driver)
    blob = tree.as_fdt()
    return bytes(blob.as_bytearray()[:blob.totalsize()])


def add_net(tree, net, network):
    tree.property_u32("network", network)
    tree.property_u64("mac", int.from_bytes(net.mac, "little"))
    tree.property_u32("vlan", net.vlan)
    if net.tagged:
        tree.property("tagged", b"".join(vlan.to_bytes(4, "big") for vlan in net.tagged))
    tree.property_u32("isolated", int(net.isolated))
    tree.property_u32("any-source", int(net.any_source))
    tree.property_u32("capture", int(net.capture))
    if net.rate:
        tree.property_u64("rate", net.rate)


def add_driver(tree, driver):
    kind = drivers.KINDS[driver.kind]
    tree.property_string("name", driver.name)
    tree.property_string("image", driver.kind)
    if kind.ids:
        tree.property("ids", b"".join(number.to_bytes(4, "big") for number in kind.ids))
    if kind.pci_class:
        tree.property_u32("class", kind.pci_class)
    if driver.address is not None:
        tree.property_u32("address", driver.address + 1)


def add_vm(tree, vm, module_of):
    tree.property_string("name", vm.name)
    tree.property_u64("memory", vm.memory)
    tree.property_u32("cpus", vm.cpus)
    if vm.monitor:
        tree.property_string("monitor", module_of[vm.monitor])
    if vm.kernel:
        tree.property_string("kernel", module_of[vm.kernel])
    if vm.firmware:
        tree.property_string("firmware", module_of[vm.firmware])
    tree.property_string("cmdline", vm.cmdline)
    tree.property_u32("priority", vm.priority)
    tree.property_u32("budget-us", vm.budget_us)
    tree.property_u32("period-us", vm.period_us)
    tree.property_string("restart", vm.restart)
    tree.property_u32("resume", int(vm.resume))
    tree.property_u32("restart-limit", vm.restart_limit)
    tree.property_u32("watchdog-ms", vm.watchdog_us // 1000)
    tree.property_u32("exclusive", int(vm.exclusive))
    tree.property_u32("devices", sum(DEVICES[word] for word in vm.devices))
    if words := cpu.words(vm.cpu, vm.cpu_features):
        tree.property_string("cpu", words)
    tree.property_string("paravirt", vm.paravirt)
    if vm.cpu_list:
        tree.property("cpu-list", b"".join(number.to_bytes(4, "big") for number in vm.cpu_list))
    tree.property_u32("autostart", int(vm.autostart))
    for index, module in enumerate(vm.modules):
        with tree.add_node(f"module@{index}"):
            tree.property_string("image", module_of[module.path])
            tree.property_string("cmdline", module.cmdline)
    for index, disk in enumerate(vm.disks):
        with tree.add_node(f"disk@{index}"):
            if disk.driver:
                tree.property_string("driver", disk.driver)
                tree.property_string("part", disk.partition)
                tree.property_u32("unit", disk.unit)
                tree.property_u32("read-only", int(disk.read_only))
                continue
            if disk.image:
                tree.property_string("image", module_of[disk.image])
            tree.property_u64("size", disk.size)
            tree.property_u32("read-only", int(disk.read_only))
            tree.property_string("serial", disk.serial)
            tree.property_string("type", disk.type)
