"""Models for a bundle: from the Hugging Face hub at one commit, or from a folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nerdistill.bundle.asset import Asset, AssetFile
from nerdistill.bundle.hub_client import open_hub, told_error
from nerdistill.bundle.licence import licence_of
from nerdistill.bundle.mark import mark, marked
from nerdistill.bundle.model_check import (
    CODE,
    LEFT_OUT,
    NO_CODE,
    check_model,
    check_names,
    check_settings,
    wanted,
)
from nerdistill.errors import AssetError

if TYPE_CHECKING:
    from pathlib import Path

    from nerdistill.bundle.model_check import ModelRole
    from nerdistill.progress import Progress


def fetch_model(
    repo: str,
    revision: str,
    folder: Path,
    *,
    role: ModelRole,
    progress: Progress,
    path: str | None = None,
) -> Asset:
    """Bring a model of the hub into a folder. What lies there already is not fetched again.

    A token comes from the environment (HF_TOKEN) or from where the hub's own client keeps it.

    Args:
        repo: such as `google-bert/bert-base-cased`.
        revision: a commit, 40 hexadecimal digits.
        folder: made where it is missing; it serves for this one model.
        role: what the model is for.
        progress: told of every megabyte.
        path: where it lies below the install root; default: `models/` and the folder's name.

    Raises:
        AssetError: the hub refuses, or the model brings code, has no safetensors or is not whole.
        OSError: the disk is full.
    """
    told = f"{repo} at {revision[:12]}"
    origin = {"repo": repo, "revision": revision}
    names = marked(folder, origin) or _download(repo, revision, folder, progress)
    check_model(told, folder, names, role)
    mark(folder, origin, names)
    return _asset(folder, names, path, role, source=repo, revision=revision)


def _download(repo: str, revision: str, folder: Path, progress: Progress) -> list[str]:
    """Fetch the wanted files, the small ones first: a model is refused before its gigabytes."""
    told = f"{repo} at {revision[:12]}"
    hub = open_hub()
    with told_error(repo, revision):
        sizes = hub.files(repo, revision, kind="model")
    check_names(told, sizes)
    names = wanted(sizes)
    small = [name for name in names if name.endswith(".json")]
    folder.mkdir(parents=True, exist_ok=True)
    for part in (small, [name for name in names if name not in small]):
        with told_error(repo, revision):
            hub.fetch(repo, revision, folder, {name: sizes[name] for name in part}, progress)
        if part is small:
            check_settings(told, folder, small)
    with told_error(repo, revision):
        damaged = hub.damaged(repo, revision, folder)
    for name in damaged:
        (folder / name).unlink()
    if damaged:
        raise AssetError(
            f"{told}: {damaged[0]} did not arrive as the hub has it",
            "Run the same command again: it fetches that file anew.",
        )
    return names


def local_model(
    folder: Path, path: str | None = None, *, role: ModelRole, progress: Progress
) -> Asset:
    """The model in a folder of this machine.

    Links are followed. What is no part of a model is left out; weights among it are told.

    Args:
        folder: of the model.
        path: where it lies below the install root; default: `models/` and the folder's name.
        role: what the model is for.
        progress: told what is left out.

    Raises:
        AssetError: it brings code, has no safetensors or is not whole.
    """
    names = [
        one.relative_to(folder).as_posix() for one in sorted(folder.rglob("*")) if one.is_file()
    ]
    shown = [name for name in names if not name.startswith(".")]
    code = [name for name in shown if name.lower().endswith(CODE)]
    if code:
        raise AssetError(f"{folder} brings code: {code[0]}", NO_CODE)
    check_names(str(folder), shown)
    kept = wanted(shown)
    check_model(str(folder), folder, kept, role)
    left = [name for name in shown if name.lower().endswith(LEFT_OUT)]
    if left:
        progress.say(f"{folder.name}: left out, as safetensors are there: {', '.join(left)}")
    return _asset(folder, kept, path, role, source=f"folder {folder.name}", revision=None)


def _asset(
    folder: Path,
    names: list[str],
    path: str | None,
    role: ModelRole,
    *,
    source: str,
    revision: str | None,
) -> Asset:
    place = path or f"models/{folder.name}"
    files = tuple(AssetFile((folder / name).resolve(), f"{place}/{name}") for name in names)
    name = place.rpartition("/")[2]
    return Asset(name, role, source, revision, licence_of(folder), files)
