"""Where everything that a study names lies in a bundle, and the study that names it there."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, cast

from nerdistill import assets
from nerdistill.study.load import study_data
from nerdistill.study.sources import source_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from nerdistill.study.config import StudyConfig
    from nerdistill.study.needs import Key, Need

KEPT = frozenset({"models", "offline_assets"})
"""Folders of the install root that hold what a study names."""
STUDIES = "offline_assets/studies"
DEMO = f"{STUDIES}/demo.toml"
DEMO_STUDENT = "models/minilm"
SHORT = ("training.steps=2", 'regimens=["original"]', "seeds=[1]")
"""Settings that make a study a small one, which shows that all is there."""
_SUFFIX = re.compile(r"(\.(?:conll|iob|bio|jinja|j2|jsonl|parquet|toml|txt))?$")


@dataclass(frozen=True, slots=True)
class Relocated:
    """A study as a bundle holds it.

    Attributes:
        targets: where each need lies below the install root, by the path it is looked for.
        path: where the study itself lies there.
        text: the study's bytes.
        is_own: these are the bytes of the user's own file.
    """

    targets: Mapping[str, str]
    path: str
    text: bytes
    is_own: bool


class _Places:
    """Paths below the install root, each given to one thing; case does not tell two apart."""

    def __init__(self) -> None:
        self._taken: dict[str, object] = {}

    def take(self, path: str, holder: object) -> str:
        """The path, or the first like it (`name-2.txt`) that nothing else holds."""
        number = 1
        while True:
            here = path if number == 1 else _SUFFIX.sub(rf"-{number}\1", path, count=1)
            if self._taken.setdefault(here.casefold(), holder) == holder:
                return here
            number += 1


def relocated(
    config: StudyConfig, found: Sequence[Need], settings: Sequence[str] = ()
) -> Relocated:
    """The study for the isolated side, whose paths are relative to the install root.

    A study whose paths already are, and lie in nerdistill's home, stays as it is, byte for byte.
    Else data go to `offline_assets/datasets/NAME/`, models to `models/FOLDER`, and the study is
    written anew, with all settings in it.

    Args:
        config: with the settings laid over it.
        found: what it names, the study first; see `needs`.
        settings: as for `load_study`.
    """
    study, *others = found
    file = cast("Path", study.origin)
    targets = _targets(config, others)
    stays = not settings and all(_is_settled(need) for need in others)
    path = _study_path(config, file, is_own=stays)
    if stays:
        return Relocated(targets, path, file.read_bytes(), is_own=True)
    return Relocated(targets, path, _written(config, file, others, targets, settings), is_own=False)


def _targets(config: StudyConfig, found: Sequence[Need]) -> dict[str, str]:
    places, targets = _Places(), dict[str, str]()
    student = assets.home() / DEMO_STUDENT
    if student.exists():
        places.take(DEMO_STUDENT, _holder(student, DEMO_STUDENT))
    data_stay = _data_stay(found)
    settled = {need.path for need in found if _is_settled(need)}
    for need in sorted(found, key=lambda need: need.path not in settled):
        stays = need.path in settled and (data_stay or not need.below_root)
        wanted = PurePosixPath(need.path).as_posix() if stays else _wanted(config, need)
        targets[need.path] = places.take(wanted, _holder(need.origin, need.path))
    return targets


def _holder(origin: Path | None, path: str) -> object:
    return origin.resolve() if origin else path


def _data_stay(found: Sequence[Need]) -> bool:
    """All data are named from one root: they stay together, or go together."""
    return all(_is_settled(need) for need in found if need.below_root)


def _is_settled(need: Need) -> bool:
    """Whether the study's own words find it below any install root."""
    path = PurePosixPath(need.path)
    if path.is_absolute() or ".." in path.parts or len(path.parts) < 2:  # noqa: PLR2004 - a folder
        return False
    if path.parts[0] not in KEPT:
        return False
    home = assets.home() / path
    return need.origin is None or (home.exists() and home.samefile(need.origin))


