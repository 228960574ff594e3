"""The wheels of a bundle: fetched by pip, built where only sources exist, and checked."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from nerdistill.bundle.asset import Asset, AssetFile
from nerdistill.bundle.bare.hashing import sha256_all
from nerdistill.bundle.closure import check_closure, needed_glibc
from nerdistill.bundle.own_wheel import NAME
from nerdistill.bundle.programs import decisive, run_pip
from nerdistill.bundle.wheel_file import read_wheel, repack
from nerdistill.errors import BundleError
from nerdistill.files import write_whole

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from nerdistill.bundle.platform import Platform
    from nerdistill.bundle.resolve import Pin, Remote
    from nerdistill.bundle.wheel_file import WheelFile
    from nerdistill.progress import Progress

LOCK = "requirements.lock"
FOLDER = "wheels"
INSTALLER = "pip"
ASIDE = ".fetch-"
BATCH, HEAVY = 8, 100 << 20
"""Wheels, and bytes, that one call of pip fetches: an interruption loses no more than these."""
ANOTHER = "Pin another version of it in the constraints, one that has a wheel for that platform."


@dataclass(frozen=True, slots=True)
class Wheels:
    """Everything that is installed, and the pip that does it.

    Attributes:
        assets: an asset a wheel, and the lock.
        files: the wheels that are installed; pip's is not.
        lock: the text of `requirements.lock`: each wheel with its one hash.
        unpacked: bytes that they take once installed, about.
        glibc: the oldest that all of them run on.
    """

    assets: tuple[Asset, ...]
    files: tuple[WheelFile, ...]
    lock: str
    unpacked: int
    glibc: tuple[int, int]


def collect_wheels(
    pins: Sequence[Pin],
    own: Path,
    platform: Platform,
    cache: Path,
    progress: Progress,
    *,
    extras: Sequence[str] = (),
) -> Wheels:
    """Bring the wheels of all pins into the cache; what is there already is not fetched again.

    Args:
        pins: resolved from `requirements_of`; that of pip is among them.
        own: nerdistill's wheel.
        platform: where they are to run.
        cache: below it lie `wheels`, `built` and the lock.
        progress: told of every wheel.
        extras: of nerdistill that are wanted.

    Raises:
        BundleError: one has no wheel for the platform and can't be built, or they do not fit
            each other.
        OSError: the disk is full.
    """
    chosen = {pin.name: (pin, choose(pin, platform)) for pin in pins}
    ready = [(pin, remote) for pin, remote in chosen.values() if remote]
    folder = cache / FOLDER / platform.slug
    fetch(ready, folder, platform, progress)
    paths = [
        folder / remote.name if remote else build(pin, platform, cache / "built", progress)
        for pin, remote in chosen.values()
    ]
    files = sorted(map(read_wheel, [*paths, own]), key=lambda one: one.name)
    installed = [one for one in files if one.name != INSTALLER]
    check_closure(installed, platform, {NAME: extras})
    lock = _lock(installed)
    place = cache / f"{platform.slug}.lock"
    write_whole(place, lock)
    source = AssetFile(place.resolve(), LOCK)
    return Wheels(
        assets=(
            Asset(LOCK, "requirements", NAME, None, None, (source,)),
            *(_asset(one) for one in files),
        ),
        files=tuple(installed),
        lock=lock,
        unpacked=sum(one.unpacked for one in installed),
        glibc=needed_glibc(installed, platform),
    )


def choose(pin: Pin, platform: Platform) -> Remote | None:
    """The wheel of a pin that fits a platform best; None where only its sources may do.

    Raises:
        BundleError: it has neither.
    """
    from packaging.utils import InvalidWheelFilename, parse_wheel_filename

    ranks = platform.ranks()
    fitting = []
    for remote in pin.wheels:
        try:
            _, _, build_tag, tags = parse_wheel_filename(remote.name)
        except InvalidWheelFilename:
            continue
        rank = min((ranks[tag] for tag in tags if tag in ranks), default=None)
        if rank is not None:
            # As pip does: the best tag, then the highest build number.
            fitting.append((-rank, build_tag, remote.name, remote))
    if fitting:
        return max(fitting)[-1]
    if pin.sdist is None:
        names = ", ".join(one.name for one in pin.wheels)
        raise BundleError(
            f"{pin.name} {pin.version} has no wheel that runs on {platform.told} (only {names})",
            ANOTHER,
        )
    return None


def fetch(
    wanted: Sequence[tuple[Pin, Remote]], folder: Path, platform: Platform, progress: Progress
) -> None:
    """Fetch wheels by pip; a file that lies there with the right digest stays.

    Raises:
        BundleError: pip fails.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for left in folder.glob(f"{ASIDE}*"):
        shutil.rmtree(left)
    there = [folder / remote.name for _, remote in wanted if (folder / remote.name).is_file()]
    digests = sha256_all([str(path) for path in there])
    missing = []
    for pin, remote in wanted:
        if digests.get(str(folder / remote.name)) != remote.sha256:
            (folder / remote.name).unlink(missing_ok=True)
            missing.append((pin, remote))
    with progress.task("fetch the wheels", total=len(wanted), unit="wheels") as task:
        task.skip(len(wanted) - len(missing))
        for batch in _batches(missing):
            _download(batch, folder, platform)
            task.advance(len(batch))


