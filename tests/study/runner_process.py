"""A runner in a process of its own. It tells what it builds, and waits at its first training.

Each stage is told as a line `build NAME` on standard output; at the first training a line
`training` follows, and the runner waits for a line on standard input.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from nerdistill.progress import PlainLines
from nerdistill.study.builders import BUILDERS
from nerdistill.study.graph import Graph
from nerdistill.study.lease import Pace
from nerdistill.study.load import load_study
from nerdistill.study.runner import run_study
from nerdistill.study.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Callable

    from nerdistill.study.builders.site import Result, Site

waited = False


def _tell(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _told(build: Callable[[Site], Result]) -> Callable[[Site], Result]:
    """The builder, telling what it builds."""

    def builder(site: Site) -> Result:
        global waited  # noqa: PLW0603 - one process, one wait
        _tell(f"build {site.stage.folder_name}")
        if site.stage.kind == "train" and not waited:
            waited = True
            _tell("training")
            sys.stdin.readline()
        return build(site)

    return builder


def main() -> None:
    """Run the study that the arguments name: STUDY.toml WORKSPACE LIVES."""
    study, place, lives = Path(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3])
    for kind, build in BUILDERS.items():
        BUILDERS[kind] = _told(build)
    settings = [f"data.root={study.parent}", f"student.path={study.parent / 'student'}"]
    pace = Pace(beat=0.1, lives=lives, look=0.05)
    graph = Graph(load_study(study, [*settings, *sys.argv[4:]]))
    _tell(json.dumps(run_study(graph, Workspace(place, pace), PlainLines(sys.stderr))))


if __name__ == "__main__":
    main()
