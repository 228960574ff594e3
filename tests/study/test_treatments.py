"""Treated pools in a study: who judges what, and that the study runs, resumes and reports."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import pytest

from nerdistill.blend.error_rates import share_right, sorts
from nerdistill.blend.folds import cut_folds
from nerdistill.corpus.formats import read_corpus
from nerdistill.errors import ConfigError
from nerdistill.progress import Silent
from nerdistill.study.executors import prepare
from nerdistill.study.phases import PHASES, Treatment
from nerdistill.study.runner import run_stages, run_study
from nerdistill.study.stage import in_order
from nerdistill.study.stages import stages_of
from nerdistill.study.workspace import Workspace
from tests.student_factory import one_thread
from tests.study.test_study_run import Json, _cells, _graph, study, write_study

if TYPE_CHECKING:
    from pathlib import Path

    from nerdistill.study.graph import Graph
    from nerdistill.study.stage import Stage
    from nerdistill.types import Corpus

__all__ = ["one_thread", "study"]

TREATED = [one.name for one in PHASES[5] if isinstance(one.treatment, Treatment)]
BEYOND = {"self-trained-unlabelled", "committee-unlabelled"}
REGIMENS = f"regimens={json.dumps(['simple-mix', *TREATED])}"


@dataclass(frozen=True, slots=True)
class Ran:
    """A study with every treatment, finished."""

    graph: Graph
    workspace: Workspace
    results: Json


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """One run for all who look at it, with students side by side."""
    folder = tmp_path_factory.mktemp("treated")
    graph, workspace = treating(write_study(folder)), Workspace(folder / "work")
    return Ran(graph, workspace, run_study(graph, workspace, Silent(), cohort=16))


def treating(study: Path, *settings: str) -> Graph:
    """A study of the treatments of phase 5 alone; the text of the original pool is there, too."""
    text = 'unlabelled=["human"]'
    return _graph(study, "phases=[5]", REGIMENS, "seeds=[1]", text, *settings)


def _shown(graph: Graph) -> dict[str, Stage]:
    """The pool that each treated regimen trains on."""
    return {
        cell.regimen.name: cell.train.inputs["distilled"].inputs["corpus"]
        for cell in graph.cells
        if cell.regimen.candidate
    }


def _made(stage: Stage, workspace: Workspace) -> Corpus:
    return read_corpus(workspace.folder(stage) / "corpus.jsonl", format="jsonl")


def _documents(stage: Stage, workspace: Workspace) -> set[str]:
    return {document.id for document in _made(stage, workspace).documents}


def test_no_held_out_sentence_makes_labels(study: Path) -> None:
    """What a treated pool is made of reads validation and test only to count duplicates."""
    graph = treating(study)
    held_out = {graph.corpus(name).key for name in ("validation", "test")}
    for pool in _shown(graph).values():
        # What trainings are watched with changes none of them.
        for stage in (one for one in in_order([pool]) if one.kind != "watch"):
            read = {role for role, one in stage.inputs.items() if one.key in held_out}
            assert read <= {"heldout-validation", "heldout-test"}


def test_nobody_judges_what_it_learnt(ran: Ran) -> None:
    """Judges of a fold have never seen a document of it; the exceptions are called self-trained."""
    for name, pool in _shown(ran.graph).items():
        judged = [one for one in in_order([pool]) if one.kind == "predict"]
        assert judged or name == "masked"
        overlaps = False
        for stage in judged:
            taught = stage.inputs["model"].inputs.get("distilled")
            seen = _documents(taught.inputs["corpus"], ran.workspace) if taught else set()
            overlaps |= bool(seen & _documents(stage.inputs["corpus"], ran.workspace))
        assert overlaps == name.startswith("self-trained")


def test_folds_are_whole_documents_of_the_pool(ran: Ran) -> None:
    """A fold and the rest are the pool, and what cuts a pool cuts it the same way every time."""
    pool = ran.graph.cells[0].pool
    assert pool is not None
    whole = read_corpus(ran.workspace.folder(pool) / "corpus.jsonl", format="jsonl")
    own = [{document.id for document in fold.documents} for fold in cut_folds(whole, 2)]
    for stage in (one for one in stages_of(ran.graph, ran.workspace) if one.kind == "fold"):
        fold = cast("int", stage.params["fold"])
        wanted = own[fold] if stage.params["part"] == "own" else own[1 - fold]
        assert _documents(stage, ran.workspace) == wanted


def test_treated_regimens_stand_beside_simple_mix(ran: Ran) -> None:
    """All have scores and the same pool's name, and show equally much of it."""
    cells = _cells(ran.results)
    assert [cell["regimen"] for cell in cells] == ["simple-mix", *TREATED]
    assert {str(cell["distilled"]) for cell in cells} == {"web"}
    assert len({sum(cast("dict[str, int]", c["examples"]).values()) for c in cells}) == 1
    for name, pool in _shown(ran.graph).items():
        told = ran.workspace.result(pool)
        assert told["added"] == (30 - 12 if name in BEYOND else 0)
        assert told["sentences"] == 36 + told["added"]
        assert (told["changed"] == 0) == (name in {"confidence", "masked", "agreed"})


