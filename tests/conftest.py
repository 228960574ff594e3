"""What every test shares."""

from __future__ import annotations

from pathlib import Path

import pytest

from nerdistill import offline

offline.enforce()

MEASUREMENT_DATA = Path(__file__).parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def measurement_data() -> Path:
    """Real corpora and real replies, where a developer has them; they never ship."""
    if not MEASUREMENT_DATA.is_dir():
        pytest.skip("the measurement data is not on this machine")
    return MEASUREMENT_DATA
