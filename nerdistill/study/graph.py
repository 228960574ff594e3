"""From what a study names to the stages that make it."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from nerdistill.annotate.error_model import load_error_model
from nerdistill.annotate.model_folder import find_model, identity_of
from nerdistill.annotate.prompt import load_prompt
from nerdistill.digest import digest_of
from nerdistill.labels import find_schema, load_schema
from nerdistill.study.asking import ASKED, LOADING, PLACES, asked
from nerdistill.study.cells import cells_of
from nerdistill.study.sources import find
from nerdistill.study.stage import Stage

if TYPE_CHECKING:
    from nerdistill.study.cell import Cell
    from nerdistill.study.config import Budget, OtherTeacher, StudyConfig, Teacher
    from nerdistill.study.phases import Regimen

VERSIONS = {
    "corpus": 1,
    "annotate": 1,
    "sample": 1,
    "distil": 2,
    "text": 1,
    "encode": 1,
    "watch": 1,
    "train": 3,
    "evaluate": 1,
}
"""Of each builder. Raise one when its results change: stages are then done anew."""


class Graph:
    """The stages of one study.

    Raises:
        AssetError: a file or folder that the study names does not exist.
        ConfigError: a regimen that does not exist.
    """

    def __init__(self, config: StudyConfig) -> None:
        self.config = config
        files = [one.path for one in config.corpora.values()]
        self.root = self._find(config.data.root, *files, kind="data.root")
        self.schema = find_schema(config.labels)
        student = self._find(config.student.path, kind="student")
        self.student, self.student_name = student.resolve(), student.name
        self.types = list(load_schema(self.schema).names)

    def file(self, name: str) -> Path:
        """A file below `data.root`."""
        return self._find(self.root / name, name, kind="data file")

    def _find(self, path: str | Path, *names: str, kind: str) -> Path:
        """What the study names; where it is missing, its error tells what fetches it."""
        root = Path(self.config.data.root)
        told = (str(path), *names, *(str(root / name) for name in names))
        return find(path, self.config.sources, *told, kind=kind)

    def corpus(self, name: str) -> Stage:
        """Read, select and check one corpus."""
        source = self.config.corpora[name]
        files = {"source": self.file(source.path)}
        if source.keep:
            files["keep"] = self.file(source.keep.file)
        params = {
            "format": source.format,
            "tag_column": source.tag_column,
            "first": source.first,
            "keep": source.keep.field if source.keep else None,
            "types": self.types,
        }
        return Stage("corpus", VERSIONS["corpus"], params, {}, files, title=f"read {name}")

    def _bare(self, name: str) -> Stage:
        """Read one corpus without its labels, which may be of any types."""
        read = self.corpus(name)
        title = f"read the text of {name}"
        return replace(read, params={**read.params, "types": None}, title=title)

    @cached_property
    def also(self) -> dict[str, Stage]:
        """Read further gold labels of the test sentences, by their corpora's names."""
        same = {"same": self.corpus(self.config.test.corpus)}
        return {name: replace(self.corpus(name), inputs=same) for name in self.config.test.also}

    def teacher(self, other: OtherTeacher | None = None) -> Teacher:
        """The study's teacher, or another, which differs from it as it says."""
        if other is None:
            return self.config.teacher
        own = other.model_dump(exclude={"name"}, exclude_none=True)
        annotator = own.get("annotator", self.config.teacher.annotator)
        named = {} if annotator in ASKED else {"model": other.name}
        return self.config.teacher.model_copy(update={**named, **own})

    def annotation(self, name: str, other: OtherTeacher | None = None) -> Stage:
        """Let a teacher label one corpus."""
        return self._annotated(self.corpus(name), name, other)

    def annotated_sample(self, sample: Stage, other: OtherTeacher | None = None) -> Stage | None:
        """Let a teacher label an original sample, whose labels it never sees; None: it cannot.

        Recorded replies are of the sentences that they were recorded for.
        """
        if self.teacher(other).annotator == "replay":
            return None
        return self._annotated(sample, f"what was made by: {sample.title}", other)

    def _annotated(self, corpus: Stage, about: str, other: OtherTeacher | None) -> Stage:
        teacher = self.teacher(other)
        params: dict[str, object] = {
            "annotator": teacher.annotator,
            "model": teacher.model,
            "prompt": teacher.prompt,
            "prompt_digest": load_prompt(teacher.prompt).digest,
        }
        files = {"labels": self.schema}
        inputs = {"corpus": corpus}
        if teacher.annotator == "replay":
            replies = [self.file(path) for path in teacher.replies]
            files |= {f"replies-{i}": path for i, path in enumerate(replies)}
        elif teacher.annotator == "simulated":
            params |= {
                "error_scale": teacher.error_scale,
                "error_model": digest_of(load_error_model().model_dump()),
                "seed": teacher.seed,
            }
        params |= asked(teacher)
        if teacher.examples:
            inputs["examples"] = self.corpus(teacher.examples)
        title = f"{teacher.annotator} labels {about}"
        aside = {key: getattr(teacher, key) for key in PLACES}
        if teacher.annotator in LOADING and teacher.base_url is None:
            # A model's folder may lie elsewhere on another machine: its content is in the key.
            named = self._find(teacher.model, kind="model")
            folder = find_model(named, teacher.vllm_arguments)
            params["model"], aside["model"] = identity_of(folder), str(folder)
        return Stage("annotate", VERSIONS["annotate"], params, inputs, files, aside, title)

    def sample(self, budget: Budget, subset_seed: int) -> Stage:
        """Draw the original sample, apart from everything that it must not share."""
        config = self.config
        apart = dict.fromkeys([*config.teacher.corpora, *config.original.apart_from])
        inputs = {"pool": self.corpus(config.original.corpus), **self._heldout()}
        inputs |= {f"apart-{name}": self.corpus(name) for name in apart}
        params = {
            "budget": budget,
            "seed": subset_seed,
            "unit": config.original.unit,
            "validation": config.validation.labels,
            "drop_duplicates": config.drop_duplicates,
        }
        title = f"draw {budget} original sentences (subset {subset_seed})"
        return Stage("sample", VERSIONS["sample"], params, inputs, title=title)

    def distilled(
        self, names: tuple[str, ...], *, gold: bool = False, other: OtherTeacher | None = None
    ) -> Stage:
        """Gather a distilled pool from a teacher's labels, or gold in their place."""
        sources = {
            name: self.corpus(name) if gold else self.annotation(name, other) for name in names
        }
        params = {"gold": gold, "drop_duplicates": self.config.drop_duplicates}
        inputs = {f"from-{name}": stage for name, stage in sources.items()}
        # What is kept back follows from the text alone: the same of teacher's labels and of gold.
        inputs |= {f"text-{name}": self.corpus(name) for name in names}
        inputs |= self._heldout()
        by = f" by {other.name}" if other else ""
        title = f"gather {'gold' if gold else 'distilled'} {'+'.join(names)}{by}"
        return Stage("distil", VERSIONS["distil"], params, inputs, title=title)

    def unlabelled(self, sample: Stage) -> Stage:
        """Gather the text that students label and nobody else, apart from all that has labels."""
        teacher = self.config.teacher
        apart = [*teacher.corpora, *([teacher.examples] if teacher.examples else [])]
        inputs = {f"text-{name}": self._bare(name) for name in self.config.unlabelled}
        inputs |= {"sample": sample, **{f"apart-{name}": self.corpus(name) for name in apart}}
        inputs |= self._heldout()
        params = {"drop_duplicates": self.config.drop_duplicates}
        title = f"gather unlabelled text of {'+'.join(self.config.unlabelled)}"
        return Stage("text", VERSIONS["text"], params, inputs, title=title)

    def _heldout(self) -> dict[str, Stage]:
        test = {"heldout-test": self.corpus(self.config.test.corpus)}
        if self.config.validation.labels == "capped":
            return test
        return {"heldout-validation": self.corpus(self.config.validation.corpus), **test}

    def encoded(self, corpus: Stage) -> Stage:
        """Cut a labelled corpus into the student's word pieces, once for all who train on it."""
        params, files = {"types": self.types}, {"student": self.student}
        title = f"encode what was made by: {corpus.title}"
        inputs = {"corpus": corpus}
        return Stage("encode", VERSIONS["encode"], params, inputs, files, title=title)

    def watch(
        self, names: tuple[str, ...], sample: Stage, other: OtherTeacher | None = None
    ) -> Stage:
        """Gather what trainings are watched with: sentences of a distilled pool and of validation.

        Args:
            names: the corpora of the pool.
            sample: of original sentences; it holds the validation data where these are capped.
            other: the teacher, where it is not the study's own.
        """
        capped = self.config.validation.labels == "capped"
        inputs = {
            "pool": self.distilled(names, other=other),
            "validation": sample if capped else self.corpus(self.config.validation.corpus),
            **{
                f"gold-{name}": self.corpus(name)
                for name in names
                if name in self.config.teacher.ceiling
            },
        }
        params, files = {"types": self.types}, {"student": self.student}
        title = f"choose what to watch of {'+'.join(names)}"
        return Stage("watch", VERSIONS["watch"], params, inputs, files, title=title)

    def train(
        self,
        regimen: Regimen,
        *,
        sample: Stage,
        pool: Stage | None,
        seed: int,
        title: str,
        watch: Stage | None = None,
    ) -> Stage:
        """Train one student. It reads only the pools that its curve shows."""
        params = {
            "types": self.types,
            "curve": regimen.spec(self.config.mean_share),
            "schedule": regimen.schedule,
            "seed": seed,
            **self.config.training.model_dump(),
        }
        if regimen.steps != 1.0 or regimen.rate != 1.0:
            params["steps"] = max(1, round(self.config.training.steps * regimen.steps))
            params["learning_rate"] = self.config.training.learning_rate * regimen.rate
        inputs: dict[str, Stage] = {}
        if regimen.parameters.get("share") != 1.0:
            inputs["original"] = self.encoded(sample)
        if pool is not None:
            inputs["distilled"] = self.encoded(pool)
        if watch is not None and self.config.training.observations:
            inputs["watch"] = watch
        files = {"student": self.student}
        return Stage("train", VERSIONS["train"], params, inputs, files, title=f"train {title}")

    def evaluate(self, model: Stage, corpus: Stage, title: str) -> Stage:
        """Score one student on one corpus, or on the validation part of a sample."""
        inputs = {"model": model, "corpus": corpus}
        return Stage("evaluate", VERSIONS["evaluate"], {}, inputs, title=title)

    @cached_property
    def cells(self) -> list[Cell]:
        """Every cell: regimens and pools by budget, subset and seed. Shared cells stand once."""
        return cells_of(self)
