"""Gather all that a study names, from this machine or from the hub."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

from nerdistill.annotate.model_folder import find_model
from nerdistill.bundle.asset import Asset, AssetFile
from nerdistill.bundle.hub import fetch_model, local_model
from nerdistill.bundle.hub_data import fetch_dataset
from nerdistill.bundle.licence import licence_of
from nerdistill.errors import AssetError, ConfigError
from nerdistill.files import write_whole
from nerdistill.study.load import load_study
from nerdistill.study.needs import needs
from nerdistill.study.relocate import DEMO_STUDENT, folder_of, relocated
from nerdistill.study.shipped import demo_student, shipped
from nerdistill.study.sources import source_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from nerdistill.bundle.model_check import ModelRole
    from nerdistill.progress import Progress
    from nerdistill.study.config import StudyConfig
    from nerdistill.study.needs import Need
    from nerdistill.study.relocate import Relocated
    from nerdistill.study.sources import Source


@dataclass(frozen=True, slots=True)
class Collected:
    """A study with all that it names, for a bundle.

    Attributes:
        name: of the study.
        study: its file as the bundle holds it; `assets` has it too.
        assets: no two files of them lie at one path.
    """

    name: str
    study: AssetFile
    assets: tuple[Asset, ...]


def collect(
    study_file: Path, settings: Sequence[str], cache: Path, progress: Progress
) -> Collected:
    """Gather what a study names, and what every bundle carries of nerdistill's own files.

    What lies on this machine is taken from there, the rest is fetched as `sources` says.

    Args:
        study_file: as a user names it.
        settings: `key=value`, laid over it, and written into the study that the bundle holds.
        cache: a folder for what is fetched and written; a second call finds it there.
        progress: told what is fetched and what is left out.

    Raises:
        ConfigError: the study is wrong, or a source is no model where one is needed.
        AssetError: something is nowhere, brings code or is not whole.
        OfflineError: something is to be fetched, and this process may not go out.
    """
    config = load_study(study_file, settings)
    found = needs(config, study_file)
    _check_sources(config, found)
    moved = relocated(config, found, settings)
    study = _study(config, found[0], moved, cache)
    own = shipped()
    ready = {file.path for asset in own for file in asset.files}
    others = [need for need in found[1:] if moved.targets[need.path] not in ready]
    gathered = [study, *own, *_gather(config, others, moved, cache, progress)]
    if not any(asset.files[0].path.startswith(f"{DEMO_STUDENT}/") for asset in gathered):
        student = demo_student(progress)
        gathered += [student] if student else []
    return Collected(config.name, study.files[0], tuple(_apart(gathered)))


def _check_sources(config: StudyConfig, found: Iterable[Need]) -> None:
    """Tell what is missing before anything is fetched."""
    for need in found:
        if need.origin is not None:
            continue
        match = source_of(config.sources, need.path, need.named)
        if match is None:
            folder = need.path if need.is_model else str(Path(need.path).parent)
            raise AssetError(
                f"{need.told}: {need.path!r} does not exist",
                f'Put it there, or add a table [sources."{folder}"] with hub and revision to the '
                "study, and it is fetched.",
            )
        name, source = match
        if need.is_model != (source.kind == "model"):
            raise ConfigError(
                f'sources."{name}" is a {source.kind}, and {need.told} asks for a '
                f"{'model' if need.is_model else 'dataset'}",
                f'Mend kind = "{source.kind}" there.',
            )


def _study(config: StudyConfig, need: Need, moved: Relocated, cache: Path) -> Asset:
    origin = cast("Path", need.origin).resolve()
    if not moved.is_own:
        origin = (cache / "studies" / f"{config.name}.toml").absolute()
        origin.parent.mkdir(parents=True, exist_ok=True)
        write_whole(origin, moved.text)
    file = AssetFile(origin, moved.path)
    name = moved.path.removeprefix("offline_assets/")
    return Asset(name, "study", f"file {Path(need.named).name}", None, None, (file,))


def _gather(
    config: StudyConfig,
    found: Iterable[Need],
    moved: Relocated,
    cache: Path,
    progress: Progress,
) -> Iterator[Asset]:
    """One asset a path; several needs may share it."""
    fetched: dict[str, Asset] = {}
    for need in {moved.targets[need.path]: need for need in found}.values():
        target = moved.targets[need.path]
        if need.origin is not None:
            yield _local(config, need, need.origin, target, progress)
            continue
        name, source = cast("tuple[str, Source]", source_of(config.sources, need.path, need.named))
        if name not in fetched:
            place = folder_of(need, name, target)
            fetched[name] = _fetch(config, need, source, place, cache, progress)
            yield fetched[name]
        _check_inside(need, target, fetched[name])


def _local(config: StudyConfig, need: Need, origin: Path, target: str, progress: Progress) -> Asset:
    if need.is_model:
        role = cast("ModelRole", need.role)
        asset = local_model(origin, target, role=role, progress=progress)
        if role == "teacher":
            find_model(origin, config.teacher.vllm_arguments)
        return asset
    name = target.removeprefix("offline_assets/")
    if origin.is_file():
        file = AssetFile(origin.resolve(), target)
        return Asset(name, need.role, f"file {origin.name}", None, None, (file,))
    paths = sorted(path for path in origin.rglob("*") if path.is_file())
    if not paths:
        raise AssetError(f"{need.told}: the folder {origin} is empty", "Name one with files.")
    files = tuple(
        AssetFile(path.resolve(), f"{target}/{path.relative_to(origin).as_posix()}")
        for path in paths
    )
    return Asset(name, need.role, f"folder {origin.name}", None, licence_of(origin), files)


def _fetch(
    config: StudyConfig,
    need: Need,
    source: Source,
    place: str,
    cache: Path,
    progress: Progress,
) -> Asset:
    repo, revision = source.hub, source.revision
    marks = [repo.replace("/", "--"), revision, source.config]
    folder = cache.absolute() / source.kind / "@".join(filter(None, marks))
    if source.kind == "dataset":
        return fetch_dataset(repo, revision, source.config, folder, progress, path=place)
    role = cast("ModelRole", need.role)
    asset = fetch_model(repo, revision, folder, path=place, role=role, progress=progress)
    if role == "teacher":
        # What vLLM would say on the isolated side alone, such as a chat template that is missing.
        find_model(folder, config.teacher.vllm_arguments)
    return asset


def _check_inside(need: Need, target: str, asset: Asset) -> None:
    """Refuse a split or file that what was fetched does not have."""
    paths = {file.path for file in asset.files}
    if target in paths or any(path.startswith(f"{target}/") for path in paths):
        return
    names = ", ".join(sorted(path.rpartition("/")[2] for path in paths))
    raise AssetError(
        f"{need.told}: {asset.source} holds no {target.rpartition('/')[2]}, but {names}",
        f"Name one of these in {need.told}.",
    )


def _apart(gathered: Iterable[Asset]) -> Iterator[Asset]:
    """Each file once, in the first asset that has it, and each name once."""
    taken: dict[str, Path] = {}
    names: set[str] = set()
    for asset in gathered:
        kept = tuple(file for file in asset.files if file.path not in taken)
        for file in asset.files:
            before = taken.setdefault(file.path, file.origin)
            if before != file.origin:
                raise AssetError(
                    f"two files of the bundle would lie at {file.path}: {before}, {file.origin}",
                    "Rename one of them, or its folder, and name it so in the study.",
                )
        if kept:
            name = f"{asset.name} ({asset.role})" if asset.name in names else asset.name
            names.add(name)
            yield replace(asset, name=name, files=kept)
