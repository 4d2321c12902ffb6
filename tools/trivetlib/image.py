# SPDX-License-Identifier: Apache-2.0
"""Makes a bootable image: GRUB for BIOS and UEFI, on CD and on USB sticks and disks.  The same input gives the same bytes.

The image is an ISO 9660 file system.  A BIOS boots it as a CD through El Torito or as a disk through its boot sector; UEFI
boots the FAT file system inside it, which El Torito and the GPT both point to."""
import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from .problem import Problem

GRUB = Path("/usr/lib/grub")
TOOLS = {"grub-mkimage": "grub-common", "xorriso": "xorriso", "mformat": "mtools", "mmd": "mtools", "mcopy": "mtools"}
FILES = {GRUB / "i386-pc" / "boot_hybrid.img": "grub-pc-bin", GRUB / "x86_64-efi" / "kernel.img": "grub-efi-amd64-bin"}
MODULES = "normal minicmd echo test search search_fs_file iso9660 serial terminal boot sleep halt reboot".split()
BIOS_MODULES = MODULES + "biosdisk vbe".split()
UEFI_MODULES = MODULES + "part_gpt part_msdos fat efi_gop".split()
# GRUB's command for the kernel, which is its module as well, and how the kernel's modules are loaded.
PROTOCOLS = {"multiboot2": "module2 --nounzip /boot/{0} {0}", "linux": "initrd /boot/{0}"}
EPOCH = 1700000000              # the time of every file in every image
FAT_KIB = 2880

# A prefix that GRUB's small early parser understands; the marker names this very image among all disks.
EARLY = "search --no-floppy --file --set=root {marker}\nset prefix=($root)/boot/grub\n"

SCRIPT = """\
# Made by tools/trivet image.
if [ "$grub_platform" = pc ]; then		# UEFI firmware has a console of its own
	serial --unit=0 --speed=115200
	terminal_output console serial
fi
set gfxpayload=1024x768x32,1024x768x24,auto
{commands}
echo 'trivet: cannot run: GRUB could not start the hypervisor'
sleep 3600
"""


def check_tools():
    for tool, package in TOOLS.items():
        if not shutil.which(tool):
            raise Problem(f"{tool} is not installed (Debian package {package}); run `make deps`")
    for path, package in FILES.items():
        if not path.exists():
            raise Problem(f"{path} is missing (Debian package {package}); run `make deps`")


def run_tool(*command):
    """Run one of the image tools; its messages are shown only when it fails."""
    env = dict(os.environ, SOURCE_DATE_EPOCH=str(EPOCH), TZ="UTC", LC_ALL="C", MTOOLS_SKIP_CHECK="1")
    done = subprocess.run([str(word) for word in command], env=env, capture_output=True, text=True)
    if done.returncode:
        lines = (done.stderr or done.stdout).strip().splitlines() or ["no message"]
        raise Problem(f"{command[0]} failed: {lines[-1]}")


def write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def grub_commands(layout, protocol):
    """Loads the kernel and its modules and starts it if nothing was missing.  Names and command lines are of characters
    that need no quoting."""
    lines = [f"{protocol} /boot/{layout.kernel.name} {layout.cmdline}".rstrip()]
    lines += [PROTOCOLS[protocol].format(module.name) for module in layout.modules]
    return "\n".join([f"if {line}; then" for line in lines] + ["boot"] + ["fi"] * len(lines))


def fill(tree, layout, protocol):
    """Everything the image holds, below the folder @tree; returns the marker's path in the image."""
    digest = hashlib.sha256(layout.cmdline.encode())
    for name, content in [(layout.kernel.name, layout.kernel.read_bytes())] + [(m.name, m.content()) for m in layout.modules]:
        write(tree / "boot" / name, content)
        digest.update(name.encode() + b"\0" + hashlib.sha256(content).digest())
    marker = f"/boot/trivet-{digest.hexdigest()[:16]}"
    write(tree / marker[1:], b"")
    write(tree / "boot/grub/grub.cfg", SCRIPT.format(commands=grub_commands(layout, protocol)).encode())
    return marker


def add_grub(tree, work, marker, protocol):
    early = work / "early.cfg"
    early.write_text(EARLY.format(marker=marker))
    run_tool("grub-mkimage", "-O", "i386-pc-eltorito", "-p", "/boot/grub", "-c", early, "-o", tree / "boot/grub/eltorito.img",
             *BIOS_MODULES, protocol)
    loader = work / "BOOTX64.EFI"
    run_tool("grub-mkimage", "-O", "x86_64-efi", "-p", "/boot/grub", "-c", early, "-o", loader, *UEFI_MODULES, protocol)
    os.utime(loader, (EPOCH, EPOCH))
    fat = tree / "efi.img"
    run_tool("mformat", "-C", "-f", FAT_KIB, "-N", "54524956", "-v", "TRIVET", "-i", fat, "::")
    run_tool("mmd", "-i", fat, "::/EFI", "::/EFI/BOOT")
    run_tool("mcopy", "-m", "-i", fat, loader, "::/EFI/BOOT/BOOTX64.EFI")


def make(layout, out, protocol="multiboot2"):
    """Writes the image of @layout to the file @out, whole or not at all.  @protocol: how GRUB starts its kernel; one of PROTOCOLS."""
    check_tools()
    out = Path(out)
    try:
        with tempfile.TemporaryDirectory(prefix="trivet-") as name, \
                tempfile.NamedTemporaryFile(dir=out.parent, prefix=f".{out.name}.", delete=False) as result:
            try:
                build(Path(name), layout, Path(result.name), protocol)
                os.chmod(result.name, 0o644)
                os.replace(result.name, out)
            except BaseException:
                os.unlink(result.name)
                raise
    except OSError as error:
        raise Problem(f"cannot write the image: {error.strerror}", error.filename2 or out) from None


def build(work, layout, result, protocol):
    tree = work / "tree"
    add_grub(tree, work, fill(tree, layout, protocol), protocol)
    for path in [tree, *tree.rglob("*")]:
        os.utime(path, (EPOCH, EPOCH))
    run_tool("xorriso", "-as", "mkisofs", "-quiet", "-r", "-V", "TRIVET", "-o", result,
             "-b", "boot/grub/eltorito.img", "-no-emul-boot", "-boot-load-size", "4", "-boot-info-table", "--grub2-boot-info",
             "--grub2-mbr", GRUB / "i386-pc" / "boot_hybrid.img",
             "--efi-boot", "efi.img", "-efi-boot-part", "--efi-boot-image", "--protective-msdos-label",
             "--sort-weight", "0", "/", "--sort-weight", "1", "/boot/grub", tree)
