"""Canonical JSON and content digests: the names of everything that nerdistill keeps."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from typing import TYPE_CHECKING, NewType

if TYPE_CHECKING:
    from pathlib import Path

Digest = NewType("Digest", str)
"""A sha256 in lower-case hexadecimal."""


def _plain(value: object) -> object:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = dataclasses.fields(value)
        return {field.name: getattr(value, field.name) for field in fields}
    raise TypeError(f"{type(value).__name__} has no canonical form")


def canonical_json(value: object) -> str:
    """The one JSON text of a value: sorted keys, no spaces, no NaN; dataclasses as objects.

    Raises:
        TypeError: the value holds something that JSON cannot express.
        ValueError: the value holds NaN or an infinity.
    """
    return json.dumps(
        value,
        sort_keys=True,
        separators=(",", ":"),
        ensure_ascii=False,
        allow_nan=False,
        default=_plain,
    )


def digest_of(value: object) -> Digest:
    """The digest of a value's canonical JSON."""
    # Text from a corpus may hold lone surrogates, which strict UTF-8 refuses.
    text = canonical_json(value).encode("utf-8", errors="surrogatepass")
    return Digest(hashlib.sha256(text).hexdigest())


def digest_file(path: Path) -> Digest:
    """The digest of a file's bytes."""
    with path.open("rb") as stream:
        return Digest(hashlib.file_digest(stream, "sha256").hexdigest())


def digest_folder(folder: Path) -> Digest:
    """The digest of every regular file below a folder, by relative path and content."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return digest_of({path.relative_to(folder).as_posix(): digest_file(path) for path in files})
