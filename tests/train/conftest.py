"""What the tests of tiny students share."""

from __future__ import annotations

from tests.student_factory import one_thread

__all__ = ["one_thread"]
