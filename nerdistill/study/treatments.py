"""Which stages a treated pool needs: students that judge the teacher's labels, and what they say.

A judge that learns from the distilled pool is trained once for each fold, on the original sample
and the other folds, and judges that fold alone. One that learns from the original sample alone
judges the whole pool. No validation or test sentence is read.

What the teacher gets wrong is seen on the original sample, which it is asked to label, too; where
there are but recorded replies, a student of its labels alone stands in.

A selected pool is the part of the distilled one that the teacher would have been asked for. Who
selects may ask a student of the original sample, never one that learnt the teacher's labels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from nerdistill.study.phases import ORIGINAL, PHASES, Selection
from nerdistill.study.stage import Stage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nerdistill.study.config import OtherTeacher
    from nerdistill.study.graph import Graph
    from nerdistill.study.phases import Regimen, Treatment

VERSIONS = {"fold": 1, "predict": 1, "select": 2, "treat": 3}
"""Of each builder, as in `graph.VERSIONS`."""


def treated(
    graph: Graph,
    treatment: Treatment | Selection,
    *,
    pool: Stage,
    sample: Stage,
    seed: int,
    watch: Stage | None,
    other: OtherTeacher | None = None,
) -> Stage:
    """The stage that makes another pool of a distilled one.

    Args:
        graph: the study.
        treatment: what is done, or which part is taken.
        pool: what the teacher labelled.
        sample: the original sentences; judges are trained on them, too.
        seed: of the judges.
        watch: what the study's own trainings on this pool are watched with: judges on all of it
            are these.
        other: the teacher, where it is not the study's own.
    """
    bench = _Bench(graph, pool, sample, seed, watch)
    if isinstance(treatment, Selection):
        return bench.select(treatment)
    inputs = {"pool": pool}
    if treatment.how == "masked":
        asked = graph.annotated_sample(sample, other)
        inputs |= {"sample": sample}
        inputs |= {"asked": asked} if asked else dict(bench.on_sample(treatment))
    else:
        inputs |= dict(bench.on_pool(treatment))
    if treatment.beyond:
        text = graph.unlabelled(sample)
        inputs |= {"text": text, **dict(bench.on_text(treatment, text))}
    if treatment.how == "confidence":
        inputs |= bench.labels()
    params = {
        "how": treatment.how,
        "folds": treatment.folds,
        "types": graph.types,
    }
    judges = "the teacher" if "asked" in inputs else " and ".join(treatment.judges)
    title = f"{treatment.how} after {judges}, seed {seed}: {pool.title}"
    if treatment.beyond:
        title += f" and {inputs['text'].title}"
    return Stage("treat", VERSIONS["treat"], params, inputs, title=title)


@dataclass(frozen=True, slots=True)
class _Bench:
    """Where judges come from; attributes as in `treated`."""

    graph: Graph
    pool: Stage
    sample: Stage
    seed: int
    watch: Stage | None

    def on_pool(self, treatment: Treatment) -> Iterator[tuple[str, Stage]]:
        """What each judge says of the pool, by role: `whole-JUDGE` or `fold-JUDGE-FOLD`."""
        for role, model, judged in self._judges(treatment):
            yield role, self._predict(model, judged)

    def on_text(self, treatment: Treatment, text: Stage) -> Iterator[tuple[str, Stage]]:
        """What each judge of the pool says of all of another text: `text-` before its role."""
        for role, model, _ in self._judges(treatment):
            yield f"text-{role}", self._predict(model, text)

    def _judges(self, treatment: Treatment) -> Iterator[tuple[str, Stage, Stage]]:
        """Each student's role, the stage that trains it, and what it judges of the pool."""
        for number, judge in enumerate(map(_regimen, treatment.judges)):
            if judge.pools == "none":
                yield f"whole-{number}", self._train(judge, None), self.pool
            elif treatment.folds == 1:
                yield f"whole-{number}", self._train(judge, self.pool), self.pool
            else:
                for fold in range(treatment.folds):
                    rest, own = (
                        self._fold(treatment.folds, fold, part) for part in ("rest", "own")
                    )
                    model = self._train(judge, rest, f", without fold {fold}", watched=False)
                    yield f"fold-{number}-{fold}", model, own

    def on_sample(self, treatment: Treatment) -> Iterator[tuple[str, Stage]]:
        """What students who learnt the teacher's labels alone say of the original sample."""
        for number, judge in enumerate(map(_regimen, treatment.judges)):
            yield f"whole-{number}", self._predict(self._train(judge, self.pool), self.sample)

    def select(self, selection: Selection) -> Stage:
        """The stage that takes a part of the pool."""
        params: dict[str, object] = {"by": selection.by, "share": selection.share}
        inputs = {"pool": self.pool, **self.labels()}
        if selection.by == "random":
            params["seed"] = self.seed
        elif selection.by == "diverse":
            inputs["sample"] = self.sample
        else:
            inputs["opinion"] = self._predict(self._train(ORIGINAL, None), self.pool)
        title = f"select {selection.share:.0%} of the words, {selection.by}, seed {self.seed}"
        title += f": {self.pool.title}"
        return Stage("select", VERSIONS["select"], params, inputs, title=title)

    def labels(self) -> dict[str, Stage]:
        """What the teacher said of each corpus of the pool, with its confidence and its cost."""
        return {role: one for role, one in self.pool.inputs.items() if role.startswith("from-")}

    def _fold(self, folds: int, fold: int, part: str) -> Stage:
        params = {"folds": folds, "fold": fold, "part": part}
        title = f"fold {fold} of {folds}, {part}, of what was made by: {self.pool.title}"
        return Stage("fold", VERSIONS["fold"], params, {"pool": self.pool}, title=title)

    def _train(
        self,
        judge: Regimen,
        pool: Stage | None,
        more: str = "",
        *,
        watched: bool = True,
    ) -> Stage:
        return self.graph.train(
            judge,
            sample=self.sample,
            pool=pool,
            seed=self.seed,
            title=f"judge {judge.name}{more}, seed {self.seed}",
            watch=self.watch if watched else None,
        )

    def _predict(self, model: Stage, corpus: Stage) -> Stage:
        inputs = {"model": model, "corpus": corpus}
        title = f"ask what was made by: {model.title}"
        return Stage("predict", VERSIONS["predict"], {}, inputs, title=title)


def _regimen(name: str) -> Regimen:
    """The built-in regimen of a name."""
    return next(one for members in PHASES.values() for one in members if one.name == name)
