"""How a teacher is asked: which of its settings say where, and which of them say what."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nerdistill.study.config import Teacher

PLACES = (
    "base_url",
    "azure_version",
    "max_concurrency",
    "timeout",
    "deadline",
    "patience",
    "answers_as",
    "max_model_len",
    "gpus",
    "vllm_python",
    "vllm_arguments",
)
"""Settings of a teacher that say where and how it is asked, not what."""
LOADING = frozenset({"vllm", "vllm-offline"})
"""Annotators whose model may be a folder."""
ASKED = frozenset({"openai", *LOADING})
"""Annotators that know their model by its name or folder; of the others it is but a word."""


def asked(teacher: Teacher) -> dict[str, object]:
    """Those settings of a teacher that its labels depend on, where they are not the usual ones."""
    fields = (
        "temperature",
        "max_tokens",
        "sampling_seed",
        "extra_body",
        "structured",
        "votes",
        "verify",
        "sentences_per_request",
        *(("shots", "choose") if teacher.examples else ()),
    )
    chosen = {name: getattr(teacher, name) for name in fields}
    usual = type(teacher).model_fields
    return {name: value for name, value in chosen.items() if value != usual[name].get_default()}
