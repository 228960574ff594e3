"""The annotators that can be chosen by name."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from nerdistill import offline
from nerdistill.annotate.breaker import PATIENCE
from nerdistill.annotate.secrets import key_from
from nerdistill.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from nerdistill.annotate.endpoint import ChatSettings
    from nerdistill.annotate.protocol import Annotator
    from nerdistill.annotate.serve import ServeSettings
    from nerdistill.labels import LabelSchema
    from nerdistill.progress import Progress

OPENAI = "https://api.openai.com/v1"
CONCURRENCY = {"openai": 64, "vllm": 256}
"""Requests in flight at most, where the user does not say."""


@dataclass(frozen=True, slots=True)
class BackendSettings:
    """What backends are made from; each takes what concerns it.

    Attributes:
        schema: the entity types.
        model: of openai: the model's name; of vllm: that, or a model folder, or None for the one
            model that a server serves; of vllm-offline: a model folder.
        base_urls: of openai and vllm: where the API starts of each server of the model.
        azure_version: of openai: version of the Azure API; None for everybody else's.
        max_concurrency: of openai and vllm: requests in flight at most; None for a usual number.
        timeout: of openai and vllm: seconds for one attempt.
        deadline: of openai and vllm: seconds for one request, all attempts together.
        patience: of openai and vllm: seconds without any answer until the server is taken for dead.
        batch_journal: of openai: use the Batch API, and write there what was handed in.
        answers_as: of openai and vllm: other names that the model may answer under.
        logprobs: of openai, vllm and vllm-offline: whether to ask for log-probabilities.
        max_model_len: of a vLLM that is started: tokens of prompt and reply; None: the model's.
        gpus: of a vLLM that is started: how many share the model.
        vllm_python: of a vLLM that is started: the interpreter that has it; None: this one.
        vllm_arguments: of a vLLM that is started: passed on.
        replies: of replay: files of recorded replies.
        error_scale: of simulated: times the measured errors; 0 is a perfect teacher.
        seed: of simulated.
    """

    schema: LabelSchema
    model: str | None = None
    base_urls: tuple[str, ...] = ()
    azure_version: str | None = None
    max_concurrency: int | None = None
    timeout: float = 120.0
    deadline: float = 600.0
    patience: float = PATIENCE
    batch_journal: Path | None = None
    answers_as: tuple[str, ...] = ()
    logprobs: bool = True
    max_model_len: int | None = None
    gpus: int = 1
    vllm_python: Path | None = None
    vllm_arguments: tuple[str, ...] = ()
    replies: tuple[Path, ...] = ()
    error_scale: float = 1.0
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Teacher:
    """An annotator, and the name by which its model is asked and its labels are known."""

    annotator: Annotator
    model: str


@contextmanager
def open_teacher(name: str, settings: BackendSettings, progress: Progress) -> Iterator[Teacher]:
    """The annotator of a name; what it starts is stopped when the `with` block ends.

    Raises:
        ConfigError: it lacks a setting, or an API key in the environment.
        AnnotationError: its server cannot be reached.
    """
    with ExitStack() as stack:
        yield BACKENDS[name](settings, progress, stack)


def _openai(settings: BackendSettings, progress: Progress, _stack: ExitStack) -> Teacher:
    from nerdistill.annotate.chat import ChatAnnotator
    from nerdistill.annotate.endpoint import Azure, ChatSettings
    from nerdistill.annotate.wire import Dialect

    if settings.model is None:
        raise ConfigError(
            "the openai annotator is not told which model to ask",
            "Name it with --model, such as gpt-4o; for Azure the deployment's name.",
        )
    azure = None
    if settings.azure_version is not None:
        azure = Azure(settings.azure_version, settings.model)
        if not settings.base_urls:
            raise ConfigError(
                "Azure has no address of its own", "Name your resource's with --base-url."
            )
    variable = "OPENAI_API_KEY" if azure is None else "AZURE_OPENAI_API_KEY"
    urls = settings.base_urls or (OPENAI,)
    chat = ChatSettings(
        urls[0],
        key_from(variable, required=not settings.base_urls or azure is not None),
        Dialect("max_completion_tokens", settings.logprobs),
        max_concurrency=settings.max_concurrency or CONCURRENCY["openai"],
        timeout=settings.timeout,
        deadline=settings.deadline,
        patience=settings.patience,
        answers_as=settings.answers_as,
        # A deployment's name says nothing about its model's.
        any_model=azure is not None,
        azure=azure,
    )
    for url in urls:
        offline.allow_through_proxy(url)
    if settings.batch_journal is None:
        chats = [replace(chat, base_url=url) for url in urls]
        return Teacher(ChatAnnotator(*chats, progress=progress), settings.model)
    if len(urls) > 1:
        raise ConfigError("batches are handed in to one server", "Name one --base-url.")
    if azure is not None:
        raise ConfigError(
            "batches of Azure need a deployment of their own kind, which is not supported",
            "Leave out --batch.",
        )
    from nerdistill.annotate.batch import BatchAnnotator
    from nerdistill.annotate.batch_journal import BatchJournal

    journal = BatchJournal(settings.batch_journal)
    return Teacher(BatchAnnotator(chat, journal, progress), settings.model)


def _vllm(settings: BackendSettings, progress: Progress, stack: ExitStack) -> Teacher:
    from nerdistill.annotate.chat import ChatAnnotator
    from nerdistill.annotate.endpoint import ChatSettings
    from nerdistill.annotate.wire import Dialect

    if not settings.base_urls and settings.model is None:
        raise ConfigError(
            "the vllm annotator has neither server nor model folder",
            "Name a server that runs with --base-url, such as http://127.0.0.1:8000/v1, or a "
            "model folder with --model: it is then served while it is needed.",
        )
    chat = ChatSettings(
        "",
        key_from("VLLM_API_KEY", required=False),
        Dialect("max_tokens", settings.logprobs),
        max_concurrency=settings.max_concurrency or CONCURRENCY["vllm"],
        timeout=settings.timeout,
        deadline=settings.deadline,
        patience=settings.patience,
        answers_as=settings.answers_as,
    )
    if not settings.base_urls:
        from nerdistill.annotate.model_folder import identity_of
        from nerdistill.annotate.served import ServedAnnotator

        annotator = stack.enter_context(ServedAnnotator(_to_serve(settings), chat, progress))
        return Teacher(annotator, identity_of(annotator.folder))
    chats = [replace(chat, base_url=url) for url in dict.fromkeys(settings.base_urls)]
    model = settings.model
    for one in chats:
        offline.allow(one.base_url)
        model = _model_of(one, model)
    return Teacher(ChatAnnotator(*chats, progress=progress), str(model))


def _model_of(chat: ChatSettings, model: str | None) -> str:
    """The name of the model to ask a server for: the one that was named, or its only one."""
    from nerdistill.annotate.endpoint import served_models

    served = served_models(chat)
    if model is None and len(served) == 1:
        return served[0]
    if model not in served:
        asked = "no model is named" if model is None else f"it does not serve {model!r}"
        raise ConfigError(
            f"{chat.base_url}: {asked}", f"It serves {', '.join(served)}: --model names one."
        )
    return str(model)


def _offline(settings: BackendSettings, progress: Progress, stack: ExitStack) -> Teacher:
    from nerdistill.annotate.inprocess import OfflineAnnotator
    from nerdistill.annotate.model_folder import identity_of

    annotator = stack.enter_context(
        OfflineAnnotator(_to_serve(settings), progress, logprobs=settings.logprobs)
    )
    return Teacher(annotator, identity_of(annotator.settings.model))


def _to_serve(settings: BackendSettings) -> ServeSettings:
    """How to start vLLM."""
    from nerdistill.annotate.serve import ServeSettings

    if settings.model is None:
        raise ConfigError(
            "vLLM is not told which model to load", "Name the model's folder with --model."
        )
    return ServeSettings(
        Path(settings.model),
        max_model_len=settings.max_model_len,
        tensor_parallel_size=settings.gpus if settings.gpus > 1 else None,
        python=settings.vllm_python,
        extra=settings.vllm_arguments,
    )


def _replay(settings: BackendSettings, _progress: Progress, _stack: ExitStack) -> Teacher:
    from nerdistill.annotate.replay import ReplayAnnotator

    if not settings.replies:
        raise ConfigError(
            "the replay annotator has no recorded replies", "Name files of them with --replies."
        )
    return Teacher(ReplayAnnotator(settings.replies), settings.model or "replay")


def _simulated(settings: BackendSettings, _progress: Progress, _stack: ExitStack) -> Teacher:
    from nerdistill.annotate.error_model import load_error_model
    from nerdistill.annotate.simulated import SimulatedAnnotator

    errors = load_error_model().scaled(settings.error_scale)
    annotator = SimulatedAnnotator(settings.schema, errors, settings.seed)
    return Teacher(annotator, settings.model or "simulated")


BACKENDS: dict[str, Callable[[BackendSettings, Progress, ExitStack], Teacher]] = {
    "openai": _openai,
    "vllm": _vllm,
    "vllm-offline": _offline,
    "replay": _replay,
    "simulated": _simulated,
}
RECORDED = frozenset({"replay", "simulated"})
"""Annotators that ask no language model: one sentence a request, one reply to each."""


def check_questions(name: str, *, per_request: int, verify: bool) -> None:
    """See that an annotator can answer such questions.

    Raises:
        ConfigError: it cannot.
    """
    if name in RECORDED and (per_request > 1 or verify):
        raise ConfigError(
            f"the {name} annotator knows one kind of question: what is in one sentence",
            "Leave out --sentences-per-request and --verify (in a study the same words).",
        )
