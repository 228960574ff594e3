"""What the system allows, on made-up facts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from nerdistill.doctor.machine import (
    SBATCH,
    check_limits,
    check_proofs,
    check_selinux,
    check_slurm,
)

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("namespaces", "strace", "status", "told", "remedy"),
    [
        (True, True, "ok", "a network namespace and by strace", ""),
        (True, False, "ok", "a network namespace:", ""),
        (False, True, "note", "strace alone", "max_user_namespaces"),
        (False, False, "warning", "cannot be had", "strace installed"),
    ],
)
def test_proofs(namespaces: bool, strace: bool, status: str, told: str, remedy: str) -> None:
    """Which levels can be had, and what an administrator can allow."""
    (found,) = check_proofs(namespaces=namespaces, strace=strace)
    assert (found.status, told in found.found, remedy in found.remedy) == (status, True, True)


@pytest.mark.parametrize(
    ("limits", "gpu", "told"),
    [
        ({"nofile": 65536, "nproc": None, "memlock": 65536}, False, [("ok", "")]),
        ({"nofile": 1024, "nproc": None, "memlock": None}, True, [("warning", "ulimit -n")]),
        (
            {"nofile": None, "nproc": 512, "memlock": 65536},
            True,
            [("warning", "-u"), ("note", "-l")],
        ),
    ],
)
def test_limits(limits: dict[str, int | None], gpu: bool, told: list[tuple[str, str]]) -> None:
    """Each that is low, with the command that raises it; locked memory matters to GPUs only."""
    found = list(check_limits(limits, gpu=gpu))
    for one, (status, remedy) in zip(found, told, strict=True):
        assert (one.status, remedy in one.remedy) == (status, True)


@pytest.mark.parametrize(
    ("mode", "status"), [(None, "ok"), ("permissive", "ok"), ("enforcing", "note")]
)
def test_selinux(mode: str | None, status: str, tmp_path: Path) -> None:
    """Where to look, and how labels are mended."""
    (found,) = check_selinux(mode, tmp_path)
    assert found.status == status
    assert ("ausearch" in found.remedy) == (f"restorecon -R {tmp_path}" in found.remedy)
    assert bool(found.remedy) == (mode == "enforcing")


def test_slurm(tmp_path: Path) -> None:
    """The job script is named where it lies here."""
    (found,) = check_slurm(tmp_path, there=False)
    assert found.status == "skipped"
    (found,) = check_slurm(tmp_path, there=True)
    assert (found.status, SBATCH in found.found) == ("note", False)
    (tmp_path / SBATCH).parent.mkdir(parents=True)
    (tmp_path / SBATCH).touch()
    (found,) = check_slurm(tmp_path, there=True)
    assert str(tmp_path / SBATCH) in found.found
    assert found.remedy.endswith(f"sbatch {tmp_path / SBATCH}"), "it is called from anywhere"