def test_text_that_nobody_labelled_gets_the_judges_labels(ran: Ran) -> None:
    """Its own gold is never read, and no sentence of it stands elsewhere."""
    graph, workspace = ran.graph, ran.workspace
    sample = {one.text for one in _made(graph.cells[0].sample, workspace).sentences}
    gold = {one.text: one for one in _made(graph.corpus("human"), workspace).sentences}
    for name in BEYOND:
        pool = _shown(graph)[name]
        text = _made(pool.inputs["text"], workspace)
        assert {one.text for one in text.sentences} == gold.keys() - sample
        assert all(one.spans is None for one in text.sentences)
        added = [one for one in _made(pool, workspace).sentences if one.id.startswith("human/")]
        assert [one.id for one in added] == [one.id for one in text.sentences]
        assert all(one.weights and max(one.weights) <= 1 for one in added)
        # A student of a few steps knows little: gold would have been another story.
        assert [one.spans for one in added] != [gold[one.text].spans for one in added]
        plain = _made(_shown(graph)[name.removesuffix("-unlabelled")], workspace)
        assert list(_made(pool, workspace).documents)[: len(plain.documents)] == [*plain.documents]


def test_text_that_stands_elsewhere_is_none(study: Path, tmp_path: Path) -> None:
    """A study without other text says so before anybody is asked or trained."""
    graph = treating(study, 'original.budgets=["all"]')
    workspace = Workspace(tmp_path / "work")
    with pytest.raises(ConfigError, match="unlabelled: of 30 sentences none is left"):
        run_study(graph, workspace, Silent())
    done = {stage.kind for stage in stages_of(graph, workspace) if workspace.record(stage)}
    assert done == {"corpus", "sample"}


def test_teachers_are_asked_before_anybody_is_trained(study: Path, tmp_path: Path) -> None:
    """A server need not stay until the last seed's turn."""
    graph = treating(study, "seeds=[1, 2]")
    kinds = [stage.kind for stage in stages_of(graph, Workspace(tmp_path / "work"))]
    asked = [place for place, kind in enumerate(kinds) if kind == "annotate"]
    assert len(asked) == 1 + 2
    assert asked[-1] < kinds.index("train")


def _text(graph: Graph, folder: Path) -> list[str]:
    """What a study gathers for students to label, each sentence by its last word."""
    workspace = Workspace(folder / "work")
    (stage,) = {one.key: one for one in stages_of(graph, workspace) if one.kind == "text"}.values()
    run_stages("text", list(in_order([stage])), workspace, Silent())
    return [one.tokens[-1] for one in _made(stage, workspace).sentences]


