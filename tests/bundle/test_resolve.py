"""Resolving for the server's platform, with the real uv on an index of this test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from nerdistill.bundle.platform import Platform, platform_of
from nerdistill.bundle.programs import indexes
from nerdistill.bundle.resolve import Pin, resolve
from nerdistill.bundle.target import Target
from nerdistill.errors import BundleError
from tests.bundle.tiny_index import ARM, X86, make_sdist, make_wheel, pin_of

if TYPE_CHECKING:
    from pathlib import Path

    from tests.bundle.tiny_index import TinyIndex


def names(pins: tuple[Pin, ...]) -> list[str]:
    """What was resolved, for people."""
    return [f"{one.name} {one.version}" for one in pins]


def test_each_file_is_pinned_by_its_digest(index: TinyIndex, tmp_path: Path) -> None:
    """The newest versions that fit are found with what they need, and their files' digests."""
    make_wheel(index.files, "upper", "1.0")
    newest = make_wheel(index.files, "upper", "2.0", requires=["lower_part<2"])
    make_wheel(index.files, "lower_part", "2.0")
    lower = make_wheel(index.files, "lower_part", "1.5")
    index.publish()
    found = resolve(["upper"], X86, None, tmp_path / "work")
    assert {one.name: (one.version, one.wheels[0].sha256) for one in found} == {
        one.name: (one.version, one.wheels[0].sha256) for one in (pin_of(newest), pin_of(lower))
    }


def test_constraints_choose_the_version(index: TinyIndex, tmp_path: Path) -> None:
    """Versions that were tested together go before newer ones."""
    for version in ("1.0", "2.0"):
        make_wheel(index.files, "upper", version)
    index.publish()
    constraints = tmp_path / "constraints.txt"
    constraints.write_text("upper==1.0\n")
    assert names(resolve(["upper"], X86, constraints, tmp_path / "work")) == ["upper 1.0"]


def test_markers_are_those_of_the_server(index: TinyIndex, tmp_path: Path) -> None:
    """What this machine or its Python would need does not count."""
    requires = ['only_arm; platform_machine == "aarch64"', 'only_old; python_version < "3.12"']
    make_wheel(index.files, "upper", requires=requires)
    make_wheel(index.files, "only_arm")
    make_wheel(index.files, "only_old")
    index.publish()
    work = tmp_path / "work"
    assert names(resolve(["upper"], X86, None, work)) == ["only-old 1.0", "upper 1.0"]
    assert names(resolve(["upper"], ARM, None, work)) == ["only-arm 1.0", "upper 1.0"]


def test_wheels_are_those_of_the_server(index: TinyIndex, tmp_path: Path) -> None:
    """A version without wheels for the platform is passed over for one that has them."""
    make_wheel(index.files, "native", "2.0", tag="cp311-cp311-manylinux_2_34_x86_64")
    make_wheel(index.files, "native", "1.0", tag="cp311-cp311-manylinux_2_28_x86_64")
    index.publish()
    newer = Platform("x86_64", 36, (3, 11))
    assert names(resolve(["native"], X86, None, tmp_path / "work")) == ["native 1.0"]
    assert names(resolve(["native"], newer, None, tmp_path / "work")) == ["native 2.0"]


def test_sources_alone_are_told(index: TinyIndex, tmp_path: Path) -> None:
    """A package that has only sources is resolved, to be built later."""
    sdist = make_sdist(index.files, "source")
    index.publish()
    (found,) = resolve(["source"], X86, None, tmp_path / "work")
    wanted = pin_of(sdist).sdist
    assert wanted is not None
    assert found.wheels == ()
    assert found.sdist is not None
    assert (found.sdist.name, found.sdist.sha256) == (wanted.name, wanted.sha256)


def test_what_cannot_be_had_is_named(index: TinyIndex, tmp_path: Path) -> None:
    """The error names the package, the platform and the remedy."""
    make_wheel(index.files, "upper", requires=["missing_part>=3"])
    make_wheel(index.files, "missing_part", "1.0")
    index.publish()
    with pytest.raises(BundleError, match=r"x86_64-manylinux_2_28.*missing-part") as caught:
        resolve(["upper"], X86, None, tmp_path / "work")
    assert "pip config list" in caught.value.hint


