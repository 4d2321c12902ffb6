# SPDX-License-Identifier: Apache-2.0
"""What makes a PC of a virtual machine, as Linux sees it: its clock and ticks from the HPET, and suspend to memory."""

CONFIG = """\
[system]
when_all_stopped = "poweroff"
[vm.pc]
memory = "128M"
cpus = 2
kernel = "guest:linux-cloud"
initrd = "guest:busybox"
cmdline = "console=ttyS0 hostname=pc clocksource=hpet"
[[vm.pc.disk]]
size = "1M"
"""


def test_linux_keeps_time_by_the_hpet_and_finds_all_again_after_a_suspend_to_memory(console, tmp_path):
    path = tmp_path / "pc.toml"
    path.write_text(CONFIG)
    child, prompt = console(path), "pc# "
    child.expect_exact(prompt)
    child.ask("stty columns 200", prompt)
    assert "hpet" in child.ask("cat /sys/devices/system/clocksource/*/current_clocksource", prompt)
    child.ask("dd if=/dev/urandom of=/tmp/x bs=64k count=16; cp /tmp/x /tmp/y", prompt)
    assert "deep" in child.ask("cat /sys/power/mem_sleep", prompt)
    # An alarm before the suspend would be none, so there is time even for a machine that is fifty times slower than usual.
    child.ask("echo +15 >/sys/class/rtc/rtc0/wakealarm; echo mem >/sys/power/state", prompt)
    assert "suspends: 1" in child.ask("echo suspends: $(cat /sys/power/suspend_stats/success)", prompt)
    assert "same" in child.ask("cmp /tmp/x /tmp/y && echo sa''me", prompt)
    assert "cpus: 2" in child.ask("echo cpus: $(grep -c ^processor /proc/cpuinfo)", prompt)
    child.ask("dd if=/tmp/x of=/dev/vda bs=64k conv=fsync; echo 3 >/proc/sys/vm/drop_caches", prompt)
    assert "again" in child.ask("cmp /tmp/x /dev/vda && echo aga''in", prompt)
    child.sendline("poweroff -f")
    assert child.end() == 0
