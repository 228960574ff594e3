"""A server's settings with a program in vLLM's place, and the end of its processes."""

from __future__ import annotations

import json
import os
import select
import sys
from pathlib import Path

from nerdistill.annotate.serve import ServeSettings

FAKE = Path(__file__).with_name("fake_vllm.py")
ENDING = 20
"""Seconds within which what was killed is gone."""


def pretended(place: Path, **told: object) -> ServeSettings:
    """Settings for a server that does as it is told; see `fake_vllm`."""
    folder = place / "tiny"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"fake": told}))
    (folder / "model.safetensors").touch()
    (folder / "chat_template.jinja").touch()
    python = place / "python"
    python.write_text(f'#!/bin/sh\nshift 2\nexec "{sys.executable}" "{FAKE}" "$@"\n')
    python.chmod(0o700)
    return ServeSettings(folder, python=python, log=place / "log", patience=60, grace=20)


def processes(settings: ServeSettings) -> list[int]:
    """The server's own number and that of its child."""
    found: list[int] = json.loads((settings.model / "pids").read_text())
    return found


def ends(pid: int) -> bool:
    """Wait until a process is gone; whether it is."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([handle], [], [], ENDING)[0])
    finally:
        os.close(handle)
