"""Students side by side learn what each learns alone, and what transformers' own model learns."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
import torch

from nerdistill.blend.curve import Constant, Linear, Step
from nerdistill.train import batch as batches
from nerdistill.train.batch import assemble, parts
from nerdistill.train.loop import Run
from nerdistill.train.recipe import Recipe, rate_at
from nerdistill.train.stack import Stack
from nerdistill.train.weights import Weights
from nerdistill.train.whole import Whole
from tests.student_factory import save_tiny_student
from tests.train.runs import TAGS, WORDS, exact, planned, trained, weights

if TYPE_CHECKING:
    from pathlib import Path

    from nerdistill.student.tagger import Tagger

RECIPE = Recipe(steps=20, batch_size=6, learning_rate=3e-3)
CPU = torch.device("cpu")


@pytest.fixture
def student(tmp_path: Path) -> Path:
    """A pretrained encoder that knows the words."""
    return save_tiny_student(tmp_path / "student", WORDS)


@pytest.fixture(params=[1.0, 2.5])
def uneven(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Groups of one length, or of several that are padded."""
    monkeypatch.setitem(batches.UNEVEN, "cpu", request.param)


def without_dropout(student: Path) -> None:
    """Switch all dropout of a student off."""
    file = student / "config.json"
    rates = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    file.write_text(json.dumps(json.loads(file.read_text()) | rates))


def cohort(student: Path) -> list[Run]:
    """Four trainings that have nothing but their size in common."""
    restart = Recipe(steps=20, batch_size=6, learning_rate=1e-3, schedule="restart", clip=0.1)
    return [
        planned(exact(student, seed=1), Constant(0.5), RECIPE, seed=1),
        planned(exact(student, seed=2), Linear(), RECIPE, seed=2, distilled=31),
        planned(exact(student, seed=3), Step(0.4), restart, seed=3),
        planned(exact(student, seed=1), Constant(0.0), RECIPE, seed=5),
    ]


def assert_equal(
    one: dict[str, torch.Tensor], other: dict[str, torch.Tensor], *, near_zero: float = 1e-12
) -> None:
    """Every weight is the same within 1e-5 of it."""
    assert one.keys() == other.keys()
    for name, weight in one.items():
        torch.testing.assert_close(weight, other[name], rtol=1e-5, atol=near_zero, msg=name)


