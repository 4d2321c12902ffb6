# SPDX-License-Identifier: Apache-2.0
"""CPU models of guests: their names, out of the monitor's own tables, and `trivet cpu`, by the monitor's own code."""
import re
import subprocess
from pathlib import Path

from .problem import Problem, did_you_mean

TABLES = Path(__file__).resolve().parents[2] / "vmm"
HOST = "host"                   # the model that is in no table
PROGRAM = "cpu-model"           # tools/cpu_model.c
WORDS_MAX = 255                 # CONFIG_CPU in vmm/root/config.h


def first_strings(file):
    """The first strings of the rows of the table in @file."""
    return re.findall(r'^\t\{ "([^"]+)"', (TABLES / file).read_text(), re.M)


def models():
    return [HOST, *first_strings("cpu_model.c")]


def features():
    return first_strings("cpu_feature.c")


def problems(cpu, changes):
    """(key, text) of what is wrong with the model @cpu and the @changes to its features."""
    if cpu != HOST and cpu not in models():
        yield "cpu", f"no model \"{cpu}\"{did_you_mean(cpu, models())} (expected one of: {', '.join(models())})"
    for change in changes:
        if change[1:] not in features():
            yield "cpu_features", f"no feature \"{change[1:]}\"{did_you_mean(change[1:], features())}; `trivet cpu --host` lists them"
    if len(words(cpu, changes)) > WORDS_MAX:
        yield "cpu_features", f"longer than {WORDS_MAX} characters together with the model"


def words(cpu, changes):
    """What the monitor is told; nothing for the host's CPU as it is."""
    return " ".join([cpu, *changes]) if changes or cpu != HOST else ""


def ask(program, dump, *arguments):
    """What @program answers to @arguments; @dump: a raw dump of another host's CPUID, or None."""
    command = [program, *(["-r", dump] if dump else []), *map(str, arguments)]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    if answer.returncode:
        raise Problem(answer.stderr.strip())
    return answer.stdout


def resolve(program, dump, system):
    """The text of `trivet cpu --resolve`."""
    for vm in system.vms:
        text = words(vm.cpu, vm.cpu_features)
        yield f"vm {vm.name}: {text or HOST}"
        try:
            yield ask(program, dump, "resolve", vm.cpus, vm.paravirt, text).rstrip()
        except Problem as problem:
            raise Problem(str(problem), system.path, None, f"vm.{vm.name}.cpu") from None
