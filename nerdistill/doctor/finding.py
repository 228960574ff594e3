"""What a check found: how it stands, the fact, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from nerdistill.errors import NerdistillError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from nerdistill.progress import Progress

Status = Literal["ok", "note", "warning", "failure", "skipped"]
"""A note is no fault, a warning may become one, a failure will; only failures make exit code 1."""

NAMESPACE, TRACE, NOT_PROVEN = "network namespace", "strace", "not proven"
"""The levels of proof, as findings are named that tell of it."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report.

    Attributes:
        name: what was looked at, in a word or two.
        status: how it stands.
        found: the fact.
        remedy: what to do, with the command where there is one; "" where nothing is to be done.
    """

    name: str
    status: Status
    found: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Check:
    """A look at one thing, which may find several."""

    group: str
    name: str
    look: Callable[[], Iterable[Finding]]


@dataclass(frozen=True, slots=True)
class Group:
    """The findings of checks that belong together."""

    title: str
    findings: tuple[Finding, ...]


def examine(checks: Sequence[Check], progress: Progress) -> list[Group]:
    """Make each check, in their order; one that breaks is a failure of its own, and no end."""
    groups: dict[str, list[Finding]] = {}
    with progress.task("look at this machine", total=len(checks), unit="checks") as task:
        for check in checks:
            # The air gap's check is called by what it is if it breaks.
            task.advance(0, now="air gap" if check.name == NOT_PROVEN else check.name)
            groups.setdefault(check.group, []).extend(_found(check))
            task.advance()
    return [Group(title, tuple(findings)) for title, findings in groups.items()]


def failures(groups: Iterable[Group]) -> list[Finding]:
    """Those that make the exit code 1."""
    return [one for group in groups for one in group.findings if one.status == "failure"]


def _found(check: Check) -> Iterator[Finding]:
    try:
        yield from check.look()
    except NerdistillError as error:
        yield Finding(check.name, "failure", error.message, error.hint)
    except Exception as error:  # noqa: BLE001 - it must tell of a broken installation, not break
        told = " ".join(str(error).split()) or "without a word"
        yield Finding(
            check.name,
            "failure",
            f"the check itself broke: {type(error).__name__}: {told}",
            "Mend what it names; where it names nothing, report this line.",
        )
