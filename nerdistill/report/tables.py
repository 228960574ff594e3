"""The tables of a study, as rows once and then for a terminal or for Markdown."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import fmean, stdev
from typing import TYPE_CHECKING, cast

from nerdistill.types import PLACED

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rich.console import RenderableType
    from rich.table import Table

Json = dict[str, object]


class Strong(str):
    """Words that stand out."""

    __slots__ = ()


Words = tuple[str, ...]
"""A sentence in pieces, of which some are `Strong`; none is escaped yet."""

SIMULATED = "SIMULATED teacher: no language model was asked"
CAPTION = "★ best by validation F1 (test never chooses); o+d: original+distilled examples"
TITLES = {
    1: "Phase 1 · what each kind of label is worth",
    2: "Phase 2 · training regimens",
    3: "Phase 3 · blending curves",
    4: "Phase 4 · what the order does",
    5: "Phase 5 · other uses of distilled labels",
    6: "Phase 6 · teacher quality",
}


@dataclass(frozen=True, slots=True)
class TableData:
    """One table.

    Attributes:
        title: what it shows, with the study's note and the word SIMULATED where they belong.
        columns: the heads.
        rows: one cell a column.
        best: the rows with the best validation F1, one a budget.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    best: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Group:
    """The cells of one regimen on one distilled pool at one budget: they differ by seeds alone."""

    regimen: str
    distilled: str | None
    budget: int
    cells: tuple[Json, ...]

    def numbers(self, part: str, name: str) -> list[float]:
        """One number of each cell that has it, such as `numbers("test", "f1")`."""
        return [cast("float", cast("Json", cell[part])[name]) for cell in self.cells if cell[part]]


def groups(results: Json, phase: int | None = None) -> list[Group]:
    """The groups of a phase, or of all, in the order in which the study lists them.

    Cells of no phase, which the curve of labels saved is made of, are in none.
    """
    found: dict[tuple[str, str | None, int], list[Json]] = {}
    for cell in cast("list[Json]", results["cells"]):
        phases = cast("list[int]", cell["phases"])
        if phase in phases or (phase is None and phases):
            distilled = cast("str | None", cell["distilled"])
            key = (str(cell["regimen"]), distilled, cast("int", cell["budget"]))
            found.setdefault(key, []).append(cell)
    return [Group(*key, tuple(cells)) for key, cells in found.items()]


def main_budget(results: Json) -> int:
    """The largest budget at which regimens compete."""
    return max((group.budget for group in groups(results)), default=0)


def tables(results: Json) -> list[TableData]:
    """The teacher's table and one for each phase that has cells."""
    phases = [_phase_table(results, phase) for phase in TITLES if groups(results, phase)]
    teacher = [_teacher_table(results)] if results["teacher"] else []
    return [*teacher, *phases]


def head(title: str, results: Json) -> str:
    """A table's title, with the word SIMULATED and the study's note where they belong."""
    simulated = SIMULATED if results["simulated"] else ""
    return " · ".join(filter(None, [title, simulated, str(results["note"])]))


def _teacher_table(results: Json) -> TableData:
    rows: list[tuple[str, ...]] = []
    for row in cast("list[Json]", results["teacher"]):
        outcomes = cast("dict[str, int]", row["outcomes"])
        placed = sum(outcomes.get(name, 0) for name in PLACED)
        rows.append(
            (
                str(row["corpus"]),
                str(row["model"]),
                f"{row['sentences']:,}",
                str(row["failed"]),
                f"{placed}/{sum(outcomes.values())}",
                *(_optional(row[name]) for name in ("precision", "recall", "f1")),
            )
        )
    columns = ("corpus", "teacher", "sentences", "failed", "placed", "P", "R", "F1")
    return TableData(head("Teacher · labels against gold", results), columns, tuple(rows))


def _optional(value: object) -> str:
    return f"{value:.1f}" if isinstance(value, (int, float)) else "-"


def _phase_table(results: Json, phase: int) -> TableData:
    found = groups(results, phase)
    several_pools = len({group.distilled for group in found if group.distilled}) > 1
    several_budgets = len({group.budget for group in found}) > 1
    columns: dict[str, Callable[[Group], str]] = {"regimen": lambda group: group.regimen}
    if several_pools:
        columns["distilled"] = lambda group: group.distilled or "-"
    if several_budgets:
        columns["budget"] = lambda group: str(group.budget)
    columns |= {
        "shown o+d": lambda group: f"{_shown(group, 'original')}+{_shown(group, 'distilled')}",
        "steps": lambda group: f"{group.cells[0]['steps']}",
        "human": lambda group: f"{fmean(group.numbers('human_labels', 'train')):.0f}",
        "valid. F1": lambda group: spread(group.numbers("validation", "f1")),
        "test P": lambda group: spread(group.numbers("test", "precision")),
        "test R": lambda group: spread(group.numbers("test", "recall")),
        "test F1": lambda group: spread(group.numbers("test", "f1")),
        "s": lambda group: f"{fmean(cast('float', c['seconds']) for c in group.cells):.0f}",
    }
    rows = tuple(tuple(make(group) for make in columns.values()) for group in found)
    return TableData(head(TITLES[phase], results), tuple(columns), rows, best_groups(found))


