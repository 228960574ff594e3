"""Reads a study's TOML file, lays settings over it and checks all of it."""

from __future__ import annotations

import tomllib
from difflib import get_close_matches
from typing import TYPE_CHECKING

from pydantic import ValidationError

from nerdistill import assets
from nerdistill.errors import ConfigError
from nerdistill.study.config import StudyConfig
from nerdistill.study.keys import study_keys
from nerdistill.study.sources import check_sources

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

PLAIN = frozenset({"str", "int", "float", "bool"})
KINDS = ("literal[", "constrained-", "list[", "function-")
"""How pydantic's names of kinds start, which stand in the place of a complaint behind the key."""


def load_study(path: Path, settings: Sequence[str] = ()) -> StudyConfig:
    """Read and check a study, with `key=value` settings laid over it.

    Raises:
        ConfigError: not TOML, an unknown key, a wrong value, or a corpus that is not defined.
    """
    file = assets.find(path, kind="study")
    try:
        config = StudyConfig.model_validate(study_data(file, settings))
    except ValidationError as error:
        raise _config_error(file, error) from error
    _check_names(file, config)
    check_sources(file, config.sources)
    return config


def study_data(file: Path, settings: Sequence[str] = ()) -> dict[str, object]:
    """What a study's TOML says with settings laid over it, not checked.

    Raises:
        ConfigError: not TOML, or a setting that is not `key=value`.
    """
    try:
        data = tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file}: not TOML: {error}", "Mend the file there.") from error
    for setting in settings:
        _override(data, setting)
    return data


def _override(data: dict[str, object], setting: str) -> None:
    """Lay one `a.b=value` over the file's data; the value is TOML, or else a plain string."""
    key, equals, text = setting.partition("=")
    if not equals or not key.strip():
        raise ConfigError(f"--set {setting!r} is not key=value", "Write --set training.steps=200.")
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text
    *path, last = key.strip().split(".")
    table = data
    for part in path:
        inner = table.setdefault(part, {})
        if not isinstance(inner, dict):
            raise ConfigError(f"--set {key}: {part!r} is no table", "See the study's TOML file.")
        table = inner
    table[last] = value


def _config_error(file: Path, error: ValidationError) -> ConfigError:
    """The first complaint, as one line that names the key."""
    found = error.errors(include_url=False)
    first, keys = found[0], [_key(one["loc"]) for one in found]
    key, problems = keys[0], len({*keys})
    # Where a value may be of several kinds, each kind has a complaint of its own.
    told = dict.fromkeys(str(one["msg"]) for one, at in zip(found, keys, strict=True) if at == key)
    more = f" ({problems} problems in all)" if problems > 1 else ""
    if first["type"] == "extra_forbidden":
        near = get_close_matches(key.rpartition(".")[2], {one.name for one in study_keys()}, n=1)
        meant = f"Did you mean {near[0]}? Else remove it" if near else "Remove it"
        return ConfigError(
            f"{file}: unknown key {key}{more}",
            f"{meant}; `nerdistill study keys` lists those there are.",
        )
    given = "" if first["type"] == "missing" else f" (given: {first['input']!r:.80})"
    return ConfigError(
        f"{file}: {key}: {', or '.join(told)}{given}{more}",
        f"Mend {key} in the file, or use --set.",
    )


def _key(place: Sequence[str | int]) -> str:
    """The key that a complaint is about, without pydantic's names of the kinds of its value."""
    words = [str(part) for part in place]
    if words[1:] and words[-1] in PLAIN:
        words.pop()
    return ".".join(word for word in words if not word.startswith(KINDS))


def _check_names(file: Path, config: StudyConfig) -> None:
    used = {
        "unlabelled": config.unlabelled,
        "teacher.corpora": config.teacher.corpora,
        "original.corpus": [config.original.corpus],
        "original.apart_from": config.original.apart_from,
        "validation.corpus": [config.validation.corpus],
        "test.corpus": [config.test.corpus],
        "test.also": config.test.also,
        "teacher.examples": [config.teacher.examples] if config.teacher.examples else [],
    }
    for key, names in used.items():
        for name in names:
            if name not in config.corpora:
                raise ConfigError(
                    f"{file}: {key} names {name!r}, which no [corpora.{name}] defines",
                    f"Defined: {', '.join(config.corpora)}.",
                )
    for name in config.teacher.ceiling:
        if name not in config.teacher.corpora:
            raise ConfigError(
                f"{file}: teacher.ceiling names {name!r}, which teacher.corpora does not",
                f"Choose among {', '.join(config.teacher.corpora)}.",
            )
    _check_apart(file, config)


def _check_apart(file: Path, config: StudyConfig) -> None:
    """What measures is never what the teacher is shown, nor what students label."""
    capped = config.validation.labels == "capped"
    measuring = {config.test.corpus, *config.test.also}
    measuring |= set() if capped else {config.validation.corpus}
    # A capped validation sample is drawn from where the original one is.
    if config.teacher.examples in measuring | ({config.original.corpus} if capped else set()):
        raise ConfigError(
            f"{file}: teacher.examples names {config.teacher.examples!r}, which chooses or scores",
            "Show the teacher labels that nothing is measured with.",
        )
    for name in config.unlabelled:
        if name in measuring:
            raise ConfigError(
                f"{file}: unlabelled names {name!r}, which chooses or scores",
                "Name text that nothing is measured with.",
            )
        if name in {*config.teacher.corpora, config.teacher.examples}:
            raise ConfigError(
                f"{file}: unlabelled names {name!r}, which the teacher labels or is shown",
                "Name text that has no labels in this study.",
            )
