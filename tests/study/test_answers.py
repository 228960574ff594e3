"""What a study answers beyond its tables: labels saved, order, candidates, teachers."""

from __future__ import annotations

import json
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING, cast

import pytest

from nerdistill.errors import ConfigError
from nerdistill.progress import Silent
from nerdistill.study.evidence import comparison
from nerdistill.study.groups import ORIGINAL_TUNED, grouped
from nerdistill.study.human_labels import paid
from nerdistill.study.phases import PHASES, regimens, tuned
from nerdistill.study.runner import run_study
from nerdistill.study.scored import Scored
from nerdistill.study.stages import stages_of
from nerdistill.study.teachers import _break_even
from nerdistill.study.workspace import Workspace
from tests.student_factory import one_thread
from tests.study.test_study_run import Json, _cells, _graph, study, write_study

if TYPE_CHECKING:
    from pathlib import Path

    from nerdistill.study.graph import Graph

__all__ = ["one_thread", "study"]

SETTINGS = (
    "phases=[2, 4, 5, 6]",
    'regimens=["original", "distilled", "simple-mix", "original-half", "confidence", "agreed"]',
    "original.budgets=[6, 12, 18]",
    'original.ladder=[9, "all"]',
    "original.tune={steps = [1.0, 2.0], learning_rate = [1.0, 0.5]}",
    'other_teachers=[{name = "flawless", error_scale = 0.0}, {name = "poor", error_scale = 10.0}]',
    "training.learning_rate=1e-2",  # so that even these few steps teach something
    "training.steps=12",
    "training.observations=0",
)
TUNING = {"original-steps-1-rate-0.5", "original-steps-2-rate-1", "original-steps-2-rate-0.5"}


@dataclass(frozen=True, slots=True)
class Ran:
    """A finished study."""

    graph: Graph
    workspace: Workspace
    results: Json

    def rows(self, *path: str) -> list[Json]:
        """A list somewhere in the results."""
        found: object = self.results
        for name in path:
            found = cast("Json", found)[name]
        return cast("list[Json]", found)

    def f1(self, regimen: str, budget: int, part: str, pool: str | None = "web") -> float:
        """The mean F1 of the cells of a group."""
        return fmean(
            cast("float", cast("Json", cell[part])["f1"])
            for cell in _cells(self.results)
            if (cell["regimen"], cell["budget"], cell["distilled"]) == (regimen, budget, pool)
        )


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """One run for all who look at it."""
    folder = tmp_path_factory.mktemp("answers")
    graph, workspace = _graph(write_study(folder), *SETTINGS), Workspace(folder / "work")
    return Ran(graph, workspace, run_study(graph, workspace, Silent(), cohort=16))


def test_rungs_train_original_data_alone(ran: Ran) -> None:
    """Between the budgets there is nothing but original-only in all its settings."""
    for budget in (9, 30):
        at = {cell["regimen"] for cell in _cells(ran.results) if cell["budget"] == budget}
        assert at == {"original", *TUNING}
    assert {cell["budget"] for cell in _cells(ran.results)} == {6, 9, 12, 18, 30}


def test_a_seed_draws_its_own_sample(study: Path) -> None:
    """Seeds of sample and training go together, unless the study names subset seeds."""
    draws = {(cell.subset_seed, cell.seed) for cell in _graph(study).cells}
    assert draws == {(1, 1), (2, 2)}
    crossed = _graph(study, "original.subset_seeds=[5]").cells
    assert {(cell.subset_seed, cell.seed) for cell in crossed} == {(5, 1), (5, 2)}


def test_one_budget_needs_no_tuning(study: Path) -> None:
    """There is no curve to read labels off, so no other setting is tried."""
    config = _graph(study).config
    assert tuned(config) == ()
    assert not any(cell.regimen.tuning for cell in _graph(study).cells)


def test_original_is_tuned_on_validation(ran: Ran) -> None:
    """At each budget that setting stands for original data alone which validation likes best."""
    assert cast("Json", ran.results["labels_saved"])["reference"] == ORIGINAL_TUNED
    points = ran.rows("labels_saved", "original")
    assert [point["budget"] for point in points] == [6, 9, 12, 18, 30]
    for point in points:
        budget = cast("int", point["budget"])
        by_setting = {
            name: ran.f1(name, budget, "validation", None) for name in ("original", *TUNING)
        }
        best = max(by_setting, key=by_setting.__getitem__)
        same = {name for name in by_setting if by_setting[name] == by_setting[best]}
        tests = {name: ran.f1(name, budget, "test", None) for name in same}
        assert any(point["mean"] == pytest.approx(f1, abs=1e-3) for f1 in tests.values())
        chosen = cast("Json", point["chosen"])
        assert chosen["steps"] in {12, 24}
        assert chosen["learning_rate"] in {1e-2, 5e-3}


