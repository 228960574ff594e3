"""Errors on test of a whole small study, and further gold labels of its test sentences."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING, cast

import pytest

from nerdistill.cli.main import main
from nerdistill.errors import ConfigError
from nerdistill.metrics.errors import KINDS, compare_spans
from nerdistill.metrics.seen import Shown
from nerdistill.metrics.tally import Case, case_of
from nerdistill.progress import Silent
from nerdistill.report.markdown import report
from nerdistill.study.error_examples import EXAMPLES, Example, choose, example_lines
from nerdistill.study.results import collect, scored_groups
from nerdistill.study.runner import run_study
from nerdistill.study.stages import stages_of
from nerdistill.study.workspace import Workspace
from nerdistill.types import Sentence, Span
from tests.study.test_study_run import Json, _cells, _graph, study, write_study

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = ["study"]

ALSO = ('test.also=["fixed", "test"]', 'corpora.fixed.path="fixed.jsonl"')
"""Settings that name other gold labels of test, and test's own."""
SHORT = ("training.steps=2", 'regimens=["original", "distilled", "mixed"]')
"""Students that have learned next to nothing err in every way."""


@dataclass(frozen=True)
class Done:
    """A study that has run.

    Attributes:
        study: its file.
        workspace: where it ran.
        results: what it found.
    """

    study: Path
    workspace: Workspace
    results: Json

    @property
    def rows(self) -> dict[str, Json]:
        """Of its errors, by regimen."""
        rows = cast("list[Json]", cast("Json", self.results["errors"])["rows"])
        return {str(row["regimen"]): row for row in rows}


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Done:
    """A study of three regimens and two seeds, scored by other gold labels as well."""
    study, workspace = write_study(tmp_path_factory.mktemp("study")), tmp_path_factory.mktemp("w")
    _relabelled(study, "PER")
    place = Workspace(workspace)
    return Done(study, place, run_study(_graph(study, *SHORT, *ALSO), place, Silent()))


def _relabelled(study: Path, label: str) -> Path:
    """The test corpus with one type in the place of all, under a new name."""
    lines = []
    for line in study.with_name("test.jsonl").read_text(encoding="utf-8").splitlines():
        record = json.loads(line)
        entities = [{**entity, "label": label} for entity in record["entities"]]
        lines.append(json.dumps({**record, "id": f"fixed-{record['id']}", "entities": entities}))
    path = study.with_name("fixed.jsonl")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def _with(line: str, **changes: object) -> str:
    """A corpus's line with other values."""
    return json.dumps({**json.loads(line), **changes})


def _total(counts: object, *names: str) -> float:
    return sum(cast("dict[str, float]", counts)[name] for name in names)


def test_every_count_agrees_with_the_scores(done: Done) -> None:
    """Each table holds all gold entities, and the right ones make up the recall."""
    assert list(done.rows) == ["original", "distilled", "mixed"]
    of_gold = [kind for kind in KINDS if kind != "spurious"]
    for name, row in done.rows.items():
        tests = [
            cast("dict[str, float]", cell["test"])
            for cell in _cells(done.results)
            if cell["regimen"] == name
        ]
        gold = tests[0]["gold"]
        assert row["trainings"] == len(tests) == 2
        assert _total(row["kinds"], *of_gold) == pytest.approx(gold)
        right = fmean(one["recall"] * gold / 100 for one in tests)
        assert _total(row["kinds"], "correct") == pytest.approx(right, abs=1e-3)
        for part in ("by_type", "by_seen"):
            parts = cast("dict[str, Json]", row[part]).values()
            for kind in KINDS:
                total = sum(_total(counts, kind) for counts in parts)
                assert total == pytest.approx(_total(row["kinds"], kind), abs=1e-3)
        seen = cast("dict[str, Json]", row["by_seen"])
        assert sum(_total(counts, "gold") for counts in seen.values()) == pytest.approx(gold)
        confusion = cast("dict[str, dict[str, float]]", row["confusion"])
        assert sum(sum(found.values()) for found in confusion.values()) == pytest.approx(
            _total(row["kinds"], *KINDS), abs=1e-3
        )


def test_seen_is_what_a_regimen_was_trained_on(done: Done) -> None:
    """Original-only has seen no distilled entity, and distilled-only no original one."""
    seen = {
        name: [
            _total(cast("Json", row["by_seen"])[where], "gold")
            for where in ("original", "distilled")
        ]
        for name, row in done.rows.items()
    }
    assert seen["original"][0] > 0 == seen["original"][1]
    assert seen["distilled"][1] > 0 == seen["distilled"][0]
    assert seen["mixed"][0] == seen["original"][0]


def test_examples_stand_in_their_sentences(done: Done) -> None:
    """Each line names an error that its sentence shows; they are few, and the same each time."""
    cells = scored_groups(_graph(done.study, *SHORT), done.workspace)
    text = example_lines(cells, done.workspace)
    assert text == example_lines(cells, done.workspace)
    lines = [json.loads(line) for line in text.splitlines()]
    assert lines
    for line in lines:
        gold, predicted = ({tuple(one) for one in line[side]} for side in ("gold", "predicted"))
        start, end = line["span"]
        assert line["text"] == line["joiner"].join(line["tokens"][start:end])
        assert ((start, end, line["expected"]) in gold) == (line["kind"] != "spurious")
        assert ((start, end, line["found"]) in predicted) == (line["kind"] in {"spurious", "type"})
        assert line["type"] == (line["expected"] or line["found"])
        assert line["seed"] == 1
    several = Counter((line["regimen"], line["kind"], line["type"]) for line in lines)
    assert max(several.values()) <= EXAMPLES
    for regimen, row in done.rows.items():
        kinds = {line["kind"] for line in lines if line["regimen"] == regimen}
        known = {kind for kind in KINDS[1:] if _total(row["kinds"], kind)}
        assert kinds <= known


