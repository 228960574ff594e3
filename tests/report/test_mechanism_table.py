"""The table of what students learn and forget."""

from __future__ import annotations

from nerdistill.report.mechanism_table import mechanism_section

Json = dict[str, object]
STUDY: Json = {"simulated": True, "note": ""}


def row(regimen: str, budget: int, memory: Json) -> Json:
    """What was recorded at three steps."""
    return {
        "regimen": regimen,
        "distilled": "web",
        "budget": budget,
        "trainings": 2,
        "steps": [0, 5, 10],
        "loss_original": [2.0, 1.0, 0.5],
        "loss_distilled": [2.0, 0.25, 0.75],
        "cosine": [0.5, None, -0.25],
        "memory": memory,
    }


def test_the_end_of_training_stands_in_a_table() -> None:
    """At the largest budget, with the lowest distilled loss beside the last one."""
    shares = {
        "places": 4,
        "repeats": [0, 0.5, 0.25],
        "gold": [0, 0.25, 0.5],
        "other": [1, 0.25, 0.25],
    }
    rows = [row("mixed", 100, {}), row("mixed", 500, {"all": shares, "missed": shares})]
    title, how, table = mechanism_section({**STUDY, "mechanism": {"rows": rows}})
    assert title == "## What students learn and forget"
    assert "forgotten" in how
    assert "with 500 original sentences · SIMULATED" in table
    (line,) = [line for line in table.splitlines() if "mixed" in line]
    assert line == "| mixed | web | 0.500 | 0.750 (0.250) | 25.0 | 50.0 | 50.0 | 0.12 |"


def test_what_was_not_measured_is_a_dash() -> None:
    """A study without gold of its teacher's sentences, and without distilled ones held out."""
    bare = row("original", 100, {}) | {"distilled": None, "loss_distilled": [None] * 3}
    table = mechanism_section({**STUDY, "mechanism": {"rows": [bare]}})[-1]
    assert "| original | - | 0.500 | - | - | - | - | 0.12 |" in table


def test_without_observations_there_is_no_section() -> None:
    """Results of before know no such key."""
    assert mechanism_section({}) == mechanism_section({"mechanism": None}) == []
