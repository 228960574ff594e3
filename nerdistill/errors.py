"""Every error that nerdistill raises on purpose, as one tree.

NerdistillError                    exit code 1
├── InputError                     2   something the user gave is wrong
│   ├── CorpusError                    a corpus file: names file and line
│   ├── LabelError                     a label schema, or a tag that it does not hold
│   ├── ConfigError                    a study, a flag or a `--set`
│   └── AssetError                     a model or data directory that is missing or unusable
├── AnnotationError                1   the annotator could not answer
├── StoreError                     1   the reply store is damaged or not a store
├── WorkspaceError                 1   a workspace is locked, damaged or not writable
└── OfflineError                   1   something tried to leave the machine

Each carries a hint: what the user can do about it, without looking anything up.
"""

from __future__ import annotations

from typing import ClassVar


def printable(text: str) -> str:
    """Text that a terminal only shows: what commands it, and lone surrogates, are escaped."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


class NerdistillError(Exception):
    """An error with a remedy.

    Attributes:
        message: what is wrong, naming file and line where there are any.
        hint: what to do about it, as a sentence.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        """One line: the fact, then the remedy. What cannot be printed is shown escaped."""
        return printable(" ".join(f"{self.message.rstrip('.')}. {self.hint}".split()))

    def __reduce__(self) -> tuple[type[NerdistillError], tuple[str, str]]:
        """Survive the trip between processes with the hint."""
        return type(self), (self.message, self.hint)


class InputError(NerdistillError):
    """Something the user gave is wrong."""

    exit_code = 2


class CorpusError(InputError):
    """A corpus file cannot be read as it stands."""


class LabelError(InputError):
    """A label schema is wrong, or a label is not in it."""


class ConfigError(InputError):
    """A study file, a flag or a `--set` is wrong."""


class AssetError(InputError):
    """A model or data directory is missing or unusable."""


class AnnotationError(NerdistillError):
    """The annotator could not answer."""


class StoreError(NerdistillError):
    """A reply store is damaged, or is not one."""


class WorkspaceError(NerdistillError):
    """A workspace is locked, damaged or not writable."""


class OfflineError(NerdistillError):
    """Something tried to leave the machine."""
