"""Figures of what is missing, alone, or beyond the axis."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, cast

import pytest

from nerdistill.report.chart.svg import inline
from nerdistill.report.figures import curves, f1, mechanism, saved, teachers
from nerdistill.report.figures import forest as forests
from tests.report.made_up import everything

if TYPE_CHECKING:
    from collections.abc import Callable
    from xml.etree.ElementTree import Element

Json = dict[str, object]

WIDTHS = (760.0, 340.0)


def texts(drawn: Element) -> list[str]:
    """All that a figure writes."""
    return [str(part.text) for part in drawn.iter("text")]


def count(drawn: Element, css: str) -> int:
    """How many elements have exactly this class."""
    return sum(part.get("class") == css for part in drawn.iter())


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("draw", [curves.draw, f1.draw, saved.draw, teachers.draw])
def test_equal_results_give_equal_figures(
    draw: Callable[[Json, float], Element], width: float
) -> None:
    """And every place in them is a number, none of which is not one."""
    results, _ = everything()
    drawn = inline(draw(results, width))
    assert drawn == inline(draw(results, width))
    assert "nan" not in drawn
    assert "inf" not in drawn.replace("information", "")


def test_regimens_with_one_curve_share_a_panel() -> None:
    """The names stand above it, and what the curve does is told in words."""
    drawn = curves.draw(everything()[0], WIDTHS[0])
    assert count(drawn, "area c0") == 6 + 1  # and the key
    told = str(drawn[0].text)
    assert "simple-mix, relabelled: 100 % distilled at the start" in told


def test_what_test_never_met_has_no_point_there() -> None:
    """A candidate that was not chosen is drawn by its validation alone."""
    results, _ = everything()
    cells = cast("list[Json]", results["cells"])
    alone = {**results, "cells": [cell for cell in cells if cell["test"] is None]}
    drawn = f1.draw(alone, WIDTHS[0])
    assert (count(drawn, "mean c0"), count(drawn, "mean muted")) == (0, 1)


def test_labels_saved_beyond_the_pool_lead_to_the_edge() -> None:
    """The way has no end on the axis; without a headline there is none."""
    results, _ = everything()
    found = cast("Json", results["labels_saved"])
    last = cast("list[Json]", found["regimens"])[4]
    assert cast("Json", last["needed"])["value"] is None

    def way(headline: Json | None) -> list[str]:
        told = {**results, "labels_saved": {**found, "headline": headline}}
        drawn = saved.draw(told, WIDTHS[0])
        return [str(part.get("d")) for part in drawn.iter() if part.get("class") == "note"]

    assert [path.count("L") for path in way(cast("Json", found["headline"]))] == [2]
    assert [path.count("L") for path in way(last)] == [1]
    assert way(None) == []


def test_a_regimen_without_human_labels_is_a_line_across() -> None:
    """Zero has no place on a logarithmic axis."""
    results, _ = everything()
    found = cast("Json", results["labels_saved"])
    free = {**cast("list[Json]", found["regimens"])[0], "regimen": "distilled", "human_labels": 0}
    told = {**results, "labels_saved": {**found, "regimens": [free], "headline": free}}
    assert sum("thin" in str(part.get("class")) for part in saved.draw(told, 340.0).iter()) == 1


def test_what_was_not_measured_is_said() -> None:
    """A regimen without gold for its teacher's sentences has no lines on its errors."""
    results, _ = everything()
    rows = cast("list[Json]", cast("Json", results["mechanism"])["rows"])
    key, *drawn = mechanism.draw(results, rows[:2], WIDTHS[0])
    assert "repeats the error" in texts(key)
    assert ["not measured" in texts(one) for one in drawn] == [True, False]
    bare = {**rows[0], "cosine": [None] * 9, "loss_original": [], "loss_distilled": []}
    (_, one) = mechanism.draw(results, [bare], WIDTHS[1])
    assert texts(one).count("not measured") == 3


def test_a_hollow_point_is_no_difference() -> None:
    """Those that a test calls a difference are filled, and both are told in words."""
    found = {"value": 1.0, "low": 0.5, "high": 1.5}
    rows = [forests.difference(str(sure), found, sure=sure) for sure in (True, False)]
    drawn = partial(forests.draw, rows, title="a", x_name="points")
    for width in WIDTHS:
        assert (count(drawn(width), "mark c0"), count(drawn(width), "mark c0 hollow")) == (1, 1)
    assert str(drawn(340.0)[0].text).endswith("interval +0.5 to +1.5, no difference shown")
