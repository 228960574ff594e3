"""What every test shares."""

from __future__ import annotations

import os
import socket
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

# Without a GPU Triton's kernels run in its interpreter, which it asks for when it is imported.
if not Path("/dev/nvidiactl").exists():
    os.environ.setdefault("TRITON_INTERPRET", "1")

from nerdistill import egress, isolation, offline

if TYPE_CHECKING:
    from collections.abc import Iterator

offline.enforce()

# The same examples on every machine, however slow: a test that fails, fails for everybody.
settings.register_profile("nerdistill", deadline=None, derandomize=True, database=None)
settings.load_profile("nerdistill")


def raise_loopback() -> None:
    """Let this machine be reached in `unshare -rn scripts/test`: loopback begins down there."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("127.0.0.1", 9))
        except OSError:
            subprocess.run(isolation.with_loopback(["true"]), check=True)


raise_loopback()

MEASUREMENT_DATA = Path(__file__).parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def measurement_data() -> Path:
    """Real corpora and real replies, where a developer has them; they never ship."""
    if not MEASUREMENT_DATA.is_dir():
        pytest.skip("the measurement data is not on this machine")
    return MEASUREMENT_DATA


@pytest.fixture(autouse=True)
def hosts() -> Iterator[None]:
    """Whom one test names, the next one has not named."""
    yield
    egress._allowed.clear()
    egress._addresses.clear()
    os.environ.pop(egress.ALLOWED, None)
