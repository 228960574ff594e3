"""What a model's folder may hold in a bundle: weights that are only numbers, and no code.

What the isolated side refuses (`bare.weights`) is refused here, before it travels.
"""

from __future__ import annotations

import json
from fnmatch import fnmatch
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Literal

from nerdistill.bundle.bare import weights as bare
from nerdistill.bundle.bare.refusal import Refused
from nerdistill.bundle.bare.weights import CODE_KEY, PICKLES, PROGRAMS
from nerdistill.errors import AssetError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from pathlib import Path

    ModelRole = Literal["student", "teacher"]

WEIGHTS = ".safetensors"
WANTED = (
    "*.safetensors",
    "*.json",
    "*.txt",
    "*.model",
    "*.jinja",
    "*.tiktoken",
    "README.md",
    "LICENSE*",
    "LICENCE*",
    "NOTICE*",
    "COPYING*",
    "USE_POLICY*",
)
"""Names of the files that a model consists of; capitals and small letters are one."""
LEFT_OUT = (*sorted(PICKLES), ".h5", ".msgpack", ".onnx")
"""Endings of weights that may run code when they are read, or that nothing here reads."""
CODE = tuple(sorted(PROGRAMS))
"""Endings of code."""
TOKENIZERS = (
    "tokenizer.json",
    "tokenizer.model",
    "tekken.json",
    "vocab.txt",
    "vocab.json",
    "spiece.model",
    "sentencepiece.bpe.model",
    "*.tiktoken",
)
"""One of them is there."""
STUDENT = ("config.json", "model.safetensors", "tokenizer.json")
"""What a student or an encoder is read from."""
LARGEST_HEADER = 100_000_000
"""Bytes: the format's own limit."""

COPY_AGAIN = "Copy the model's folder again, whole."
CONVERT = (
    "Name a repository, or another commit of it, that has *.safetensors; or, on a connected "
    "machine that may run it, load the model with transformers, write it with save_pretrained() "
    "and name that folder."
)
NO_CODE = (
    "Name a model whose architecture transformers itself knows; where it knows this one, take the "
    f"code and {CODE_KEY} out of a copy of the folder and name the copy."
)


def wanted(names: Iterable[str]) -> list[str]:
    """Those files of a model that are carried: no hidden ones, and weights at the top only.

    Args:
        names: relative paths of all its files.
    """
    kept = [
        name
        for name in names
        if any(fnmatch(PurePosixPath(name).name.upper(), pattern.upper()) for pattern in WANTED)
        and not name.lower().endswith((*LEFT_OUT, *CODE))
        and not any(part.startswith(".") for part in PurePosixPath(name).parts)
        and not (name.endswith(WEIGHTS) and "/" in name)
    ]
    # Mistral's own copy of weights that are there a second time.
    double = [name for name in kept if fnmatch(name, "consolidated*.safetensors")]
    others = [name for name in kept if name.endswith(WEIGHTS) and name not in double]
    return sorted(name for name in kept if name not in double or not others)


def check_names(told: str, names: Collection[str]) -> None:
    """Refuse a model by the names of all its files: there are weights, and they can be read.

    Args:
        told: the folder or repository, for the message.
        names: relative paths.

    Raises:
        AssetError: there are no safetensors.
    """
    if any(name.endswith(WEIGHTS) and "/" not in name for name in names):
        return
    pickled = [name for name in names if name.lower().endswith(LEFT_OUT)]
    if pickled:
        first = min(pickled, key=lambda name: (name.count("/"), name))
        raise AssetError(
            f"{told} has its weights only as {first}, which can run code when it is read",
            CONVERT,
        )
    raise AssetError(f"{told} holds no *.safetensors", CONVERT)


def check_settings(told: str, folder: Path, names: Iterable[str]) -> None:
    """Refuse settings that name Python code, as the server does.

    Args:
        told: the folder or repository, for the message.
        folder: where the files are.
        names: relative paths; other files than JSON are passed over.

    Raises:
        AssetError: a file has the key, or is settings or at the top and no JSON.
    """
    for name in names:
        try:
            bare.check_settings(str(folder), [name])
            if name.endswith(".json") and "/" not in name:
                json.loads((folder / name).read_text(encoding="utf-8"))
        except Refused as error:
            no_json = isinstance(error.__cause__, ValueError | RecursionError)
            raise AssetError(
                f"{told}: {error.message}", COPY_AGAIN if no_json else NO_CODE
            ) from error
        except (ValueError, RecursionError) as error:
            raise AssetError(f"{told}: {name!r} is no JSON: {error}", COPY_AGAIN) from error


def check_model(told: str, folder: Path, names: Collection[str], role: ModelRole) -> None:
    """Refuse a model that is not whole.

    Args:
        told: the folder or repository, for the message.
        folder: where the files are.
        names: relative paths of the files that are carried.
        role: a student is read from `STUDENT`, a teacher by vLLM.

    Raises:
        AssetError: settings, tokenizer or weights are missing, cut off or name code.
    """
    needed = STUDENT if role == "student" else ("config.json",)
    for name in needed:
        if name not in names:
            raise AssetError(
                f"{told} holds no {role}: {name} is missing",
                "Load model and tokenizer with transformers on a connected machine, write both "
                "with save_pretrained() into one folder and name it."
                if role == "student"
                else COPY_AGAIN,
            )
    if not any(fnmatch(name, pattern) for name in names for pattern in TOKENIZERS):
        raise AssetError(f"{told} has no tokenizer, such as tokenizer.json", COPY_AGAIN)
    try:
        bare.check_names(names)
    except Refused as error:
        raise AssetError(f"{told}: {error.message}", NO_CODE) from error
    check_settings(told, folder, names)
    _check_shards(told, folder, names)
    for name in names:
        if name.endswith(WEIGHTS):
            check_weights(told, folder / name, name)


def _check_shards(told: str, folder: Path, names: Collection[str]) -> None:
    index = "model.safetensors.index.json"
    if index not in names:
        return
    try:
        files = json.loads((folder / index).read_text(encoding="utf-8"))["weight_map"].values()
        missing = sorted({str(name) for name in files} - set(names))
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise AssetError(f"{told}: {index} is no index of weights", COPY_AGAIN) from error
    if missing:
        raise AssetError(
            f"{told} lacks {len(missing)} files of weights, {missing[0]} among them", COPY_AGAIN
        )


def check_weights(told: str, path: Path, name: str) -> None:
    """Refuse a safetensors file whose header and length do not agree.

    Raises:
        AssetError: it is cut off, or no safetensors file.
    """
    size = path.stat().st_size
    with path.open("rb") as stream:
        start = stream.read(8)
        if start == b"version ":
            raise AssetError(
                f"{told}: {name} is a pointer of Git LFS, not the weights",
                "Run `git lfs pull` in the folder on a connected machine.",
            )
        length = int.from_bytes(start, "little")
        if len(start) < 8 or not 2 <= length <= LARGEST_HEADER:  # noqa: PLR2004 - the format's
            raise AssetError(f"{told}: {name} is no safetensors file", COPY_AGAIN)
        header = stream.read(length)
    try:
        tensors = json.loads(header)
        tensors.pop("__metadata__", None)
        end = max((int(one["data_offsets"][1]) for one in tensors.values()), default=0)
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise AssetError(f"{told}: {name} is no safetensors file", COPY_AGAIN) from error
    if 8 + length + end != size:
        raise AssetError(
            f"{told}: {name} has {size:,} bytes where its header tells of {8 + length + end:,}",
            COPY_AGAIN,
        )