def test_saved_labels_are_needed_less_paid(ran: Ran) -> None:
    """A regimen pays for the human labels that it uses, and all fair regimens have a row."""
    rows = ran.rows("labels_saved", "regimens")
    names = {row["regimen"] for row in rows}
    assert {"original", "distilled", "simple-mix"} <= names
    assert not names & {"original-half", *TUNING}
    assert {row["distilled"] for row in rows} == {None, "web"}
    for row in rows:
        used = 0 if row["regimen"] == "distilled" else row["budget"]
        assert row["human_labels"] == row["trained_on"] == used
        needed, saved = cast("Json", row["needed"]), cast("Json", row["saved"])
        for end in ("value", "low", "high"):
            if needed[end] is None:
                assert saved[end] is None
            else:
                wanted = cast("float", needed[end]) - cast("int", row["human_labels"])
                assert saved[end] == pytest.approx(wanted, abs=0.11)
        assert (needed["value"] is None) == (needed["more_than"] == 30)


def test_the_headline_is_of_the_middle_budget(ran: Ran) -> None:
    """Which budget heads the report is settled before any result: the middle one."""
    found = cast("Json", cast("Json", ran.results["labels_saved"])["headline"])
    candidates = {row["regimen"] for row in ran.rows("methods", "rows") if row["chosen"]}
    able = {
        name: ran.f1(name, 12, "validation", None if name == "original" else "web")
        for name in ("original", "distilled", "simple-mix", *map(str, candidates))
        if any(
            (cell["regimen"], cell["budget"]) == (name, 12) and cell["test"] is not None
            for cell in _cells(ran.results)
        )
    }
    tuning = (ran.f1(name, 12, "validation", None) for name in ("original", *TUNING))
    able[ORIGINAL_TUNED] = max(tuning)
    assert found["budget"] == 12
    assert able[str(found["regimen"])] == pytest.approx(max(able.values()))


def test_seeds_that_share_samples_have_no_p(ran: Ran) -> None:
    """Several subsets crossed with several seeds are not so many independent trainings."""
    scored = Scored(ran.workspace, ran.graph.corpus("test"))
    cells = [cell for cell in ran.graph.cells if cell.regimen.name == "simple-mix"]
    others = [cell for cell in ran.graph.cells if cell.regimen.name == "original"]
    for draws, told in (
        ([(1, 1), (2, 2), (3, 3), (4, 4)], True),
        ([(1, 1), (1, 2), (1, 3), (1, 4)], True),
        ([(1, 1), (1, 2), (2, 1), (2, 2)], False),
    ):
        one, other = (dict(zip(draws, side, strict=False)) for side in (cells, others))
        found = comparison(one, other, scored)
        assert found is not None
        assert (found[0]["p"] is not None) == told


def test_what_a_budget_pays_for_is_counted(study: Path, tmp_path: Path) -> None:
    """Capped validation is paid for by all, what is trained on by those who train on it."""
    settings = 'validation.labels="capped"', "original.budgets=[18]", "seeds=[1]"
    graph, workspace = _graph(study, *settings), Workspace(tmp_path / "work")
    run_study(graph, workspace, Silent())
    cost = {cell.regimen.name: paid(cell, graph, workspace) for cell in graph.cells}
    chosen = 18 // 5 // 3 * 3  # whole documents of three sentences, a fifth at most
    assert cost == {"original": 18, "distilled": chosen, "simple-mix": 18, "sigmoid": 18}


def test_questions_are_answered_by_differences(ran: Ran) -> None:
    """A row is the first regimen less the second, paired by seed, and corrected for its family."""
    rows = ran.rows("order", "comparisons")
    assert {row["budget"] for row in rows} == {6, 12, 18}
    for row in rows:
        a, b = cast("dict[str, str]", row["a"]), cast("dict[str, str]", row["b"])
        if ORIGINAL_TUNED in {a["regimen"], b["regimen"]}:
            continue
        budget = cast("int", row["budget"])
        means = [ran.f1(one["regimen"], budget, "test", one["distilled"]) for one in (a, b)]
        told = cast("dict[str, float]", row["difference"])
        assert told["value"] == pytest.approx(means[0] - means[1], abs=1e-3)
        assert told["low"] <= told["value"] <= told["high"]
        assert cast("float", row["p_holm"]) >= cast("float", row["p"])


