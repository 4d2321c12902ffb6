# SPDX-License-Identifier: Apache-2.0
"""`trivet image` makes the same bytes from the same input, whole or not at all, and says what hinders it."""
import pytest

from conftest import TREE
from trivetlib import bundle, config, fdt, layout

pytestmark = pytest.mark.platforms("host")

libfdt = pytest.importorskip("libfdt")


def test_same_input_same_bytes_and_a_change_is_seen(trivet, tmp_path):
    for name in ("a", "b"):
        done = trivet("image", TREE / "examples/default.toml", "-o", tmp_path / name)
        assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    changed = (TREE / "examples/default.toml").read_text().replace("hostname=web", "hostname=www")
    (tmp_path / "changed.toml").write_text(changed)
    assert trivet("image", tmp_path / "changed.toml", "-o", tmp_path / "c").returncode == 0
    assert (tmp_path / "a").read_bytes() != (tmp_path / "c").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b", "c", "changed.toml"]


@pytest.mark.parametrize("out", ["/nowhere/out.img", "/proc/out.img", "/"])
def test_an_output_that_cannot_be_written_is_one_line(trivet, out):
    done = trivet("image", TREE / "examples/default.toml", "-o", out)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "cannot write the image" in done.stderr


def test_missing_tools_are_named_with_their_package(trivet, tmp_path):
    done = trivet("image", TREE / "examples/default.toml", "-o", tmp_path / "out.img", env={"PATH": str(tmp_path)})
    assert done.returncode == 1
    assert "grub-mkimage is not installed (Debian package grub-common)" in done.stderr
    assert not (tmp_path / "out.img").exists()


def test_the_device_tree_says_what_the_configuration_says():
    system = config.load(TREE / "examples/two-vms.toml")
    tree = libfdt.FdtRo(fdt.compile_system(system, layout.guest_modules(system)))
    assert tree.getprop(0, "compatible").as_str() == "trivet,system-1"
    assert tree.getprop(0, "when-all-stopped").as_str() == "poweroff"
    assert tree.getprop(tree.path_offset("/console"), "prefix").as_uint32() == 1
    assert tree.getprop(tree.path_offset("/console"), "front").as_str() == "web"
    node = tree.path_offset("/vms/vm@1")
    assert tree.getprop(node, "name").as_str() == "build"
    assert tree.getprop(node, "memory").as_uint64() == 256 << 20
    assert tree.getprop(node, "cmdline").as_str() == "console=ttyS0 hostname=build"
    assert tree.getprop(node, "kernel").as_str() == "web.kernel"        # the same file is one module
    assert [tree.getprop(node, name).as_uint32() for name in ("cpus", "priority", "budget-us", "period-us", "autostart")] == [
        1, 100, 8000, 10000, 1]
    assert tree.getprop(tree.path_offset("/drivers/serial"), "image").as_str() == "serial.elf"


def test_a_bundle_keeps_its_files_page_aligned():
    data = bundle.pack([("root", b"abc"), ("config x", bytes(4096)), ("last", b"")])
    assert data[:16] == b"TVBUNDLE\1\0\0\0\3\0\0\0"
    entries = [bundle.ENTRY.unpack_from(data, 16 + i * bundle.ENTRY.size) for i in range(3)]
    assert [(name.rstrip(b"\0"), offset, size) for name, offset, size in entries] == [
        (b"root", 4096, 3), (b"config x", 8192, 4096), (b"last", 12288, 0)]
    assert data[4096:4099] == b"abc"
    assert len(data) == 12288
