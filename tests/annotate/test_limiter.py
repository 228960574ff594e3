"""The limiter against simulated servers, in virtual time."""

from __future__ import annotations

import heapq

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nerdistill.annotate.limiter import Limiter


def simulate(limiter: Limiter, *, room: int, latency: float, seconds: float) -> list[float]:
    """When answers come from a server with so much room that makes others wait in a queue."""
    now, free_at = 0.0, [0.0] * room
    waiting: list[float] = []
    answers: list[float] = []
    while now < seconds:
        while len(waiting) < limiter.limit:
            ends = max(now, heapq.heappop(free_at)) + latency
            heapq.heappush(free_at, ends)
            heapq.heappush(waiting, ends)
        now = heapq.heappop(waiting)
        answers.append(now)
        limiter.answered(now)
    return answers


@pytest.mark.parametrize("room", [1, 5, 64, 200])
def test_it_finds_a_servers_room(room: int) -> None:
    """After some rounds the server is busy all the time, and its queue is not long."""
    limiter = Limiter(256, now=0.0)
    answers = simulate(limiter, room=room, latency=0.2, seconds=30.0)
    late = [when for when in answers if when > 5.0]
    assert len(late) >= 0.95 * room / 0.2 * 25
    assert limiter.limit <= 4 * max(32, room)


def test_it_keeps_to_its_cap() -> None:
    """However much more would bring more."""
    limiter = Limiter(40, now=0.0)
    simulate(limiter, room=1000, latency=0.2, seconds=5.0)
    assert limiter.limit == 40


def test_an_overload_halves_once_a_round() -> None:
    """What was in flight together fails together; only later failures count again."""
    limiter = Limiter(64, now=0.0)
    for _ in range(32):
        limiter.overloaded(0.1)
    assert limiter.limit == 16
    for _ in range(17):
        limiter.overloaded(0.5)
    assert limiter.limit == 8


def test_it_grows_again_after_an_overload() -> None:
    """A passing weakness costs no more than some rounds."""
    limiter = Limiter(64, now=0.0)
    limiter.overloaded(0.0)
    assert limiter.limit == 16
    simulate(limiter, room=64, latency=0.2, seconds=20.0)
    assert limiter.limit > 32


def test_a_server_that_wants_rest_gets_it() -> None:
    """The longest wait that was asked for holds."""
    limiter = Limiter(8, now=10.0)
    limiter.overloaded(10.0, wait=5.0)
    limiter.overloaded(11.0, wait=1.0)
    assert limiter.paused_until == 15.0


@given(
    st.integers(1, 300),
    st.lists(st.tuples(st.booleans(), st.floats(0, 1)), max_size=400),
)
def test_it_stays_in_its_range(cap: int, events: list[tuple[bool, float]]) -> None:
    """Whatever happens, there is room for one and never for more than the cap."""
    limiter, now = Limiter(cap, now=0.0), 0.0
    for good, seconds in events:
        now += seconds
        if good:
            limiter.answered(now)
        else:
            limiter.overloaded(now)
        assert 1 <= limiter.limit <= cap
