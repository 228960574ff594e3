"""What the annotation tests share: a server to talk to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.fault_server.client import FaultServer, running

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def fault_server() -> Iterator[FaultServer]:
    """A server without latency that fails only when it is told to."""
    with running() as server:
        yield server
