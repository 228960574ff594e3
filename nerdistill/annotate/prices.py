"""What tokens cost, from a table in TOML. A price that nobody knows is None, never 0."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Annotated

from pydantic import BaseModel, ConfigDict, Field, PositiveInt, ValidationError

from nerdistill import assets
from nerdistill.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

MILLION = 1_000_000
HOUR = 3600
BUNDLED = ("offline_assets", "prices", "openai.toml")
HINT = "Copy offline_assets/prices/openai.toml and put your prices in: it describes every key."

Amount = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Section(BaseModel):
    """A table of the file: unknown keys are errors, values do not change."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class ModelPrice(Section):
    """Prices of one model, for a million tokens."""

    prompt: Amount
    """Of the prompt."""
    reply: Amount
    """Of the reply."""
    cached: Amount | None = None
    """Of the part of the prompt that the server had cached; the prompt's price where absent."""


class Prices(Section):
    """A price table."""

    currency: Annotated[str, Field(min_length=1, max_length=12)]
    """Of every amount."""
    date: str
    """When these were the prices."""
    batch: Annotated[float, Field(ge=0, le=1)] = 1.0
    """What a batch costs, as a share; the cache brings no discount there."""
    cache_from: PositiveInt = 1
    """Tokens from which a common start of prompts is cached."""
    models: dict[str, ModelPrice]
    """By the model's name."""

    def price(self, model: str) -> ModelPrice | None:
        """The price of a model: under its name, else the longest that its own begins with.

        What follows the found name starts with a dash: `gpt-4-0613` costs what `gpt-4` does, and
        says nothing of `gpt-4.1`.
        """
        fitting = [name for name in self.models if f"{model}-".startswith(f"{name}-")]
        return self.models[max(fitting, key=len)] if fitting else None

    def cost(
        self,
        model: str,
        tokens_in: float,
        tokens_cached: float,
        tokens_out: float,
        *,
        batch: bool = False,
    ) -> float | None:
        """What tokens cost, in `currency`; None where the table does not know the model.

        Args:
            model: its name, as the backend knows it.
            tokens_in: of prompts, the cached ones too.
            tokens_cached: of those, how many the server had cached.
            tokens_out: of replies.
            batch: whether they are asked for as a batch.
        """
        price = self.price(model)
        if price is None:
            return None
        cached = price.prompt if price.cached is None or batch else price.cached
        amount = (
            (tokens_in - tokens_cached) * price.prompt
            + tokens_cached * cached
            + tokens_out * price.reply
        )
        return amount * (self.batch if batch else 1.0) / MILLION


def gpu_cost(seconds: float, per_gpu_hour: float, gpus: int = 1) -> float:
    """What a server of your own costs while it is busy."""
    return seconds / HOUR * per_gpu_hour * gpus


def load_prices(path: Path | None = None) -> Prices:
    """Read a price table, or the one that ships with nerdistill.

    Raises:
        ConfigError: the file is not a price table; the message names the key.
        AssetError: there is no such file.
    """
    given = assets.home().joinpath(*BUNDLED) if path is None else path
    file = assets.find(given, kind="price table")
    try:
        return Prices.model_validate(tomllib.loads(file.read_text(encoding="utf-8")))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise ConfigError(f"{file}: {where}: {first['msg']}", HINT) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise ConfigError(f"{file}: not a price table: {error}", HINT) from error
