"""Every file and folder that a study names, and where each lies on this machine."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from nerdistill import assets
from nerdistill.annotate.prompt import built_in
from nerdistill.errors import AssetError
from nerdistill.labels import find_schema
from nerdistill.study.asking import LOADING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nerdistill.bundle.asset import Role
    from nerdistill.study.config import StudyConfig

Key = tuple[str | int, ...]

LIKENESS = frozenset({"fixed", "bm25"})
"""Ways to choose examples that need no encoder."""
TEMPLATE = "--chat-template"
"""The argument of vLLM that names a file."""


@dataclass(frozen=True, slots=True)
class Need:
    """A file or folder that a study names.

    Attributes:
        key: where its TOML names it, such as `("corpora", "web", "path")`.
        role: what it is for.
        named: as the TOML names it.
        path: as it is looked for: with `data.root` before it where it lies below that.
        origin: where it lies here; None where it is not here.
        below_root: it is named from `data.root`.
        prefix: what stands before the path in the same string of the TOML.
    """

    key: Key
    role: Role
    named: str
    path: str
    origin: Path | None
    below_root: bool = False
    prefix: str = ""

    @property
    def is_model(self) -> bool:
        """A model's folder, with the rules that hold for one."""
        return self.role in {"student", "teacher"}

    @property
    def told(self) -> str:
        """The key as a user writes it."""
        return ".".join(map(str, self.key))


def needs(config: StudyConfig, study_file: Path) -> tuple[Need, ...]:
    """Everything that a study reads: itself first, then models, then data.

    What ships inside the package, such as prompt templates, is left out.

    Args:
        config: with all settings laid over it.
        study_file: where it was read from.

    Raises:
        AssetError: nerdistill's home is not found.
    """
    file = assets.find(study_file, kind="study")
    study = Need((), "study", str(study_file), str(study_file), file)
    return (study, *_models(config), *_words(config), *_data(config))


def _models(config: StudyConfig) -> Iterator[Need]:
    teacher = config.teacher
    yield _need(("student", "path"), "student", config.student.path)
    for i, other in enumerate(config.other_teachers):
        loads = (other.annotator or teacher.annotator) in LOADING and teacher.base_url is None
        if loads and other.model:
            yield _need(("other_teachers", i, "model"), "teacher", other.model)
    if teacher.annotator in LOADING and teacher.base_url is None:
        yield _need(("teacher", "model"), "teacher", teacher.model)
    if teacher.examples and teacher.choose not in LIKENESS:
        yield _need(("teacher", "choose"), "student", teacher.choose)


def _words(config: StudyConfig) -> Iterator[Need]:
    """Files that are named by themselves."""
    schema = assets.home() / "offline_assets" / "labels" / f"{config.labels}.toml"
    if schema.is_file():
        path = schema.relative_to(assets.home()).as_posix()
        yield Need(("labels",), "labels", config.labels, path, find_schema(config.labels))
    else:
        yield _need(("labels",), "labels", config.labels)
    if config.teacher.prompt not in built_in():
        yield _need(("teacher", "prompt"), "prompt", config.teacher.prompt)
    words = config.teacher.vllm_arguments
    for i, word in enumerate(words):
        name, equals, value = word.partition("=")
        if name == TEMPLATE and equals:
            found = _need(("teacher", "vllm_arguments", i), "prompt", value, prefix=f"{name}=")
        elif name == TEMPLATE and i + 1 < len(words):
            found = _need(("teacher", "vllm_arguments", i + 1), "prompt", words[i + 1])
        else:
            continue
        # The template itself may stand there in place of a file.
        if found.origin is not None:
            yield found


def _data(config: StudyConfig) -> Iterator[Need]:
    """Files below `data.root`."""
    for name, corpus in config.corpora.items():
        yield _below(config, ("corpora", name, "path"), "corpus", corpus.path)
        if corpus.keep:
            yield _below(config, ("corpora", name, "keep", "file"), "corpus", corpus.keep.file)
    teacher, others = config.teacher, enumerate(config.other_teachers)
    told: list[tuple[Key, str, list[str]]] = [(("teacher",), teacher.annotator, teacher.replies)]
    told += [
        (("other_teachers", i), other.annotator or teacher.annotator, other.replies or [])
        for i, other in others
    ]
    for key, annotator, files in told:
        for i, replies in enumerate(files):
            found = _below(config, (*key, "replies", i), "replies", replies)
            # Another annotator does not read them; where they are there, they can be replayed.
            if annotator == "replay" or found.origin is not None:
                yield found


def _below(config: StudyConfig, key: Key, role: Role, named: str) -> Need:
    root = Path(config.data.root)
    found = _found(root)
    path = str(root / named)
    return Need(key, role, named, path, _found((found or root) / named), below_root=True)


def _need(key: Key, role: Role, named: str, prefix: str = "") -> Need:
    return Need(key, role, named, named, _found(Path(named)), prefix=prefix)


def _found(path: Path) -> Path | None:
    try:
        return assets.find(path, kind="file")
    except AssetError:
        # `find` also fails where there is no home, which is another matter.
        assets.home()
        return None
