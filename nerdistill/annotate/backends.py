"""The annotators that can be chosen by name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from nerdistill.annotate.error_model import load_error_model
from nerdistill.annotate.replay import ReplayAnnotator
from nerdistill.annotate.simulated import SimulatedAnnotator
from nerdistill.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from nerdistill.annotate.protocol import Annotator
    from nerdistill.labels import LabelSchema


@dataclass(frozen=True, slots=True)
class BackendSettings:
    """What backends are made from; each takes what concerns it.

    Attributes:
        schema: the entity types.
        replies: of replay: files of recorded replies.
        error_scale: of simulated: times the measured errors; 0 is a perfect teacher.
        seed: of simulated.
    """

    schema: LabelSchema
    replies: tuple[Path, ...] = ()
    error_scale: float = 1.0
    seed: int = 0


def _replay(settings: BackendSettings) -> Annotator:
    if not settings.replies:
        raise ConfigError(
            "the replay annotator has no recorded replies", "Name files of them with --replies."
        )
    return ReplayAnnotator(settings.replies)


def _simulated(settings: BackendSettings) -> Annotator:
    model = load_error_model().scaled(settings.error_scale)
    return SimulatedAnnotator(settings.schema, model, settings.seed)


BACKENDS: dict[str, Callable[[BackendSettings], Annotator]] = {
    "replay": _replay,
    "simulated": _simulated,
}
