"""How a teacher errs, as measured rates: what the simulated annotator follows."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from nerdistill import assets
from nerdistill.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

Rate = Annotated[float, Field(ge=0, le=1)]
Weight = Annotated[float, Field(gt=0)]

DEFAULT = "noisebench-llm"
ANY_TYPE = "*"


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class Spurious(_Section):
    """Chance that an invented entity starts at a word outside all entities, by the word's form."""

    upper: Rate = 0.0
    """At a word that starts with a capital letter."""
    lower: Rate = 0.0
    """At one that starts with another letter."""
    digit: Rate = 0.0
    """At one that starts with a digit."""


class TypeErrors(_Section):
    """What becomes of the gold entities of one type; what is left over is found as it is.

    `confused_with` is a weight for each type that stands in place of this one, and `spurious`
    tells of invented entities of this type.
    """

    missed: Rate
    """Not found, nor anything that overlaps it."""
    boundary: Rate
    """Found with a wrong edge, the type right."""
    confused: Rate
    """Found with its edges, the type wrong."""
    confused_boundary: Rate
    """Found with a wrong edge and a wrong type."""
    confused_with: dict[str, Weight] = {}
    spurious: Spurious = Spurious()


class Shift(_Section):
    """A wrong edge: by how many words start and end move, and how often among wrong edges."""

    start: int
    end: int
    weight: Weight


class ErrorModel(_Section):
    """A teacher's errors."""

    name: str
    source: str
    """Where and when the rates were measured."""
    malformed: Rate
    """Share of replies that cannot be used: cut off, or prose."""
    types: dict[str, TypeErrors]
    """By type; `*` stands for every type that is not named."""
    shifts: tuple[Shift, ...]
    spurious_lengths: Annotated[tuple[Weight, ...], Field(min_length=1)]
    """How often an invented entity has one word, two, …"""

    def of(self, label: str) -> TypeErrors:
        """The errors of a type."""
        return self.types.get(label) or self.types[ANY_TYPE]

    def scaled(self, scale: float) -> ErrorModel:
        """The same with every rate times `scale`: 0 is a perfect teacher.

        Raises:
            ConfigError: the scale is negative.
        """
        if scale < 0:
            raise ConfigError(f"error scale {scale} is negative", "Give 0 for a perfect teacher.")
        return self.model_copy(
            update={
                "malformed": min(1.0, self.malformed * scale),
                "types": {name: _scaled(errors, scale) for name, errors in self.types.items()},
            }
        )


def _scaled(errors: TypeErrors, scale: float) -> TypeErrors:
    names = ("missed", "boundary", "confused", "confused_boundary")
    total = sum(getattr(errors, name) for name in names)
    # Beyond 1 every entity is wrong already: the kinds of error keep their proportions.
    factor = min(scale, 1 / total) if total else scale
    spurious = {name: min(1.0, rate * scale) for name, rate in errors.spurious}
    rates = {name: factor * getattr(errors, name) for name in names}
    return errors.model_copy(update={**rates, "spurious": Spurious(**spurious)})


def load_error_model(name: str | Path = DEFAULT) -> ErrorModel:
    """An error model that ships with nerdistill, by its name, or a TOML file.

    Raises:
        AssetError: there is no such file.
        ConfigError: the file is not an error model.
    """
    bundled = assets.home() / "offline_assets" / "simulated" / f"{name}.toml"
    path = bundled if bundled.is_file() else assets.find(name, kind="error model")
    hint = f"offline_assets/simulated/{DEFAULT}.toml is an error model."
    try:
        model = ErrorModel.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(map(str, first["loc"]))
        raise ConfigError(f"{path}: {key}: {first['msg']}", hint) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not TOML: {error}", hint) from error
    if ANY_TYPE not in model.types:
        raise ConfigError(f'{path}: no [types."{ANY_TYPE}"]', hint)
    return model
