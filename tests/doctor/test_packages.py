"""What is installed is held against the lock."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path

import pytest

from nerdistill.doctor.packages import check_packages, installed, locked, pinned, required
from nerdistill.doctor.site import Site

SITE = Site(Path("/opt/venv"), Path("/opt"))
LOCK = """\
# made by nerdistill
torch==2.13.0+cu130 --hash=sha256:ab
Typing_Extensions==4.12.2 \\
    --hash=sha256:cd
seqeval==1.2.2; python_version > "3"
"""


def test_pins_are_read_by_normal_name(tmp_path: Path) -> None:
    """Hashes, markers and continued lines are passed over; a lock comes before constraints."""
    pins = {"torch": "2.13.0+cu130", "typing-extensions": "4.12.2", "seqeval": "1.2.2"}
    assert pinned(LOCK) == pins
    assert locked(tmp_path) is None
    (tmp_path / "constraints.txt").write_text("a==1\n")
    assert locked(tmp_path) == ("constraints.txt", {"a": "1"})
    (tmp_path / "requirements.lock").write_text(LOCK)
    assert locked(tmp_path) == ("requirements.lock", pins)


@pytest.mark.parametrize(
    ("pins", "there", "told"),
    [
        ({"a": "1"}, {"a": "1", "other": "5"}, [("ok", "1 as lock names them")]),
        ({"a": "1"}, {"a": "1+cpu"}, [("ok", "1 as")]),
        ({"a": "1+cu130"}, {"a": "1+cpu"}, [("warning", "a 1+cpu, not 1+cu130")]),
        ({"a": "1", "b": "2"}, {"a": "2"}, [("failure", "missing: b"), ("warning", "a 2, not 1")]),
        ({str(i): "1" for i in range(8)}, {}, [("failure", "5 and 2 more")]),
    ],
)
def test_missing_and_different(
    pins: dict[str, str], there: dict[str, str], told: list[tuple[str, str]]
) -> None:
    """Each is named with both versions; a pin without a local part leaves it open."""
    found = list(check_packages("lock", pins, set(pins), there, SITE))
    for one, (status, text) in zip(found, told, strict=True):
        assert (one.status, text in one.found) == (status, True), one
    assert all(one.remedy for one in found if one.status != "ok")


def test_what_is_not_needed_may_be_missing() -> None:
    """Constraints name versions of what an extra would bring, too."""
    (found,) = check_packages("lock", {"a": "1", "extra": "1"}, {"a"}, {"a": "1"}, SITE)
    assert found.status == "ok"


def test_of_two_copies_the_first_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As for an import: what a PYTHONPATH brings hides the environment's own."""
    for place, version in (("one", "1"), ("two", "2")):
        folder = tmp_path / place / "made_up.dist-info"
        folder.mkdir(parents=True)
        (folder / "METADATA").write_text(f"Name: Made.Up\nVersion: {version}\n")
        monkeypatch.syspath_prepend(tmp_path / place)
    (tmp_path / "two" / "left.dist-info").mkdir()
    assert installed()["made-up"] == "2"


def test_this_environment() -> None:
    """Real metadata: what nerdistill asks for is installed, extras are not asked for."""
    needed = required()
    assert {"torch", "typing-extensions", "openai"} <= needed <= set(installed())
    assert needed.isdisjoint({"vllm", "ruff"})
    assert installed()["torch"] == metadata.version("torch")
