"""Where a bundle fetches the models and datasets that a study names. No run downloads anything."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from nerdistill import assets
from nerdistill.errors import AssetError, ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


class Source(BaseModel):
    """A repository of the Hugging Face hub at one commit."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    hub: Annotated[str, Field(pattern=r"^[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?$")]
    """The repository, such as google-bert/bert-base-cased."""
    revision: str
    """The commit: its 40 hexadecimal digits."""
    kind: Literal["model", "dataset"] = "model"
    """A dataset is written as one parquet file a split, such as train.parquet."""
    config: str | None = None
    """Of a dataset that has several configurations: which one."""


Sources = dict[str, Source]
"""By the path of a folder, as the study names it."""


def source_of(sources: Mapping[str, Source], *names: str) -> tuple[str, Source] | None:
    """The source of a path, or of a folder above it, with that folder as `sources` names it.

    Args:
        sources: of the study.
        names: the path, as it may be named: with `data.root` before it, and without.
    """
    for wanted in map(PurePosixPath, names):
        for name, source in sources.items():
            if PurePosixPath(name) in (wanted, *wanted.parents):
                return name, source
    return None


def check_sources(file: Path, sources: Mapping[str, Source]) -> None:
    """Refuse what would not be the same tomorrow.

    Raises:
        ConfigError: a revision that is no commit, or a model with a dataset's setting.
    """
    for name, source in sources.items():
        key = f'{file}: sources."{name}"'
        if not re.fullmatch("[0-9a-f]{40}", source.revision):
            raise ConfigError(
                f"{key}.revision: {source.revision!r} is no commit; a branch or a tag may move",
                "Give the 40 hexadecimal digits of a commit from the repository's history.",
            )
        if source.config is not None and source.kind != "dataset":
            raise ConfigError(
                f"{key}.config: only a dataset has configurations",
                'Remove it, or say kind = "dataset".',
            )


def find(path: str | Path, sources: Mapping[str, Source], *names: str, kind: str) -> Path:
    """`assets.find`, whose error names the source of what is missing.

    Raises:
        AssetError: there is no such file or folder.
    """
    try:
        return assets.find(path, kind=kind)
    except AssetError as error:
        found = source_of(sources, *names)
        if found is None:
            raise
        raise AssetError(
            error.message,
            f"`nerdistill bundle create` fetches it on a connected machine, from {found[1].hub}; "
            "nothing is downloaded here.",
        ) from error
