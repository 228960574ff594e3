"""A hub on loopback, and a process that may ask it."""

from __future__ import annotations

from tests.hub_fixtures import hub, one_hub, outside, tiny_repository

__all__ = ["hub", "one_hub", "outside", "tiny_repository"]
