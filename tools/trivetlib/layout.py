# SPDX-License-Identifier: Apache-2.0
"""The boot modules of a system: which files, under which names, in which order."""
import os
from dataclasses import dataclass
from pathlib import Path

from . import cpu, drivers, fdt, filetype, placement
from .config import HYPERVISOR_MEMORY, TREE, format_size, memory_needed, over_committed
from .problem import Problem

BUILD = Path(os.environ.get("TRIVET_BUILD", TREE / "build"))     # where `make B=...` has put the programs
KERNEL = "trivet.elf"
PROGRAMS = {"root": "root.elf", "vmm": "vmm.elf", "serial": "serial.elf"}
NETWORK_PROGRAMS = {"switch": "switch.elf"}     # for systems with networks
MODULES_MAX = 32                # BOOT_MODULES in include/kernel/boot_info.h
PAGE = 4096
MIB = 1 << 20


@dataclass
class Module:
    name: str                   # first word of the module's command line
    path: Path | None           # where its content is, or
    data: bytes | None = None   # the content itself

    def size(self):
        return len(self.data) if self.path is None else self.path.stat().st_size

    def content(self):
        return self.data if self.path is None else self.path.read_bytes()


@dataclass
class Layout:
    kernel: Path                # the hypervisor
    cmdline: str                # its command line
    modules: list

    def size(self):
        """Bytes of memory that the hypervisor and its modules take before anything runs."""
        return self.kernel.stat().st_size + sum(m.size() + PAGE for m in self.modules)


def guest_modules(system):
    """One module per file, also where several VMs use it: {path: name}."""
    names, by_file = {}, {}
    for vm in system.vms:
        files = [(kind, path) for kind, path in (("monitor", vm.monitor), ("kernel", vm.kernel), ("firmware", vm.firmware)) if path]
        files += [(f"module{n}", module.path) for n, module in enumerate(vm.modules)]
        files += [(f"disk{n}", disk.image) for n, disk in enumerate(vm.disks) if disk.image]
        for kind, path in files:
            names[path] = by_file.setdefault(path.resolve(), f"{vm.name}.{kind}")
    return names


def built(name, build):
    path = build / name
    if not path.is_file():
        raise Problem("is missing; run `make` first", path)
    return path


def make(system, build=None, append="", replace=None):
    """The Layout of @system from the programs in @build; @append goes to the hypervisor's command line.
    @replace, {"root": path}, puts other programs in place (tests)."""
    build = build or BUILD
    replace = replace or {}
    names = guest_modules(system)
    programs = PROGRAMS | (NETWORK_PROGRAMS if system.networks else {})
    modules = [Module(name, replace.get(name) or built(file, build)) for name, file in programs.items()]
    if system.drivers:
        wanted = {"pci": "pci.elf"} | {driver.kind: drivers.KINDS[driver.kind].image for driver in system.drivers}
        modules += [Module(name, replace.get(name) or built(file, build)) for name, file in wanted.items()]
    modules.insert(1, Module("config", None, fdt.compile_system(system, names)))
    seen = set()
    for path, name in names.items():
        if name not in seen:
            seen.add(name)
            modules.append(Module(name, path))
    if len(modules) > MODULES_MAX:
        raise Problem(f"{len(modules)} boot modules; expected at most {MODULES_MAX}", system.path)
    return Layout(built(KERNEL, build), " ".join(filter(None, [system.cmdline, append])), modules)


