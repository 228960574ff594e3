"""Every check in its order, with the facts that it is given."""

from __future__ import annotations

import os
import sys
import sysconfig
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from nerdistill import isolation, places
from nerdistill.bundle.intact import content_faults, shape_faults
from nerdistill.doctor import (
    clock,
    disk,
    environment,
    gpu,
    guard,
    holdings,
    interpreter,
    libraries,
    machine,
    packages,
    vllm,
)
from nerdistill.doctor.finding import NOT_PROVEN, Check, Finding
from nerdistill.doctor.known import Known
from nerdistill.mounts import network_type

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from nerdistill.bundle.inventory import Inventory
    from nerdistill.doctor.disk import Use
    from nerdistill.doctor.known import Wishes
    from nerdistill.doctor.site import Site
    from nerdistill.progress import Progress

Looks = dict[str, "Callable[[], Iterable[Finding]]"]
"""By the name of a check, how it looks."""


def checks(wishes: Wishes, progress: Progress) -> list[Check]:
    """What is looked at: quick things first, the proof last."""
    known = Known(wishes)
    groups: dict[str, Looks] = {
        "Installation": _installation(known),
        "Models and data": _models(known),
        "GPU": _gpu(known, progress),
        "Disk": _disk(known),
        "Workspace": _workspace(known),
        "System": _system(known),
        "Offline": _offline(known),
    }
    if wishes.airgap:
        groups["Air gap"] = {NOT_PROVEN: lambda: _airgap(known)}
    return [Check(group, *look) for group, looks in groups.items() for look in looks.items()]


def _installation(known: Known) -> Looks:
    site = known.site
    purelib = Path(sysconfig.get_paths()["purelib"])
    return {
        "Python": lambda: interpreter.check_version(sys.version_info[:3], site),
        "environment": lambda: interpreter.check_environment(site, Path(sys.base_prefix)),
        "guard file": lambda: interpreter.check_guard_file(purelib, site),
        "packages": lambda: _packages(site),
        "libraries": lambda: libraries.check_libraries(known.libraries(), site),
        "vLLM": lambda: vllm.check_vllm(
            known.vllm(), known.python, named=known.wishes.vllm_python is not None
        ),
    }


def _packages(site: Site) -> Iterator[Finding]:
    found = packages.locked(site.home)
    if found is None:
        yield Finding("packages", "note", "no lock lies here to hold them against")
        return
    name, pins = found
    needed = set(pins) if name == packages.LOCK else packages.required()
    yield from packages.check_packages(name, pins, needed, packages.installed(), site)


def _models(known: Known) -> Looks:
    home = known.site.home
    return {
        "assets": lambda: _assets(known.inventory(), hashed=known.wishes.hashed),
        "students": lambda: _of_held(known, holdings.check_student),
        "access": lambda: (
            holdings.check_access(home, private=holdings.private_places(known.inventory()))
            if home
            else ()
        ),
    }


def _assets(inventory: Inventory, *, hashed: bool) -> Iterator[Finding]:
    faults = content_faults(inventory)[0] if hashed else shape_faults(inventory)
    yield from holdings.check_assets(inventory, faults, hashed=hashed)


def _of_held(known: Known, look: Callable[[Inventory], Iterable[Finding]]) -> Iterable[Finding]:
    held = known.held()
    return look(held) if held else ()


def _gpu(known: Known, progress: Progress) -> Looks:
    return {
        "GPU": lambda: gpu.check_gpus(known.facts(), libraries.torch_of(known.libraries())),
        "target": lambda: _target(known),
        "C compiler": lambda: _compiler(known),
        "trial": lambda: _trial(known, progress),
    }


def _target(known: Known) -> Iterator[Finding]:
    held = known.held()
    if held and held.manifest:
        yield from gpu.check_target(held.manifest, known.facts())


def _compiler(known: Known) -> Iterator[Finding]:
    told = known.vllm()
    if not known.facts()["gpus"] and not told.get("there"):
        yield Finding("C compiler", "skipped", "needed only with a GPU or vLLM")
        return
    headers = bool(told.get("headers"))
    yield from gpu.check_compiler(known.facts(), named=os.environ.get("CC"), headers=headers)


def _trial(known: Known, progress: Progress) -> Iterator[Finding]:
    if not known.facts()["gpus"]:
        yield Finding("trial", "skipped", "no GPU to compile a kernel for")
        return
    if not known.wishes.gpu:
        yield Finding("trial", "skipped", "left out by --no-gpu")
        return
    from nerdistill.doctor import trial

    there, held = known.vllm().get("there", False), known.held()
    yield trial.try_kernel(known.python if there else Path(sys.executable))
    teacher = holdings.smallest(held, "teacher") if held else None
    if not there or held is None or teacher is None:
        why = "no language model in models/" if there else "vLLM is not installed"
        yield Finding("one token", "skipped", why)
    else:
        yield from trial.try_token(held.home / teacher.place, known.wishes.vllm_python, progress)


def _disk(known: Known) -> Looks:
    def room(use: Use) -> Iterable[Finding]:
        writable = os.access(use.path, os.W_OK)
        return disk.check_disk(
            use, disk.mount_of(use.path, known.facts()["mounts"]), writable=writable
        )

    def programs() -> Iterator[Finding]:
        for use in known.uses():
            if use.compiles and use.path.is_dir():
                yield from disk.check_execution(use, runs=places.can_execute(use.path))

    return {
        **{use.name: partial(room, use) for use in known.uses()},
        "programs": programs,
        "sockets": lambda: disk.check_sockets(known.temporary),
    }


def _workspace(known: Known) -> Looks:
    folder = known.folder

    def trial() -> Iterable[Finding]:
        from nerdistill.doctor import workspace

        return workspace.check_workspace(folder, network_type(folder))

    def times() -> Iterable[Finding]:
        return (
            clock.check_difference(clock.difference(folder)) if os.access(folder, os.W_OK) else ()
        )

    return {"workspace": trial, "file times": times}


def _system(known: Known) -> Looks:
    home = known.site.home
    return {
        "clock": lambda: _clock(known),
        "limits": lambda: machine.check_limits(
            known.facts()["limits"], gpu=bool(known.facts()["gpus"])
        ),
        "SELinux": lambda: machine.check_selinux(known.facts()["selinux"], home),
        "Slurm": lambda: machine.check_slurm(home, there=known.facts()["slurm"]),
        "proof": lambda: machine.check_proofs(
            namespaces=isolation.can_unshare(), strace=isolation.can_strace()
        ),
    }


def _clock(known: Known) -> Iterator[Finding]:
    held = known.held()
    created = str(held.manifest.told["created"]) if held and held.manifest else None
    yield from clock.check_clock(time.time(), clock.made_here(known.site.home, created))


def _offline(known: Known) -> Looks:
    site = known.site
    return {
        "switches": lambda: environment.check_effective(os.environ),
        "shell": lambda: environment.check_shell(environment.started_with()),
        "proxies": lambda: environment.check_proxies(os.environ),
        "guard": lambda: guard.check_here(site),
        "guard in children": lambda: guard.check_child(guard.ask_child(), site),
    }


def _airgap(known: Known) -> Iterable[Finding]:
    from nerdistill.doctor import airgap

    return airgap.check_airgap(known.inventory(), airgap.watch_here())
