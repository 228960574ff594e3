"""The report: 80 columns on a terminal, whole lines elsewhere, JSON with the levels of proof."""

from __future__ import annotations

import io
import json

import pytest
from rich.console import Console

from nerdistill.doctor.finding import NAMESPACE, NOT_PROVEN, TRACE, Finding, Group
from nerdistill.doctor.table import json_report, plain_report, proof, rich_report, summary

LONG = f"cd /opt/{'x' * 90} && scripts/setup"
GROUPS = [
    Group("One", (Finding("first", "ok", "fine"), Finding("second", "failure", "bad\x1b", LONG))),
    Group("Two", (Finding("third", "note", "[red]so[/red]"),)),
]


def drawn(width: int) -> str:
    """What a terminal of this width shows."""
    console = Console(file=io.StringIO(), width=width, force_terminal=True, color_system=None)
    for part in rich_report(GROUPS):
        console.print(part)
    stream = console.file
    assert isinstance(stream, io.StringIO)
    return stream.getvalue()


def test_a_terminal() -> None:
    """Nothing is cut off, no control character passes, what looks like markup is text."""
    text = drawn(80)
    assert max(map(len, text.splitlines())) <= 80
    assert "\x1b" not in text
    assert "[red]so[/red]" in text
    assert LONG.replace(" ", "") in "".join(text.split())
    assert "1 ok, 1 note, 1 failure" in text


def test_plain_lines() -> None:
    """A command can be copied from a log: it stands in one line."""
    lines = list(plain_report(GROUPS))
    assert any(line.endswith(f"remedy: {LONG}") for line in lines)
    assert "  failure second            bad\\x1b" in lines


@pytest.mark.parametrize(
    ("findings", "levels", "told"),
    [
        ([], None, "1 ok, 1 note, 1 failure"),
        ([(NAMESPACE, "ok"), (TRACE, "ok")], [NAMESPACE, TRACE], "network namespace and strace"),
        ([(TRACE, "ok")], [TRACE], "air gap: strace"),
        ([(NAMESPACE, "ok"), (TRACE, "warning")], [NAMESPACE], "air gap: network namespace"),
        ([(NOT_PROVEN, "failure")], [], "air gap: not proven"),
        ([(TRACE, "ok"), (NOT_PROVEN, "failure")], [], "air gap: not proven"),
    ],
)
def test_proof(findings: list[tuple[str, str]], levels: list[str] | None, told: str) -> None:
    """A level is told where it was had, and never where anything says that it was not."""
    made = tuple(Finding(name, status, "") for name, status in findings)  # type: ignore[arg-type]
    groups = [*GROUPS, *([Group("Air gap", made)] if made else [])]
    assert proof(groups) == levels
    assert told in summary(groups)
    assert json.loads(json_report(groups))["proof"] == levels


def test_json() -> None:
    """Every finding with its group, as it is."""
    told = json.loads(json_report(GROUPS))
    assert told["failures"] == 1
    assert told["findings"][1] == {
        "group": "One",
        "name": "second",
        "status": "failure",
        "found": "bad\x1b",
        "remedy": LONG,
    }
