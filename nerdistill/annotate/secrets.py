"""API keys: taken from the environment alone, and taken out of every word that is repeated."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from nerdistill.errors import ConfigError

REMOVED = "[key removed]"


@dataclass(frozen=True, slots=True)
class Key:
    """An API key. Its value is in no repr, message or log."""

    value: str = field(repr=False)

    def remove_from(self, text: str) -> str:
        """A text without the key, for servers that repeat what they were sent."""
        return text.replace(self.value, REMOVED) if self.value else text


def key_from(variable: str, *, required: bool) -> Key:
    """The key in an environment variable; an empty one where none is set or required.

    Raises:
        ConfigError: none is set but one is required, or it holds what no header can.
    """
    value = os.environ.get(variable, "").strip()
    if required and not value:
        raise ConfigError(
            f"the environment variable {variable} holds no API key",
            f"Set it for this command: read -rs {variable}; export {variable}",
        )
    if not value.isascii() or not value.isprintable():
        raise ConfigError(
            f"the API key in {variable} holds characters that no key has",
            "Copy it again, without spaces or line breaks.",
        )
    return Key(value)
