# SPDX-License-Identifier: Apache-2.0
"""The sub-commands: check, cpu, image, run."""
import argparse
import os
import sys
import tempfile
from pathlib import Path

from . import bochs, bundle, config, cpu, filetype, image, layout, machine, placement
from .problem import NoEmulator, Problem, Problems
from .session import MEANING, Session, Status

MIB = 1 << 20


def size(text):
    value = config.parse_size(text)
    if value is None or value < 64 * MIB:
        raise argparse.ArgumentTypeError(f'"{text}" is no size; expected one such as 512M or 2G, at least 64M')
    return value


def positive(text):
    if not text.isdigit() or not 1 <= int(text) <= 1 << 20:
        raise argparse.ArgumentTypeError(f'"{text}" is no whole number above 0')
    return int(text)


def ports(text):
    here, _, there = text.partition(":")
    if not (here.isdigit() and there.isdigit() and 1 <= int(here) <= 65535 and 1 <= int(there) <= 65535):
        raise argparse.ArgumentTypeError(f'"{text}" is no pair of ports; expected one such as 8080:80')
    return int(here), int(there)


def parser():
    top = argparse.ArgumentParser(prog="trivet", description="Check, package and run systems of virtual machines on Trivet.")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")

    check = commands.add_parser("check", help="check a configuration", description="Check a configuration; status 1 and a line for each error.")
    check.add_argument("config", metavar="CONFIG.toml")
    check.add_argument("--cpus", type=positive, metavar="N", help="check for a machine with N CPUs (default: as [machine] says)")
    check.add_argument("--memory", type=size, metavar="SIZE", help="check for a machine with so much memory")
    check.add_argument("--report", action="store_true", help="print the final layout")

    what = commands.add_parser("cpu", help="show what CPUs guests can have", description="Show CPU models: of the host, of the monitor, of VMs.")
    what = what.add_mutually_exclusive_group(required=True)
    what.add_argument("--host", action="store_true", help="what the CPU that this runs on can offer to a guest, and its models")
    what.add_argument("--models", action="store_true", help="the named models and their features")
    what.add_argument("--resolve", metavar="CONFIG.toml", help="the CPU that each virtual machine will see")
    commands.choices["cpu"].add_argument("--from", dest="dump", metavar="FILE",
                                         help="for another host, of which FILE is a raw dump of CPUID (cpuid -1 -r)")

    make = commands.add_parser("image", help="make a bootable image", description="Make a hybrid image: BIOS and UEFI, CD and USB.")
    make.add_argument("config", metavar="CONFIG.toml")
    make.add_argument("-o", "--output", metavar="OUT.img", required=True)

    run = commands.add_parser(
        "run", help="run in an emulator", formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Run a configuration or an image in an emulator, its console on standard input and output.\n"
        "Ctrl-] three times within a second ends the emulator.",
        epilog="exit status:\n" + "\n".join(f"  {int(status):2}  {text}" for status, text in MEANING.items()))
    run.add_argument("what", metavar="CONFIG.toml|OUT.img")
    run.add_argument("--on", choices=["auto", "kvm", "qemu-svm", "bochs-vmx", "bochs-svm"], default="auto",
                     help="which machine (default: KVM if it proves to nest SVM, else QEMU's emulation)")
    run.add_argument("--cpus", type=positive, metavar="N", help="CPUs of the machine (default: enough for the configuration, 1 for an image)")
    run.add_argument("--memory", type=size, metavar="SIZE", help="memory of the machine (default: enough for the configuration, 1G for an image)")
    run.add_argument("--firmware", choices=["bios", "uefi"], default="bios")
    run.add_argument("--media", choices=list(machine.MEDIA), default="cd", help="what the image is presented as (default cd)")
    run.add_argument("--timeout", type=positive, metavar="SECONDS", help="give up after so many seconds")
    run.add_argument("--icount", action="store_true", help="count instructions: the same run every time, the TSC counts instructions")
    run.add_argument("--forward", type=ports, action="append", default=[], metavar="PORT:PORT",
                     help="a port of this machine, at 127.0.0.1, and the TCP port of 10.0.2.15 on the first [[machine.nic]]'s network that it leads to")
    run.add_argument("--direct", action="store_true", help="without boot loader: the kernel through its PVH entry")
    run.add_argument("--append", metavar="TEXT", default="", help="more words for the hypervisor's command line")
    run.add_argument("--verbose", action="store_true", help="print the emulator's command line")
    return top


