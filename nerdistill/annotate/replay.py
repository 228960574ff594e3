"""The replay annotator: answers from recorded replies, found by the text that they are about."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Literal, NamedTuple

from nerdistill import assets
from nerdistill.annotate.protocol import Failure, Reply, Request
from nerdistill.digest import Digest, digest_of
from nerdistill.errors import CorpusError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

SHOWN = 60
"""Characters of a sentence that a failure shows."""


class _Recorded(NamedTuple):
    text: str
    finish: Literal["stop", "length"]


class ReplayAnnotator:
    """Answers from files of JSON lines such as `{"text": "Ada won.", "reply": "…"}`.

    `tokens` may stand in place of `text`; a reply may also be a JSON value, and `"finish":
    "length"` marks one that was cut off. Other keys are passed over. Where one text has several
    replies, the first stands.

    Attributes:
        conflicts: how many recorded replies differ from an earlier one to the same text.

    Raises:
        AssetError: a file does not exist.
        CorpusError: a line is not a recorded reply; the message names it.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        self.conflicts = 0
        self._replies: dict[str, _Recorded] = {}
        for path in paths:
            self._load(assets.find(path, kind="file of replies"))

    def __len__(self) -> int:
        """How many texts have a reply."""
        return len(self._replies)

    def answer(self, requests: Iterable[Request]) -> Iterator[Reply | Failure]:
        """The recorded reply to each request's one sentence, in order."""
        for request in requests:
            recorded = self._find(request)
            if recorded is None:
                (sentence,) = request.sentences
                start = " ".join(sentence.text[:SHOWN].split())
                yield Failure(
                    request.key,
                    "no_reply",
                    f"no recorded reply to “{start}”: name a file that has one with --replies, or "
                    "take the sentence out of the corpus",
                )
            else:
                yield Reply(request.key, recorded.text, recorded.finish)

    def basis(self, request: Request) -> Digest | None:
        """The digest of the reply that a request will get."""
        recorded = self._find(request)
        return None if recorded is None else digest_of(recorded)

    def _find(self, request: Request) -> _Recorded | None:
        (sentence,) = request.sentences
        found = self._replies.get(sentence.text)
        return found or self._replies.get(" ".join(sentence.tokens))

    def _load(self, path: Path) -> None:
        try:
            with path.open("rb") as stream:
                for number, line in enumerate(stream, start=1):
                    if line.strip():
                        self._add(*_parse(line, f"{path}:{number}"))
        except OSError as error:
            raise CorpusError(
                f"{path}: cannot be read: {error.strerror}", "Name a readable file of replies."
            ) from error

    def _add(self, texts: tuple[str, ...], recorded: _Recorded) -> None:
        known = [self._replies[text] for text in texts if text in self._replies]
        self.conflicts += any(other != recorded for other in known)
        for text in texts:
            self._replies.setdefault(text, recorded)


def _parse(line: bytes, place: str) -> tuple[tuple[str, ...], _Recorded]:
    """The texts that a recorded reply is about, and the reply."""
    hint = 'Each line looks like {"text": "Ada won.", "reply": "{\\"entities\\": []}"}.'
    try:
        record = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise CorpusError(f"{place}: not JSON: {error}", hint) from error
    if not isinstance(record, dict):
        raise CorpusError(f"{place}: not a JSON object", hint)
    text, tokens, reply = record.get("text"), record.get("tokens"), record.get("reply")
    texts = [text] if isinstance(text, str) else []
    if isinstance(tokens, list) and tokens and all(isinstance(word, str) for word in tokens):
        texts.append(" ".join(tokens))
    if not texts:
        raise CorpusError(f"{place}: neither `text` nor `tokens`", hint)
    if reply is None:
        raise CorpusError(f"{place}: no `reply`", hint)
    written = reply if isinstance(reply, str) else json.dumps(reply, ensure_ascii=False)
    finish: Literal["stop", "length"] = "length" if record.get("finish") == "length" else "stop"
    return tuple(texts), _Recorded(written, finish)
