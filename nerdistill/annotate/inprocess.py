"""The annotator `vllm-offline`: vLLM in a process of its own, for big batches without a server."""

from __future__ import annotations

import json
import os
import select
import shutil
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING, Literal, Self

from pydantic import BaseModel

from nerdistill.annotate import gpu, inprocess_worker
from nerdistill.annotate.child import start_child
from nerdistill.annotate.model_folder import find_model, name_of
from nerdistill.annotate.protocol import Failure, Reply
from nerdistill.annotate.serve import engine_arguments, failure, serve_environment, temporary_log

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from types import TracebackType

    from nerdistill.annotate.child import Child
    from nerdistill.annotate.protocol import Request
    from nerdistill.annotate.serve import ServeSettings
    from nerdistill.errors import AnnotationError
    from nerdistill.progress import Progress

BATCH = 2000
"""Requests that vLLM gets at once: enough to keep it busy, few enough to keep memory flat."""
PAUSE = 0.5
CHUNK = 1 << 16
ENDING = 10.0
"""Seconds between a worker's last word and its end."""


class _Answer(BaseModel):
    """A line of the worker: to a question, or that it is ready or done."""

    at: int = -1
    ready: bool = False
    done: bool = False
    refused: str | None = None
    text: str = ""
    finish: str | None = None
    tokens_in: int = 0
    tokens_out: int = 0
    tokens_cached: int = 0
    logprobs: tuple[tuple[str, float], ...] | None = None


class OfflineAnnotator:
    """Answers with a model that is loaded with the first request, and kept until the block ends.

    When the block has ended, the GPUs' memory is free. Should this process be killed, vLLM ends.

    Args:
        settings: how to start vLLM; its port stands for nothing.
        progress: is told of the start, and of a failure.
        logprobs: whether replies carry log-probabilities.
        batch: requests that vLLM gets at once.

    Attributes:
        model: the name that replies are known by.
        in_flight: requests that vLLM has.

    Raises:
        AssetError: the folder holds no model that can be loaded.
    """

    def __init__(
        self,
        settings: ServeSettings,
        progress: Progress,
        *,
        logprobs: bool = True,
        batch: int = BATCH,
    ) -> None:
        folder = find_model(settings.model, settings.extra)
        self.settings = replace(settings, model=folder)
        self.model = name_of(folder)
        self.in_flight = 0
        self._progress, self._logprobs, self._batch = progress, logprobs, batch
        self._worker: _Worker | None = None

    def __enter__(self) -> Self:
        """Nothing is loaded yet."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End vLLM, and wait for the GPUs' memory where nothing else went wrong."""
        worker, self._worker = self._worker, None
        if worker is None:
            return
        worker.stop(self.settings.grace)
        if error is None:
            if self.settings.log is None:
                shutil.rmtree(worker.child.log.parent)
            gpu.wait_until_free(worker.before)

    def answer(self, requests: Iterable[Request]) -> Iterator[Reply | Failure]:
        """One reply or failure for each request, a batch after the other.

        Raises:
            AnnotationError: vLLM did not start, or died.
        """
        waiting = iter(requests)
        for first in waiting:
            # Only now: where everything is stored, no model needs to be loaded.
            if self._worker is None:
                self._worker = _start(self.settings, self._progress)
            batch = [first, *islice(waiting, self._batch - 1)]
            self.in_flight = len(batch)
            try:
                yield from self._asked(self._worker, batch)
            except BaseException:
                # What it still has to say belongs to questions that nobody waits for any more.
                self._worker.stop(self.settings.grace)
                self._worker = None
                raise
            finally:
                self.in_flight = 0

    def _asked(self, worker: _Worker, batch: list[Request]) -> Iterator[Reply | Failure]:
        worker.write([_question(request, logprobs=self._logprobs) for request in batch])
        for answer in worker.answers():
            self.in_flight -= 1
            yield _read(batch[answer.at], answer, self.model)


