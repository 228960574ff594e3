"""What servers say, and what it means."""

from __future__ import annotations

import pytest

from nerdistill.annotate.breaker import FAILURES, REFUSALS, Breaker
from nerdistill.annotate.retry import judge_status, retry_after
from nerdistill.annotate.secrets import key_from
from nerdistill.errors import AnnotationError, ConfigError

NOW = 1_700_000_000.0  # Tue, 14 Nov 2023 22:13:20 GMT


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "3"}, 3.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after": "-3"}, 0.0),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": ""}, None),
        ({"retry-after": "Tue, 14 Nov 2023 22:13:50 GMT"}, 30.0),
        ({"retry-after": "Tue, 14 Nov 2023 22:13:10 GMT"}, 0.0),
        ({"retry-after": "Tue, 99 Nov 2023"}, None),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
        ({"retry-after-ms": "x", "retry-after": "9"}, 9.0),
    ],
)
def test_every_kind_of_retry_after(headers: dict[str, str], seconds: float | None) -> None:
    """Seconds, fractions, dates and milliseconds are understood, and nonsense is nothing."""
    assert retry_after(headers, lambda: NOW) == seconds


@pytest.mark.parametrize(
    ("status", "code", "verdict", "overload", "dead"),
    [
        (429, "", "again", True, False),
        (503, "", "again", True, False),
        (500, "", "again", False, True),
        (502, "", "again", False, True),
        (408, "", "again", False, True),
        (429, "insufficient_quota", "stop", False, False),
        (400, "", "refused", False, False),
        (413, "", "refused", False, False),
        (401, "", "stop", False, False),
        (404, "", "stop", False, False),
        (418, "", "stop", False, False),
    ],
)
def test_every_status(status: int, code: str, verdict: str, overload: bool, dead: bool) -> None:
    """Passing trouble is tried again, this request's own is given up, others stop the run."""
    trouble = judge_status(status, {}, {"code": code, "message": "so\n it is"})
    assert (trouble.verdict, trouble.overload, trouble.dead) == (verdict, overload, dead)
    assert f"HTTP {status}: so it is" in trouble.message


def test_a_dead_server_stops_the_run() -> None:
    """It takes some failures and some time; an answer sets both back."""
    breaker = Breaker("http://h", 0.0, patience=60.0)
    breaker.answered(0.0)
    for second in range(59):
        breaker.failed(float(second), "refused")
    breaker.answered(59.0)
    for second in range(60, 60 + FAILURES):
        breaker.failed(float(second), "refused")
    with pytest.raises(AnnotationError, match="http://h has not answered for 61 s: refused"):
        breaker.failed(120.0, "refused")


def test_a_server_that_never_answered_stops_it_sooner() -> None:
    """A wrong address need not be tried for a minute."""
    breaker = Breaker("http://h", 0.0)
    for _ in range(FAILURES):
        breaker.failed(9.0, "no")
    with pytest.raises(AnnotationError, match="--base-url"):
        breaker.failed(10.0, "no")


def test_one_slow_failure_is_not_death() -> None:
    """A long silence with few failures may be one long answer."""
    breaker = Breaker("http://h", 0.0)
    for _ in range(FAILURES - 1):
        breaker.failed(1000.0, "no")
    breaker.alive(1001.0)
    for _ in range(FAILURES):
        breaker.failed(1002.0, "no")


def test_a_server_that_refuses_everything_stops_the_run() -> None:
    """One bad request is its own fault, twenty in a row are not."""
    breaker = Breaker("http://h", 0.0)
    for _ in range(REFUSALS - 1):
        breaker.refused("HTTP 400")
    breaker.answered(1.0)
    for _ in range(REFUSALS - 1):
        breaker.refused("HTTP 400")
    with pytest.raises(AnnotationError, match="refused 20 requests in a row"):
        breaker.refused("HTTP 400")


def test_a_key_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is taken out of texts, stands in no repr, and what no header can hold is refused."""
    monkeypatch.setenv("SOME_KEY", " sk-1 ")
    key = key_from("SOME_KEY", required=True)
    assert key.remove_from("wrong key sk-1, sk-12") == "wrong key [key removed], [key removed]2"
    assert "sk-1" not in repr(key)
    monkeypatch.setenv("SOME_KEY", "sk-\n1")
    with pytest.raises(ConfigError, match="SOME_KEY holds characters"):
        key_from("SOME_KEY", required=False)
    monkeypatch.delenv("SOME_KEY")
    assert key_from("SOME_KEY", required=False).remove_from("text") == "text"
    with pytest.raises(ConfigError, match="SOME_KEY holds no API key"):
        key_from("SOME_KEY", required=True)
