"""A hub on loopback, a process that may ask it, an index of packages, and what is installable."""

from __future__ import annotations

from tests.bundle.installing import bundle, files, looked_at, real_files, this_machine
from tests.bundle.tiny_index import index
from tests.hub_fixtures import hub, one_hub, outside, tiny_repository

__all__ = [
    "bundle",
    "files",
    "hub",
    "index",
    "looked_at",
    "one_hub",
    "outside",
    "real_files",
    "this_machine",
    "tiny_repository",
]