@pytest.mark.usefixtures("uneven")
@pytest.mark.parametrize("pieces", [8192, 20])
def test_a_student_learns_beside_others_what_it_learns_alone(
    student: Path, pieces: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With dropout, other pools, plans and seeds, a restart, whole steps or micro-batches."""
    monkeypatch.setattr(batches, "MICRO_BATCH_PIECES", pieces)
    together, alone = cohort(student), cohort(student)
    side = trained(together)
    for run, beside, record in zip(alone, together, side, strict=True):
        (own,) = trained([run])
        assert_equal(weights(run.tagger), weights(beside.tagger))
        assert own.losses == pytest.approx(record.losses, abs=1e-5)
        assert own.shown == record.shown
        assert (own.students, record.students) == (1, 4)
        assert record.useful_tokens < own.useful_tokens == 1.0


def test_dropout_differs_between_seeds_and_steps(student: Path) -> None:
    """Another seed of dropout alone makes another student."""
    first, second = (planned(exact(student), Constant(0.5), RECIPE, seed=1) for _ in range(2))
    second = Run(second.tagger, second.plan, second.pools, RECIPE, second.starts, seed=2)
    trained([first, second])
    assert not torch.equal(
        weights(first.tagger)["classifier.weight"], weights(second.tagger)["classifier.weight"]
    )


@pytest.mark.usefixtures("uneven")
def test_the_forward_pass_is_that_of_transformers(student: Path) -> None:
    """Without dropout every word's logits are those of the padded model."""
    without_dropout(student)
    runs = cohort(student)
    stack = Stack([run.tagger.model for run in runs], [run.seed for run in runs])
    stack.begin(0)
    (shown,) = zip(*(parts(run.plan[3], run.pools) for run in runs), strict=True)
    found = stack.logits(assemble(shown, CPU))
    for k, run in enumerate(runs):
        whole = Whole(run.tagger, run.seed)
        alone = whole.logits(assemble(shown[k : k + 1], CPU))[0]
        torch.testing.assert_close(found[k, : len(alone)], alone, rtol=1e-6, atol=1e-9)


def plain_training(tagger: Tagger, run: Run) -> None:
    """What everybody writes: transformers' model, torch's optimizer and clipping, one batch."""
    model = tagger.model.train()
    groups = [
        {"params": [p for p in model.parameters() if p.ndim > 1], "weight_decay": 0.01},
        {"params": [p for p in model.parameters() if p.ndim == 1], "weight_decay": 0.0},
    ]
    for step, picks in enumerate(run.plan):
        if step in run.starts:
            optimizer = torch.optim.AdamW(groups)
        for group in optimizer.param_groups:
            group["lr"] = rate_at(step, run.starts, run.recipe)
        loss = torch.zeros((), dtype=torch.float64)
        words = 0
        for pick in picks:
            pool = run.pools[pick.pool]
            for window in range(pool.windows[pick.index], pool.windows[pick.index + 1]):
                pieces = pool.pieces[pool.starts[window] : pool.starts[window + 1]]
                scored = slice(pool.words[window], pool.words[window + 1])
                logits = model(torch.tensor(pieces[None], dtype=torch.int64)).logits[0]
                heads, classes = (
                    torch.tensor(x[scored]).long() for x in (pool.heads, pool.classes)
                )
                loss += torch.nn.functional.cross_entropy(logits[heads], classes, reduction="sum")
                words += len(heads)
        (loss / words).backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(model.parameters(), run.recipe.clip)
        optimizer.step()
        optimizer.zero_grad()


@pytest.mark.parametrize("clip", [1e-2, 1.0])
def test_training_is_that_of_transformers_and_torch(student: Path, clip: float) -> None:
    """Without dropout twenty steps end where HF's model, AdamW and clip_grad_norm_ end."""
    without_dropout(student)
    recipe = Recipe(steps=20, batch_size=6, learning_rate=1e-3, schedule="restart", clip=clip)
    ours, theirs = (planned(exact(student), Step(0.5), recipe, seed=1) for _ in range(2))
    trained([ours])
    plain_training(theirs.tagger, theirs)
    # The optimizer takes the factor of clipping in single precision.
    assert_equal(weights(ours.tagger), weights(theirs.tagger), near_zero=1e-9)


def test_other_architectures_are_trained_by_their_own_model(student: Path) -> None:
    """A student that is no BERT trains alone to the same weights, and beside nobody."""
    without_dropout(student)
    ours, theirs = (planned(exact(student), Step(0.5), RECIPE, seed=1) for _ in range(2))

    class Other(type(theirs.tagger.model)):  # type: ignore[misc]
        """The same under another name."""

    theirs.tagger.model.__class__ = Other
    trained([ours])
    trained([theirs])
    assert_equal(weights(ours.tagger), weights(theirs.tagger))
    with pytest.raises(ValueError, match="alone"):
        trained([theirs, theirs])


def test_weights_come_back_as_they_went_in(student: Path) -> None:
    """Each model gets its own values, in memory that it shares with nobody."""
    taggers = [exact(student, seed=seed) for seed in (1, 2)]
    before = [weights(tagger) for tagger in taggers]
    stacked = Weights([tagger.model for tagger in taggers])
    stacked.values.mul_(2)
    stacked.write_back([tagger.model for tagger in taggers])
    stacked.values.zero_()
    for tagger, old in zip(taggers, before, strict=True):
        for name, weight in weights(tagger).items():
            assert torch.equal(weight, 2 * old[name])
    assert len(taggers[0].tags) == len(TAGS)


def test_reduced_precision_is_near(student: Path) -> None:
    """Linear layers in bfloat16, as on a GPU, change the logits by no more than that costs."""
    without_dropout(student)
    run = planned(exact(student), Constant(0.5), RECIPE, seed=1)
    torch.nn.Module.to(run.tagger.model, torch.float32)
    (part,) = parts(run.plan[0], run.pools)
    found = []
    for low in (False, True):
        stack = Stack([run.tagger.model], [1], low=low)
        stack.begin(0)
        logits = stack.logits(assemble([part], CPU))
        logits.sum().backward()  # type: ignore[no-untyped-call]
        found.append((logits.detach(), stack.weights.grads.clone()))
    (full, grads), (near, low_grads) = found
    torch.testing.assert_close(full, near, rtol=0.03, atol=0.03)
    assert torch.nn.functional.cosine_similarity(grads, low_grads).item() > 0.999
    assert not torch.equal(full, near)