def test_only_the_chosen_candidate_meets_test(ran: Ran) -> None:
    """Of each budget one, the best on validation; a second listing knows no more stages."""
    rows = ran.rows("methods", "rows")
    for budget in (6, 12, 18):
        at = {
            str(row["regimen"]): row
            for row in rows
            if row["budget"] == budget and row["regimen"] != "simple-mix"
        }
        assert at.keys() == {"confidence", "agreed"}
        (chosen,) = (name for name, row in at.items() if row["chosen"])
        assert at[chosen]["validation_f1"] == max(
            cast("float", row["validation_f1"]) for row in at.values()
        )
        met = {
            str(cell["regimen"]): cell["test"] is not None
            for cell in _cells(ran.results)
            if cell["budget"] == budget and cell["regimen"] in at
        }
        assert met == {name: name == chosen for name in at}
    assert ran.results["missing_cells"] == 0
    assert all(ran.workspace.record(stage) for stage in stages_of(ran.graph, ran.workspace))


def test_candidates_compete_with_those_of_their_own_teacher(study: Path, tmp_path: Path) -> None:
    """A good teacher's labels do not take the place on test of the study's own candidates."""
    treated = ["masked", "committee-unlabelled"]
    graph = _graph(
        study,
        "phases=[2, 5, 6]",
        f"regimens={json.dumps(['original', 'simple-mix', *treated])}",
        f"other_teachers_regimens={json.dumps(['simple-mix', *treated])}",
        'other_teachers=[{name = "flawless", error_scale = 0.0}, {name = "poor", error_scale = 9}]',
        'unlabelled=["human"]',
        "training.observations=0",
    )
    workspace = Workspace(tmp_path / "work")
    results = run_study(graph, workspace, Silent(), cohort=16)
    assert results["missing_cells"] == 0
    rows = cast("list[Json]", cast("Json", results["methods"])["rows"])
    pools = ["web", "web by flawless", "web by poor"]
    assert [row["distilled"] for row in rows if row["chosen"]] == pools
    assert [row["distilled"] for row in rows if row["regimen"] == "simple-mix"] == pools
    compared = cast("list[Json]", cast("Json", results["methods"])["comparisons"])
    assert [cast("Json", row["a"])["distilled"] for row in compared] == pools
    assert all(
        cast("Json", row["a"])["distilled"] == cast("Json", row["b"])["distilled"]
        for row in compared
    )
    asked = {row["regimen"]: row["asked"] for row in rows}
    assert asked == {"simple-mix": 0, "masked": 12, "committee-unlabelled": 0}
    quality = cast("Json", results["teachers"])
    assert {row["regimen"] for row in cast("list[Json]", quality["rows"])} == {"simple-mix"}


def test_before_validation_no_candidate_meets_test(study: Path, tmp_path: Path) -> None:
    """In an empty workspace tests of candidates are not among the stages."""
    graph = _graph(study, *SETTINGS)
    listed = {stage.key for stage in stages_of(graph, Workspace(tmp_path / "work"))}
    for cell in graph.cells:
        assert cell.validation.key in listed
        assert (cell.test.key in listed) != cell.regimen.candidate


def test_teachers_are_told_by_their_quality(ran: Ran) -> None:
    """A flawless teacher has F1 100; the gain is over original data alone."""
    rows = ran.rows("teachers", "rows")
    f1 = {str(row["teacher"]): cast("float", row["teacher_f1"]) for row in rows}
    assert f1["flawless"] == 100.0
    assert f1["poor"] < f1["teacher"] < 100.0
    for row in rows:
        pool = {"teacher": "web"}.get(str(row["teacher"]), f"web by {row['teacher']}")
        budget = cast("int", row["budget"])
        gain = ran.f1(str(row["regimen"]), budget, "test", pool)
        gain -= ran.f1("original", budget, "test", None)
        assert cast("dict[str, float]", row["gain"])["value"] == pytest.approx(gain, abs=1e-3)
    names = {row["regimen"] for row in ran.rows("teachers", "break_even")}
    assert names == {"distilled", "simple-mix"}