def _rewritten(study: Path, name: str, corpora: tuple[str, ...], label: str) -> str:
    """Put sentences of some corpora into another: its setting for a study."""
    rows = []
    for corpus in corpora:
        for line in (study.parent / f"{corpus}.jsonl").read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            entities = [{**one, "label": label} for one in row["entities"]]
            text = "  ".join(row["tokens"]).upper()
            tokens = text.split()
            rows.append({"id": row["id"], "text": text, "tokens": tokens, "entities": entities})
    text = "".join(json.dumps(row) + "\n" for row in rows)
    (study.parent / f"{name}.jsonl").write_text(text, encoding="utf-8")
    return f'corpora.{name}={{path="{name}.jsonl"}}'


def test_labels_of_unlabelled_text_may_be_of_any_type(study: Path, tmp_path: Path) -> None:
    """They are not read, so no schema has to know them."""
    other = _rewritten(study, "foreign", ("human",), "MONUMENT")
    assert len(_text(treating(study, other, 'unlabelled=["foreign"]'), tmp_path)) == 30 - 12


def test_text_is_the_same_in_other_case_and_white_space(study: Path, tmp_path: Path) -> None:
    """Words of columns and raw text of one sentence are no two sentences."""
    other = _rewritten(study, "raw", ("test", "validation", "web"), "PER")
    with pytest.raises(ConfigError, match="unlabelled: of 60 sentences none is left"):
        _text(treating(study, other, 'unlabelled=["raw"]'), tmp_path)


def test_text_of_the_teachers_examples_is_labelled(study: Path, tmp_path: Path) -> None:
    """People labelled the sentences that the teacher is shown."""
    other = _rewritten(study, "shown", ("human",), "PER")
    settings = (other, 'teacher.examples="shown"', 'unlabelled=["human"]')
    with pytest.raises(ConfigError, match="unlabelled: of 30 sentences none is left"):
        _text(treating(study, *settings), tmp_path)


def test_text_repeats_no_capped_validation(study: Path, tmp_path: Path) -> None:
    """Where duplicates are dropped, those of validation are, wherever it was drawn."""
    human = (study.parent / "human.jsonl").read_text(encoding="utf-8")
    # Other numbers make near-duplicates.
    twins = re.sub(r'"1(\d{3})"', r'"7\1"', human)
    (study.parent / "twins.jsonl").write_text(twins, encoding="utf-8")
    capped = ('validation.labels="capped"', "original.budgets=[20]", "drop_duplicates=true")
    other = ('corpora.twins={path="twins.jsonl"}', 'unlabelled=["twins"]')
    graph = treating(study, *capped, *other)
    numbers = _text(graph, tmp_path)
    folder = Workspace(tmp_path / "work").folder(graph.cells[0].sample)
    validation = read_corpus(folder / "validation.jsonl", format="jsonl")
    assert len(validation)
    assert numbers
    assert not {f"7{one.tokens[-1][1:]}" for one in validation.sentences} & {*numbers}


def test_unlabelled_text_is_asked_for_only_where_there_is_some(study: Path) -> None:
    """Without it, regimens that need it are left out."""
    names = {cell.regimen.name for cell in treating(study, "unlabelled=[]").cells}
    assert names == {"simple-mix", *TREATED} - BEYOND


def test_masks_follow_the_teachers_own_errors_where_it_can_be_asked(ran: Ran) -> None:
    """A teacher labels the original sample, too, and is audited on it like on any corpus."""
    masked = _shown(ran.graph)["masked"]
    sample, asked = masked.inputs["sample"], masked.inputs["asked"]
    assert asked.inputs["corpus"].key == sample.key
    assert not any(one.kind == "predict" for one in in_order([masked]))
    labels = _made(asked, ran.workspace)
    assert ran.workspace.result(asked)["scored"] == 12
    rates = share_right(
        list(_made(sample, ran.workspace).sentences), [one.spans or () for one in labels.sentences]
    )
    for sentence in _made(masked, ran.workspace).sentences:
        wanted = [rates.get(sort, 1.0) for sort in sorts(sentence, sentence.spans or ())]
        assert sentence.weights == pytest.approx(wanted)


