"""How a study was run: by which command, on what, when, from which files."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING, cast

from nerdistill.study.stage import content_digest

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from nerdistill.digest import Digest
    from nerdistill.study.graph import Graph
    from nerdistill.study.stage import Stage
    from nerdistill.study.workspace import Record, Workspace

Json = dict[str, object]

HOST = re.compile(r"(?<=://)[^/\s\"',\]]+")
HIDDEN = "teacher.extra_body"
"""A setting that may hold a key of the server's own."""
FOLDERS = re.compile(r"(?<![\w.:/~-])(?:~[\w.-]*)?/(?:[^/\s\"',\]]+/)*(?=[^/\s\"',\]])")
"""What comes before the last name of an absolute path."""


def command_of(study: Path, settings: Sequence[str]) -> str:
    """The command that runs a study again, fit to be shown: no host, no absolute path.

    Args:
        study: its file, as it was named.
        settings: laid over it, as `key=value`.
    """
    named = study.name if study.is_absolute() else study.as_posix()
    words = [word for setting in settings for word in ("--set", _shown(setting))]
    return shlex.join(["nerdistill", "study", "run", named, *words])


def _shown(setting: str) -> str:
    key, equals, value = setting.partition("=")
    if key.strip().startswith(HIDDEN):
        return f"{key}{equals}…"
    return f"{key}{equals}{FOLDERS.sub('', HOST.sub('HOST', value))}"


def run_details(
    graph: Graph, stages: Sequence[Stage], workspace: Workspace, command: str | None
) -> Json:
    """What the records of the finished stages tell of the run.

    Machines, versions and times are those of the moment when a stage ran. Where stages differ, all
    values stand side by side; records of older versions tell none.

    Args:
        graph: the study.
        stages: all of it.
        workspace: where the records are.
        command: that runs it, as `command_of` shows it; None where no command did.
    """
    records = [record for stage in stages if (record := workspace.record(stage)) is not None]
    began, ended = (
        [str(record[name]) for record in records if name in record] for name in ("began", "ended")
    )
    seconds = sum(cast("float", record["seconds"]) for record in records)
    return {
        "command": command or "",
        "versions": _together(records, "versions"),
        "machine": _together(records, "machine"),
        "digests": _digests(graph, stages),
        "started": min(began, default=None),
        "ended": max(ended, default=None),
        "stages": len(records),
        "seconds": round(seconds, 1),
    }


def _together(records: Sequence[Record], part: str) -> dict[str, str]:
    """Of each fact all values that any record holds, in the order of the stages."""
    found: dict[str, dict[str, None]] = {}
    for record in records:
        for name, value in cast("dict[str, str]", record.get(part, {})).items():
            found.setdefault(name, {})[value] = None
    return {name: ", ".join(values) for name, values in found.items()}


def _digests(graph: Graph, stages: Sequence[Stage]) -> dict[str, Digest]:
    """Of everything that the study reads, by a name that tells no folder outside of it."""
    found: dict[str, Digest] = {}
    for name, digest in _files(graph, stages):
        if found.setdefault(name, digest) != digest:
            found[f"{name} ({digest[:12]})"] = digest
    return found


def _files(graph: Graph, stages: Sequence[Stage]) -> Iterator[tuple[str, Digest]]:
    for stage in stages:
        for role, path in stage.files.items():
            yield _name(role, path, graph.root), content_digest(path)


def _name(role: str, path: Path, root: Path) -> str:
    if role in {"student", "labels"}:
        return role
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else path.name
