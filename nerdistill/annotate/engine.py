"""The process that holds vLLM, seen from this side: it is started, asked, and ended."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import BaseModel

from nerdistill.annotate import gpu, inprocess_worker
from nerdistill.annotate.child import start_child
from nerdistill.annotate.model_folder import name_of
from nerdistill.annotate.serve import engine_arguments, failure, serve_environment, temporary_log

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nerdistill.annotate.child import Child
    from nerdistill.annotate.serve import ServeSettings
    from nerdistill.errors import AnnotationError
    from nerdistill.progress import Progress

PAUSE = 0.5
CHUNK = 1 << 16
ENDING = 10.0
"""Seconds between a worker's last word and its end."""


class Answer(BaseModel):
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


@dataclass
class Engine:
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

    def answers(self) -> Iterator[Answer]:
        """The answers to a batch, as they come."""
        while True:
            answer = self.next(None)
            if answer is None or answer.done:
                return
            yield answer

    def next(self, patience: float | None) -> Answer | None:
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
        return Answer.model_validate_json(line)

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


def start_engine(settings: ServeSettings, progress: Progress) -> Engine:
    """Start vLLM and wait until the model is loaded."""
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
    engine = Engine(child, questions, replies, before, progress)
    try:
        _wait_until_ready(engine, settings)
    except BaseException:
        engine.stop(settings.grace)
        raise
    return engine


def _wait_until_ready(engine: Engine, settings: ServeSettings) -> None:
    ends = time.monotonic() + settings.patience
    title = f"load {name_of(settings.model)}"
    with engine.progress.task(title, total=None, unit="checks") as task:
        while engine.next(PAUSE) is None:
            if time.monotonic() >= ends:
                told = f"vLLM was not ready within {settings.patience:g} s"
                raise failure(engine.child, told, engine.progress)
            task.advance()
