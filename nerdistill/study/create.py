"""Make a bundle of a study: gather, resolve, write, rehearse, sign."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nerdistill import assets
from nerdistill.bundle.bare.verify import read_key, read_manifest
from nerdistill.bundle.brought import bring_python
from nerdistill.bundle.build import Content, check_folder, draft, hashed, publish
from nerdistill.bundle.cuda import check_built, check_cuda
from nerdistill.bundle.kernels import with_kernels
from nerdistill.bundle.own_wheel import own_wheel, requirements_of
from nerdistill.bundle.plan import check_limit
from nerdistill.bundle.platform import platform_of
from nerdistill.bundle.rehearse import NOT_REHEARSED, Base, Rehearsal, reason_not_to, rehearse
from nerdistill.bundle.resolve import resolve
from nerdistill.bundle.sbom import sbom
from nerdistill.bundle.target import read_target
from nerdistill.bundle.wheels import collect_wheels
from nerdistill.errors import ConfigError
from nerdistill.study.asking import LOADING
from nerdistill.study.collect import collect
from nerdistill.study.load import load_study
from nerdistill.study.relocate import DEMO, SHORT

if TYPE_CHECKING:
    from pathlib import Path

    from nerdistill.bundle.bare.manifest import Manifest
    from nerdistill.bundle.brought import BroughtPython
    from nerdistill.bundle.platform import Platform
    from nerdistill.bundle.resolve import Pin
    from nerdistill.bundle.sign import SigningKey
    from nerdistill.bundle.target import Target
    from nerdistill.bundle.wheels import Wheels
    from nerdistill.progress import Progress
    from nerdistill.study.config import StudyConfig

CONSTRAINTS = "constraints.txt"
"""What was tested together; a checkout has it, an installed wheel does not."""
UNASKED = frozenset({"replay", "simulated"})
"""Annotators that need no model, so that their study can be rehearsed as it stands."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the user asks for.

    Attributes:
        study: its file.
        settings: `key=value`, laid over it.
        target: the server's target.json.
        out: the bundle's folder.
        most: bytes of a volume.
        key: signs the bundle.
        base: a bundle that is installed there already; None: everything is carried.
        cache: what is fetched is kept there.
        version: grows from bundle to bundle; None: the time.
        python: the archive of a relocatable CPython to carry; None: one of the server's is used.
    """

    study: Path
    settings: tuple[str, ...]
    target: Path
    out: Path
    most: int
    key: SigningKey
    base: Path | None
    cache: Path
    version: int | None
    python: Path | None


def create(wishes: Wishes, progress: Progress) -> Manifest:
    """Make a bundle; a second run goes on where an interrupted one stopped.

    Raises:
        ConfigError: the study, target.json or a setting is wrong.
        AssetError: something that the study names is nowhere, or not to be trusted.
        BundleError: the packages can't be had for the server, or the rehearsal failed.
        Refused: the base is no bundle of this key.
        OSError: the disk is full; what is finished stays.
    """
    check_folder(wishes.out)
    check_limit(wishes.most)
    target = read_target(wishes.target)
    key = read_key(str(wishes.key.file))
    base = _base(wishes, key)
    version = _version(wishes, base)
    config = load_study(wishes.study, wishes.settings)
    serves = config.teacher.annotator in LOADING and config.teacher.base_url is None
    brought = (
        bring_python(wishes.python, target, wishes.cache, progress, headers=serves)
        if wishes.python
        else None
    )
    # What the server can't run is refused before gigabytes are fetched.
    lock = _locked(target, brought, wishes.cache, progress, serves=serves)
    collected = collect(wishes.study, wishes.settings, wishes.cache, progress)
    wheels = collect_wheels(
        lock.pins, lock.own, lock.platform, wishes.cache, progress, extras=lock.extras
    )
    told = _target(lock, wheels, brought, target)
    carried = (*collected.assets, *wheels.assets, *([brought.asset] if brought else []))
    created = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    sized = hashed(carried, progress)
    digests = {path: one.sha256 for path, one in sized.items()}
    content = Content(
        name=collected.name,
        version=version,
        created=created,
        study=collected.study.path,
        target=told,
        assets=carried,
        unpacked=wheels.unpacked,
        sbom=sbom(carried, digests, name=collected.name, version=str(version), created=created),
    )
    made = draft(
        wishes.out,
        content,
        most=wishes.most,
        base=base,
        cache=wishes.cache,
        progress=progress,
        sized=sized,
    )
    reason = reason_not_to(made)
    if reason is not None:
        progress.say(f"{NOT_REHEARSED}: {reason}")
        return publish(made, {"status": NOT_REHEARSED, "reason": reason}, wishes.key)
    wanted = _rehearsal(config, collected.study.path, wishes)
    return publish(made, rehearse(made, wanted, progress), wishes.key)


@dataclass(frozen=True, slots=True)
class _Lock:
    """Which packages the server gets; with vLLM where `extras` say so."""

    platform: Platform
    own: Path
    extras: tuple[str, ...]
    pins: tuple[Pin, ...]


def _locked(
    target: Target,
    brought: BroughtPython | None,
    cache: Path,
    progress: Progress,
    *,
    serves: bool,
) -> _Lock:
    extras = ("vllm",) if serves else ()
    platform = platform_of(target, brought.version if brought else None, headers=serves)
    own = own_wheel(cache)
    tested = assets.home() / CONSTRAINTS
    # vLLM asks for other versions of some packages than those that were tested without it.
    constraints = tested if tested.is_file() and not serves else None
    wanted = requirements_of(own, platform, extras)
    progress.say(f"resolve {len(wanted)} requirements for {platform.told}")
    pins = with_kernels(
        wanted, lambda asked: resolve(asked, platform, constraints, cache / "resolve")
    )
    check_cuda(pins, target, progress)
    return _Lock(platform, own, extras, pins)


def _target(
    lock: _Lock, wheels: Wheels, brought: BroughtPython | None, target: Target
) -> dict[str, object]:
    """The manifest's `target`, as the wheels that were fetched have it."""
    cuda = check_built(wheels.files, target)
    glibc = max(wheels.glibc, brought.glibc) if brought else wheels.glibc
    return {
        "machine": lock.platform.machine,
        "python": lock.platform.python_version,
        "glibc": ".".join(map(str, glibc)),
        "cuda": cuda and cuda.told(),
        "compiler": bool(lock.extras),
    }