def _wanted(config: StudyConfig, need: Need) -> str:
    named = PurePosixPath(need.named)
    if need.is_model:
        return f"models/{_name(named, need)}"
    folder = f"offline_assets/datasets/{config.name}"
    if need.below_root and not named.is_absolute() and not {"..", "~"} & {*named.parts}:
        return f"{folder}/{named.as_posix()}"
    source = source_of(config.sources, need.path, need.named)
    if need.origin is None and source:
        above = PurePosixPath(source[0])
        return f"{folder}/{above.name}/{below(need, source[0])}".rstrip("/.")
    return f"{folder}/{_name(named, need)}"


def _name(named: PurePosixPath, need: Need) -> str:
    """The last part of a path; its real one where that says nothing."""
    if named.name in {"", "..", "~"} and need.origin:
        return need.origin.resolve().name
    return named.name


def below(need: Need, source: str) -> str:
    """The part of a need's path below the folder of a source; `.` where it is that folder."""
    above = PurePosixPath(source)
    for text in (need.path, need.named):
        if PurePosixPath(text).is_relative_to(above):
            return PurePosixPath(text).relative_to(above).as_posix()
    raise ValueError(f"{need.path} does not lie below {source}")


def _study_path(config: StudyConfig, file: Path, *, is_own: bool) -> str:
    """The study's own place in nerdistill's home, or one among the studies."""
    home = assets.home().resolve()
    whole = file.resolve()
    if is_own and whole.is_relative_to(home / "offline_assets"):
        return whole.relative_to(home).as_posix()
    wanted = f"{STUDIES}/{config.name}.toml"
    demo = home / DEMO
    differs = not is_own or not demo.is_file() or demo.read_bytes() != file.read_bytes()
    # The demo's own study comes with every bundle.
    return f"{STUDIES}/{config.name}-2.toml" if wanted.casefold() == DEMO and differs else wanted


def _written(
    config: StudyConfig,
    file: Path,
    found: Sequence[Need],
    targets: Mapping[str, str],
    settings: Sequence[str],
) -> bytes:
    """The study's TOML with its new paths."""
    import tomli_w

    data = study_data(file, settings)
    data_stay = _data_stay(found)
    root = f"offline_assets/datasets/{config.name}"
    if not data_stay:
        _set(data, ("data", "root"), root)
    for need in found:
        target = targets[need.path]
        if need.below_root and not data_stay:
            _set(data, need.key, PurePosixPath(target).relative_to(root).as_posix())
        elif not need.below_root and target != PurePosixPath(need.path).as_posix():
            _set(data, need.key, need.prefix + target)
    if config.sources:
        tables = cast("dict[str, object]", data["sources"])
        data["sources"] = {_moved(name, found, targets): tables[name] for name in config.sources}
    head = f"# {file.name}, as `nerdistill bundle create` wrote it for the install root.\n\n"
    text = head + tomli_w.dumps(data)
    tomllib.loads(text)
    return text.encode()


def _moved(name: str, found: Sequence[Need], targets: Mapping[str, str]) -> str:
    """The folder of a source in the bundle."""
    for need in found:
        try:
            return folder_of(need, name, targets[need.path])
        except ValueError:
            continue
    return name


def folder_of(need: Need, source: str, target: str) -> str:
    """Where a source's folder lies below the install root.

    Args:
        need: what lies in it, or is it.
        source: its path in the study's `sources`.
        target: where the need lies below the install root.

    Raises:
        ValueError: the need does not lie there.
    """
    inside = below(need, source)
    return target if inside == "." else target.removesuffix(f"/{inside}")


def _set(data: dict[str, object], key: Key, value: str) -> None:
    *path, last = key
    table: object = data
    for part in path:
        if isinstance(part, int):
            table = cast("list[object]", table)[part]
        else:
            table = cast("dict[str, object]", table).setdefault(part, {})
    if isinstance(last, int):
        cast("list[object]", table)[last] = value
    else:
        cast("dict[str, object]", table)[last] = value
