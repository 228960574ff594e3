"""The air-gap guard: switches that must be set before the first heavy import."""

from __future__ import annotations

import os

SETTINGS: dict[str, str] = {
    "HF_HUB_OFFLINE": "1",
    "HF_EVALUATE_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_UPDATE_CHECK": "1",
    "HF_UPDATE_DOWNLOAD_COUNTS": "0",
    "DISABLE_SAFETENSORS_CONVERSION": "1",
    "USE_HUB_KERNELS": "NO",
    "DO_NOT_TRACK": "1",
    "TOKENIZERS_PARALLELISM": "true",
}
"""What the libraries read to stay off the network; a value that the user set is overruled."""


def enforce() -> None:
    """Set every switch. Call it before transformers, datasets or huggingface_hub is imported."""
    os.environ.update(SETTINGS)
    # It overrides HF_HUB_OFFLINE inside datasets, whatever its value.
    os.environ.pop("HF_DATASETS_OFFLINE", None)
