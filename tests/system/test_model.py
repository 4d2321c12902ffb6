# SPDX-License-Identifier: Apache-2.0
"""What CPU and what hypervisor a real guest finds: a named model, and the interface of Hyper-V."""
import re

CONFIG = """
[system]
when_all_stopped = "poweroff"

[vm.hv]
memory = "192M"
cpus = 2
kernel = "guest:linux-cloud"
initrd = "guest:busybox"
cmdline = "console=ttyS0 quiet hostname=hv"
cpu = "x86-64-v3"
cpu_features = ["+rdtscp", "-movbe"]
paravirt = "hyperv"
"""
PROMPT = "hv# "


def test_linux_runs_on_a_named_cpu_with_the_clock_and_the_timers_of_hyper_v(console, tmp_path):
    config = tmp_path / "model.toml"
    config.write_text(CONFIG)
    child = console(config, "--direct")
    child.expect_exact(PROMPT)
    assert "Trivet x86-64-v3 CPU" in child.ask("grep -m1 name /proc/cpuinfo", PROMPT)
    flags = child.ask("grep -m1 flags /proc/cpuinfo", PROMPT).split()
    assert {"avx2", "bmi2", "rdtscp"} <= set(flags) and not {"movbe", "aes", "pcid", "smep"} & set(flags)
    assert "hyperv_clocksource_tsc_page" in child.ask("cat /sys/devices/system/clocksource/*/current_clocksource", PROMPT)
    counts = re.search(r"HVS: +(\d+) +(\d+)", child.ask("cat /proc/interrupts", PROMPT))
    assert counts and int(counts[1]) > 0 and int(counts[2]) > 0
    child.sendline("poweroff")
    assert child.end() == 0