def machine_memory(system, layout):
    """Memory for the machine: what [machine] says, else a multiple of 256 MiB that holds @system comfortably.  In bytes."""
    if system.machine_memory is not None:
        return system.machine_memory
    need = memory_needed(system) + 2 * layout.size() + 256 * MIB
    return -(-need // (256 * MIB)) * 256 * MIB


def machine_cpus(system):
    """CPUs for the machine: what [machine] says, else as many as the lists of CPUs name, at least one."""
    return system.machine_cpus or max((cpu for vm in system.vms for cpu in vm.cpu_list), default=0) + 1


def check_memory(system, memory):
    """Raises a Problem when VMs that start at boot cannot all get their memory from a machine of @memory bytes."""
    need = memory_needed(system)
    if need + HYPERVISOR_MEMORY > memory:
        raise Problem(over_committed(need, memory), system.path)


def placement_text(vm, places):
    """Where the virtual CPUs of @vm run."""
    if vm.name not in places:
        return "  cpus:    placed when it is started"
    chosen = "its alone" if vm.exclusive else "from its list" if vm.cpu_list else "as the emptiest at boot"
    return f"  cpus:    on {'CPU' if vm.cpus == 1 else 'CPUs'} {', '.join(map(str, places[vm.name]))} of the machine, {chosen}"


def report(system, cpus=None):
    """The lines of `trivet check --report`; @cpus: of the machine, None: as the configuration says."""
    names = guest_modules(system)
    places = placement.place(system, cpus or system.machine_cpus)[0]
    prefix = "Ctrl-" + chr(system.prefix | 0x40).lower()
    yield f"when all VMs have stopped: {system.when_all_stopped}"
    yield f"console: prefix {prefix}, front: {system.front or 'management shell'}"
    if system.cmdline:
        yield f"hypervisor command line: {system.cmdline}"
    for driver in system.drivers:
        place = "the first device that fits" if driver.address is None else \
            f"the device at {driver.address >> 8:02x}:{driver.address >> 3 & 31:02x}.{driver.address & 7}"
        yield f"driver {driver.name}: {driver.kind}, {place}"
    for index, vm in enumerate(system.vms):
        limit = f"{vm.budget_us} us of each {vm.period_us} us promised, and not more" if vm.budget_us else "no limit"
        yield f"vm {index}: {vm.name} ({prefix} {index + 1}): {format_size(vm.memory)}, {vm.cpus} CPU{'s' if vm.cpus > 1 else ''}, " \
            f"priority {vm.priority}, {limit}, restart {vm.restart}, {'started at boot' if vm.autostart else 'not started at boot'}"
        yield placement_text(vm, places)
        yield f"  cpu:     {cpu.words(vm.cpu, vm.cpu_features) or cpu.HOST}, paravirtual interface: {vm.paravirt}"
        if vm.firmware:
            yield f"  firmware: {names[vm.firmware]} = {vm.firmware}: {vm.firmware.stat().st_size >> 10} KiB"
        if vm.kernel:
            yield f"  kernel:  {names[vm.kernel]} = {vm.kernel}: {kernel_text(vm.kernel_info)}"
        for module in vm.modules:
            yield f"  module:  {names[module.path]} = {module.path}: {-(-module.path.stat().st_size >> 10)} KiB {module.cmdline}".rstrip()
        yield f"  cmdline: {vm.cmdline}"
        for number, disk in enumerate(vm.disks):
            if disk.driver:
                yield f"  disk {number}:  {f'partition {disk.partition} of ' if disk.partition else ''}disk {disk.unit} of driver {disk.driver}, " \
                    f"{'read-only' if disk.read_only else 'writable'}"
                continue
            yield f"  disk {number}:  {disk.type}, {format_size(disk.size)}, {'read-only' if disk.read_only else 'writable'}, " \
                f"{f'{names[disk.image]} = {disk.image}' if disk.image else 'empty at first'}, serial number {disk.serial}"
        for number, net in enumerate(vm.nets):
            yield f"  net {number}:   {net_text(net)}"
        for base, size in guest_ram(vm.memory):
            yield f"  memory:  {base:#014x}-{base + size - 1:#014x} {format_size(size)}"
    yield f"memory of all VMs that start at boot: {format_size(sum(vm.memory for vm in system.vms if vm.autostart))}"


def net_text(net):
    """What a network port may do."""
    parts = [f"{net.network}, address {net.mac.hex(':')}"]
    parts += [f"VLAN {net.vlan}"] if net.vlan else []
    parts += [f"VLANs {', '.join(map(str, net.tagged))} with tags"] if net.tagged else []
    parts += [text for text, there in (("isolated", net.isolated), ("any source address", net.any_source), ("captures", net.capture)) if there]
    parts += [f"at most {format_size(net.rate)} a second"] if net.rate else []
    return ", ".join(parts)


def kernel_text(kernel):
    if isinstance(kernel, filetype.BzImage):
        return f"Linux {kernel.version.split()[0]}, at {kernel.address:#x}, needs {kernel.init_size >> 20}M there to start"
    return f"{kernel.kind}, ends at {kernel.end:#x}"


def guest_ram(memory):
    """(base, size) of the guest's memory, as vmm/layout.h divides it."""
    if memory <= 0xb0000000:
        return [(0, memory)]
    split = 2 << 30
    return [(0, split), (4 << 30, memory - split)]
