"""Paths of a bundle: only those that every file system takes, and that stay below the root."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nerdistill.bundle.bare.paths import LONGEST, check_paths, trouble_with
from nerdistill.bundle.bare.refusal import Refused


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("", "absolute or empty"),
        ("/etc/passwd", "absolute"),
        ("../up", "leaves its folder"),
        ("models/../../up", "leaves its folder"),
        ("models/..", "leaves its folder"),
        ("models/./x", "not in its plain form"),
        ("models//x", "not in its plain form"),
        ("models/", "not in its plain form"),
        ("models\\x", "not allowed"),
        ("C:x", "not allowed"),
        ("models/x\n", "not allowed"),
        ("models/\x1b[2J", "not allowed"),
        ("models/\u202egnp.exe", "not allowed"),
        ("models/\udcff", "not allowed"),
        ("models/e\u0301", "composed form"),
        ("x" * (LONGEST + 1), "longer than"),
        ("models/x.", "ends in a dot or a space"),
        ("models /x", "ends in a dot or a space"),
        (".venv/bin/python", "kept for the installer"),
        (".parts", "kept for the installer"),
        ("installed.json", "kept for the installer"),
        ("Manifest.JSON", "kept for the installer"),
    ],
)
def test_such_paths_are_refused(path: str, why: str) -> None:
    """What leaves the root, hides, or is another name elsewhere is refused by its name."""
    assert why in (trouble_with(path) or "")
    with pytest.raises(Refused, match="Do not use this bundle") as refused:
        check_paths(["models/good", path])
    assert repr(path) in refused.value.message


@pytest.mark.parametrize(
    "path", ["a", "models/small/.hidden", "models/modèle/x-1_2+3.json", "x" * LONGEST]
)
def test_such_paths_are_taken(path: str) -> None:
    """What file systems take is no trouble."""
    check_paths([path])


@pytest.mark.parametrize(
    ("paths", "why"),
    [
        (["a/x", "a/x"], "one where case does not count"),
        (["a/x", "a/X"], "one where case does not count"),
        (["a/straße", "a/STRASSE"], "one where case does not count"),
        (["a/x", "A/y"], "differ in case only"),
        (["a", "a/x"], "a file and a folder"),
        (["a/x", "A"], "a file and a folder"),
    ],
)
def test_colliding_paths_are_refused(paths: list[str], why: str) -> None:
    """Two paths that some file system takes for one are refused, in each order."""
    for order in (paths, paths[::-1]):
        with pytest.raises(Refused, match=why):
            check_paths(order)


@given(st.text(min_size=1, max_size=30))
def test_what_is_taken_stays_below_the_root(path: str) -> None:
    """Whatever passes names a place below the root, and names it in one way."""
    if trouble_with(path) is None:
        assert os.path.normpath(path) == path
        assert os.path.commonpath(["/root", os.path.normpath(f"/root/{path}")]) == "/root"
