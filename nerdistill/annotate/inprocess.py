"""The annotator `vllm-offline`: vLLM in a process of its own, for big batches without a server."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Literal, Self

from nerdistill.annotate import gpu
from nerdistill.annotate.engine import start_engine
from nerdistill.annotate.model_folder import find_model, name_of
from nerdistill.annotate.protocol import Failure, Reply

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from types import TracebackType

    from nerdistill.annotate.engine import Answer, Engine
    from nerdistill.annotate.protocol import Request
    from nerdistill.annotate.serve import ServeSettings
    from nerdistill.progress import Progress

BATCH = 2000
"""Requests that vLLM gets at once: enough to keep it busy, few enough to keep memory flat."""


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
        self._engine: Engine | None = None

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
        engine, self._engine = self._engine, None
        if engine is None:
            return
        engine.stop(self.settings.grace)
        if error is None:
            if self.settings.log is None:
                shutil.rmtree(engine.child.log.parent)
            gpu.wait_until_free(engine.before)

    def answer(self, requests: Iterable[Request]) -> Iterator[Reply | Failure]:
        """One reply or failure for each request, a batch after the other.

        Raises:
            AnnotationError: vLLM did not start, or died.
        """
        waiting = iter(requests)
        for first in waiting:
            # Only now: where everything is stored, no model needs to be loaded.
            if self._engine is None:
                self._engine = start_engine(self.settings, self._progress)
            batch = [first, *islice(waiting, self._batch - 1)]
            self.in_flight = len(batch)
            try:
                yield from self._asked(self._engine, batch)
            except BaseException:
                # What it still has to say belongs to questions that nobody waits for any more.
                self._engine.stop(self.settings.grace)
                self._engine = None
                raise
            finally:
                self.in_flight = 0

    def _asked(self, engine: Engine, batch: list[Request]) -> Iterator[Reply | Failure]:
        engine.write([_question(request, logprobs=self._logprobs) for request in batch])
        for answer in engine.answers():
            self.in_flight -= 1
            yield _read(batch[answer.at], answer, self.model)


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


def _read(request: Request, answer: Answer, model: str) -> Reply | Failure:
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
