"""The folder `winner` of a workspace: the best model of the best regimen, and its card."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
from contextlib import suppress
from typing import TYPE_CHECKING, cast

from nerdistill import sharing
from nerdistill.files import sync, sync_folder, write_whole
from nerdistill.report.card import model_card

if TYPE_CHECKING:
    from pathlib import Path

    from nerdistill.report.tables import Json

NAME = "winner"
CARD = "README.md"


def write_winner(results: Json, workspace: Path) -> Path | None:
    """Put the winner's model into the workspace, where it is not there already; its folder.

    Of the winning regimen's trainings at the largest budget it is the one with the best validation
    F1. None where nothing is finished, or where the model was not carried here with the results;
    then nothing is written.

    Raises:
        OSError: the workspace cannot be written, or the disk is full.
    """
    cell = best_cell(results)
    if cell is None:
        return None
    place, model = workspace / NAME, workspace / str(cell["model"])
    if not model.is_dir():
        return None
    card = model_card(results, cell)
    if not _is_there(place, model, card):
        _replace(place, model, card)
    return place


def best_cell(results: Json) -> Json | None:
    """The training that the winner's folder holds."""
    winner = cast("Json | None", results["winner"])
    if winner is None:
        return None
    wanted = {
        "regimen": winner.get("setting", winner["regimen"]),
        "distilled": winner["distilled"],
        "budget": winner["budget"],
    }
    group = [
        cell
        for cell in cast("list[Json]", results["cells"])
        if all(cell[name] == value for name, value in wanted.items())
    ]
    return max(group, key=lambda cell: cast("float", cast("Json", cell["validation"])["f1"]))


def _is_there(place: Path, model: Path, card: str) -> bool:
    """Whether this very card stands there beside files of the model's names and sizes."""
    try:
        if (place / CARD).read_text(encoding="utf-8") != card:
            return False
        return _sizes(place) == {**_sizes(model), CARD: len(card.encode())}
    except (FileNotFoundError, NotADirectoryError, UnicodeDecodeError):
        return False


def _sizes(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_size for path in folder.iterdir()}


def _replace(place: Path, model: Path, card: str) -> None:
    """Fill a folder beside it, and let it take its place at once."""
    word = secrets.token_hex(4)
    new, old = (place.with_name(f".{NAME}.{word}.{end}") for end in ("part", "old"))
    try:
        sharing.make_folder(new)
        for file in model.iterdir():
            _copy(file, new / file.name)
        write_whole(new / CARD, card)
        sharing.settle_below(new)
        sync_folder(new)
        with suppress(FileNotFoundError):
            place.rename(old)
        new.rename(place)
        sync(place.parent)
    except OSError as error:
        # Another runner of the same study was faster: its winner is this one.
        if error.errno not in {errno.ENOTEMPTY, errno.EEXIST}:
            raise
    finally:
        for left in (new, old):
            shutil.rmtree(left, ignore_errors=True)


def _copy(file: Path, to: Path) -> None:
    """Weights are linked, where the disk can: they are large. Small files may be edited there."""
    if file.suffix == ".safetensors":
        try:
            os.link(file, to)
        except OSError:  # another file system, one without links, or another user's file
            pass
        else:
            return
    shutil.copyfile(file, to)
