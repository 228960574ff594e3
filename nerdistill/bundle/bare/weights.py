"""What a model may consist of: numbers and settings, never a program."""

import json
import os
from typing import Dict, Iterable, List

from nerdistill.bundle.bare.refusal import Refused

ROLES = frozenset(["student", "teacher"])
PROGRAMS = frozenset([".py", ".pyc", ".so", ".sh", ".exe", ".dll", ".jar"])
PICKLES = frozenset([".bin", ".ckpt", ".joblib", ".pickle", ".pkl", ".pt", ".pth", ".npy", ".npz"])
"""Formats of weights that run code when they are read, or may."""

CONFIGS = frozenset(
    [
        "config.json",
        "generation_config.json",
        "preprocessor_config.json",
        "processor_config.json",
        "tokenizer_config.json",
    ]
)
LONGEST_SETTINGS = 1 << 26
"""Bytes of a settings file."""


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
        if os.path.basename(path) not in CONFIGS:
            continue
        try:
            with open(os.path.join(folder, path), encoding="utf-8") as stream:
                told = json.loads(stream.read(LONGEST_SETTINGS))
        except (ValueError, RecursionError) as error:
            raise Refused(
                "{!r} is no JSON: {}".format(path, error), "Fetch the model again."
            ) from error
        if "auto_map" in _keys(told):
            raise Refused(
                "{!r} asks for Python code of the model's own (auto_map)".format(path),
                "Use a model that transformers and vLLM know by themselves, without code.",
            )


def _keys(value: object) -> List[str]:
    """Every key of nested JSON."""
    if isinstance(value, list):
        return [key for item in value for key in _keys(item)]
    if isinstance(value, dict):
        inner: Dict[str, object] = value
        return list(inner) + [key for item in inner.values() for key in _keys(item)]
    return []