def test_other_teachers_win_nothing(ran: Ran) -> None:
    """A ladder's teachers, which may be gold, are neither winner nor rival."""
    rows = ran.rows("evidence", "comparisons")
    sides = [cast("Json", row[side])["distilled"] for row in rows for side in ("best", "other")]
    assert set(sides) <= {None, "web"}
    assert cast("Json", ran.results["winner"])["distilled"] in {None, "web"}


@pytest.mark.parametrize(
    ("gains", "told"),
    [
        ([-4.0, -2.0, 2.0, 3.0], {"teacher_f1": 75.0}),
        ([1.0, 2.0, 3.0, 4.0], {"at_most": 50.0}),
        ([-4.0, -3.0, -2.0, -1.0], {"more_than": 90.0}),
        # What falls with the teacher's quality is noise: it is levelled out.
        ([-2.0, 3.0, -3.0, 4.0], {"teacher_f1": 70.0}),
    ],
)
def test_break_even_lies_where_the_gain_crosses_zero(
    gains: list[float], told: dict[str, float]
) -> None:
    """Between two teachers in a line; beyond those that were tried it is a bound."""
    rows: list[Json] = [
        {"budget": 9, "regimen": "mixed", "teacher_f1": f1}
        | {"gain": {"value": gain, "low": gain - 1.0, "high": gain + 1.0}}
        for f1, gain in zip([50.0, 70.0, 80.0, 90.0], gains, strict=True)
    ]
    found = _break_even(9, "mixed", rows[::-1])
    expected = {"teacher_f1": None, "at_most": None, "more_than": None, **told}
    assert found.pop("interval")
    assert found == {"budget": 9, "regimen": "mixed", **expected}


def test_break_even_is_bounded_by_the_ends_of_the_gains() -> None:
    """Its interval is open where the weakest may help, or the best may not."""
    rows: list[Json] = [
        {"budget": 9, "regimen": "mixed", "teacher_f1": f1}
        | {"gain": {"value": gain, "low": gain - off, "high": gain + off}}
        for f1, gain, off in ((50.0, -2.0, 1.0), (70.0, 0.0, 1.0), (90.0, 2.0, 1.0))
    ]
    assert _break_even(9, "mixed", rows)["interval"] == {"low": 60.0, "high": 80.0}
    wide: list[Json] = [{**row, "gain": {"value": 0.0, "low": -1.0, "high": 1.0}} for row in rows]
    assert _break_even(9, "mixed", wide)["interval"] == {"low": None, "high": None}
    # Where all teachers surely harm, or help, it lies beyond the best, or below the weakest.
    for value, bounds in ((-5.0, {"low": 90.0, "high": None}), (5.0, {"low": None, "high": 50.0})):
        gain = {"value": value, "low": value - 1.0, "high": value + 1.0}
        sure: list[Json] = [{**row, "gain": gain} for row in rows]
        assert _break_even(9, "mixed", sure)["interval"] == bounds


def test_tuned_is_not_there_without_tuning(ran: Ran) -> None:
    """Groups of cells without other settings have no group `original-tuned`."""
    plain = [cell for cell in ran.graph.cells if not cell.regimen.tuning]
    tested = [cell for cell in plain if ran.workspace.record(cell.test)]
    assert ORIGINAL_TUNED not in {key[0] for key in grouped(tested, ran.workspace)}


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ('other_teachers_regimens=["original"]', "learns from one teacher's labels"),
        ('other_teachers_regimens=["committee-unlabelled"]', "text that nobody labelled"),
        ('other_teachers=[{name = "a"}, {name = "a"}]', "the name 'a' is taken"),
    ],
)
def test_mistaken_teachers_are_one_clear_line(study: Path, setting: str, words: str) -> None:
    """They are told before anything is done."""
    config = _graph(study, "phases=[1, 6]", 'other_teachers=[{name = "b"}]', setting).config
    with pytest.raises(ConfigError, match=words):
        regimens(config)


def test_the_order_is_taken_apart_by_built_in_regimens() -> None:
    """Switch points, a restart without distilled data, and half and twice the steps are there."""
    named = {regimen.name: regimen for regimen in PHASES[4]}
    assert named["original-half"].steps == 0.5
    assert named["original-double"].steps == 2.0
    assert named["original-restart"].schedule == "restart"
    assert [named[f"simple-mix-{at}"].parameters["at"] for at in (0.25, 0.75)] == [0.25, 0.75]
