"""The batches of the fault server, as the official client drives them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from openai import OpenAI
    from openai.types import Batch

    from tests.fault_server.client import FaultServer


@pytest.fixture
def client(fault_server: FaultServer) -> Iterator[OpenAI]:
    """The official client."""
    from openai import OpenAI

    with OpenAI(base_url=fault_server.base_url, api_key="k", max_retries=0) as opened:
        yield opened


def hand_in(client: OpenAI, *names: str) -> Batch:
    """A batch that asks about names, until it has ended."""
    lines = [
        {
            "custom_id": name,
            "method": "POST",
            "url": "/v1/chat/completions",
            "body": {"model": "m", "messages": [{"role": "user", "content": name}]},
        }
        for name in names
    ]
    text = "".join(json.dumps(line) + "\n" for line in lines)
    file = client.files.create(file=("b.jsonl", text.encode()), purpose="batch")
    batch = client.batches.create(
        input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h"
    )
    while batch.status in {"validating", "in_progress"}:
        batch = client.batches.retrieve(batch.id)
    return batch


def collected(client: OpenAI, file: str | None) -> dict[str, int]:
    """The status of each line of a file; 0 for one without an answer."""
    assert file is not None
    found = map(json.loads, client.files.content(file).text.splitlines())
    return {one["custom_id"]: (one["response"] or {}).get("status_code", 0) for one in found}


def test_a_batch(client: OpenAI, fault_server: FaultServer) -> None:
    """Lines are answered in any order; a refused one is in the error file, a lost one nowhere."""
    fault_server.set_faults(texts={"Bo": "500", "Cy": "reset"})
    batch = hand_in(client, "Ada", "Bo", "Cy", "Di")
    assert batch.status == "completed"
    assert collected(client, batch.output_file_id) == {"Di": 200, "Ada": 200}
    assert collected(client, batch.error_file_id) == {"Bo": 500}
    assert fault_server.stats().answered == 2
    assert [one.id for one in client.batches.list()] == [batch.id]


def test_a_batch_that_expires(client: OpenAI, fault_server: FaultServer) -> None:
    """What was not reached in time is in the error file, without an answer."""
    fault_server.set_faults(batch="expired")
    batch = hand_in(client, "Ada", "Bo")
    assert batch.status == "expired"
    assert collected(client, batch.error_file_id) == {"Bo": 0}


def test_a_batch_that_is_refused(client: OpenAI) -> None:
    """Names of lines must differ."""
    batch = hand_in(client, "Ada", "Ada")
    assert batch.status == "failed"
    assert batch.errors
