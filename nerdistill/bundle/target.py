"""The isolated server, as `scripts/probe.py` described it in `target.json`."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, ValidationError

from nerdistill.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

HINT = "Run scripts/probe.py on the isolated server again and carry the target.json that it writes."


@dataclass(frozen=True, slots=True)
class Gpu:
    """One GPU: `compute_capability` as (major, minor), memory in MiB."""

    name: str
    compute_capability: tuple[int, int] | None
    memory_mib: int | None


@dataclass(frozen=True, slots=True)
class Target:
    """What decides which wheels run there.

    Attributes:
        machine: `x86_64` or `aarch64`.
        glibc: such as (2, 34).
        pythons: versions of CPython found there that can make environments, such as (3, 11).
        driver: of NVIDIA, such as `580.95.05`; None without one.
        compiler: a C compiler was found.
        headers: the Pythons among `pythons` that have Python.h.
    """

    machine: str
    glibc: tuple[int, int]
    pythons: tuple[tuple[int, int], ...]
    driver: str | None
    gpus: tuple[Gpu, ...]
    compiler: bool
    headers: tuple[tuple[int, int], ...]


class _Libc(BaseModel):
    kind: str
    version: str


class _Python(BaseModel):
    version: str
    implementation: str
    venv: bool
    headers: bool


class _Gpu(BaseModel):
    name: str
    compute_capability: str | None
    memory_mib: int | None


class _Told(BaseModel):
    """What is read of target.json; it tells more, for people and for later versions."""

    model_config = ConfigDict(extra="ignore")

    schema_version: int
    machine: str
    libc: _Libc
    pythons: list[_Python]
    driver: str | None
    gpus: list[_Gpu]
    compilers: dict[str, str | None]


def read_target(path: Path) -> Target:
    """Read a target.json.

    Raises:
        ConfigError: it is missing, no JSON, lacks something, or tells of a system without glibc.
    """
    try:
        told = _Told.model_validate(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError as error:
        raise ConfigError(f"{path} does not exist", HINT) from error
    except (ValueError, ValidationError) as error:
        first = error.errors()[0] if isinstance(error, ValidationError) else None
        place = ".".join(map(str, first["loc"])) + ": " + first["msg"] if first else str(error)
        raise ConfigError(f"{path} is no target.json: {place}", HINT) from error
    if told.schema_version != 1:
        raise ConfigError(f"{path} has schema {told.schema_version}, not 1", HINT)
    if told.libc.kind != "glibc":
        raise ConfigError(
            f"{path}: the server has {told.libc.kind}, and wheels of torch need glibc",
            "Use a server, or a container on it, of a glibc distribution (RHEL, Debian, Ubuntu …).",
        )
    usable = [one for one in told.pythons if one.implementation == "cpython" and one.venv]
    return Target(
        machine=told.machine,
        glibc=_pair(path, told.libc.version),
        pythons=tuple(dict.fromkeys(_pair(path, one.version) for one in usable)),
        driver=told.driver,
        gpus=tuple(
            Gpu(
                one.name,
                _pair(path, one.compute_capability) if one.compute_capability else None,
                one.memory_mib,
            )
            for one in told.gpus
        ),
        compiler=any(told.compilers.get(name) for name in ("gcc", "cc", "clang")),
        headers=tuple(dict.fromkeys(_pair(path, one.version) for one in usable if one.headers)),
    )


def _pair(path: Path, version: str) -> tuple[int, int]:
    major, _, rest = version.partition(".")
    minor = rest.partition(".")[0]
    if not (major.isdecimal() and minor.isdecimal()):
        raise ConfigError(f"{path}: {version!r} is no version", HINT)
    return int(major), int(minor)
