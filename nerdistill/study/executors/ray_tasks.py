"""What runs on the nodes of a Ray cluster."""

from __future__ import annotations

import socket
import tempfile
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from nerdistill import offline, sharing
from nerdistill.digest import digest_folder
from nerdistill.errors import WorkspaceError
from nerdistill.progress import Silent
from nerdistill.study.executors.packed import Packed, pack, unpack
from nerdistill.study.runner import run_stages
from nerdistill.study.workspace import Workspace

if TYPE_CHECKING:
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


def build_apart(
    stages: list[Stage],
    pace: Pace,
    cohort: int | None,
    group: int | None,
    student: Packed,
    *inputs: Packed,
) -> list[Packed]:
    """Build stages in a workspace that lasts as long as this call, and return their folders.

    Args:
        stages: each after those that it reads.
        pace: of the leases.
        cohort: students to train side by side at most.
        group: who may read what is written meanwhile.
        student: the folder of the student.
        inputs: the folders of those stages that are read and not built here.

    Raises:
        WorkspaceError: something was damaged on its way.
    """
    enter(group)
    with tempfile.TemporaryDirectory(prefix="nerdistill-") as name:
        workspace, place = Workspace(Path(name) / "workspace", pace), Path(name) / student.name
        unpack(student, place)
        for packed in inputs:
            unpack(packed, workspace.root / "stages" / packed.name)
        placed = [_placed(stage, place) for stage in stages]
        run_stages("stages of a study", placed, workspace, Silent(), cohort=cohort)
        return [pack(workspace.folder(stage)) for stage in placed]


def _placed(stage: Stage, student: Path) -> Stage:
    """A training, or the score of one, with the student where it lies on this node."""
    if not stage.learnt:
        return stage
    inputs = {role: _placed(one, student) for role, one in stage.inputs.items()}
    files = {role: student if role == "student" else path for role, path in stage.files.items()}
    placed = replace(stage, inputs=inputs, files=files)
    if placed.key != stage.key:
        raise WorkspaceError(
            f"{student.name} is another student on {socket.gethostname()}",
            "Let nobody change its folder while the study runs, and run it again: it resumes.",
        )
    return placed


def enter(group: int | None) -> None:
    """Guard this process as the command line guards its own."""
    offline.enforce()
    sharing.keep_private()
    if group is not None:
        sharing.share_with(str(group))
