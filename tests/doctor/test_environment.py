"""The user's shell and this process, by what libraries read in their variables."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

from nerdistill import offline
from nerdistill.doctor.environment import (
    check_effective,
    check_proxies,
    check_shell,
    started_with,
)

if TYPE_CHECKING:
    from pathlib import Path


def test_what_a_process_was_started_with(tmp_path: Path) -> None:
    """Not what it has set since; the real kernel tells."""
    code = (
        "import os; os.environ['HF_HUB_OFFLINE'] = '1'\n"
        "from nerdistill.doctor.environment import started_with\n"
        "print(started_with()['HF_HUB_OFFLINE'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "HF_HUB_OFFLINE": "enabled"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "enabled\n"
    assert started_with(tmp_path / "nowhere") == {}


def test_traps_of_the_shell_are_notes() -> None:
    """What reads as false, what overrules a switch; what is not set is no fault."""
    told = {
        "HF_HUB_OFFLINE": "enabled",
        "HF_DATASETS_OFFLINE": "0",
        "VLLM_NO_USAGE_STATS": "true",
        "USE_HUB_KERNELS": "off",
        "https_proxy": "http://proxy:3128",
        "no_proxy": "intranet",
    }
    found = list(check_shell(told))
    assert {one.status for one in found} == {"note"}
    assert [one.remedy for one in found] == [
        "export HF_HUB_OFFLINE=1",
        "export VLLM_NO_USAGE_STATS=1",
        "unset HF_DATASETS_OFFLINE",
        "export no_proxy=intranet,localhost,127.0.0.1,::1",
    ]
    assert list(check_shell({})) == []


def test_this_process() -> None:
    """Every switch is set, or named."""
    assert [one.status for one in check_effective(offline.SETTINGS)] == ["ok"]
    (found,) = check_effective({**offline.SETTINGS, "HF_HUB_OFFLINE": "enabled"})
    assert (found.status, "HF_HUB_OFFLINE is enabled here" in found.found) == ("failure", True)


def test_proxies() -> None:
    """Their names, never their values: those may hold a password."""
    (found,) = check_proxies({"HTTPS_PROXY": "http://ada:secret@proxy:3128"})
    assert (found.status, found.remedy.endswith("unset HTTPS_PROXY")) == ("note", True)
    assert "secret" not in f"{found}"
    assert [one.status for one in check_proxies({"no_proxy": "*"})] == ["ok"]
