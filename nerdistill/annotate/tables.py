"""What `nerdistill annotate` prints as tables, for a terminal of 80 columns."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, cast

from nerdistill.annotate.words import SIMULATED, comparison_lines, run_lines

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from rich.console import Group, RenderableType
    from rich.table import Table
    from rich.text import Text

    from nerdistill.annotate.audit import Audit
    from nerdistill.annotate.calibrate import Calibration
    from nerdistill.annotate.compare import Comparison

__all__ = [
    "SIMULATED",
    "audit_tables",
    "calibration_tables",
    "comparison_lines",
    "disagreements_table",
    "errors_table",
    "plain",
    "run_lines",
    "scores_table",
]

DISAGREEMENTS = 20
LONGEST = 60
"""Characters of a corpus text that a table shows."""
TYPES = 8
"""Types that a confusion table shows at most; the rarer ones are counted together."""
ROOM = 60
"""Characters that all columns of numbers of the confusion table may take."""
GAP = 3
"""Characters between two columns."""
OTHER = "other"
NOTHING = "O"

Json = dict[str, object]


def scores_table(title: str, scores: Mapping[str, Json], *, simulated: bool = False) -> Group:
    """Scores as `Score.to_json` or `Audit.to_json` give them, overall and by type.

    Intervals are shown where they are known, as `Audit.to_json` gives them.
    """
    intervals = any(score.get("intervals") for score in scores.values())
    numbers = ["precision", "recall", "F1", *(["95 % interval"] if intervals else []), "gold"]
    table = _table(["labels", "type"], numbers)
    for name, score in scores.items():
        known = cast("Json", score.get("intervals") or {"overall": None, "by_type": {}})
        ranges = cast("dict[str, Json]", known["by_type"])
        whole = _cells(score, cast("Json | None", known["overall"]), shown=intervals)
        table.add_row(_cell(name), "all", *whole, style="bold")
        for label, row in cast("dict[str, Json]", score["by_type"]).items():
            cells = _cells(row, ranges.get(label), shown=intervals)
            table.add_row("", _cell(label), *cells)
    return _titled(f"{SIMULATED}\n{title}" if simulated else title, table)


def audit_tables(found: Audit) -> Iterator[RenderableType]:
    """What became of the mentions; with gold also errors, confusion and disagreements."""
    yield _outcomes_table(found)
    if found.scored:
        yield errors_table({"labels": found})
        yield _confusion_table(found.confusion)
        yield _audit_disagreements_table(found)


def calibration_tables(
    found: Calibration, model: str, *, simulated: bool = False
) -> Iterator[RenderableType]:
    """Scores with their intervals, overall and by type, and what fails."""
    if found.audit.score is not None:
        title = f"Calibration on {found.sentences} sentences with gold"
        yield scores_table(title, {model: found.to_json()}, simulated=simulated)
    yield from audit_tables(found.audit)


def errors_table(audits: Mapping[str, Audit]) -> Group:
    """How many entities are right, and wrong in each way, for each name side by side."""
    table = _table(["entities"], [name for column in audits for name in (column, "%")])
    totals = {name: sum(found.errors.values()) for name, found in audits.items()}
    kinds = dict.fromkeys(kind for found in audits.values() for kind in found.errors)
    for kind in kinds:
        cells: list[str] = []
        for name, found in audits.items():
            count = found.errors.get(kind, 0)
            cells += [f"{count:,}", _per_cent(count, totals[name])]
        table.add_row(kind.replace("_", " "), *cells)
    return _titled("Entities against gold, each counted once", table)


def disagreements_table(found: Comparison) -> Group:
    """The most frequent disagreements of two teachers."""
    table = _table(["text", "A", "B"], ["times"])
    for one in found.disagreements[:DISAGREEMENTS]:
        sides = (_cell(one.first or ""), _cell(one.second or ""))
        table.add_row(_cell(one.text), *sides, f"{one.count:,}")
    kinds = len(found.disagreements)
    return _titled(f"The most frequent of {kinds:,} kinds of disagreement", table)


def _outcomes_table(found: Audit) -> Group:
    table = _table(["mentions"], ["number", "%"])
    total = sum(found.outcomes.values())
    for name, count in found.outcomes.items():
        table.add_row(name.replace("_", " "), f"{count:,}", _per_cent(count, total))
    table.add_section()
    table.add_row("failed sentences", f"{found.failed:,}", _per_cent(found.failed, found.sentences))
    for kind, count in found.failures.items():
        shares = (f"{count:,}", _per_cent(count, found.sentences))
        table.add_row(f"  {kind.replace('_', ' ')}", *shares)
    title = f"What became of {total:,} mentions in {found.sentences:,} sentences"
    return _titled(title, table)


def _confusion_table(confusion: Mapping[str, Mapping[str, int]]) -> Group:
    """Gold types as rows, the teacher's as columns; `O` is no entity."""
    sizes: Counter[str] = Counter()
    for was, row in confusion.items():
        for became, count in row.items():
            sizes.update(dict.fromkeys({was, became}, count))
    del sizes[NOTHING]
    width = len(f"{sizes.total():,}")
    most = min(TYPES, max(2, ROOM // (width + GAP) - 2))
    kept = sorted(name for name, _ in sizes.most_common(most))
    names = [*kept, *([OTHER] if len(sizes) > most else []), NOTHING]
    places = {name: names.index(name if name in names else OTHER) for name in (*sizes, NOTHING)}
    counts = [[0] * len(names) for _ in names]
    for was, row in confusion.items():
        for became, count in row.items():
            counts[places[was]][places[became]] += count
    heads, lines = _heads(names, width)
    table = _table(["gold"], heads)
    for line, numbers in zip(lines, counts, strict=True):
        table.add_row(_cell(line), *(f"{count:,}" if count else "·" for count in numbers))
    return _titled("Confusion: gold down, teacher across; O is no entity", table)


def _heads(names: list[str], width: int) -> tuple[list[str], list[str]]:
    """What stands above the columns and before the rows: names, or numbers for names too long."""
    shown = [_shown(name) for name in names]
    if sum(max(len(name), width) + GAP for name in shown) <= ROOM:
        return shown, shown
    numbers = [str(number) for number in range(1, len(names))]
    lines = [f"{number} {name}" for number, name in zip(numbers, shown[:-1], strict=True)]
    return [*numbers, NOTHING], [*lines, NOTHING]


def _audit_disagreements_table(found: Audit) -> Group:
    table = _table(["text", "gold", "teacher", "kind"], ["times"])
    for one in found.disagreements:
        sides = (_cell(one.gold), _cell(one.teacher), one.kind.replace("_", " "))
        table.add_row(_cell(one.text), *sides, f"{one.count:,}")
    return _titled("The most frequent disagreements with gold", table)


def _table(words: list[str], numbers: list[str]) -> Table:
    """An empty table: columns of words may wrap, columns of numbers never do."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
    for name in words:
        table.add_column(Text(name), overflow="fold")
    for name in numbers:
        table.add_column(Text(name), justify="right", no_wrap=True)
    return table


def _titled(title: str, table: Table) -> Group:
    """A table under its title, which a narrow table does not break."""
    from rich.console import Group
    from rich.text import Text

    return Group(Text(title, style="bold"), table)


def plain(text: str) -> str:
    """Text of a corpus for a terminal: no markup and no control characters."""
    from rich.markup import escape

    return escape(_shown(text))


def _shown(text: str) -> str:
    """Text of a corpus without control characters, cut where it is too long for a table."""
    cut = text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in cut)


def _cell(text: str) -> Text:
    """Text of a corpus or a user as a cell: a `Text` is read neither as markup nor as emoji."""
    from rich.text import Text

    return Text(_shown(text))


def _cells(row: Json, interval: Json | None, *, shown: bool) -> tuple[str, ...]:
    numbers = [f"{row[name]:.1f}" for name in ("precision", "recall", "f1")]
    if shown:
        around = cast("dict[str, float]", interval["f1"]) if interval else None
        numbers.append(f"{around['low']:.1f}–{around['high']:.1f}" if around else "")  # noqa: RUF001 - a range
    return *numbers, str(row.get("gold", ""))


def _per_cent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f}" if whole else "-"
