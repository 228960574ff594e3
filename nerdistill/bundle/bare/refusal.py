"""The one error of the bundle: what is refused, and what to do about it."""

from typing import Tuple


class Refused(Exception):  # noqa: N818 - it reads as what happens
    """A bundle, or a machine for it, is refused.

    Attributes:
        message: what is wrong, with the name of the part.
        hint: the remedy, as a sentence.
        volumes: which volumes to carry again.
    """

    def __init__(self, message: str, hint: str, volumes: Tuple[str, ...] = ()) -> None:
        super().__init__(message, hint, volumes)
        self.message = message
        self.hint = hint
        self.volumes = volumes

    def __str__(self) -> str:
        """One line that a terminal only shows: what commands it is escaped."""
        text = "{}. {}".format(self.message.rstrip("."), self.hint)
        return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