def check_machine(system, args):
    """Does @system fit on the machine that the options name?"""
    if args.memory:
        layout.check_memory(system, args.memory)
    if args.cpus:
        placement.check_machine(system, args.cpus)


def do_check(args):
    system = config.load(args.config)
    check_machine(system, args)
    if args.report:
        print("\n".join(layout.report(system, args.cpus)))
    return Status.POWER_OFF


def do_cpu(args):
    program = layout.built(cpu.PROGRAM, layout.BUILD)
    if args.resolve:
        print("\n".join(cpu.resolve(program, args.dump, config.load(args.resolve))))
    else:
        print(cpu.ask(program, args.dump, "host" if args.host else "models"), end="")
    return Status.POWER_OFF


def do_image(args):
    image.make(layout.make(config.load(args.config)), args.output)
    return Status.POWER_OFF


def image_on(on, file, args):
    """How machine @on gets the image @file: QEMU by arguments, Bochs by its name."""
    return file if on in bochs.MODELS else machine.boot_image(file, args.media)


def prepare(args, on, work):
    """What to boot on machine @on, and the memory of the machine.  Files that are needed only now go to the folder @work."""
    path = Path(args.what)
    try:
        head = filetype.read_head(path)
    except OSError as error:
        raise Problem(f"{error.strerror}; expected a configuration (TOML) or an image", path) from None
    if filetype.describe(head) == "an ISO 9660 image":
        if args.direct or args.append:
            raise Problem("is an image; --direct and --append need a configuration", path)
        args.cpus = args.cpus or 1
        return image_on(on, path, args), args.memory or 1024 * MIB
    system = config.load(path)
    check_machine(system, args)
    if args.forward and not system.machine_nics:
        raise Problem("--forward: there is no [[machine.nic]] in the configuration", path)
    args.cpus = args.cpus or layout.machine_cpus(system)
    plan = layout.make(system, append=args.append)
    memory = args.memory or layout.machine_memory(system, plan)
    if args.direct:
        file = work / "modules"
        file.write_bytes(bundle.pack([(module.name, module.content()) for module in plan.modules]))
        return machine.boot_direct(plan.kernel, file, plan.cmdline) + machine.disks(system) + machine.nics(system, args.forward), memory
    file = work / "trivet.img"
    image.make(plan, file)
    if on in bochs.MODELS:
        return file, memory
    return machine.boot_image(file, args.media) + machine.disks(system) + machine.nics(system, args.forward), memory


def write_all(data):
    while data:
        data = data[os.write(1, data):]


def new_session(args, on, boot, memory, work):
    if on in bochs.MODELS:
        return bochs.BochsSession(boot, work, write_all, on=on, cpus=args.cpus, memory=memory)
    return Session(machine.base_command(on, args.cpus, memory, args.firmware, args.icount) + boot, write_all)


def do_run(args):
    with tempfile.TemporaryDirectory(prefix="trivet-") as name:
        on = machine.choose(args.on)
        (bochs.find if on in bochs.MODELS else machine.find_qemu)()
        if on in bochs.MODELS and (args.direct or args.icount or args.firmware != "bios" or args.media != "cd"):
            raise Problem(f"--on {on}: Bochs has a BIOS and a CD drive only; not possible are --direct, --icount, --firmware uefi and --media")
        boot, memory = prepare(args, on, Path(name))
        session = new_session(args, on, boot, memory, Path(name))
        if args.verbose:
            print(" ".join(session.command), file=sys.stderr)
        session.catch_signals()
        end = session.run(stdin=0, timeout=args.timeout)
    if end.status != Status.POWER_OFF:
        reason = end.reason.removeprefix("trivet: ")
        print(f"\ntrivet: {reason}", file=sys.stderr)
    return end.status


def main(argv=None):
    args = parser().parse_args(argv)
    try:
        return int({"check": do_check, "cpu": do_cpu, "image": do_image, "run": do_run}[args.command](args))
    except Problems as problems:
        print(problems, file=sys.stderr)
    except NoEmulator as problem:
        print(f"trivet: {problem}", file=sys.stderr)
        return int(Status.NO_EMULATOR)
    except Problem as problem:
        print(problem if problem.file else f"trivet: {problem}", file=sys.stderr)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    return int(Status.BAD_INPUT)
