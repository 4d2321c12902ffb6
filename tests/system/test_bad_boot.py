# SPDX-License-Identifier: Apache-2.0
"""Bad input at boot: each gets one clear line that names the file or property and what was expected, and nothing else suffers."""
import re
import struct

import pytest

from conftest import MIB, TREE
from trivetlib import config, layout
from trivetlib.session import Status

SHELL = "trivet> "
DEFAULT = TREE / "examples/default.toml"


@pytest.fixture
def plan():
    return layout.make(config.load(DEFAULT))


@pytest.fixture
def two():
    return layout.make(config.load(TREE / "examples/two-vms.toml"))


def files(plan, **replace):
    """The modules of a layout as (name, content); @replace: other content, or None to leave the module out."""
    both = [(m.name, replace.get(m.name, m.content)) for m in plan.modules]
    return [(name, content() if callable(content) else content) for name, content in both if content is not None]


def cannot_run(result, *words):
    end, output = result
    assert end.status == Status.CANNOT_RUN, output[-2000:]
    line = next(line for line in output.splitlines() if "trivet: cannot run:" in line)
    for word in words:
        assert word in line, line


def test_no_svm(watch, plan):
    cannot_run(watch(plan, cpu="max,-svm"), "SVM")


def test_no_nested_paging(watch, plan):
    cannot_run(watch(plan, cpu="max,+svm,-npt"), "nested paging")


def test_too_little_memory(watch, plan):
    cannot_run(watch(plan, files=files(plan, **{"web.kernel": b"", "web.module0": b""}), memory=8 * MIB), "memory")


def test_no_modules_at_all(watch, plan):
    cannot_run(watch(plan, files=[]), "root")


def test_missing_root_module(watch, plan):
    cannot_run(watch(plan, files=files(plan, root=None)), "root")


def elf_variant(data, what):
    """@data, an ELF64, made bad in the way @what."""
    data = bytearray(data)
    table, count = struct.unpack_from("<Q", data, 32)[0], struct.unpack_from("<H", data, 56)[0]
    loads = [table + 56 * i for i in range(count) if struct.unpack_from("<I", data, table + 56 * i)[0] == 1]
    if what == "other machine":
        struct.pack_into("<H", data, 18, 183)
    elif what == "32-bit":
        data[4] = 1
    elif what == "truncated":
        del data[struct.unpack_from("<Q", data, loads[-1] + 8)[0]:]
    elif what == "only a header":
        del data[64:]
    elif what == "overlapping":
        data[loads[1] + 16:loads[1] + 24] = data[loads[0] + 16:loads[0] + 24]
    elif what == "writable code":
        struct.pack_into("<I", data, loads[0] + 4, 7)
    elif what == "kernel address":
        struct.pack_into("<Q", data, loads[0] + 16, 0xffffffff80000000)
    elif what == "empty":
        del data[:]
    elif what == "noise":
        data[:] = b"\x5a" * 5000
    return bytes(data)


BAD_ELFS = ["other machine", "32-bit", "truncated", "only a header", "overlapping", "writable code", "kernel address", "empty", "noise"]


@pytest.mark.parametrize("what", BAD_ELFS)
def test_a_bad_root_is_named_and_nothing_starts(watch, plan, what):
    root = elf_variant((layout.BUILD / "root.elf").read_bytes(), what)
    cannot_run(watch(plan, files=files(plan, root=root)), "root")


@pytest.mark.parametrize("what", BAD_ELFS)
def test_a_bad_monitor_is_named_and_the_shell_remains(watch, plan, what):
    vmm = elf_variant((layout.BUILD / "vmm.elf").read_bytes(), what)
    end, output = watch(plan, files=files(plan, vmm=vmm), memory=1024 * MIB, until=SHELL)
    assert end.status == Status.POWER_OFF, output[-2000:]
    assert re.search(r"web: cannot be started: .*\bvmm\b", output), output[-2000:]


@pytest.mark.parametrize("what", ["corrupt", "empty", "truncated", "missing"])
def test_without_a_readable_configuration_nothing_starts(watch, plan, what):
    tree = next(m.data for m in plan.modules if m.name == "config")
    tree = {"corrupt": b"\0" * len(tree), "empty": b"", "truncated": tree[:len(tree) // 2], "missing": None}[what]
    cannot_run(watch(plan, files=files(plan, config=tree), memory=1024 * MIB), "config")


def test_an_unknown_property_is_named_and_the_shell_remains(watch, plan):
    tree = next(m.data for m in plan.modules if m.name == "config").replace(b"restart\0", b"restrat\0")
    end, output = watch(plan, files=files(plan, config=tree), memory=1024 * MIB, until=SHELL)
    assert end.status == Status.POWER_OFF, output[-2000:]
    assert re.search(r"config.*restrat", output), output[-2000:]


def test_a_kernel_that_is_no_bzimage_costs_its_vm_only(watch, two):
    data = files(two)
    tree = next(content for name, content in data if name == "config").replace(b"web.kernel\0", b"bad.kernel\0", 1)
    data = [(name, tree if name == "config" else content) for name, content in data] + [("bad.kernel", b"\x7fELF" + bytes(8000))]
    end, output = watch(two, files=data, memory=1024 * MIB, seconds=90, until="Guest build is up")
    assert end.status == Status.POWER_OFF, output[-2000:]
    assert re.search(r"web.*bzImage", output)


def test_a_missing_guest_module_costs_its_vm_only(watch, two):
    data = files(two)
    tree = next(content for name, content in data if name == "config").replace(b"web.kernel\0", b"bad.kernel\0", 1)
    data = [(name, tree if name == "config" else content) for name, content in data]
    end, output = watch(two, files=data, memory=1024 * MIB, seconds=90, until="Guest build is up")
    assert end.status == Status.POWER_OFF, output[-2000:]
    assert "bad.kernel" in output


def test_more_memory_than_there_is_costs_the_vm_that_wants_it(watch, two):
    data = files(two)
    tree = next(content for name, content in data if name == "config")
    tree = tree.replace((256 * MIB).to_bytes(8, "big"), (2048 * MIB).to_bytes(8, "big"), 1)
    data = [(name, tree if name == "config" else content) for name, content in data]
    end, output = watch(two, files=data, memory=768 * MIB, seconds=90, until="Guest build is up")
    assert end.status == Status.POWER_OFF, output[-2000:]
    assert re.search(r"web.*memory", output)