def _base(wishes: Wishes, key: bytes) -> Manifest | None:
    """The bundle to build on: a whole one, so that each update needs just that one."""
    if wishes.base is None:
        return None
    base = read_manifest(str(wishes.base), key)
    if base.base is not None:
        raise ConfigError(
            f"--base {wishes.base} is itself an update of {base.base.name} {base.base.version}",
            "Name that whole bundle: the new one then holds all that changed since.",
        )
    return base


def _version(wishes: Wishes, base: Manifest | None) -> int:
    version = wishes.version or int(time.strftime("%Y%m%d%H%M%S", time.gmtime()))
    if base and version <= base.version:
        raise ConfigError(
            f"bundle version {version} is not above {base.version}, that of its base: it would "
            "never be installed",
            "Leave out --bundle-version, or name a higher number.",
        )
    return version


def _rehearsal(config: StudyConfig, path: str, wishes: Wishes) -> Rehearsal:
    """The study itself, cut short, where its annotator needs no model; else the demo."""
    own = config.teacher.annotator in UNASKED
    return Rehearsal(
        wishes.cache / "rehearsal",
        path if own else DEMO,
        tuple(word for setting in SHORT for word in ("--set", setting)),
        Base(wishes.base, wishes.key.file) if wishes.base else None,
        None if own else path,
    )
