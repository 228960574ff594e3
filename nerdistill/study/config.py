"""What a study's TOML file holds: its tables and keys, each with its meaning."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveInt

from nerdistill.study.sources import Sources  # noqa: TC001 - read at run time

Share = Annotated[float, Field(ge=0, le=1)]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._+-]*$", max_length=60)]
Factor = Annotated[float, Field(gt=0, le=100)]
Budget = PositiveInt | Literal["all"]


class Section(BaseModel):
    """A table of the file: unknown keys are errors, values do not change."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class Keep(Section):
    """Which sentences of a corpus file to keep, by running number from 0."""

    file: str
    """A JSONL file, below `data.root`, that names the numbers."""
    field: str
    """The key of each of its records that holds a number."""


class CorpusFile(Section):
    """One corpus: a file, or a part of it."""

    path: str
    """The file, below `data.root`."""
    format: Literal["conll", "jsonl", "parquet", "text"] | None = None
    """Of the file; guessed from its name where absent."""
    tag_column: int = -1
    """CoNLL columns: which one holds the tag, from 0, or from the end."""
    first: int = 0
    """The running number, from 0, of the first sentence to keep."""
    keep: Keep | None = None
    """Keep only the sentences that another file names."""


class Data(Section):
    """Where the files lie."""

    root: str = "."
    """A folder: absolute, or below the current folder, or below nerdistill's home."""


class Teacher(Section):
    """The annotator, and what it labels."""

    annotator: str = "replay"
    """The backend: openai, vllm, vllm-offline, replay or simulated."""
    model: Annotated[str, Field(min_length=1)] = "teacher"
    """Its model: the name that a server knows it by, or for vllm and vllm-offline its folder."""
    corpora: Annotated[list[Name], Field(min_length=1)]
    """The corpora to label. With two or more, distilled data are tried apart and together."""
    prompt: str = "standard"
    """A prompt template that ships with nerdistill, or a file."""
    temperature: Annotated[float, Field(ge=0, le=2)] = 0.0
    """Of the model's draw; votes need more than 0."""
    max_tokens: PositiveInt = 1024
    """Of a reply; one that is cut off is asked for again with more, up to four times this."""
    sampling_seed: int | None = None
    """Of the model's draw, where its server takes one."""
    extra_body: dict[str, object] = {}
    """Further fields for the server, such as chat_template_kwargs.enable_thinking = false."""
    structured: Literal["schema", "object", "none"] = "schema"
    """Hold replies to a JSON schema, to any JSON, or to nothing."""
    votes: Annotated[int, Field(ge=1, le=100)] = 1
    """Draw so many replies to each prompt and let them vote."""
    verify: bool = False
    """Ask in a second pass whether each entity is right."""
    sentences_per_request: Annotated[int, Field(ge=1, le=100)] = 1
    """Pack so many sentences into one request."""
    examples: Name | None = None
    """A labelled corpus to show examples from; labels saved counts all of its human labels."""
    shots: PositiveInt = 5
    """How many examples a request shows."""
    choose: str = "bm25"
    """Which examples: fixed, bm25, or an encoder's folder."""
    base_url: str | Annotated[list[str], Field(min_length=1)] | None = None
    """openai, vllm: where the server's API starts, or a list of such: servers of one model share
    the requests. The place changes no result."""
    azure_version: str | None = None
    """openai: version of the Azure API."""
    max_concurrency: PositiveInt | None = None
    """openai, vllm: requests in flight at most."""
    timeout: Annotated[float, Field(gt=0)] = 120.0
    """openai, vllm: seconds for one attempt."""
    deadline: Annotated[float, Field(gt=0)] = 600.0
    """openai, vllm: seconds for one request, all attempts together."""
    patience: Annotated[float, Field(gt=0)] = 60.0
    """openai, vllm: seconds without any answer after which the server is taken for dead."""
    answers_as: list[str] = []
    """openai, vllm: other names that the model may answer under."""
    max_model_len: PositiveInt | None = None
    """A vLLM that the study starts: tokens of prompt and reply."""
    gpus: PositiveInt = 1
    """A vLLM that the study starts: how many share the model."""
    vllm_python: str | None = None
    """A vLLM that the study starts: the interpreter that has it."""
    vllm_arguments: list[str] = []
    """A vLLM that the study starts: passed on."""
    replies: list[str] = []
    """replay: files of recorded replies, below `data.root`."""
    error_scale: Annotated[float, Field(ge=0, le=10)] = 1.0
    """simulated: how much worse than the measured error model; 0 makes no errors."""
    seed: int = 0
    """simulated: of the errors."""
    ceiling: list[Name] = []
    """Those of `corpora` that bring gold: also train on their gold labels, as a ceiling."""

    @property
    def base_urls(self) -> tuple[str, ...]:
        """Every server that is named."""
        named = self.base_url or ()
        return (named,) if isinstance(named, str) else tuple(named)


class Tuning(Section):
    """Other settings for original data alone, so that it is not beaten by being badly trained."""

    steps: Annotated[list[Factor], Field(min_length=1)] = [0.5, 1.0, 2.0]
    """Times training.steps."""
    learning_rate: Annotated[list[Factor], Field(min_length=1)] = [0.5, 1.0]
    """Times training.learning_rate; each goes with each of the steps."""


