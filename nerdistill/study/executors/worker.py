"""The program that trains in one slot of `nerdistill.study.executors.local`.

Its arguments are the file of its order, and the number of the pipe to which it reports as JSON
lines. It is a runner like any other in the workspace.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from pydantic import BaseModel

from nerdistill import offline, sharing
from nerdistill.errors import NerdistillError
from nerdistill.progress import JsonLines
from nerdistill.study.config import StudyConfig  # noqa: TC001 - read at run time
from nerdistill.study.executors.relay import event_of
from nerdistill.study.graph import Graph
from nerdistill.study.lease import Pace  # noqa: TC001 - read at run time
from nerdistill.study.runner import run_stages
from nerdistill.study.stages import stages_of
from nerdistill.study.workspace import Workspace

if TYPE_CHECKING:
    from types import FrameType

TERMINATED = 143


class Order(BaseModel):
    """What a worker is to do."""

    study: StudyConfig
    workspace: Path
    pace: Pace
    title: str
    """Of the task that all workers share."""
    cohort: int | None
    group: int | None
    """Who may read what is written, as `nerdistill.sharing` has it."""


def main() -> int:
    """Run the order, and return the exit code."""
    signal.signal(signal.SIGTERM, _terminate)
    order, pipe = Path(sys.argv[1]), int(sys.argv[2])
    # What a stage starts must not keep the pipe open when this process is gone.
    os.set_inheritable(pipe, False)
    offline.enforce()
    with os.fdopen(pipe, "w", encoding="utf-8") as stream:
        try:
            _run(Order.model_validate_json(order.read_bytes()), JsonLines(stream))
        except NerdistillError as error:
            print(json.dumps(event_of(error)), file=stream)
            return 1
        except KeyboardInterrupt:
            return TERMINATED
    return 0


def _run(order: Order, progress: JsonLines) -> None:
    sharing.keep_private()
    if order.group is not None:
        sharing.share_with(str(order.group))
    workspace = Workspace(order.workspace, order.pace)
    stages = stages_of(Graph(order.study), workspace)
    run_stages(order.title, stages, workspace, progress, cohort=order.cohort)


def _terminate(_number: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
