"""What a model may consist of: numbers and settings, never a program."""

import json
import os
from typing import Iterable, List

from nerdistill.bundle.bare.manifest import Manifest
from nerdistill.bundle.bare.refusal import Refused

ROLES = frozenset(["student", "teacher"])
FOLDER = "models/"
"""Whatever the role that a manifest gives it: here a model is looked for."""
PROGRAMS = frozenset([".dll", ".dylib", ".exe", ".jar", ".py", ".pyc", ".pyd", ".sh", ".so"])
PICKLES = frozenset(
    [".bin", ".ckpt", ".joblib", ".npy", ".npz", ".ot", ".pickle", ".pkl", ".pt", ".pth"]
)
"""Formats of weights that run code when they are read, or may."""

SETTINGS = "config.json"
"""How the name of a settings file ends, such as `tokenizer_config.json`; a vocabulary is none."""
CODE_KEY = "auto_map"
"""The key that names Python code to run."""
LONGEST_SETTINGS = 1 << 26
"""Bytes of a settings file."""


def model_files(manifest: Manifest) -> List[str]:
    """The paths of all that belongs to a model."""
    return [
        file.path
        for asset in manifest.assets
        for file in asset.files
        if asset.role in ROLES or file.path.casefold().startswith(FOLDER)
    ]


def check_names(paths: Iterable[str]) -> None:
    """Refuse a model's files by their names.

    Raises:
        Refused: one holds pickled weights, or a program.
    """
    for path in paths:
        ending = os.path.splitext(path)[1].lower()
        if ending in PICKLES:
            raise Refused(
                "{!r} may be pickled weights, which can run code when they are read".format(path),
                "Use the model's *.safetensors; transformers' save_pretrained writes them.",
            )
        if ending in PROGRAMS:
            raise Refused(
                "{!r} is a program inside a model's folder".format(path),
                "Use a model that transformers and vLLM know by themselves, without code.",
            )


def check_settings(folder: str, paths: Iterable[str]) -> None:
    """Refuse a model whose settings ask for code of its own.

    Args:
        folder: the install root.
        paths: of the model's files, below it.

    Raises:
        Refused: a settings file names `auto_map`, or is no JSON.
    """
    for path in paths:
        if not path.lower().endswith(SETTINGS):
            continue
        try:
            with open(os.path.join(folder, path), encoding="utf-8") as stream:
                told = json.loads(stream.read(LONGEST_SETTINGS))
        except (ValueError, RecursionError) as error:
            raise Refused(
                "{!r} is no JSON: {}".format(path, error), "Fetch the model again."
            ) from error
        if _names_code(told):
            raise Refused(
                "{!r} asks for Python code of the model's own (auto_map)".format(path),
                "Use a model that transformers and vLLM know by themselves, without code.",
            )


def _names_code(settings: object) -> bool:
    """Whether the key lies anywhere in nested JSON."""
    left = [settings]
    while left:
        value = left.pop()
        if isinstance(value, dict):
            if CODE_KEY in value:
                return True
            left.extend(value.values())
        elif isinstance(value, list):
            left.extend(value)
    return False
