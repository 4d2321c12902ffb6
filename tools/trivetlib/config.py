# SPDX-License-Identifier: Apache-2.0
"""Reads a configuration: TOML, then the schema, then what a schema cannot say.  Every error names its line and key."""
import hashlib
import json
import re
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

import jsonschema

from . import cpu, drivers, filetype, placement
from .problem import Problem, Problems, did_you_mean
from .tomlpos import key_lines

TREE = Path(__file__).resolve().parents[2]
SCHEMA = Path(__file__).with_name("schema.json")
GUESTS = TREE / "build" / "guests"
MORE_GUESTS = ("linux-generic", "linux-rt", "busybox-sata", "memtest86+", "ipxe", "xen", "grub-cd")      # by `make deps-guests`

MIB = 1 << 20
UNITS = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
MICROSECONDS = {"us": 1, "ms": 1000, "s": 1000000}
MEMORY_STEP = 2 * MIB           # guest memory is mapped with large pages
MEMORY_MIN, MEMORY_MAX = 16 * MIB, 1 << 40
HYPERVISOR_MEMORY = 64 * MIB   # what it takes beside the virtual machines
PERIOD_MIN, PERIOD_MAX = 1000, 10000000
BUDGET_MIN = 100
MODULES_MAX = 4                 # VM_MODULES and VM_CMDLINE in include/svc/vm.h
CMDLINES_MAX = 1535
FIRMWARE_MAX = 8 * MIB          # in vmm/firmware.h
KERNELS = "a Linux bzImage for x86-64, a multiboot 1 or 2 kernel, or an ELF kernel with a PVH entry"
DISK_STEP, DISK_MAX = 4096, 64 << 30
NETWORKS_MAX, PORTS_MAX = 4, 16     # CONFIG_NETWORKS, and SWITCH_PORTS of include/svc/switch.h
WATCHDOG_MIN, WATCHDOG_MAX = 1000000, 3600000000
RESERVED_DRIVERS = ("pci", "serial")    # those that are always there
DRIVER_CLIENTS = 8              # in include/svc/driver.h
RESERVED_NAMES = ("shell",)     # console.front = "shell" is the management shell
TYPES = {"string": "a string", "integer": "a whole number", "boolean": "true or false", "object": "a table",
         "array": "an array"}


@dataclass
class Module:
    path: Path                  # a file that goes into the guest along with its kernel
    cmdline: str = ""


@dataclass
class Disk:
    image: Path | None          # None: empty at first
    size: int                   # bytes, a multiple of 4 KiB
    read_only: bool
    serial: str
    type: str = "virtio"        # what it is to the guest
    driver: str = ""            # behind this driver; then image and size are none
    unit: int = 0
    partition: str = ""         # "": the whole disk


@dataclass
class Driver:
    name: str
    kind: str                   # a key of drivers.KINDS
    address: int | None = None  # bus << 8 | device << 3 | function; None: the first that fits


@dataclass
class MachineDisk:
    kind: str                   # a key of drivers.KINDS
    image: Path


@dataclass
class Net:
    network: str
    mac: bytes
    vlan: int = 0               # 0: the network without number
    tagged: list = field(default_factory=list)
    isolated: bool = False
    any_source: bool = False
    capture: bool = False
    rate: int = 0               # bytes a second, 0: no limit


@dataclass
class Vm:
    name: str
    memory: int                 # bytes
    kernel: Path | None
    modules: list               # of Module; the initrd is the first
    cmdline: str
    cpus: int
    priority: int
    budget_us: int              # both 0: no limit
    period_us: int
    restart: str
    autostart: bool
    cpu_list: list = field(default_factory=list)        # empty: root chooses
    exclusive: bool = False
    restart_limit: int = 5
    resume: bool = True
    watchdog_us: int = 0        # 0: none
    devices: list = field(default_factory=list)         # words of the schema
    cpu: str = "host"           # a model, and what is changed about it: "+x", "-y"
    cpu_features: list = field(default_factory=list)
    paravirt: str = "kvm"
    disks: list = field(default_factory=list)
    nets: list = field(default_factory=list)
    firmware: Path | None = None
    monitor: Path | None = None # None: the usual one
    kernel_info: filetype.BzImage | filetype.Kernel | None = None