def test_torch_can_come_from_an_index_of_pytorch(index: TinyIndex, tmp_path: Path) -> None:
    """With a backend torch is asked for there alone, which these tests can't reach."""
    make_wheel(index.files, "torch")
    index.publish()
    work = tmp_path / "work"
    assert names(resolve(["torch"], X86, None, work)) == ["torch 1.0"]
    with pytest.raises(BundleError, match=r"torch"):
        resolve(["torch"], X86, None, work, backend="cpu")


def test_pip_s_settings_are_obeyed(
    index: TinyIndex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its files and the environment say where packages are, and so for uv."""
    make_wheel(index.files, "upper")
    settings = tmp_path / "pip.conf"
    settings.write_text(
        "[global]\nindex-url = https://mirror.example/simple\nextra-index-url =\n"
        "  https://one.example/simple\n  https://two.example/simple\ncert = /etc/ca.pem\n"
        "[download]\nno-index = true\n"
    )
    monkeypatch.delenv("PIP_INDEX_URL")
    monkeypatch.setenv("PIP_CONFIG_FILE", str(settings))
    monkeypatch.setenv("PIP_FIND_LINKS", str(index.files))
    found = indexes()
    assert found.index == "https://mirror.example/simple"
    assert found.extra == ("https://one.example/simple", "https://two.example/simple")
    assert found.links == (str(index.files),)
    assert found.no_index
    assert found.certificates == "/etc/ca.pem"
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    assert found.environment() == {"SSL_CERT_FILE": "/etc/ca.pem"}
    monkeypatch.setenv("SSL_CERT_FILE", "/own.pem")
    assert found.environment() == {}
    assert names(resolve(["upper"], X86, None, tmp_path / "work")) == ["upper 1.0"]


@pytest.mark.parametrize(
    ("glibc", "expected"),
    [(17, "2_17"), (27, "2_17"), (28, "2_28"), (30, "2_28"), (34, "2_34"), (45, "2_40")],
)
def test_uv_is_told_no_newer_glibc(glibc: int, expected: str) -> None:
    """Of the platforms that uv knows, it is the newest that the server's glibc covers."""
    platform = Platform("aarch64", glibc, (3, 12))
    assert platform.uv_name == f"aarch64-manylinux_{expected}"


def test_old_names_of_platforms_fit() -> None:
    """`manylinux2014` and its like are known; newer glibc and other machines are not."""
    tags = {str(tag) for tag in X86.ranks()}
    assert "cp311-cp311-manylinux2014_x86_64" in tags
    assert "cp38-abi3-manylinux1_x86_64" in tags
    assert "py3-none-any" in tags
    assert "cp311-cp311-manylinux_2_29_x86_64" not in tags
    assert "cp312-cp312-manylinux_2_17_x86_64" not in tags
    assert not any("aarch64" in tag for tag in tags)
    assert "py3-none-manylinux1_aarch64" not in {str(tag) for tag in ARM.ranks()}


def target(**told: object) -> Target:
    """A server with two Pythons, one of which has headers."""
    facts: dict[str, object] = {
        "machine": "x86_64",
        "glibc": (2, 34),
        "pythons": ((3, 9), (3, 12), (3, 11)),
        "driver": None,
        "gpus": (),
        "compiler": False,
        "headers": ((3, 12),),
    }
    return Target(**{**facts, **told})  # type: ignore[arg-type]


def test_the_python_is_one_of_the_server_s() -> None:
    """The one that was tested goes first, one with headers where they are needed."""
    assert platform_of(target(), None, headers=False) == Platform("x86_64", 34, (3, 11))
    assert platform_of(target(), None, headers=True).python == (3, 12)
    assert platform_of(target(), (3, 13), headers=True).python == (3, 13)


@pytest.mark.parametrize(
    ("told", "headers", "expected"),
    [
        ({"machine": "ppc64le"}, False, "ppc64le"),
        ({"glibc": (2, 12)}, False, "glibc 2.12"),
        ({"pythons": ((3, 6), (3, 9))}, False, "found: 3.6, 3.9"),
        ({"headers": ()}, True, "Python.h"),
    ],
)
def test_a_server_without_wheels_is_refused(
    told: dict[str, object], headers: bool, expected: str
) -> None:
    """The reason is named before anything is fetched."""
    with pytest.raises(BundleError, match=expected):
        platform_of(target(**told), None, headers=headers)
