# SPDX-License-Identifier: Apache-2.0
"""Which CPU of the machine each virtual CPU will run on, and what does not fit: as vmm/root/place.c decides it at boot."""
from .problem import Problem

WHOLE = 1000000                 # all time of a CPU: shares are counted in millionths
CPU_ROOT = 0                    # where root and the drivers run


class Cpu:
    def __init__(self):
        self.share, self.unpromised, self.users, self.owner = 0, 0, [], None

    def load(self):
        """A virtual CPU without a promise takes what is left: it counts as a whole CPU."""
        return self.share + self.unpromised * WHOLE


def percent(share):
    return f"{share / (WHOLE / 100):.1f}%"


def share(vm):
    """What each CPU of @vm is promised; 0: it takes what is left."""
    return vm.budget_us * WHOLE // vm.period_us if vm.budget_us else 0


def wrong_key(vm):
    return "cpu_list" if vm.cpu_list else "budget"


def choose(cpus, vm, wanted, limit):
    """The number of the CPU for a virtual CPU of @vm; @wanted: the one in its list, or None.  @limit: CPUs of the machine, None:
    not known.  Raises a ValueError that says what does not fit."""
    if wanted is not None and limit is not None and wanted >= limit:
        raise ValueError(f"CPU {wanted} is in the list; the machine has {limit}, from 0 on")
    if wanted is None:
        free = [n for n in range(limit or len(cpus)) if cpus[n].owner is None]
        if not free:
            raise ValueError("no CPU is left that is not another virtual machine's alone")
        room = [n for n in free if cpus[n].share + share(vm) <= WHOLE]
        if not room:
            raise ValueError(f"{percent(share(vm))} of a CPU wanted; of {limit or len(cpus)} CPUs the emptiest has "
                             f"{percent(WHOLE - min(cpus[n].share for n in free))} left; expected at most 100% on each")
        wanted = min(room, key=lambda n: (cpus[n].load(), n))
    cpu = cpus[wanted]
    if cpu.owner is not None and cpu.owner != vm.name:
        raise ValueError(f"CPU {wanted} is {cpu.owner}'s alone")
    others = sorted(set(cpu.users) - {vm.name})
    if vm.exclusive and others:
        raise ValueError(f"CPU {wanted} cannot be its alone: {', '.join(others)} runs on it")
    if cpu.share + share(vm) > WHOLE:
        users = ", ".join(dict.fromkeys(cpu.users + [vm.name]))
        raise ValueError(f"the budgets of {users} on CPU {wanted} add up to {percent(cpu.share + share(vm))}; expected at most 100%")
    return wanted


def place(system, limit):
    """{VM's name: [CPU of each virtual CPU]} of the VMs that start at boot, and [(name, what does not fit)].  @limit: CPUs of the
    machine; None: not known, then as many as the lists name, and at least one."""
    named = max((cpu for vm in system.vms for cpu in vm.cpu_list), default=0) + 1
    cpus = [Cpu() for _ in range(max(named, limit or 1))]
    places, wrong = {}, []
    for vm in (vm for vm in system.vms if vm.autostart):
        places[vm.name] = []
        for index in range(vm.cpus):
            try:
                listed = vm.cpu_list[index % len(vm.cpu_list)] if vm.cpu_list else None
                number = choose(cpus, vm, listed, limit)
            except ValueError as error:
                wrong.append((vm.name, str(error)))
                break
            cpu = cpus[number]
            cpu.share += share(vm)
            cpu.unpromised += not vm.budget_us
            cpu.users.append(vm.name)
            cpu.owner = vm.name if vm.exclusive else None
            places[vm.name].append(number)
    return places, wrong


def check_machine(system, limit):
    """Raises a Problem when the VMs that start at boot do not fit on a machine with @limit CPUs."""
    for name, text in place(system, limit)[1]:
        raise Problem(f"vm.{name}: {text} (machine with {limit} CPU{'s' if limit > 1 else ''})", system.path)