@dataclass
class System:
    path: Path
    when_all_stopped: str
    cmdline: str
    prefix: int                 # ASCII control code
    front: str | None           # None: the management shell
    vms: list = field(default_factory=list)
    networks: dict = field(default_factory=dict)        # {name: the driver that is its uplink, or None}
    machine_nics: list = field(default_factory=list)    # keys of drivers.KINDS
    machine_cpus: int | None = None             # what [machine] promises; None: nothing
    machine_memory: int | None = None
    machine_disks: list = field(default_factory=list)   # of MachineDisk
    drivers: list = field(default_factory=list)         # of Driver


def parse_size(text):
    """Bytes of "512M"; None if @text is no size."""
    match = re.fullmatch(r"([1-9][0-9]{0,8})([KMGT])", text)
    return int(match[1]) * UNITS[match[2]] if match else None


def format_size(size):
    """The shortest exact form of @size bytes; plain bytes when it is no multiple of 1 KiB."""
    for unit in "TGMK":
        if size and size % UNITS[unit] == 0:
            return f"{size // UNITS[unit]}{unit}"
    return f"{size} bytes"


def parse_time(text):
    match = re.fullmatch(r"([0-9]+)(us|ms|s)", text)
    return int(match[1]) * MICROSECONDS[match[2]]


def over_committed(need, memory):
    return f"memory is over-committed: the virtual machines have {format_size(need)} together, the hypervisor needs about " \
        f"{format_size(HYPERVISOR_MEMORY)} beside it, the machine has {format_size(memory)}"


def default_mac(name, index):
    """An address from the locally administered ones that is always the same for port @index of the virtual machine @name."""
    return b"\x02" + hashlib.sha256(f"{name}/{index}".encode()).digest()[:5]


def dotted(path):
    return ".".join(str(part) for part in path)


def memory_needed(system):
    """Bytes that the virtual machines that start at boot take together, with the disks that they can write."""
    return sum(vm.memory + sum(disk.size for disk in vm.disks if not disk.read_only) for vm in system.vms if vm.autostart)


