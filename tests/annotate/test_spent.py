"""What labels cost: tokens by sentence, of whole and of shared requests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nerdistill.annotate.protocol import Reply
from nerdistill.annotate.replies import ReplyStore
from nerdistill.annotate.spent import tokens_of
from nerdistill.digest import Digest
from nerdistill.types import Annotation, Provenance

if TYPE_CHECKING:
    from pathlib import Path


def _labelled(sentence: str, request: str) -> Annotation:
    source = Provenance("openai", "m", Digest("prompt"), Digest(request))
    return Annotation(sentence, (), (), source, ())


def _store(folder: Path, **tokens: tuple[int, int]) -> ReplyStore:
    store = ReplyStore(folder / "replies.sqlite")
    for request, (read, written) in tokens.items():
        store.add(Reply(Digest(request), "{}", "stop", read, written))
    return store


def test_a_request_is_shared_by_its_sentences(tmp_path: Path) -> None:
    """Each sentence pays its part, and each vote costs what the first one did."""
    labels = [_labelled("a", "one"), _labelled("b", "two"), _labelled("c", "two")]
    with _store(tmp_path, one=(100, 7), two=(120, 30)) as store:
        assert tokens_of(labels, store) == {
            "a": 100 + 7,
            "b": (120 + 30) / 2,
            "c": (120 + 30) / 2,
        }
        assert tokens_of(labels[:1], store, votes=3) == {"a": 3 * 107}


def test_what_nobody_counts_is_unknown(tmp_path: Path) -> None:
    """A backend without tokens has no costs, rather than none to pay."""
    with _store(tmp_path, one=(0, 0)) as store:
        assert tokens_of([_labelled("a", "one")], store) == {}
        assert tokens_of([], store) == {}