def _batches(missing: Sequence[tuple[Pin, Remote]]) -> Iterator[list[tuple[Pin, Remote]]]:
    batch: list[tuple[Pin, Remote]] = []
    for pin, remote in missing:
        batch.append((pin, remote))
        if len(batch) == BATCH or sum(one.size or 0 for _, one in batch) > HEAVY:
            yield batch
            batch = []
    if batch:
        yield batch


def _download(batch: Sequence[tuple[Pin, Remote]], folder: Path, platform: Platform) -> None:
    """One call of pip, into a folder aside: what is killed leaves no half of a wheel."""
    with tempfile.TemporaryDirectory(prefix=ASIDE, dir=folder) as name:
        aside = Path(name)
        asked = _asked(aside, batch)
        done = run_pip(
            [
                *("download", "--no-deps", "--require-hashes", "--only-binary=:all:"),
                *("--progress-bar=off", "--dest", name),
                *(word for one in platform.names() for word in ("--platform", one)),
                *("--python-version", platform.python_version),
                *("--implementation", "cp", "--abi", platform.abi),
                *("--requirement", str(asked)),
            ]
        )
        names = ", ".join(f"{pin.name} {pin.version}" for pin, _ in batch)
        if done.returncode != 0:
            raise BundleError(
                f"pip can't fetch {names}: {decisive(done)}",
                "Run the same command again: what is fetched already stays.",
            )
        for _, remote in batch:
            (aside / remote.name).replace(folder / remote.name)


def build(pin: Pin, platform: Platform, cache: Path, progress: Progress) -> Path:
    """Build a wheel from sources, once: it is kept by their digest. That runs their code here.

    Args:
        pin: has sources.
        platform: where the wheel is to run.
        cache: holds what was built.
        progress: told what is built.

    Raises:
        BundleError: it can't be built, or the wheel would hold what was compiled on this machine.
    """
    if pin.sdist is None:
        raise BundleError(f"{pin.name} {pin.version} has no sources", ANOTHER)
    kept = cache / pin.sdist.sha256
    found = sorted(kept.glob("*.whl"))
    if not found:
        progress.say(f"building {pin.name} {pin.version}: the index has only its sources")
        with tempfile.TemporaryDirectory() as name:
            done = run_pip(
                [
                    *("wheel", "--no-deps", "--require-hashes", "--no-cache-dir"),
                    *("--no-binary", pin.name, "--progress-bar=off", "--wheel-dir", f"{name}/made"),
                    *("--requirement", str(_asked(Path(name), [(pin, pin.sdist)]))),
                ]
            )
            made = sorted(Path(name, "made").glob("*.whl"))
            if done.returncode != 0 or not made:
                raise BundleError(
                    f"{pin.name} {pin.version} has only sources, and they can't be built: "
                    f"{decisive(done)}",
                    ANOTHER,
                )
            found = [repack(made[0], kept)]
    if not read_wheel(found[0]).is_pure:
        shutil.rmtree(kept)
        raise BundleError(
            f"{pin.name} {pin.version} has no wheel for {platform.told}, and what is compiled from "
            "its sources here might not run there",
            ANOTHER,
        )
    return found[0]


def _asked(folder: Path, wanted: Sequence[tuple[Pin, Remote]]) -> Path:
    """A requirements file of exactly these files."""
    path = folder / "requirements.txt"
    # By URL: the index has been asked already, and need not be one that pip is set to.
    lines = [f"{pin.name} @ {one.url} --hash=sha256:{one.sha256}" for pin, one in wanted]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def _lock(files: Sequence[WheelFile]) -> str:
    digests = sha256_all([str(one.path) for one in files])
    return "".join(
        f"{one.name}=={one.version} --hash=sha256:{digests[str(one.path)]}\n" for one in files
    )


def _asset(wheel: WheelFile) -> Asset:
    file = AssetFile(wheel.path.resolve(), f"{FOLDER}/{wheel.path.name}")
    source = NAME if wheel.name == NAME else f"pkg:pypi/{wheel.name}"
    name = f"{wheel.name} {wheel.version}"
    return Asset(name, "wheel", source, wheel.version, wheel.licence, (file,))