class OtherTeacher(Section):
    """Another annotator of the same corpora, as a rung of a ladder of quality."""

    name: Name
    """As tables and figures call it."""
    annotator: str | None = None
    """Its backend; this and all that follows is as in [teacher] where it is absent."""
    model: Annotated[str, Field(min_length=1)] | None = None
    """Its model."""
    prompt: str | None = None
    """Its prompt template."""
    replies: list[str] | None = None
    """replay: files of recorded replies, below `data.root`."""
    error_scale: Annotated[float, Field(ge=0, le=10)] | None = None
    """simulated: how much worse than the measured error model."""


class Original(Section):
    """The human-labelled data."""

    corpus: Name
    """Where sentences are drawn from."""
    budgets: Annotated[list[Budget], Field(min_length=1)]
    """How many sentences, or "all"; smaller draws are part of larger ones."""
    ladder: list[Budget] = []
    """More budgets, for original data alone: rungs of the curve that labels saved are read from."""
    tune: Tuning = Tuning()
    unit: Literal["sentence", "document"] = "sentence"
    """Draw sentences one by one, or whole documents, the last one cut short."""
    subset_seeds: Annotated[list[int], Field(min_length=1)] | Literal["seed"] = "seed"
    """"seed": each seed draws its own sample; or numbers: each draws one, with which every seed
    trains."""
    apart_from: list[Name] = []
    """Corpora with which the sample shares no document and no sentence; teachers' always count."""


class Validation(Section):
    """The human-labelled data that choose the winner."""

    corpus: Name
    """For labels = "full"."""
    labels: Literal["full", "capped"] = "full"
    """`full`: this corpus; `capped`: at most a fifth of the original sample, taken out of it."""


class Heldout(Section):
    """The data that only the final report reads."""

    corpus: Name
    """Its human labels score every cell once."""
    also: list[Name] = []
    """Corpora of the same sentences with other gold labels, such as corrected ones, that score the
    same predictions."""


class Student(Section):
    """The pretrained encoder to train."""

    path: str
    """Its folder: absolute, or below the current folder, or below nerdistill's home."""


class Training(Section):
    """Settings that every cell shares."""

    steps: PositiveInt = 400
    """Optimizer steps of every cell, but of those whose name says otherwise and of tuning."""
    batch_size: PositiveInt = 16
    """Sentences in a step."""
    learning_rate: Annotated[float, Field(gt=0, lt=1)] = 3e-4
    """At its peak."""
    warmup: Share = 0.1
    """Share of the steps in which the rate rises; then it falls to 0 in a line."""
    weight_decay: Annotated[float, Field(ge=0)] = 0.01
    """Of AdamW."""
    clip: Annotated[float, Field(gt=0)] = 1.0
    """The norm that the gradient is cut to."""
    window_steps: PositiveInt = 32
    """Steps that are filled with sentences of similar length together, to save padding."""
    observations: Annotated[int, Field(ge=0)] = 8
    """How often, besides at the start, training records what was learnt and forgotten; 0: never."""


class OwnCurve(Section):
    """A regimen of the user's own."""

    name: Name
    """As tables and figures call it."""
    kind: str
    """constant, step, linear, cosine, sigmoid, power or exponential."""
    parameters: dict[str, float] = {}
    """Of the kind, such as { exponent = 3 } of a power; a wrong one is told with those it takes."""
    mean_share: Share | Literal["as-is"] = "as-is"
    """Warp the curve to this mean share of distilled data, or leave it."""
    schedule: Literal["single", "restart"] = "single"
    """Of a step: one learning-rate schedule, or a new warm-up and optimizer for each stage."""


class StudyConfig(Section):
    """A whole study."""

    name: Name
    """Of its workspace and its bundle."""
    title: str
    """The head of its report."""
    note: str = ""
    """Printed in the head of every table, such as "illustration, not evidence"."""
    labels: str = "conll"
    """A label schema that ships with nerdistill, or a file."""
    seeds: Annotated[list[int], Field(min_length=1)] = [1]
    """Each trains every regimen once."""
    phases: Annotated[list[Literal[1, 2, 3, 4, 5, 6]], Field(min_length=1)] = [1, 2, 3]
    """1: what each kind of label is worth; 2: regimens; 3: blending curves; 4: what the order does;
    5: other uses of distilled labels; 6: teacher quality, with `other_teachers`."""
    regimens: list[Name] | Literal["all"] = "all"
    """Which of the built-in regimens to run."""
    mean_share: Share = 0.5
    """Mean share of distilled data in the shuffled mix, Simple Mix and all curves of phase 3."""
    drop_duplicates: bool = False
    """Take sentences that repeat one of validation or test out of the training pools."""
    unlabelled: list[Name] = []
    """Corpora whose text students label in phase 5, the teacher not; labels that they bring are
    not read."""
    curves: list[OwnCurve] = []
    """More regimens, for phase 3."""
    other_teachers: list[OtherTeacher] = []
    """For phase 6: each labels what [teacher] labels."""
    other_teachers_regimens: Annotated[list[Name], Field(min_length=1)] = [
        "distilled",
        "simple-mix",
    ]
    """Which built-in regimens phase 6 runs with each of them; of those of phase 5 that need to be
    chosen, each teacher's best on validation meets test."""
    data: Data = Data()
    corpora: dict[Name, CorpusFile]
    teacher: Teacher
    original: Original
    validation: Validation
    test: Heldout
    student: Student
    training: Training = Training()
    sources: Sources = {}
    """Where a bundle fetches folders that are not on the disk, by the path the study names."""
