"""Looking at students changes nothing that they learn, and sees what there is to see."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from nerdistill.blend.curve import Constant, Linear, Step
from nerdistill.labels import spans_to_tags
from nerdistill.train import batch as batches
from nerdistill.train.observe import Observer, steps_to_observe
from nerdistill.train.recipe import Recipe
from nerdistill.train.stack import Stack
from nerdistill.train.watch import UNWATCHED, Watch, remembered
from nerdistill.train.whole import Whole
from tests.student_factory import save_tiny_student
from tests.train.runs import TAGS, WORDS, exact, planned, sentences, trained, weights
from tests.train.watched import TOKENS, watching

if TYPE_CHECKING:
    from pathlib import Path

    from nerdistill.student.tagger import Tagger
    from nerdistill.train.loop import Run, Students
    from nerdistill.train.observe import Observation

RECIPE = Recipe(steps=9, batch_size=4, learning_rate=3e-3)


@pytest.fixture
def student(tmp_path: Path) -> Path:
    """A pretrained encoder that knows the words."""
    return save_tiny_student(tmp_path / "student", WORDS)


def cohort(student: Path, *, watched: bool = True) -> list[Run]:
    """Three trainings that have nothing in common but their size and when they are looked at."""
    found = [
        planned(exact(student, seed=1), Constant(0.5), RECIPE, seed=1),
        planned(exact(student, seed=2), Linear(), RECIPE, seed=2),
        planned(exact(student, seed=3), Step(0.4), RECIPE, seed=3),
    ]
    if not watched:
        return found
    steps = steps_to_observe(RECIPE.steps, 4)
    watches = [
        watching(found[0].tagger.encoder),
        watching(found[1].tagger.encoder, seed=2),
        Watch(original=watching(found[2].tagger.encoder).original),
    ]
    return [
        replace(run, watch=watch, observed=steps) for run, watch in zip(found, watches, strict=True)
    ]


def look(students: Students, *watches: Watch) -> list[Observation]:
    """What is seen before training."""
    observer = Observer(students, watches, [0])
    observer.look(1)
    observer.look(0)
    return [seen for (seen,) in observer.seen]


def test_steps_are_evenly_spaced() -> None:
    """The first and the last are among them, none twice, and none where nobody asks."""
    assert steps_to_observe(400, 8) == (0, 50, 100, 150, 200, 250, 300, 350, 400)
    assert steps_to_observe(7, 3) == (0, 2, 5, 7)
    assert steps_to_observe(2, 8) == (0, 1, 2)
    assert steps_to_observe(9, 0) == ()


@pytest.mark.parametrize("alone", [True, False])
def test_students_end_with_the_same_bits_as_unseen_ones(student: Path, alone: bool) -> None:
    """With dropout, one by one and side by side."""
    seen, unseen = (cohort(student, watched=watched) for watched in (True, False))
    for runs in (seen, unseen):
        for group in ([run] for run in runs) if alone else [runs]:
            trained(group)
    for one, other in zip(seen, unseen, strict=True):
        before = weights(other.tagger)
        for name, weight in weights(one.tagger).items():
            assert torch.equal(weight, before[name])


def test_a_model_of_transformers_ends_with_the_same_bits(student: Path) -> None:
    """So does a student that is no BERT."""
    seen, unseen = (cohort(student, watched=watched)[0] for watched in (True, False))
    for run in (seen, unseen):
        kind = type(run.tagger.model)
        run.tagger.model.__class__ = type("Other", (kind,), {})
    (record,) = trained([seen])
    trained([unseen])
    before = weights(unseen.tagger)
    assert all(torch.equal(weight, before[name]) for name, weight in weights(seen.tagger).items())
    assert [one.step for one in record.observations] == [0, 2, 4, 7, 9]


@pytest.mark.parametrize("pieces", [8192, 20])
def test_a_student_is_seen_beside_others_as_alone(
    student: Path, pieces: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever is beside it, in whole batches and in micro-batches."""
    monkeypatch.setattr(batches, "MICRO_BATCH_PIECES", pieces)
    together = trained(cohort(student))
    for run, beside in zip(cohort(student), together, strict=True):
        (own,) = trained([run])
        assert [one.step for one in own.observations] == [0, 2, 4, 7, 9]
        for one, other in zip(own.observations, beside.observations, strict=True):
            assert one.memory == other.memory
            for name in ("loss_original", "loss_distilled", "cosine"):
                assert getattr(one, name) == pytest.approx(getattr(other, name), abs=1e-5)
        assert own.observations[-1].loss_original < own.observations[0].loss_original  # type: ignore[operator]


def test_what_is_not_there_is_not_seen(student: Path) -> None:
    """None stands where nothing was measured; a training that nobody watches sees nothing."""
    *_, bare = cohort(student)
    stack = Stack([bare.tagger.model], [1])
    (seen,) = look(stack, bare.watch)
    assert seen.loss_original is not None
    assert (seen.loss_distilled, seen.cosine, seen.memory) == (None, None, {})
    assert look(stack, UNWATCHED)[0].loss_original is None
    assert trained(cohort(student, watched=False))[0].observations == ()


@pytest.mark.parametrize("whole", [False, True])
def test_losses_and_tags_are_those_of_the_model(student: Path, whole: bool) -> None:
    """Without dropout, although the student has it."""
    tagger = exact(student)
    watch = watching(tagger.encoder)
    (seen,) = look(Whole(tagger, 1) if whole else Stack([tagger.model], [1]), watch)
    tagger.model.train(mode=False)
    logits, classes = [], []
    for sentence in sentences(18, fillers=4):
        logits.append(_logits(tagger, sentence.tokens))
        classes += [TAGS.index(tag) for tag in spans_to_tags(sentence.spans or (), len(logits[-1]))]
    loss = torch.nn.functional.cross_entropy(torch.cat(logits), torch.tensor(classes))
    assert seen.loss_original == pytest.approx(loss.item(), abs=1e-5)
    said = _logits(tagger, TOKENS).argmax(-1).numpy()
    assert seen.memory == remembered(watch, np.concatenate([said, said]))


def _logits(tagger: Tagger, tokens: tuple[str, ...]) -> torch.Tensor:
    """`(words, classes)`, of transformers' own model."""
    ((window,),) = tagger.encoder.encode([tokens])
    with torch.no_grad():
        return tagger.model(torch.tensor([window.pieces])).logits[0, list(window.heads)]  # type: ignore[no-any-return]


def test_gradients_of_one_batch_point_one_way(student: Path) -> None:
    """A batch beside itself has the cosine 1, beside wrong labels less; both are zero again."""
    tagger = exact(student)
    watch = watching(tagger.encoder)
    same = replace(watch, distilled=watch.original)
    names = watch.original.classes
    wrong = replace(watch, distilled=replace(watch.original, classes=(names + 1) % 3))
    stack = Stack([tagger.model] * 2, [1, 1])
    first, second = look(stack, same, wrong)
    assert first.cosine == 1
    assert second.cosine is not None
    assert second.cosine < 0.5
    assert not stack.weights.grads.any()
