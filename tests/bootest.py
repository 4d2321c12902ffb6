# SPDX-License-Identifier: Apache-2.0
"""Tests that need a machine: a program in root's place (tests/user), or a tiny guest under root and a monitor (tests/guest).

The program prints lines that begin with `PASS:`, `FAIL:` or `SKIP:` on the console, and `DONE` when it is through.  What it
needs stands in comments of its source, one `key: value` each:

	cmdline: words for the hypervisor's command line
	memory: 256M				of the machine
	cpus: 4					of the machine (default 1)
	cpu: max,+svm,-x2apic			QEMU's -cpu: the test is for QEMU only
	icount: yes				QEMU counts instructions, one tick of the time-stamp counter each, as Bochs always does
	not-on: bochs-svm reason		a platform where it is skipped, and why
	modules: name=path ...			further boot modules (tests/user)
	expect: panic				the run must end so instead of with DONE: panic, cannot-run, reset, power-off
	vm-memory: 64M				of the guest (tests/guest)
	vm-cpus: 4				of the guest (default 1)
	vm-cmdline: text			its command line
	vm-devices: test pvpanic		see the key "devices"
	vm-cpu: x86-64-v2 -sse3			see the keys "cpu" and "cpu_features"
	vm-paravirt: hyperv			see the key "paravirt"
	vm-modules: path "command line" ...	files that go along with its kernel

Each runs on every platform: QEMU with an AMD CPU, Bochs with one of Intel, Bochs with one of AMD."""
import re
import shlex
import tempfile
from pathlib import Path

from trivetlib import bochs, bundle, config, image, layout, machine
from trivetlib.session import Session, Status

TREE = config.TREE
ENDS = {"panic": Status.PANIC, "cannot-run": Status.CANNOT_RUN, "reset": Status.RESET, "power-off": Status.POWER_OFF}
KEYS = ("cmdline", "memory", "cpus", "cpu", "icount", "not-on", "modules", "expect", "vm-memory", "vm-cpus", "vm-cmdline", "vm-devices", "vm-cpu",
        "vm-paravirt", "vm-modules")
KEY = re.compile(rf"^(?:/\*|//|;|\s\*)?\s*({'|'.join(KEYS)}): *(.*?) *(?:\*/)?$", re.M)
RESULT = re.compile(rb"(PASS|FAIL|SKIP): *(.*)")


def wishes(path):
    """The keys that the test's source sets."""
    source = next((TREE / "tests" / path.parent.name).glob(f"{path.stem}.*"))
    head = source.read_text().split("\n#include", 1)[0]
    return dict(KEY.findall(head))


def not_here(wish, platform):
    """Why the test is skipped on @platform; None if it is not."""
    if "cpu" in wish and platform != "qemu-svm":
        return "is about a CPU of QEMU"
    where, _, reason = wish.get("not-on", "").partition(" ")
    return reason if where == platform else None


def user_layout(path, wish):
    """The hypervisor with the program @path as its root module."""
    extra = [layout.Module(name, TREE / file) for name, file in (word.split("=", 1) for word in wish.get("modules", "").split())]
    return layout.Layout(layout.built(layout.KERNEL, layout.BUILD), wish.get("cmdline", ""), [layout.Module("root", path), *extra])


def guest_layout(path, wish):
    """The whole system with one VM, whose kernel is @path and whose end is the end of the machine."""
    words = shlex.split(wish.get("vm-modules", ""))
    modules = [config.Module(TREE / file, text) for file, text in zip(words[::2], words[1::2])]
    vm = config.Vm(name="test", memory=config.parse_size(wish.get("vm-memory", "64M")), kernel=path, modules=modules, cmdline=wish.get("vm-cmdline", ""),
                   cpus=int(wish.get("vm-cpus", 1)), priority=100, budget_us=0, period_us=0, restart="never", autostart=True, cpu_list=[],
                   exclusive=False, restart_limit=5, watchdog_us=0, devices=wish.get("vm-devices", "").split(), paravirt=wish.get("vm-paravirt", "kvm"))
    vm.cpu, *vm.cpu_features = wish.get("vm-cpu", "host").split()
    system = config.System(path=path, when_all_stopped="poweroff", cmdline=wish.get("cmdline", ""), prefix=1, front="test", machine_cpus=None,
                           machine_memory=None, vms=[vm])
    return layout.make(system)


def new_session(plan, wish, platform, work, sink, on_line):
    memory, cpus = config.parse_size(wish.get("memory", "512M")), int(wish.get("cpus", 1))
    if platform in bochs.MODELS:
        file = work / "trivet.img"
        image.make(plan, file)
        return bochs.BochsSession(file, work, sink, on_line, on=platform, memory=memory, cpus=cpus)
    file = work / "modules"
    file.write_bytes(bundle.pack([(m.name, m.content()) for m in plan.modules]))
    command = machine.base_command(memory=memory, cpus=cpus, cpu=wish.get("cpu"), icount="icount" in wish)
    command += machine.boot_direct(plan.kernel, file, plan.cmdline) + ["-device", "isa-debug-exit,iobase=0xf4,iosize=4"]
    return Session(command, sink, on_line)


def run(kind, path, platform, log, seconds, words="", change=()):
    """[(outcome, name, detail)] of one test; everything it printed goes to the file @log.  @words: more for the hypervisor's command line;
    @change: wishes other than the source's."""
    wish = {**wishes(path), **dict(change)}
    wish["cmdline"] = f"{wish.get('cmdline', '')} {words}".strip()
    if reason := not_here(wish, platform):
        return [("skip", path.stem, reason)]
    plan = (user_layout if kind == "user" else guest_layout)(path, wish)
    results = []

    def on_line(line):
        if match := RESULT.search(line):
            results.append(({b"PASS": "pass", b"FAIL": "fail", b"SKIP": "skip"}[match[1]], match[2].decode(errors="replace"), ""))
        return Status.POWER_OFF if line.strip() == b"DONE" or line.endswith(b" DONE") else None

    with tempfile.TemporaryDirectory(prefix="trivet-") as work, open(log, "wb") as output:
        end = new_session(plan, wish, platform, Path(work), output.write, on_line).run(timeout=seconds)
        output.write(f"\n--- {end.status.name}: {end.reason}\n".encode())
    wanted = ENDS[wish["expect"]] if "expect" in wish else Status.POWER_OFF
    if "expect" in wish:
        results.append(("pass" if end.status == wanted else "fail", f"ends with {wish['expect']}", end.reason))
    elif end.status != wanted:
        results.append(("fail", "runs to the end", end.reason))
    return results