class _Checker:
    def __init__(self, path, data, lines):
        self.path, self.data, self.lines = path, data, lines
        self.problems = []

    def line(self, key):
        while key not in self.lines:
            key = key[:-1]
        return self.lines[key]

    def problem(self, key, text):
        self.problems.append(Problem(text, self.path, self.line(key), dotted(key) or None))

    # --- the schema ---

    def check_schema(self):
        schema = json.loads(SCHEMA.read_text())
        for error in jsonschema.Draft202012Validator(schema).iter_errors(self.data):
            self.schema_error(tuple(error.absolute_path), error)

    def schema_error(self, key, error):
        rule, where = error.validator, error.schema
        if rule == "additionalProperties":
            names = list(where["properties"])
            for word in error.instance.keys() - set(names):
                self.problem(key + (word,), f"unknown key{did_you_mean(word, names)} (expected one of: {', '.join(names)})")
        elif rule == "required":
            for name in where["required"]:
                if name not in error.instance:
                    what = where["properties"][name]["description"]
                    self.problem(key, f'key "{name}" is missing; expected: {what}')
        elif rule == "anyOf":
            self.problem(key, f'key "kernel" is missing; expected: {KERNELS}; or the key "firmware"')
        elif rule == "pattern" and "propertyNames" in error.absolute_schema_path:
            self.problem(key + (error.instance,), f"not a valid name; expected {where['description']}")
        elif rule == "enum":
            names = where["enum"]
            hint = did_you_mean(str(error.instance), names)
            self.problem(key, f"{json.dumps(error.instance)} is not known{hint} (expected one of: {', '.join(names)})")
        elif rule == "type":
            what = where.get("description", "")
            self.problem(key, f"{self.kind(error.instance)} where {TYPES[where['type']]} belongs; expected: {what}")
        elif rule == "minProperties":
            self.problem(key, "no virtual machine; expected at least one table [vm.NAME]")
        elif rule == "uniqueItems":
            self.problem(key, f"{json.dumps(error.instance)}: a number stands in it twice; expected {where['description']}")
        elif rule == "maxProperties":
            self.problem(key, f"{len(error.instance)} virtual machines; expected at most {where['maxProperties']}")
        else:
            self.problem(key, f"{json.dumps(error.instance)}: expected {where['description']}")

    @staticmethod
    def kind(value):
        names = {bool: "a boolean", int: "a number", float: "a number with a fraction", str: "a string", dict: "a table", list: "an array"}
        return names.get(type(value), "a date or time")

    # --- what the schema cannot say ---

    def system(self):
        system = self.data.get("system", {})
        console = self.data.get("console", {})
        prefix = console.get("prefix", "Ctrl-a")
        machine = self.data.get("machine", {})
        memory = parse_size(machine["memory"]) if "memory" in machine else None
        result = System(self.path, system.get("when_all_stopped", "stay"), system.get("cmdline", ""), ord(prefix[-1].upper()) & 0x1f, None,
                        [], {name: table.get("uplink") for name, table in self.data.get("network", {}).items()}, [nic["kind"] for nic in machine.get("nic", [])], machine.get("cpus"), memory)
        result.machine_disks = [MachineDisk(disk["kind"], self.file(("machine", "disk", index, "image"), disk))
                                for index, disk in enumerate(machine.get("disk", []))]
        result.drivers = [self.driver(name, table) for name, table in self.data.get("driver", {}).items()]
        for name, table in self.data["vm"].items():
            if name in RESERVED_NAMES:
                self.problem(("vm", name), "this name has a meaning of its own; expected another name")
            result.vms.append(self.vm(name, table))
        self.check_networks(result)
        self.check_disks(result)
        result.front = self.front(console, result.vms)
        self.check_machine(result)
        return result

    def front(self, console, vms):
        names = [vm.name for vm in vms] + ["shell"]
        front = console.get("front", names[0] if len(vms) == 1 else "shell")
        if front == "shell":
            return None
        if front not in names:
            self.problem(("console", "front"), f'no virtual machine "{front}"{did_you_mean(front, names)} '
                         f"(expected one of: {', '.join(names)})")
        return front

    def vm(self, name, table):
        key = ("vm", name)
        memory = parse_size(table["memory"])
        if memory % MEMORY_STEP:
            self.problem(key + ("memory",), f"{table['memory']}: expected a multiple of {format_size(MEMORY_STEP)}")
        elif not MEMORY_MIN <= memory <= MEMORY_MAX:
            self.problem(key + ("memory",), f"{table['memory']}: expected a size from {format_size(MEMORY_MIN)} to {format_size(MEMORY_MAX)}")
        budget, period = self.check_budget(key, table)
        kernel, initrd = self.file(key + ("kernel",), table), self.file(key + ("initrd",), table)
        vm = Vm(name, memory, kernel, self.modules(key, table), table.get("cmdline", ""), table.get("cpus", 1), table.get("priority", 100),
                budget, period, table.get("restart", "never"), table.get("autostart", True), table.get("cpu_list", []), table.get("exclusive", False),
                table.get("restart_limit", 5), table.get("resume", True), self.watchdog(key, table), table.get("devices", []),
                firmware=self.file(key + ("firmware",), table),
                monitor=self.file(key + ("monitor",), table), cpu=table.get("cpu", "host"), cpu_features=table.get("cpu_features", []),
                paravirt=table.get("paravirt", "kvm"))
        for name, text in cpu.problems(vm.cpu, vm.cpu_features):
            self.problem(key + (name,), text)
        vm.disks = [self.disk(key + ("disk", index), name, index, disk) for index, disk in enumerate(table.get("disk", []))]
        vm.nets = [self.net(key + ("net", index), name, index, net) for index, net in enumerate(table.get("net", []))]
        self.check_cpus(key, vm)
        if vm.monitor:
            self.check_monitor(key + ("monitor",), vm.monitor)
        if kernel:
            self.check_kernel(key, vm)
        if vm.firmware:
            self.check_firmware(key, vm)
        elif any(disk.type == "flash" for disk in vm.disks):
            self.problem(key + ("disk",), "a flash; expected the key \"firmware\" beside it, whose variables are in there")
        if initrd:
            self.check_initrd(key, vm, initrd)
            vm.modules.insert(0, Module(initrd))
        self.check_modules(key, vm)
        return vm

    def check_monitor(self, key, path):
        what = filetype.describe(filetype.read_head(path))
        if not what.startswith("an ELF executable for x86-64"):
            self.problem(key, f"{path}: is {what}; expected a monitor, an ELF executable for x86-64")

    def modules(self, key, table):
        result = []
        for index, entry in enumerate(table.get("modules", [])):
            path = self.file(key + ("modules", index, "file"), entry)
            if path:
                result.append(Module(path, entry.get("cmdline", "")))
        return result

    def check_modules(self, key, vm):
        text = len(vm.cmdline) + sum(len(module.cmdline) + 1 for module in vm.modules)
        words = cpu.words(vm.cpu, vm.cpu_features)
        text += len(words) + 1 if words else 0
        if len(vm.modules) > MODULES_MAX:
            self.problem(key + ("modules",), f"{len(vm.modules)} with the initrd; expected at most {MODULES_MAX}")
        if text > CMDLINES_MAX:
            self.problem(key + ("modules",), f"the command lines and the words about the CPU have {text} characters together; expected at most {CMDLINES_MAX}")
        for module in vm.modules:
            if module.path.stat().st_size == 0:
                self.problem(key + ("modules",), f"{module.path}: is an empty file")
        if isinstance(vm.kernel_info, filetype.BzImage) and len(vm.modules) > 1:
            self.problem(key + ("modules",), f"{len(vm.modules)} modules; a Linux bzImage takes one, its initrd")

    def driver(self, name, table):
        address = None
        if name in RESERVED_DRIVERS:
            self.problem(("driver", name), "this name has a meaning of its own; expected another name")
        if "device" in table:
            bus, device, function = re.split("[:.]", table["device"])
            address = int(bus, 16) << 8 | int(device, 16) << 3 | int(function)
        return Driver(name, table["kind"], address)

    def check_disks(self, system):
        """Disks behind drivers: the driver is there, has room, and what is written to has one writer."""
        names, clients, users = [driver.name for driver in system.drivers if drivers.KINDS[driver.kind].qemu], {}, {}
        for vm in system.vms:
            for index, disk in enumerate(vm.disks):
                if not disk.driver:
                    continue
                key, what = ("vm", vm.name, "disk", index), (disk.driver, disk.unit)
                clients[disk.driver] = clients.get(disk.driver, 0) + 1
                if disk.driver not in names:
                    self.problem(key + ("driver",), f'no driver "{disk.driver}"{did_you_mean(disk.driver, names)} '
                                 f"(expected one of: {', '.join(names) or 'a table [driver.NAME]'})")
                elif clients[disk.driver] > DRIVER_CLIENTS:
                    self.problem(key + ("driver",), f"{disk.driver} has more than {DRIVER_CLIENTS} disks")
                for other, part, read_only in users.setdefault(what, []):
                    if (not part or not disk.partition or part == disk.partition) and not (read_only and disk.read_only):
                        self.problem(key, f"is a disk of {other}, too; expected both with read_only = true, or different partitions")
                users[what].append((vm.name, disk.partition, disk.read_only))

    def driver_disk(self, key, name, index, table):
        for word in ("image", "size", "serial", "type"):
            if word in table:
                self.problem(key + (word,), 'cannot stand beside the key "driver", which says where the disk is')
        return Disk(None, 0, table.get("read_only", False), "", driver=table["driver"], unit=table.get("unit", 0), partition=table.get("partition", ""))

    def disk(self, key, name, index, table):
        if "driver" in table:
            return self.driver_disk(key, name, index, table)
        for word in ("unit", "partition"):
            if word in table:
                self.problem(key + (word,), 'expected the key "driver" beside it')
        image = self.file(key + ("image",), table)
        kind = table.get("type", "virtio")
        read_only, serial = table.get("read_only", kind == "cdrom"), table.get("serial", f"{name}-disk{index}")
        size = parse_size(table["size"]) if "size" in table else 0
        if size % DISK_STEP or size > DISK_MAX:
            self.problem(key + ("size",), f"{table['size']}: expected a multiple of {format_size(DISK_STEP)}, at most {format_size(DISK_MAX)}")
        if "image" not in table:
            if not size:
                self.problem(key, "expected the key \"image\" or the key \"size\"")
            elif read_only:
                self.problem(key + ("type" if kind == "cdrom" else "read_only",), "an empty disk that cannot be written; expected an image")
        elif image:
            there = image.stat().st_size
            if not there:
                self.problem(key + ("image",), f"{image}: is empty; expected the image of a disk")
            elif size and there > size:
                self.problem(key + ("size",), f"{table['size']}: {image} has {there} bytes, which do not fit")
            size = size or -(-there // DISK_STEP) * DISK_STEP
        if kind == "flash" and read_only:
            self.problem(key + ("read_only",), "true; a flash must be writable")
        if kind == "cdrom" and not read_only:
            self.problem(key + ("read_only",), "false; a CD cannot be written")
        return Disk(image, size, read_only, serial, kind)

    def net(self, key, name, index, table):
        names = list(self.data.get("network", {}))
        if table["network"] not in names:
            hint = did_you_mean(table["network"], names) + (f" (expected one of: {', '.join(names)})" if names else "; expected a table [network.NAME]")
            self.problem(key + ("network",), f'no network "{table["network"]}"{hint}')
        mac = bytes.fromhex(table["mac"].replace(":", "")) if "mac" in table else default_mac(name, index)
        if mac[0] & 1 or not any(mac):
            self.problem(key + ("mac",), f"{table['mac']}: expected the address of one station, not of a group")
        vlan, tagged = table.get("vlan", 0), table.get("tagged", [])
        if vlan in tagged:
            self.problem(key + ("tagged",), f"{vlan} is the VLAN of its untagged frames; expected others")
        return Net(table["network"], mac, vlan, tagged, table.get("isolated", False), table.get("any_source", False), table.get("capture", False),
                   parse_size(table["rate"]) if "rate" in table else 0)

    def check_networks(self, system):
        """All ports of a network together."""
        if len(system.networks) > NETWORKS_MAX:
            self.problem(("network",), f"{len(system.networks)} networks; expected at most {NETWORKS_MAX}")
        for network in system.networks:
            ports = [(vm.name, index, net) for vm in system.vms for index, net in enumerate(vm.nets) if net.network == network]
            self.check_uplink(system, network)
            if len(ports) + (system.networks[network] is not None) > PORTS_MAX:
                self.problem(("network", network), f"{len(ports)} ports; expected at most {PORTS_MAX}")
            seen = {}
            for name, index, net in ports:
                if net.mac in seen:
                    self.problem(("vm", name, "net", index), f"the address {net.mac.hex(':')} is that of another port of {network}, "
                                 f"of {seen[net.mac]}; expected each only once")
                seen[net.mac] = name

    def check_uplink(self, system, network):
        uplink = system.networks[network]
        names = [driver.name for driver in system.drivers if drivers.KINDS[driver.kind].qemu_nic]
        if uplink is not None and uplink not in names:
            self.problem(("network", network, "uplink"), f'no driver of a network card is called "{uplink}"{did_you_mean(uplink, names)} '
                         f"(expected one of: {', '.join(names) or 'a table [driver.NAME]'})")
        if uplink is not None and list(system.networks.values()).count(uplink) > 1:
            self.problem(("network", network, "uplink"), f"{uplink} is the uplink of two networks; expected one")

    def check_budget(self, key, table):
        if ("budget" in table) != ("period" in table):
            have, lack = ("budget", "period") if "budget" in table else ("period", "budget")
            self.problem(key + (have,), f'expected the key "{lack}" beside it')
            return 0, 0
        if "budget" not in table:
            return 0, 0
        budget, period = parse_time(table["budget"]), parse_time(table["period"])
        found = len(self.problems)
        if not PERIOD_MIN <= period <= PERIOD_MAX:
            self.problem(key + ("period",), f"{table['period']}: expected a time from 1ms to 10s")
        if not BUDGET_MIN <= budget <= period:
            self.problem(key + ("budget",), f"{table['budget']}: expected a time from {BUDGET_MIN}us to the period, {table['period']}")
        return (budget, period) if len(self.problems) == found else (0, 0)

    def watchdog(self, key, table):
        if "watchdog" not in table:
            return 0
        time = parse_time(table["watchdog"])
        if not WATCHDOG_MIN <= time <= WATCHDOG_MAX:
            self.problem(key + ("watchdog",), f"{table['watchdog']}: expected a time from 1s to 3600s")
        return time

    def check_cpus(self, key, vm):
        """The list of CPUs and what is said about it."""
        if len(vm.cpu_list) > vm.cpus:
            self.problem(key + ("cpu_list",), f"{len(vm.cpu_list)} CPUs; expected at most one for each of the {vm.cpus} CPUs of this "
                         "virtual machine (key \"cpus\")")
        if vm.exclusive and not vm.cpu_list:
            self.problem(key + ("exclusive",), 'expected the key "cpu_list" beside it')
        if vm.exclusive and placement.CPU_ROOT in vm.cpu_list:
            self.problem(key + ("cpu_list",), f"CPU {placement.CPU_ROOT} runs the management and the drivers; expected others in an "
                         "exclusive list")

    def check_machine(self, system):
        """Budgets are promises as well as limits: they must fit into the CPUs there are, and memory into the machine's."""
        for name, text in placement.place(system, system.machine_cpus)[1]:
            self.problem(("vm", name, placement.wrong_key(next(vm for vm in system.vms if vm.name == name))), text)
        need = memory_needed(system)
        if system.machine_memory is not None and need + HYPERVISOR_MEMORY > system.machine_memory:
            self.problem(("machine", "memory"), over_committed(need, system.machine_memory))

    def file(self, key, table):
        """The path that the file key names, or None when it is absent or wrong."""
        name = table.get(key[-1])
        if name is None:
            return None
        if name.startswith("guest:"):
            return self.guest_file(key, name)
        path = self.path.parent / name
        try:
            with open(path, "rb"):
                return path
        except FileNotFoundError:
            near = did_you_mean(path.name, [p.name for p in path.parent.iterdir()] if path.parent.is_dir() else [])
            self.problem(key, f"{path}: no such file{near}")
        except OSError as error:
            self.problem(key, f"{path}: {error.strerror}; expected a readable file")
        return None

    def guest_file(self, key, name):
        path = GUESTS / name.removeprefix("guest:")
        known = ["guest:linux-cloud", "guest:busybox", *(f"guest:{more}" for more in MORE_GUESTS)]
        if name not in known:
            self.problem(key, f"{name}: no such guest{did_you_mean(name, known)} (expected one of: {', '.join(known)})")
        elif not path.is_file():
            self.problem(key, f"{name}: not prepared yet; run `make {'deps-guests' if name.removeprefix('guest:') in MORE_GUESTS else 'deps'}`")
        else:
            return path
        return None

    def check_kernel(self, key, vm):
        head = filetype.read_head(vm.kernel)
        key = key + ("kernel",)
        vm.kernel_info = None if filetype.is_bzimage(head) else filetype.guest_kernel(vm.kernel)
        if vm.kernel_info:
            if vm.kernel_info.wrong:
                self.problem(key, f"{vm.kernel}: is a {vm.kernel_info.kind}, but {vm.kernel_info.wrong}")
            elif vm.kernel_info.end > vm.memory:
                self.problem(key, f"{vm.kernel}: needs {-(-vm.kernel_info.end // MIB)}M, which is more than the memory, {format_size(vm.memory)}")
            return
        if not filetype.is_bzimage(head) or len(head) < filetype.BZ_HEADER_END:
            self.problem(key, f"{vm.kernel}: is {filetype.describe(head)}; expected {KERNELS}")
            return
        vm.kernel_info = info = filetype.BzImage(head)
        if not (info.high and info.entry64):
            self.problem(key, f"{vm.kernel}: is a bzImage without 64-bit entry (boot protocol {info.protocol >> 8}.{info.protocol & 255:02}); "
                         "expected a Linux bzImage for x86-64")
            return
        size = vm.kernel.stat().st_size
        if size + 15 < info.file_size:          # in paragraphs, of which the last need not be whole
            self.problem(key, f"{vm.kernel}: is truncated: {size} bytes, its header says {info.file_size}")
        need = info.end
        if need > vm.memory:
            self.problem(key, f"{vm.kernel}: needs {-(-need // MIB)}M to start, which is more than the memory, {format_size(vm.memory)}")
        if len(vm.cmdline) > info.cmdline_size:
            self.problem(key[:-1] + ("cmdline",), f"{len(vm.cmdline)} characters; this kernel takes at most {info.cmdline_size}")

    def check_firmware(self, key, vm):
        size, head = vm.firmware.stat().st_size, filetype.read_head(vm.firmware)
        if size % 4096 or not 4096 <= size <= FIRMWARE_MAX:
            self.problem(key + ("firmware",), f"{vm.firmware}: is {filetype.describe(head)} of {size} bytes; expected firmware, "
                         f"a multiple of 4K up to {format_size(FIRMWARE_MAX)}")
        flash = [disk for disk in vm.disks if disk.type == "flash"]
        if len(flash) > 1:
            self.problem(key + ("disk",), f"{len(flash)} of the type flash; expected at most one")
        elif flash and size + flash[0].size > FIRMWARE_MAX:
            self.problem(key + ("disk",), f"firmware and flash have {format_size(size + flash[0].size)} together; expected at most {format_size(FIRMWARE_MAX)}")
        if vm.kernel and not filetype.is_bzimage(filetype.read_head(vm.kernel)):
            self.problem(key + ("kernel",), f"{vm.kernel}: expected a Linux bzImage, which is what UEFI firmware can start")

    def check_initrd(self, key, vm, initrd):
        head = filetype.read_head(initrd)
        key = key + ("initrd",)
        if not (head.startswith((b"070701", b"070702")) or filetype.compression(head)):
            self.problem(key, f"{initrd}: is {filetype.describe(head)}; expected a cpio archive, compressed or not")
            return
        size = initrd.stat().st_size
        used = vm.kernel_info.end if vm.kernel_info else 0
        if size + used > vm.memory:
            self.problem(key, f"{initrd}: {-(-size // MIB)}M do not fit into the memory, {format_size(vm.memory)}, "
                         f"above the kernel, which ends at {-(-used // MIB)}M")


def load(path):
    """The System that the file @path describes.  Raises Problem or Problems."""
    path = Path(path)
    try:
        text = path.read_bytes().decode()
        data = tomllib.loads(text)
    except OSError as error:
        raise Problem(f"{error.strerror}; expected a configuration file (TOML)", path) from None
    except UnicodeDecodeError as error:
        raise Problem(f"is {filetype.describe(filetype.read_head(path))}; expected a configuration file (TOML): {error.reason}", path) from None
    except tomllib.TOMLDecodeError as error:
        place = re.search(r" \(at line (\d+), column (\d+)\)$", str(error))
        line = int(place[1]) if place else text.count("\n") + 1
        raise Problem(re.sub(r" \(at .*\)$", "", str(error)) + (f" (column {place[2]})" if place else " (end of file)"), path, line) from None
    checker = _Checker(path, data, key_lines(text))
    checker.check_schema()
    if not checker.problems:
        system = checker.system()
    if checker.problems:
        raise Problems(checker.problems)
    return system
