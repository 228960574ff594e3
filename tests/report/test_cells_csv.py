"""The cells of a study as CSV."""

from __future__ import annotations

import csv
import io

import pytest

from nerdistill.report.cells_csv import cells_csv
from tests.report.test_report import Json, cell, results


def rows(text: str) -> list[dict[str, str]]:
    """The table, read back."""
    return list(csv.DictReader(io.StringIO(text, newline="")))


def scored(f1: float) -> Json:
    """The scores of one type."""
    return {"precision": f1, "recall": f1, "f1": f1, "gold": 3}


def test_every_number_of_a_cell_is_there() -> None:
    """One row a cell, read back as it was."""
    one = cell("mixed", 80.5, 70.25, seed=2)
    one["test"] = {**scored(70.25), "by_type": {"PER": scored(66.5)}}
    one |= {"learning_rate": 1e-3, "steps": 40, "also": {"clean": {**scored(71.0), "by_type": {}}}}
    first, second = rows(cells_csv(results(cell("original", 60.0, 50.0, distilled=None), one)))
    assert (first["regimen"], first["distilled"], first["phases"]) == ("original", "", "1+2")
    assert (first["learning_rate"], first["steps"], first["test_PER_f1"]) == ("0.0003", "80", "")
    assert second["seed"] == "2"
    assert (second["learning_rate"], second["steps"]) == ("0.001", "40")
    assert (second["shown_original"], second["shown_distilled"]) == ("640", "640")
    assert (second["human_labels_train"], second["human_labels_validation"]) == ("100", "20")
    assert (second["validation_f1"], second["test_f1"], second["test_gold"]) == (
        "80.5",
        "70.25",
        "3",
    )
    assert (second["test_PER_f1"], second["also clean_f1"]) == ("66.5", "71.0")


def test_a_study_without_cells_is_an_empty_table() -> None:
    """There is no row, and no error."""
    assert rows(cells_csv(results())) == []


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_no_spreadsheet_runs_a_name(name: str) -> None:
    """Text that starts as a formula gets a quote before it; numbers stay numbers."""
    one = {**cell("mixed", 1.0, -1.0, distilled=name), "teacher": 'a,"b"\nc'}
    (row,) = rows(cells_csv(results(one)))
    assert row["distilled"] == f"'{name}"
    assert row["teacher"] == 'a,"b"\nc'
    assert row["test_f1"] == "-1.0"