def test_a_teacher_is_audited_on_the_original_sample(ran: Ran) -> None:
    """Where it was asked about it: the only gold there is, where text was unlabelled before."""
    rows = cast("list[Json]", ran.results["teacher"])
    assert [row["corpus"] for row in rows] == ["web", "original sample of 12"]
    asked = _shown(ran.graph)["masked"].inputs["asked"]
    assert rows[1]["f1"] == ran.workspace.result(asked)["f1"]


def test_a_student_stands_in_for_replies_that_were_recorded(study: Path) -> None:
    """Nobody can ask a file what it would say of other sentences."""
    replay = treating(study, 'teacher.annotator="replay"', 'teacher.replies=["web.jsonl"]')
    masked = _shown(replay)["masked"]
    assert "asked" not in masked.inputs
    assert [one.inputs["corpus"].kind for one in in_order([masked]) if one.kind == "predict"] == [
        "sample"
    ]


def test_a_second_run_builds_nothing(ran: Ran) -> None:
    """Students, what they said and what came of it are kept, as all else is."""
    records = [
        ran.workspace.folder(stage) / "record.json" for stage in stages_of(ran.graph, ran.workspace)
    ]
    before = [record.stat().st_mtime_ns for record in records]
    assert run_study(ran.graph, ran.workspace, Silent()) == ran.results
    assert [record.stat().st_mtime_ns for record in records] == before


def test_cohorts_wait_for_their_pools(ran: Ran) -> None:
    """Judges are trained side by side, then those who learn from what they said."""
    trainings = [stage for stage in stages_of(ran.graph, ran.workspace) if stage.kind == "train"]
    beside = {ran.workspace.result(stage)["students"] for stage in trainings}
    # Masks come from the teacher, which has been asked before.
    learners = len(TREATED) - 1
    unwatched = sum("watch" not in one.inputs for one in trainings)
    assert beside == {learners, unwatched, len(trainings) - learners - unwatched}


def test_what_waits_for_students_is_left_to_those_who_train(study: Path, tmp_path: Path) -> None:
    """Executors prepare what no student is needed for: pools are cut, none is treated yet."""
    graph, workspace = treating(study), Workspace(tmp_path / "work")
    assert prepare(graph, workspace, Silent())
    done = {stage.kind for stage in stages_of(graph, workspace) if workspace.record(stage)}
    assert done == {"annotate", "corpus", "sample", "distil", "text", "fold", "encode", "watch"} | (
        {"treat"}  # of masked alone, which asks the teacher
    )


def test_what_judges_share_is_trained_once(study: Path) -> None:
    """Treatments with the same judges share their trainings, and cells' own students judge, too."""
    graph = treating(study, 'regimens="all"', "phases=[1, 3, 5]")
    stages = in_order([cell.validation for cell in graph.cells])
    trainings = [stage for stage in stages if stage.kind == "train"]
    cells = {cell.train.key for cell in graph.cells}
    # Simple Mix without each of two folds.
    assert len({stage.key for stage in trainings} - cells) == 2


@pytest.mark.parametrize("seed", [1, 2])
def test_another_seed_asks_other_judges(study: Path, seed: int) -> None:
    """A treated pool belongs to one seed and one original sample."""
    pools = _shown(treating(study, f"seeds=[{seed}]"))
    others = _shown(treating(study, f"seeds=[{seed}]", "original.subset_seeds=[5]"))
    third = _shown(treating(study, f"seeds=[{seed + 2}]"))
    for name, pool in pools.items():
        assert pool.key not in {others[name].key, third[name].key}
