"""What the study rests on: human labels, method, and how to run it again."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from nerdistill.report import prose, words
from nerdistill.report.page.values import Bullets, Code, Facts, Fold, Head, Section

if TYPE_CHECKING:
    from nerdistill.report.page.values import Part
    from nerdistill.report.tables import Json


def human_labels(results: Json) -> Section:
    """What people labelled, and what was kept apart."""
    lead = (
        "How many sentences people had to label for each budget, what was kept apart from what, "
        "and how much of the training data nearly repeats text that scores it."
    )
    told = Bullets(tuple((line,) for line in words.human_labels(results)))
    return Section("human-labels", "Human labels", lead, (told,))


def method(_results: Json) -> Section:
    """The rules that make the comparison fair."""
    lead = "The rules that all regimens of this study shared."
    return Section("method", "Method", lead, (Bullets(tuple((line,) for line in prose.METHOD)),))


def run(results: Json) -> Section:
    """The command, the machine, versions and digests."""
    found = cast("Json | None", results.get("run"))
    parts: list[Part] = []
    if found:
        if found.get("command"):
            parts += [Head("Run it again"), Code(str(found["command"]))]
        parts.append(Facts(_facts(found)))
        machine = cast("Json", found.get("machine") or {})
        facts = tuple((name, words.listed(value)) for name, value in machine.items())
        parts += [Head("Machine"), Facts(facts)] if facts else []
    parts += [Head("Settings"), Facts(tuple(words.settings(results).items()))]
    for name in ("versions", "digests"):
        values = cast("dict[str, object]", (found or {}).get(name) or {})
        if values:
            told = Facts(tuple((key, words.listed(value)) for key, value in values.items()))
            parts.append(Fold(name.capitalize(), (told,)))
    lead = (
        "Everything that is needed to get the same numbers again. All of them stand in "
        "results.json beside this page."
    )
    return Section("run", "Run details", lead, tuple(parts))


def _facts(found: Json) -> tuple[tuple[str, str], ...]:
    """When it ran and how long."""
    seconds = cast("float", found.get("seconds") or 0)
    told = {
        "started": _when(found.get("started")),
        "ended": _when(found.get("ended")),
        "stages": found.get("stages"),
        "time of all stages": f"{_duration(seconds)} ({seconds:,.0f} s)",
    }
    return tuple((name, str(value)) for name, value in told.items() if value is not None)


def _duration(seconds: float) -> str:
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60:02d} min"


def _when(value: object) -> str | None:
    """A time as people write it."""
    return None if value is None else str(value).replace("T", " ").replace("+00:00", " UTC")
