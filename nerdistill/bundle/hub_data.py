"""Datasets for a bundle: of the Hugging Face hub at one commit, written as parquet."""

from __future__ import annotations

import shutil
from fnmatch import fnmatch
from typing import TYPE_CHECKING

from nerdistill.bundle.asset import Asset, AssetFile
from nerdistill.bundle.hub_client import open_hub, told_error
from nerdistill.bundle.licence import FILES, licence_of
from nerdistill.bundle.mark import mark, marked
from nerdistill.errors import AssetError
from nerdistill.files import writing_whole

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from datasets import DatasetBuilder

    from nerdistill.progress import Progress

READERS = frozenset({"arrow", "conll", "csv", "json", "parquet", "text"})
"""Those readers of the `datasets` library that are let near a dataset: none unpickles."""
TOLD = ("README.md", *FILES)
"""What tells the licence."""
OTHERWISE = (
    "Or write the data as JSONL or CoNLL columns and put that file where the study names it."
)
DEPTH = 3
"""Parts of `configuration/split/0000.parquet`, as the hub names what it has converted."""


def fetch_dataset(
    repo: str,
    revision: str,
    config: str | None,
    folder: Path,
    progress: Progress,
    *,
    path: str | None = None,
) -> Asset:
    """Bring a dataset of the hub into a folder: one parquet file a split, and its card.

    The names of its classes stay in each file, so that nerdistill reads it as a corpus. Nothing of
    the dataset's own is run.

    Args:
        repo: such as `eriktks/conll2003`.
        revision: a commit, 40 hexadecimal digits.
        config: which of its configurations; None where there is one, or a usual one.
        folder: made where it is missing; it serves for this one dataset.
        progress: told of every split.
        path: where it lies below the install root; default: `offline_assets/datasets/` and the
            folder's name.

    Raises:
        AssetError: the hub refuses, or the dataset is made by code or cannot be read.
        OSError: the disk is full.
    """
    origin = {"repo": repo, "revision": revision, "config": config}
    names = marked(folder, origin)
    if names is None:
        names = _download(repo, revision, config, folder, progress)
        mark(folder, origin, names)
    place = path or f"offline_assets/datasets/{folder.name}"
    files = tuple(AssetFile((folder / name).resolve(), f"{place}/{name}") for name in names)
    name = place.removeprefix("offline_assets/")
    return Asset(name, "corpus", repo, revision, licence_of(folder), files)


def _download(
    repo: str, revision: str, config: str | None, folder: Path, progress: Progress
) -> list[str]:
    hub = open_hub()
    with told_error(repo, revision):
        sizes = hub.files(repo, revision, kind="dataset")
    data_dir = _folder_of(repo, config, sizes)
    told = {name: size for name, size in sizes.items() if any(fnmatch(name, p) for p in TOLD)}
    folder.mkdir(parents=True, exist_ok=True)
    with told_error(repo, revision):
        hub.fetch(repo, revision, folder, told, progress, kind="dataset")
        splits = _write(repo, revision, config, folder, progress, data_dir=data_dir)
    return sorted([*told, *splits])


def _folder_of(repo: str, config: str | None, names: Collection[str]) -> str | None:
    """The folder of a configuration that no card describes, as in what the hub has converted.

    Raises:
        AssetError: the dataset is made by a script, or has several such folders and none is named.
    """
    script = f"{repo.rpartition('/')[2]}.py"
    if script in names:
        raise AssetError(
            f"{repo} is a dataset made by code, {script}, which is not run",
            "Name the commit of its branch refs/convert/parquet, where the hub keeps such datasets "
            f"as plain files. {OTHERWISE}",
        )
    if "README.md" in names:
        return None
    parts = [name.split("/") for name in names if name.endswith(".parquet")]
    folders = {part[0] for part in parts if len(part) >= DEPTH}
    if config is None and len(folders) > 1:
        raise AssetError(
            f"{repo} has several configurations: {', '.join(sorted(folders))}",
            f'Say which one under [sources], such as config = "{min(folders)}".',
        )
    return config if config in folders else None


def _write(
    repo: str,
    revision: str,
    config: str | None,
    folder: Path,
    progress: Progress,
    *,
    data_dir: str | None,
) -> list[str]:
    """Read every split and write it; the names of the files."""
    import datasets

    datasets.disable_progress_bars()
    cache = folder / ".cache" / "datasets"
    names: list[str] = []
    try:
        builder = datasets.load_dataset_builder(
            # Without the prefix, a folder of that name in the current one would be taken.
            f"hf://datasets/{repo}",
            name=None if data_dir else config,
            data_dir=data_dir,
            revision=revision,
            cache_dir=str(cache),
        )
        _check_reader(repo, builder)
        builder.download_and_prepare()
        with progress.task(f"write {repo}", total=len(builder.info.splits), unit="splits") as task:
            for split in builder.info.splits:
                with writing_whole(folder / f"{split}.parquet") as stream:
                    builder.as_dataset(split=split).to_parquet(stream)
                names.append(f"{split}.parquet")
                task.advance()
    except (
        ValueError,
        RuntimeError,
        datasets.exceptions.DatasetsError,
        datasets.data_files.EmptyDatasetError,
    ) as error:
        reason = " ".join(str(error).split())[:300]
        raise AssetError(
            f"{repo} at {revision[:12]} cannot be read as a dataset: {reason}",
            f"Name another commit or `config` under [sources]. {OTHERWISE}",
        ) from error
    shutil.rmtree(cache)
    return names


def _check_reader(repo: str, builder: DatasetBuilder) -> None:
    package, _, reader = type(builder).__module__.rpartition(".")
    if not package.startswith("datasets.packaged_modules.") or reader not in READERS:
        raise AssetError(
            f"{repo} holds {reader} files; a corpus is read from {', '.join(sorted(READERS))}",
            OTHERWISE,
        )
