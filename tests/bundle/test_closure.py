"""Whether a set of wheels is complete, and what it tells of itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from nerdistill.bundle.closure import check_closure, needed_glibc
from nerdistill.bundle.wheel_file import read_wheel
from nerdistill.errors import BundleError
from tests.bundle.tiny_index import ARM, X86, make_wheel

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("needed", "there", "expected"),
    [
        ("lower>=2", {"lower": "1.0"}, "lower>=2, and the bundle would hold lower 1.0"),
        ("lower", {}, "needs lower, and the bundle would hold none"),
        ("lower==0.6.14", {"lower": "0.6.13"}, "lower==0.6.14"),
        ("lower[fast]", {"lower": "1.0"}, "lower 1.0 needs engine"),
        ('lower; python_version < "3.12"', {}, "needs lower"),
    ],
)
def test_what_is_missing_is_named(
    tmp_path: Path, needed: str, there: dict[str, str], expected: str
) -> None:
    """Both are named: what needs it, and what is there instead."""
    paths = [make_wheel(tmp_path, "upper", requires=[needed])]
    extra = ['engine; extra == "fast"']
    paths += [
        make_wheel(tmp_path, name, version, requires=extra) for name, version in there.items()
    ]
    with pytest.raises(BundleError, match=expected.replace("[", r"\[")):
        check_closure([read_wheel(path) for path in paths], X86, {})


@pytest.mark.parametrize(
    ("needed", "version"),
    [
        ("lower==2.13.0", "2.13.0+cpu"),
        ("Lower_Part>=2.0rc1", "2.0rc1"),
        ('none; platform_machine == "aarch64"', "1.0"),
        ('none; extra == "unasked"', "1.0"),
    ],
)
def test_what_fits_is_complete(tmp_path: Path, needed: str, version: str) -> None:
    """Local versions, other spellings, previews and what the server does not need."""
    name = "lower_part" if "Part" in needed else "lower"
    paths = [
        make_wheel(tmp_path, "upper", requires=[needed]),
        make_wheel(tmp_path, name, version),
    ]
    check_closure([read_wheel(path) for path in paths], X86, {})


def test_markers_are_those_of_the_server(tmp_path: Path) -> None:
    """What another machine or Python needs is not asked for, and what the server needs is."""
    requires = ['lower; platform_machine == "aarch64" and python_version >= "3.12"']
    files = [read_wheel(make_wheel(tmp_path, "upper", requires=requires))]
    check_closure(files, X86, {})
    with pytest.raises(BundleError, match=r"upper 1\.0 needs lower"):
        check_closure(files, ARM, {})


def test_extras_that_are_asked_for_are_followed(tmp_path: Path) -> None:
    """An extra may ask for another package's extra."""
    upper = make_wheel(tmp_path, "upper", requires=['lower[fast]; extra == "all"'])
    lower = make_wheel(tmp_path, "lower", requires=['engine; extra == "fast"'])
    files = [read_wheel(upper), read_wheel(lower)]
    check_closure(files, X86, {})
    with pytest.raises(BundleError, match=r"lower 1\.0 needs engine"):
        check_closure(files, X86, {"upper": ["all"]})


@pytest.mark.parametrize(
    ("tag", "headers", "expected"),
    [
        ("cp312-cp312-manylinux_2_17_x86_64", [], "cp312.*does not run on x86_64 with glibc 2.28"),
        ("cp311-cp311-manylinux_2_17_aarch64", [], "does not run on"),
        ("cp311-cp311-manylinux_2_29_x86_64", [], "does not run on"),
        ("py3-none-any", ["Requires-Python: >=3.12"], "needs Python >=3.12, not 3.11"),
    ],
)
def test_a_wheel_for_another_platform_is_refused(
    tmp_path: Path, tag: str, headers: list[str], expected: str
) -> None:
    """The wheel is named, and what the server is."""
    wheel = read_wheel(make_wheel(tmp_path, "native", tag=tag, headers=headers))
    with pytest.raises(BundleError, match=expected):
        check_closure([wheel], X86, {})


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        (["py3-none-any"], (2, 0)),
        (["cp311-cp311-manylinux2014_x86_64"], (2, 17)),
        (["cp311-cp311-manylinux2014_x86_64.manylinux_2_28_x86_64"], (2, 17)),
        (["cp311-cp311-manylinux_2_17_x86_64", "cp38-abi3-manylinux_2_27_x86_64"], (2, 27)),
        (["cp311-cp311-linux_x86_64"], (2, 28)),
    ],
)
def test_the_oldest_glibc_that_runs_all(
    tmp_path: Path, tags: list[str], expected: tuple[int, int]
) -> None:
    """The most demanding wheel decides, by the least of its own tags."""
    paths = [make_wheel(tmp_path, f"native{number}", tag=tag) for number, tag in enumerate(tags)]
    assert needed_glibc([read_wheel(path) for path in paths], X86) == expected


BSD = "Classifier: License :: OSI Approved :: BSD License"
MPL = "Classifier: License :: OSI Approved :: Mozilla Public License 2.0 (MPL-2.0)"


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        (["License-Expression: MIT AND (" + "Apache-2.0 OR " * 9 + "Zlib)", BSD], None),
        (["License: Apache 2.0", BSD], "Apache 2.0"),
        (["License: " + "All the words of a licence. " * 9, BSD], "BSD License"),
        (["License: UNKNOWN", MPL, BSD], "MPL-2.0 AND BSD License"),
        ([], ""),
    ],
)
def test_the_licence_is_read(tmp_path: Path, headers: list[str], expected: str | None) -> None:
    """An expression goes first and whole, then a licence's name, then classifiers."""
    found = read_wheel(make_wheel(tmp_path, "licensed", headers=headers)).licence
    whole = headers[0].partition(": ")[2] if expected is None else expected
    assert found == (whole or None)


def test_a_file_that_is_no_wheel_is_named(tmp_path: Path) -> None:
    """A page that was saved as a wheel is told, with what to do."""
    path = tmp_path / "page-1.0-py3-none-any.whl"
    path.write_text("<html>")
    with pytest.raises(BundleError, match=r"page-1\.0-py3-none-any\.whl is no wheel"):
        read_wheel(path)
