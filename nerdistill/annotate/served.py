"""The vllm annotator with a server of its own, which runs from the first question to the end."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING, Self

from nerdistill.annotate.chat import ChatAnnotator
from nerdistill.annotate.model_folder import find_model
from nerdistill.annotate.serve import served

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from types import TracebackType

    from nerdistill.annotate.endpoint import ChatSettings
    from nerdistill.annotate.protocol import Failure, Reply, Request
    from nerdistill.annotate.serve import ServeSettings
    from nerdistill.progress import Progress


class ServedAnnotator:
    """Asks a vLLM server that runs from the first question until the `with` block ends.

    Where the store can answer everything, no server is started.

    Args:
        settings: how to start it.
        chat: how to ask it; its address is filled in.
        progress: is told of the start, and of a failure.

    Attributes:
        folder: the model's.

    Raises:
        AssetError: the folder holds no model that can be served.
    """

    def __init__(self, settings: ServeSettings, chat: ChatSettings, progress: Progress) -> None:
        self.folder = find_model(settings.model, settings.extra)
        self._settings, self._chat, self._progress = settings, chat, progress
        self._stack = ExitStack()
        self._annotator: ChatAnnotator | None = None

    def __enter__(self) -> Self:
        """Nothing is started yet."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the server, and wait for the GPUs' memory."""
        self._annotator = None
        self._stack.__exit__(kind, error, trace)

    @property
    def in_flight(self) -> int:
        """Requests that are being asked."""
        return self._annotator.in_flight if self._annotator else 0

    def answer(self, requests: Iterable[Request]) -> Iterator[Reply | Failure]:
        """One reply or failure for each request.

        Raises:
            AnnotationError: the server did not start, or died.
        """
        waiting = iter(requests)
        for first in waiting:
            if self._annotator is None:
                self._annotator = self._start()
            yield from self._annotator.answer(chain([first], waiting))

    def _start(self) -> ChatAnnotator:
        server = self._stack.enter_context(served(self._settings, self._progress))
        dialect = replace(self._chat.dialect, model=server.model)
        return ChatAnnotator(replace(self._chat, base_url=server.base_url, dialect=dialect))
