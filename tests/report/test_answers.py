"""What is said of labels saved and of teachers."""

from __future__ import annotations

import pytest

from nerdistill.report.answers import break_even_lines, is_saving, saved_sentence, sides

Json = dict[str, object]


def bounds(value: float | None, low: float | None, high: float | None, **more: object) -> Json:
    """A number of labels as results tell it."""
    return {"value": value, "low": low, "high": high, "at_most": False, "more_than": None, **more}


def saved(paid: int, needed: Json, gained: Json, *, trained: int) -> Json:
    """Results whose headline is one regimen."""
    row = {
        "regimen": "mixed",
        "distilled": "web",
        "budget": 500,
        "human_labels": paid,
        "trained_on": trained,
        "mean": 81.25,
        "needed": needed,
        "saved": gained,
    }
    return {"labels_saved": {"validation": "capped", "headline": row}}


@pytest.mark.parametrize(
    ("needed", "gained", "words"),
    [
        (bounds(900, 700, 1200), bounds(400, 200, 700), "400 human labels saved"),
        (bounds(620, 430, 900), bounds(120, -70, 400), "no saving shown"),
        (bounds(900, None, None), bounds(400, None, None), "one draw, which shows no saving"),
        (bounds(None, 3000, None, more_than=5000), bounds(None, 2500, None, more_than=4500),
         "more than 4,500 human labels saved"),
        (bounds(50, 50, 60, at_most=True), bounds(-450, -450, -440), "no saving shown"),
    ],
)  # fmt: skip
def test_a_saving_is_told_only_where_the_interval_shows_it(
    needed: Json, gained: Json, words: str
) -> None:
    """An interval that reaches 0, and one draw without any, show no saving."""
    told = saved_sentence(saved(500, needed, gained, trained=400))
    assert told is not None
    assert told.endswith(f": {words}.")
    assert "none of them to train on" not in told
    assert is_saving({"saved": gained}) == words.endswith("labels saved")


def test_a_regimen_without_human_training_data_says_so() -> None:
    """What it was chosen with is counted, and nothing else is claimed."""
    results = saved(100, bounds(900, 700, 1200), bounds(800, 600, 1100), trained=0)
    assert "100 human ones, none of them to train on" in str(saved_sentence(results))


def test_original_data_alone_save_nothing() -> None:
    """Where validation chooses it, the headline says so."""
    results = saved(500, bounds(500, 400, 600), bounds(0, -100, 100), trained=400)
    row = results["labels_saved"]["headline"]  # type: ignore[index]
    row |= {"regimen": "original-tuned", "distilled": None}
    assert str(saved_sentence(results)).endswith("no human labels were saved.")


def test_teachers_help_only_where_that_is_shown() -> None:
    """The mean gain and what the tests show are told apart."""
    rows: list[Json] = [
        {"teacher": name, "teacher_f1": f1, "budget": 9, "regimen": "mixed", "p_holm": p}
        | {"gain": {"value": gain, "low": gain - 1, "high": gain + 1}}
        for name, f1, gain, p in (("poor", 50.0, -2.0, 0.01), ("fair", 70.0, 1.0, 0.2),
                                  ("good", 90.0, 4.0, 0.001))
    ]  # fmt: skip
    even = {"budget": 9, "regimen": "mixed", "teacher_f1": 63.3, "at_most": None, "more_than": None}
    for low, high, told in (
        (56.7, 70.0, "57 to 70"),
        (None, 70.0, "up to 70"),
        (56.7, None, "57 or more"),
        (None, None, "not bounded by these teachers"),
    ):
        row = {**even, "interval": {"low": low, "high": high}}
        lines = break_even_lines({"teachers": {"rows": rows, "break_even": [row]}})
        (line,) = lines
        assert line == (
            f"Budget 9, mixed: the mean gain is above 0 from a teacher F1 of about 63 on ({told}); "
            "shown for good (90)."
        )


def test_a_pool_that_two_regimens_share_is_told_once() -> None:
    """Pools that differ are both told; original data alone have none."""
    mixed: Json = {"regimen": "mixed", "distilled": "web"}
    apart: Json = {"regimen": "simple-mix-apart", "distilled": "news"}
    alone: Json = {"regimen": "original", "distilled": None}
    assert sides({"a": {**apart, "distilled": "web"}, "b": mixed}) == (
        "simple-mix-apart",
        "mixed (web)",
    )
    assert sides({"a": apart, "b": mixed}) == ("simple-mix-apart (news)", "mixed (web)")
    assert sides({"a": mixed, "b": alone}) == ("mixed (web)", "original")