def _example(number: int, document: str) -> Example:
    """A missed entity."""
    sentence = Sentence(f"{document}#{number}", ("Ada",), spans=(Span(0, 1, "PER"),))
    (match,) = compare_spans(sentence.spans or (), ())
    case = case_of(match, sentence, Shown(frozenset(), frozenset()))
    assert case == Case("missed", "PER", "O", "unseen")
    return Example(document, sentence, (), match, case)


def test_examples_come_from_many_documents() -> None:
    """A document that holds most of the errors gives no second one before all gave one."""
    few = [_example(0, f"d{number}") for number in range(EXAMPLES - 1)]
    chosen = list(choose([*(_example(number, "big") for number in range(50)), *few]))
    assert {one.document for one in chosen} == {"big", *(one.document for one in few)}
    assert len(chosen) == EXAMPLES
    assert list(choose(reversed([_example(number, "big") for number in range(50)]))) == list(
        choose(_example(number, "big") for number in range(50))
    )


def test_the_command_writes_examples_and_section(
    done: Done, capsys: pytest.CaptureFixture[str]
) -> None:
    """A report leaves them in the workspace, and a lost file comes back."""
    place, student = done.workspace.root, done.study.parent / "student"
    given = (*SHORT, *ALSO, f"data.root={done.study.parent}", f"student.path={student}")
    words = ["study", "report", str(done.study), "--workspace", str(place)]
    for _ in range(2):
        with pytest.raises(SystemExit) as ended:
            main([*words, *(word for setting in given for word in ("--set", setting))])
        assert ended.value.code == 0
        assert len((place / "errors.jsonl").read_text(encoding="utf-8").splitlines()) > 3
        assert "## Errors" in (place / "report.md").read_text(encoding="utf-8")
        (place / "errors.jsonl").unlink()
    capsys.readouterr()


def test_other_gold_scores_the_same_predictions(done: Done) -> None:
    """Its own labels count, test's own give what seqeval gave, and the page shows both."""
    for cell in _cells(done.results):
        also, test = cast("dict[str, Json]", cell["also"]), cast("Json", cell["test"])
        assert also["test"] == test
        assert cast("Json", cast("Json", also["fixed"]["by_type"])["PER"])["gold"] == test["gold"]
        assert also["fixed"]["gold"] == test["gold"]
    page = report(done.results)
    assert "by other gold labels" in page
    assert "| regimen | distilled | test | fixed | test |" in page


def test_other_gold_trains_nothing(done: Done) -> None:
    """A finished study that is told of more gold labels has only to read them."""
    before = {stage.key for stage in stages_of(_graph(done.study, *SHORT), done.workspace)}
    new = [
        s
        for s in stages_of(_graph(done.study, *SHORT, *ALSO), done.workspace)
        if s.key not in before
    ]
    assert {stage.kind for stage in new} == {"corpus"}
    without = collect(_graph(done.study, *SHORT), done.workspace)
    assert all(cell["also"] == {} for cell in _cells(without))
    assert "by other gold labels" not in report(without)


@pytest.mark.parametrize(
    ("harm", "told"),
    [
        (
            lambda lines: [*lines[:2], _with(lines[2], tokens=["x"], entities=[]), *lines[3:]],
            "sentence 3 is not the same in {fixed} (fixed-test/0#2) and in {test} (test/0#2)",
        ),
        (lambda lines: lines[:-1], "{fixed} ends before sentence 12, {test} does not"),
        (
            lambda lines: [*lines, _with(lines[0], id="new")],
            "{test} ends before sentence 13, {fixed} does not",
        ),
        (
            lambda lines: [_with(lines[0], entities=None), *lines[1:]],
            "{fixed}: sentence fixed-test/0#0 has no labels to score by",
        ),
    ],
    ids=["other words", "too short", "too long", "no labels"],
)
def test_other_sentences_are_refused_before_anything_is_asked(
    study: Path, tmp_path: Path, harm: Callable[[list[str]], list[str]], told: str
) -> None:
    """The error names the place, and neither teacher nor student has started."""
    fixed = _relabelled(study, "LOC")
    lines = harm(fixed.read_text(encoding="utf-8").splitlines())
    fixed.write_text("\n".join(lines) + "\n", encoding="utf-8")
    with pytest.raises(ConfigError) as refused:
        run_study(_graph(study, *ALSO), Workspace(tmp_path / "work"), Silent())
    assert refused.value.message == told.format(fixed=fixed, test=study.with_name("test.jsonl"))
    stages = (tmp_path / "work" / "stages").iterdir()
    assert {stage.name.split("-")[0] for stage in stages} == {"corpus"}


def test_a_corpus_that_is_not_defined_is_named(study: Path) -> None:
    """As with every other key that names a corpus."""
    with pytest.raises(ConfigError, match=r"test\.also names 'fixed'"):
        _graph(study, 'test.also=["fixed"]')
