"""Questions about the order of the data, each answered by two regimens that differ in one thing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nerdistill.study.evidence import comparison, corrected, named
from nerdistill.study.groups import ORIGINAL_TUNED, budgets_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nerdistill.study.groups import Groups, Key
    from nerdistill.study.scored import Scored

    Json = dict[str, object]

ORDER: tuple[tuple[str, str, str], ...] = (
    ("Is distilled data better first than last?", "simple-mix", "original-then-distilled"),
    ("Is an order better than a shuffled mix?", "simple-mix", "mixed"),
    ("Does it beat as many steps of original data alone?", "simple-mix", "original"),
    ("Does it beat original data alone at its best steps and rate?", "simple-mix", ORIGINAL_TUNED),
    ("Do the distilled steps before a restart help?", "simple-mix-restart", "original-half"),
    ("Is it only more steps? Original data alone, twice as long", "original-double", "original"),
    ("Does a second warm-up help it?", "simple-mix-restart", "simple-mix"),
    ("What does a second warm-up do without distilled data?", "original-restart", "original"),
    ("Is an earlier switch, at a quarter, better?", "simple-mix-0.25", "simple-mix"),
    ("Is a later switch, at three quarters, better?", "simple-mix-0.75", "simple-mix"),
)
"""A question, and the two regimens whose difference answers it: the first less the second."""
APART, WHOLE = "simple-mix-apart", "simple-mix"


def order(groups: Groups, scored: Scored) -> Json | None:
    """What the order of the data does: the answers of all questions that the study can answer.

    Returns:
        Plain data: `comparisons`, a row each with `question`, `budget`, the two sides `a` and `b`
        and what `nerdistill.study.evidence` tells of their difference; Holm's correction is over
        those of one budget. None where there are none.
    """
    rows = [
        {"question": question, "budget": a[2], "a": named(a), "b": named(b), **found[0]}
        for budget in budgets_of(groups)
        for question, a, b in _asked(groups, budget)
        if (found := comparison(groups[a], groups[b], scored))
    ]
    return {"comparisons": corrected(rows)} if rows else None


def _asked(groups: Groups, budget: int) -> Iterator[tuple[str, Key, Key]]:
    """The questions whose two sides are there."""
    at = {key: cells for key, cells in groups.items() if key[2] == budget}
    at = {key: cells for key, cells in at.items() if not any(c.other for c in cells.values())}
    whole = {key[0]: key for key in at if key[0] != APART}
    for question, a, b in ORDER:
        if a in whole and b in whole and _trains_differ(groups, whole[a], whole[b]):
            yield question, whole[a], whole[b]
    apart = [key for key in at if key[0] == APART]
    for key in apart:
        if WHOLE in whole:
            yield f"Does {key[1]} alone do as well as all pools?", key, whole[WHOLE]
    for i, one in enumerate(apart):
        for other in apart[i + 1 :]:
            yield f"Is {one[1]} a better corpus for the teacher than {other[1]}?", one, other


def _trains_differ(groups: Groups, a: Key, b: Key) -> bool:
    """Whether they are not the same trainings under two names."""
    keys = [{cell.train.key for cell in groups[side].values()} for side in (a, b)]
    return keys[0] != keys[1]
