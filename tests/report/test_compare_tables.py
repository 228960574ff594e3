"""A comparison of two studies on a terminal."""

from __future__ import annotations

import io

from rich.console import Console

from nerdistill.metrics.regimens import RegimenComparison
from nerdistill.metrics.statistics import Interval
from nerdistill.report.compare_tables import compare_tables
from nerdistill.study.compare import Comparison, Difference
from nerdistill.study.compare_pairs import Pair, Side

SIDE = Side(3, 71.25, 70.5, 0.75)
LONG = "original-then-distilled-restart"


def pair(regimen: str = "mixed", **more: object) -> Pair:
    """A regimen that both studies have."""
    settings = {"a": SIDE, "b": Side(3, 75.0, 72.0, 0.5), "difference": 1.5, **more}
    return Pair(regimen, 500, ("web", "news"), **settings)  # type: ignore[arg-type]


def held(value: float, p: float) -> dict[str, object]:
    """What the test of a pair found."""
    interval = Interval(value, value - 1, value + 1)
    found = RegimenComparison(interval, p, 1.0, None, (value,) * 3, 5.0, 0.95, 100, 3, 40)
    return {"test": found, "p_holm": p}


def shown(*pairs: Pair, winners_agree: bool | None = None) -> str:
    """The tables as text of 80 columns."""
    settings = (Difference("steps", 80, 400), Difference("digest of student", "a" * 64, None))
    teachers = (Difference("web", 95.4702, None), Difference("[red]news", None, 55.0))
    winner = {"regimen": "mixed", "distilled": "web", "budget": 500}
    winner |= {"validation_f1": 71.0, "test_f1": 70.0, "trainings": 1}
    stream = io.StringIO()
    console = Console(file=stream, width=80)
    for part in compare_tables(
        Comparison(settings, teachers, (winner, None), winners_agree, pairs)
    ):
        console.print(part)
    return stream.getvalue()


def sentences(text: str) -> str:
    """The text on one line."""
    return " ".join(text.split())


def test_the_tables_fit_a_terminal_of_80() -> None:
    """Long names wrap; no number is cut."""
    text = shown(pair(LONG, **held(1.5, 0.001)), pair("sigmoid", **held(0.5, 0.4)))
    assert max(map(len, text.splitlines())) <= 80
    for number in ("71.2", "70.5 ±0.8", "75.0", "72.0 ±0.5", "+1.5", "0.001", "3+3", "95.47"):
        assert number in text
    assert "aaaaaaaaaaaa…" in text
    assert "[red]news" in text


def test_a_difference_is_called_one_only_where_the_test_says_so() -> None:
    """Else no difference is shown; what was not tested is counted with its reason."""
    text = sentences(
        shown(
            pair("mixed", **held(2.0, 0.01)),
            pair("cosine", **held(-2.0, 0.02)),
            pair("linear", **held(0.5, 0.3)),
            pair("sigmoid", untested="one seed in both, which tells nothing of others"),
        )
    )
    assert "mixed (web | news), 500: B-A +2.0 [+1.0, +3.0], 3 seeds in both, p 0.010 of 3" in text
    assert "p 0.010 of 3: B is better." in text
    assert "p 0.020 of 3: B is worse." in text
    assert "p 0.300 of 3: no difference shown." in text
    assert "Not tested, 1 of 4: one seed in both, which tells nothing of others." in text


def test_what_one_study_lacks_is_told() -> None:
    """Regimens of one side, and a study without a winner."""
    text = sentences(shown(pair(a=None, difference=None), pair(LONG, b=None, difference=None)))
    assert "Regimens in both · mean F1 ± standard deviation over n seeds none" in text
    assert f"Only in A: {LONG} (web | news), 500." in text
    assert "Only in B: mixed (web | news), 500." in text
    assert "Winner of A: mixed (web), 500: validation F1 71.0, test F1 70.0 (one training)." in text
    assert "Winner of B: none, as no training is finished." in text
    assert "agree" not in text
    assert "The winners differ." in sentences(shown(winners_agree=False))
