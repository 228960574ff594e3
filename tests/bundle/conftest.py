"""A hub on loopback, a process that may ask it, and an index of packages."""

from __future__ import annotations

from tests.bundle.tiny_index import index
from tests.hub_fixtures import hub, one_hub, outside, tiny_repository

__all__ = ["hub", "index", "one_hub", "outside", "tiny_repository"]