@dataclass
class _Worker:
    """The process that holds vLLM.

    Attributes:
        child: the process.
        questions: the pipe to write to.
        replies: the pipe to read from.
        before: MiB in use by GPU before it was started.
        progress: is told of a failure.
    """

    child: Child
    questions: int
    replies: int
    before: dict[str, int]
    progress: Progress
    rest: bytes = b""

    def write(self, batch: list[dict[str, object]]) -> None:
        """Ask a batch of questions."""
        # In ASCII, so that text that UTF-8 cannot hold passes too.
        text = "".join(f"{json.dumps(question)}\n" for question in batch)
        try:
            with os.fdopen(self.questions, "wb", closefd=False) as stream:
                stream.write(f"{text}\n".encode())
        except BrokenPipeError:
            raise self.lost() from None

    def answers(self) -> Iterator[_Answer]:
        """The answers to a batch, as they come."""
        while True:
            answer = self.next(None)
            if answer is None or answer.done:
                return
            yield answer

    def next(self, patience: float | None) -> _Answer | None:
        """The worker's next line; None where none came within `patience` seconds.

        Raises:
            AnnotationError: the worker is gone.
        """
        ends = None if patience is None else time.monotonic() + patience
        while b"\n" not in self.rest:
            gone = self.child.exit_code() is not None
            if select.select([self.replies], [], [], 0 if gone else PAUSE)[0]:
                read = os.read(self.replies, CHUNK)
                self.rest += read
                gone = not read
            if gone:
                raise self.lost()
            if ends is not None and time.monotonic() >= ends:
                return None
        line, _, self.rest = self.rest.partition(b"\n")
        return _Answer.model_validate_json(line)

    def lost(self) -> AnnotationError:
        """What to raise where the worker is gone."""
        with suppress(subprocess.TimeoutExpired):
            self.child.process.wait(ENDING)
        code = self.child.exit_code()
        return failure(self.child, f"vLLM ended with exit code {code}", self.progress)

    def stop(self, grace: float) -> None:
        """End it, whatever it does."""
        os.close(self.questions)
        self.child.stop(grace)
        os.close(self.replies)


def _start(settings: ServeSettings, progress: Progress) -> _Worker:
    """Start a worker and wait until the model is loaded."""
    asked, questions = os.pipe()
    replies, told = os.pipe()
    # -P: this package's modules must not stand in for those of the standard library.
    program = [str(settings.python or sys.executable), "-P", inprocess_worker.__file__]
    before = gpu.memory_used()
    try:
        child = start_child(
            [*program, str(asked), str(told), *engine_arguments(settings)],
            environment={**serve_environment(os.environ), "VLLM_WORKER_MULTIPROC_METHOD": "spawn"},
            log=settings.log or temporary_log(),
            pass_fds=(asked, told),
        )
    except BaseException:
        os.close(questions)
        os.close(replies)
        raise
    finally:
        os.close(asked)
        os.close(told)
    worker = _Worker(child, questions, replies, before, progress)
    try:
        _wait_until_ready(worker, settings)
    except BaseException:
        worker.stop(settings.grace)
        raise
    return worker


def _wait_until_ready(worker: _Worker, settings: ServeSettings) -> None:
    ends = time.monotonic() + settings.patience
    title = f"load {name_of(settings.model)}"
    with worker.progress.task(title, total=None, unit="checks") as task:
        while worker.next(PAUSE) is None:
            if time.monotonic() >= ends:
                told = f"vLLM was not ready within {settings.patience:g} s"
                raise failure(worker.child, told, worker.progress)
            task.advance()


def _question(request: Request, *, logprobs: bool) -> dict[str, object]:
    sampling = request.sampling
    return {
        "messages": [{"role": m.role, "content": m.content} for m in request.messages],
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "max_tokens": sampling.max_tokens,
        # Draws of one prompt must differ.
        "seed": None if sampling.seed is None else sampling.seed + request.sample,
        "schema": request.schema,
        "extra": json.loads(sampling.extra),
        "logprobs": logprobs,
    }


def _read(request: Request, answer: _Answer, model: str) -> Reply | Failure:
    if answer.refused is not None:
        return Failure(request.key, "refused", f"vLLM refused it: {answer.refused}")
    if answer.finish not in {"stop", "length"}:
        return Failure(request.key, "server", f"vLLM ended the reply with {answer.finish!r}")
    finish: Literal["stop", "length"] = "length" if answer.finish == "length" else "stop"
    return Reply(
        request.key,
        answer.text,
        finish,
        answer.tokens_in,
        answer.tokens_out,
        answer.logprobs,
        answer.tokens_cached,
        model,
    )