def evidence_table(results: Json) -> TableData:
    """The mean test F1 of each regimen with its interval, over seeds and texts."""
    evidence = cast("Json", results["evidence"])
    rows = []
    for row in cast("list[Json]", evidence["regimens"]):
        f1 = cast("dict[str, float]", row["f1"])
        deviation = cast("float", row["standard_deviation"])
        rows.append(
            (
                str(row["regimen"]),
                str(row["distilled"] or "-"),
                str(row["budget"]),
                str(row["trainings"]),
                f"{f1['value']:.1f}",
                f"{deviation:.1f}",
                f"{f1['low']:.1f} to {f1['high']:.1f}",
            )
        )
    columns = ("regimen", "distilled", "budget", "trainings", "test F1", "sd", "interval")
    return TableData(head("Test F1 over seeds and texts", results), columns, tuple(rows))


def _shown(group: Group, pool: str) -> str:
    return f"{fmean(group.numbers('examples', pool)):.0f}"


def best_groups(found: Sequence[Group]) -> tuple[int, ...]:
    """The best of each budget by validation, among those that compete for that.

    Budgets are not compared: where validation is part of a budget, each has validation data of its
    own. A ceiling, which asks for labels that nobody has, is no rival.
    """
    best: dict[int, int] = {}
    for i, group in enumerate(found):
        if _is_rival(group):
            first = best.setdefault(group.budget, i)
            if _on_validation(group) > _on_validation(found[first]):
                best[group.budget] = i
    return tuple(best.values())


def _is_rival(group: Group) -> bool:
    gold = (group.distilled or "").startswith("gold ")
    return all(bool(cell.get("rival", not gold)) for cell in group.cells)


def _on_validation(group: Group) -> float:
    return fmean(group.numbers("validation", "f1"))


def spread(values: Sequence[float]) -> str:
    """Mean and standard deviation over seeds; one seed has no deviation, and none has no mean."""
    if not values:
        return "-"
    mean = f"{fmean(values):.1f}"
    return f"{mean} ±{stdev(values):.1f}" if len(values) > 1 else mean


WORDS = frozenset({"regimen", "distilled", "corpus", "teacher"})
"""Columns of words, which may wrap; numbers never do."""
PAGE_ONLY = frozenset({"test P", "test R", "steps", "s"})
"""Columns that a terminal of 80 characters has no room for."""


def rich_tables(results: Json) -> list[RenderableType]:
    """The tables for a terminal with their titles, 80 characters wide where names are short."""
    from rich.text import Text

    shown: list[RenderableType] = []
    for data in tables(results):
        shown += [Text(data.title, style="bold"), _rich_table(data)]
        if data.best:
            shown.append(Text(f"{CAPTION}\n", style="dim"))
    return shown


def _rich_table(data: TableData) -> Table:
    from rich import box
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
    kept = [at for at, column in enumerate(data.columns) if column not in PAGE_ONLY]
    for column in (data.columns[at] for at in kept):
        words = column in WORDS
        table.add_column(
            escape(column),
            justify="left" if words else "right",
            overflow="fold",
            no_wrap=not words,
            min_width=16 if column == "regimen" else None,
        )
    for i, row in enumerate(data.rows):
        cells = [escape(row[at]) for at in kept]
        if i in data.best:
            cells[0] = f"★ {cells[0]}"
        table.add_row(*cells, style="bold green" if i in data.best else None)
    return table


def markdown_table(data: TableData) -> str:
    """A table in Markdown, under its title."""
    lines = [
        f"**{plain(data.title)}**",
        "",
        _line(data.columns),
        _line(["---"] * len(data.columns)),
    ]
    for i, row in enumerate(data.rows):
        cells = [plain(cell) for cell in row]
        lines.append(_line([f"**{cell}**" for cell in cells] if i in data.best else cells))
    return "\n".join(lines) + "\n"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def plain(text: str) -> str:
    """Text that Markdown and HTML leave as it is, on one line."""
    for sign, escaped in {"&": "&amp;", "<": "&lt;", ">": "&gt;", "|": "\\|", "`": "&#96;"}.items():
        text = text.replace(sign, escaped)
    return " ".join(text.split())
