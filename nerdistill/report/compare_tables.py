"""Two studies side by side on a terminal of 80 characters."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from nerdistill.errors import printable
from nerdistill.study.evidence import ALPHA

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from rich.console import RenderableType
    from rich.table import Table

    from nerdistill.study.compare import Comparison, Difference, Json
    from nerdistill.study.compare_pairs import Pair, Side

DIGEST = 64
"""Characters of a digest, of which the first few tell enough."""

METHOD = (
    "Tested on the same test texts, paired by seed. p is two-sided, of no difference over other "
    "seeds and texts, and corrected after Holm; intervals cover 95 %."
)


def compare_tables(found: Comparison) -> Iterator[RenderableType]:
    """What differs, the teachers, the regimens that both have, and what that shows."""
    from rich.text import Text

    yield Text("Settings that differ", style="bold")
    yield _facts(found.settings) if found.settings else Text("none\n")
    yield Text("Teachers · F1 of their labels against gold", style="bold")
    yield _facts(found.teachers)
    both = [pair for pair in found.pairs if pair.a and pair.b]
    yield Text("Regimens in both · mean F1 ± standard deviation over n seeds", style="bold")
    yield _regimens(both) if both else Text("none\n")
    for line in (*_verdicts(both), *_alone(found.pairs), *_winners(found)):
        yield Text(printable(line))


def _facts(rows: Sequence[Difference]) -> Table:
    return _table(
        {"": "left", "A": "left", "B": "left"},
        [(row.name, _value(row.a), _value(row.b)) for row in rows],
    )


def _value(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.5g}"
    if isinstance(value, list):
        return ", ".join(map(str, value))
    text = str(value)
    return f"{text[:12]}…" if len(text) == DIGEST else text


def _regimens(rows: Sequence[Pair]) -> Table:
    names = ("n", "A val.", "A test", "B val.", "B test", "B-A", "p")
    columns = dict.fromkeys(names, "right")
    return _table({"regimen": "left", **columns}, [_regimen(pair) for pair in rows])


def _regimen(pair: Pair) -> tuple[str, ...]:
    sides = [text for side in (pair.a, pair.b) for text in _side(side)]
    difference = "-" if pair.difference is None else f"{pair.difference:+.1f}"
    seeds = "+".join(str(side.trainings) for side in (pair.a, pair.b) if side)
    p = "-" if pair.p_holm is None else f"{pair.p_holm:.3f}"
    return _name(pair), seeds, *sides, difference, p


def _side(side: Side | None) -> tuple[str, str]:
    if side is None:
        return "-", "-"
    deviation = "" if side.standard_deviation is None else f" ±{side.standard_deviation:.1f}"
    return f"{side.validation_f1:.1f}", f"{side.test_f1:.1f}{deviation}"


def _name(pair: Pair) -> str:
    pools = " | ".join(dict.fromkeys(pool for pool in pair.distilled if pool))
    return f"{pair.regimen}{f' ({pools})' if pools else ''}, {pair.budget}"


def _table(columns: dict[str, str], rows: Iterable[Sequence[str]]) -> Table:
    """Words wrap, numbers never do."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
    for name, side in columns.items():
        words = side == "left"
        table.add_column(
            name, justify="left" if words else "right", overflow="fold", no_wrap=not words
        )
    for row in rows:
        table.add_row(*(Text(printable(cell)) for cell in row))
    return table


def _verdicts(both: Sequence[Pair]) -> Iterator[str]:
    """A regimen is called better in one study only where the test says so."""
    tested = [pair for pair in both if pair.test is not None]
    if tested:
        yield METHOD
    for pair in tested:
        yield _verdict(pair, len(tested))
    reasons = Counter(pair.untested for pair in both if pair.untested)
    for reason, count in reasons.items():
        yield f"Not tested, {count} of {len(both)}: {reason}."


def _verdict(pair: Pair, family: int) -> str:
    test = pair.test
    if test is None or pair.p_holm is None:
        return f"{_name(pair)}: not tested."
    told = test.difference
    end = "no difference shown"
    if pair.p_holm < ALPHA:
        end = "B is better" if told.value > 0 else "B is worse"
    return (
        f"{_name(pair)}: B-A {told.value:+.1f} [{told.low:+.1f}, {told.high:+.1f}], "
        f"{test.seeds} seeds in both, p {pair.p_holm:.3f} of {family}: {end}."
    )


def _alone(pairs: Sequence[Pair]) -> Iterator[str]:
    for side, names in (
        ("A", [_name(pair) for pair in pairs if pair.b is None]),
        ("B", [_name(pair) for pair in pairs if pair.a is None]),
    ):
        if names:
            yield f"Only in {side}: {'; '.join(names)}."


def _winners(found: Comparison) -> Iterator[str]:
    for side, winner in zip("AB", found.winners, strict=True):
        yield f"Winner of {side}: {_winner(winner)}."
    if found.winners_agree is not None:
        yield "The winners agree." if found.winners_agree else "The winners differ."


def _winner(winner: Json | None) -> str:
    if winner is None:
        return "none, as no training is finished"
    pool = f" ({winner['distilled']})" if winner["distilled"] else ""
    count = winner["trainings"]
    seeds = "one training" if count == 1 else f"mean of {count} trainings"
    return (
        f"{winner['regimen']}{pool}, {winner['budget']}: validation F1 "
        f"{winner['validation_f1']:.1f}, test F1 {winner['test_f1']:.1f} ({seeds})"
    )
