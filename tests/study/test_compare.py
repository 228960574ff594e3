"""Two studies side by side."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, cast

import pytest

from nerdistill.errors import InputError, WorkspaceError
from nerdistill.progress import Silent
from nerdistill.study.compare import Comparison, compare
from nerdistill.study.runner import run_study
from nerdistill.study.workspace import Workspace
from tests.study.test_study_run import Json, _graph, study, write_study

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from nerdistill.study.compare_pairs import Pair

__all__ = ["study"]

SETTINGS = (
    'regimens=["original", "simple-mix"]',
    "training.learning_rate=1e-2",  # so that even these few steps teach something
    "training.steps=20",
)


def run(study: Path, place: Path, *settings: str) -> Path:
    """A finished study with its results in its workspace."""
    results = run_study(_graph(study, *SETTINGS, *settings), Workspace(place), Silent())
    (place / "results.json").write_text(json.dumps(results))
    return place


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A study, and the same with more steps and another seed."""
    folder = tmp_path_factory.mktemp("two")
    study = write_study(folder)
    return (
        run(study, folder / "a"),
        run(study, folder / "b", "training.steps=40", "seeds=[1, 2, 3]"),
    )


@pytest.fixture
def copies(two: tuple[Path, Path], tmp_path: Path) -> tuple[Path, Path]:
    """Both workspaces, to be changed."""
    return tuple(shutil.copytree(one, tmp_path / one.name) for one in two)  # type: ignore[return-value]


def change(workspace: Path, edit: Callable[[Json], object]) -> None:
    """Edit results.json."""
    file = workspace / "results.json"
    results = json.loads(file.read_text())
    edit(results)
    file.write_text(json.dumps(results))


def cells(results: Json) -> list[Json]:
    """The cells of results."""
    return cast("list[Json]", results["cells"])


def only(found: Comparison, regimen: str) -> Pair:
    """The one row of a regimen."""
    (pair,) = (pair for pair in found.pairs if pair.regimen == regimen)
    return pair


def test_settings_that_differ_are_told(two: tuple[Path, Path]) -> None:
    """Those that differ, and no others."""
    found = compare(*two)
    assert {(row.name, str(row.a), str(row.b)) for row in found.settings} == {
        ("seeds", "[1, 2]", "[1, 2, 3]"),
        ("steps", "20", "40"),
    }
    assert [row.name for row in found.teachers] == ["web"]
    json.dumps(found.to_json())


def test_regimens_are_paired_by_seed(two: tuple[Path, Path]) -> None:
    """Means are over all trainings, the test over those with the same seeds; p is corrected."""
    found = compare(*two)
    for pair in found.pairs:
        assert pair.a is not None
        assert pair.b is not None
        assert (pair.a.trainings, pair.b.trainings, len(pair.per_seed)) == (2, 3, 2)
        assert pair.difference == pytest.approx(pair.b.test_f1 - pair.a.test_f1)
        assert pair.test is not None
        assert pair.test.per_seed == pytest.approx(pair.per_seed, abs=1e-3)
        assert any(pair.per_seed)
        assert pair.test.p is not None
        assert pair.p_holm is not None
        assert pair.test.p <= pair.p_holm <= 1
        assert pair.untested == ""


def test_a_study_is_like_itself(two: tuple[Path, Path]) -> None:
    """There is nothing to test where both have the same trainings."""
    found = compare(two[0], two[0])
    assert found.settings == ()
    assert found.winners_agree is True
    for pair in found.pairs:
        assert (pair.difference, pair.same_trainings) == (0, 2)
        assert pair.untested == "the same trainings in both"


def test_one_seed_tells_nothing(copies: tuple[Path, Path]) -> None:
    """A difference of one training is shown, and not tested."""
    change(copies[1], lambda results: cells(results).__delitem__(slice(2, None)))
    pair = only(compare(*copies), "original")
    assert pair.difference is not None
    assert pair.b is not None
    assert (pair.b.standard_deviation, pair.test) == (None, None)
    assert pair.untested.startswith("one seed in both")


def test_nothing_is_tested_without_predictions(copies: tuple[Path, Path]) -> None:
    """Results alone, as they are handed on, are compared and not tested."""
    shutil.rmtree(copies[1] / "stages")
    pair = only(compare(*copies), "original")
    assert len(pair.per_seed) == 2
    assert pair.test is None
    assert pair.untested.startswith("predictions are missing in a workspace")


def test_other_test_texts_do_not_compare(copies: tuple[Path, Path]) -> None:
    """Two F1s on different texts are not held against each other."""
    for corpus in (copies[1] / "stages").glob("corpus-*/corpus.jsonl"):
        corpus.write_text(corpus.read_text().replace("rained", "snowed"))
    assert only(compare(*copies), "original").untested.startswith("the test texts")


def test_other_teachers_label_other_corpora(copies: tuple[Path, Path]) -> None:
    """A regimen that each has once is paired across pools; one that is ambiguous is not."""

    def rename(results: Json) -> None:
        for cell in cells(results):
            cell["distilled"] = cell["distilled"] and "news"

    change(copies[1], rename)
    found = compare(*copies)
    pair = only(found, "simple-mix")
    assert pair.distilled == ("web", "news")
    assert pair.test is not None
    change(
        copies[1], lambda results: cells(results).append({**cells(results)[1], "distilled": "c"})
    )
    alone = [pair for pair in compare(*copies).pairs if pair.regimen == "simple-mix"]
    assert [pair.distilled for pair in alone] == [("web", None), (None, "news"), (None, "c")]
    assert all(pair.difference is None for pair in alone)


def test_winners_need_not_agree(copies: tuple[Path, Path]) -> None:
    """Another winner is told; a study without one agrees with nobody."""
    change(copies[0], lambda results: results.update(winner={"regimen": "x", "distilled": None}))
    assert compare(*copies).winners_agree is False
    change(copies[0], lambda results: results.update(winner=None, cells=[]))
    assert compare(*copies).winners_agree is None


@pytest.mark.parametrize(
    ("text", "error", "told"),
    [
        (None, InputError, "holds no results.json"),
        ("{", WorkspaceError, "is damaged"),
        ("[]", WorkspaceError, "holds no results of a study"),
        ("{}", WorkspaceError, "lacks batch_size"),
    ],
)
def test_a_wrong_folder_is_told_with_its_remedy(
    two: tuple[Path, Path], tmp_path: Path, text: str | None, error: type[Exception], told: str
) -> None:
    """Without whole results there is nothing to compare; the command that writes them is named."""
    if text is not None:
        (tmp_path / "results.json").write_text(text)
    with pytest.raises(error, match=f"{told}.*study report STUDY --workspace"):
        compare(two[0], tmp_path)


def test_a_missing_folder_is_told(two: tuple[Path, Path], tmp_path: Path) -> None:
    """A mistyped name is an error at once."""
    with pytest.raises(InputError, match="does not exist"):
        compare(tmp_path / "none", two[0])


def test_a_damaged_record_is_told(copies: tuple[Path, Path]) -> None:
    """It is no reason to test nothing in silence."""
    for record in (copies[0] / "stages").glob("evaluate-*/record.json"):
        record.write_text("{")
    with pytest.raises(WorkspaceError, match="is damaged"):
        compare(*copies)
