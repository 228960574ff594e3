"""Questions about the demo corpus, and a plain client."""

from __future__ import annotations

import json
from http.client import HTTPConnection
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from nerdistill.annotate.prompt import build_requests, load_prompt
from nerdistill.annotate.protocol import Sampling
from nerdistill.annotate.wire import Dialect, body_of
from nerdistill.corpus.formats import read_corpus
from nerdistill.labels import load_schema
from tests.vllm.tiny_model import CORPUS, QUOTE

if TYPE_CHECKING:
    from nerdistill.annotate.protocol import Request
    from nerdistill.annotate.serve import Server
    from nerdistill.labels import LabelSchema

BRIEF = f'{{"logit_bias":{{"{QUOTE}":4.0}}}}'
"""Without it a model of random weights hardly ever ends a string."""
DIALECT = Dialect("max_tokens", logprobs=True)


def schema() -> LabelSchema:
    """The entity types."""
    return load_schema("conll")


def questions(count: int, *, max_tokens: int = 120) -> list[Request]:
    """Requests about the first sentences of the demo corpus, with lively replies."""
    return list(
        build_requests(
            list(read_corpus(CORPUS).sentences)[:count],
            prompt=load_prompt("standard"),
            schema=schema(),
            model="tiny",
            sampling=Sampling(temperature=1.0, max_tokens=max_tokens, seed=1, extra=BRIEF),
        )
    )


def get(server: Server, path: str) -> bytes:
    """What the server says to a plain question."""
    status, body = _ask(server, "GET", path, None, "")
    assert status == 200, body
    return body


def post(server: Server, body: dict[str, object], key: str) -> tuple[int, bytes]:
    """Status and body of a server's answer to a chat request."""
    return _ask(server, "POST", "/v1/chat/completions", json.dumps(body).encode(), key)


def body(request: Request) -> dict[str, object]:
    """A request as it is sent."""
    return body_of(request, DIALECT)


def _ask(
    server: Server, method: str, path: str, content: bytes | None, key: str
) -> tuple[int, bytes]:
    connection = HTTPConnection(urlsplit(server.base_url).netloc, timeout=120)
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {key}"}
    try:
        connection.request(method, path, content, headers)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()
