"""What runs on the nodes of a Ray cluster."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING

from nerdistill import offline, sharing
from nerdistill.digest import digest_folder
from nerdistill.progress import Silent
from nerdistill.study.runner import run_stages
from nerdistill.study.workspace import Workspace

if TYPE_CHECKING:
    from pathlib import Path

    from nerdistill.digest import Digest
    from nerdistill.study.lease import Pace
    from nerdistill.study.stage import Stage


@dataclass(frozen=True, slots=True)
class Look:
    """What one node sees.

    Attributes:
        host: its name.
        version: of its nerdistill.
        shared: whether the workspace and the student lie there under the same paths.
    """

    host: str
    version: str
    shared: bool


def look(probe: Path, word: str, student: Path, digest: Digest) -> Look:
    """Tell what this node sees.

    Args:
        probe: a file in the workspace.
        word: what stands in it.
        student: the folder of the student.
        digest: its content.
    """
    offline.enforce()
    try:
        shared = probe.read_text(encoding="utf-8") == word and digest_folder(student) == digest
    except OSError:
        shared = False
    return Look(socket.gethostname(), version("nerdistill"), shared)


def share(
    title: str,
    stages: list[Stage],
    root: Path,
    pace: Pace,
    cohort: int | None,
    group: int | None,
) -> None:
    """Be one more runner in a workspace that all nodes share.

    Args:
        title: of the study.
        stages: all of them. Their keys came along: what they are made of may lie elsewhere.
        root: of the workspace.
        pace: of its leases.
        cohort: students to train side by side at most.
        group: who may read what is written.
    """
    enter(group)
    run_stages(title, stages, Workspace(root, pace), Silent(), cohort=cohort)


def enter(group: int | None) -> None:
    """Guard this process as the command line guards its own."""
    offline.enforce()
    sharing.keep_private()
    if group is not None:
        sharing.share_with(str(group))
