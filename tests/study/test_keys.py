"""The list of a study's keys, for people who can look them up nowhere else."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from nerdistill.study.config import StudyConfig, Teacher
from nerdistill.study.keys import study_keys

STUDIES = sorted(Path("offline_assets/studies").glob("*.toml"))


def names() -> set[tuple[str, str]]:
    """Each key with its table."""
    return {(key.table, key.name) for key in study_keys()}


def test_each_key_is_told_and_explained() -> None:
    """All fields of the configuration are there, with their defaults and a meaning."""
    found = study_keys()
    assert all(key.about for key in found)
    teacher = {key.name: key.default for key in found if key.table == "[teacher]" and key.name}
    assert set(teacher) == set(Teacher.model_fields)
    assert (teacher["corpora"], teacher["votes"], teacher["base_url"]) == (None, "1", "")
    tables = {key.table.strip("[]").partition(".")[0] for key in found if key.table}
    plain = {key.name for key in found if not key.table}
    assert tables | plain == set(StudyConfig.model_fields)


@pytest.mark.parametrize("study", STUDIES, ids=lambda path: path.name)
def test_what_studies_use_is_listed(study: Path) -> None:
    """Every key of the studies that ship is found under its table."""
    for table, value in tomllib.loads(study.read_text()).items():
        if table == "corpora":
            used = {("[corpora.NAME]", key) for corpus in value.values() for key in corpus}
            used.discard(("[corpora.NAME]", "keep"))
        elif table in {"curves", "other_teachers"}:
            used = {(f"[[{table}]]", key) for one in value for key in one}
        elif isinstance(value, dict):
            plain = {key for key, inner in value.items() if not isinstance(inner, dict)}
            used = {(f"[{table}]", key) for key in plain}
            used |= {(f"[{table}.{at}]", key) for at in value.keys() - plain for key in value[at]}
        else:
            used = {("", table)}
        assert used <= names()
