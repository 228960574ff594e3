"""Leases: one holder at a time, and a next one when it falls silent."""

from __future__ import annotations

import json
import multiprocessing
from typing import TYPE_CHECKING

from nerdistill.study.lease import Leases, Pace

if TYPE_CHECKING:
    from multiprocessing.queues import Queue
    from multiprocessing.synchronize import Barrier
    from pathlib import Path

PACE = Pace(beat=1000, lives=30, look=1)
"""Nothing is renewed but by the test."""
RUNNERS, ROUNDS = 4, 25


class Clock:
    """A clock that the test turns."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        """What it shows."""
        return self.now


def watch(leases: Leases, clock: Clock, seconds: int) -> bool:
    """Look once a second; whether the lease could be taken within that time."""
    for _ in range(seconds):
        clock.now += 1
        lease = leases.take("a")
        if lease is not None:
            lease.release()
            return True
    return False


def test_a_lease_has_one_holder(tmp_path: Path) -> None:
    """Who comes second gets nothing; what is released can be had at once; names do not mix."""
    first, second = Leases(tmp_path, PACE), Leases(tmp_path, PACE)
    lease = first.take("a")
    assert lease is not None
    assert second.take("a") is None
    other = second.take("b")
    assert other is not None
    lease.release()
    again = second.take("a")
    assert again is not None
    assert again.held()
    assert not lease.held()
    for one in (other, again):
        one.release()


def test_silence_is_measured_by_the_watcher(tmp_path: Path) -> None:
    """A lease ends when a watcher has seen it unchanged for its whole time to live, not before."""
    clock = Clock()
    lease = Leases(tmp_path, PACE).take("a")
    assert lease is not None
    watcher = Leases(tmp_path, PACE, clock)
    assert not watch(watcher, clock, 30)
    assert lease.held()
    assert not watch(watcher, clock, 30)
    assert watch(watcher, clock, 2)
    assert not lease.held()
    lease.release()


def test_a_watcher_that_stood_still_has_seen_nothing(tmp_path: Path) -> None:
    """A watcher that was suspended, or whose disk hung, gives the holder time to be heard."""
    clock = Clock()
    lease = Leases(tmp_path, PACE).take("a")
    assert lease is not None
    watcher = Leases(tmp_path, PACE, clock)
    assert not watch(watcher, clock, 20)
    clock.now += 1e9
    assert not watch(watcher, clock, 5)
    assert lease.held()
    lease.release()


def test_the_time_that_a_machine_shows_changes_nothing(tmp_path: Path) -> None:
    """A claim holds no time, so that a wrong clock cannot end it."""
    lease = Leases(tmp_path, PACE).take("a")
    assert lease is not None
    claim = json.loads((tmp_path / "a" / "1").read_text())
    assert set(claim) == {"holder", "host", "pid", "beat", "released"}
    lease.release()


def test_a_claim_that_was_never_written_ends_too(tmp_path: Path) -> None:
    """A runner that died between making its claim and filling it blocks nobody for ever."""
    clock = Clock()
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "1").touch()
    watcher = Leases(tmp_path, PACE, clock)
    assert watcher.holder("a") == "another runner"
    assert not watch(watcher, clock, 30)
    assert watch(watcher, clock, 1)


def test_who_lost_a_lease_does_not_disturb_the_next(tmp_path: Path) -> None:
    """A holder that wakes up too late neither renews nor releases what is another's."""
    clock = Clock()
    lost = Leases(tmp_path, PACE).take("a")
    assert lost is not None
    watcher = Leases(tmp_path, PACE, clock)
    assert not watch(watcher, clock, 30)
    clock.now += 1
    taken = watcher.take("a")
    assert taken is not None
    before = (tmp_path / "a" / "2").read_bytes()
    assert not lost.held()
    lost.release()
    assert (tmp_path / "a" / "2").read_bytes() == before
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["2"]
    taken.release()


def test_a_watcher_that_comes_much_too_late_gets_nothing(tmp_path: Path) -> None:
    """Who would follow a claim that is long history finds the present one, and leaves it."""
    leases = Leases(tmp_path, PACE)
    for _ in range(2):
        lease = leases.take("a")
        assert lease is not None
        lease.release()
    holder = leases.take("a")
    assert holder is not None
    assert leases._claimed(tmp_path / "a", 2) is None
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["3"]
    assert holder.held()
    holder.release()


def test_a_lease_that_was_removed_is_lost(tmp_path: Path) -> None:
    """Nobody goes on with a claim that is gone."""
    leases = Leases(tmp_path, PACE)
    lease = leases.take("a")
    assert lease is not None
    leases.remove("a")
    assert not lease.held()
    lease.release()


def _race(root: Path, barrier: Barrier, winners: Queue[int]) -> None:
    """Watch one dead lease after another until it ends, then take it together with all others."""
    for number in range(ROUNDS):
        clock = Clock()
        leases = Leases(root / str(number), PACE, clock)
        watched = watch(leases, clock, 30)
        barrier.wait()
        clock.now += 1
        lease = leases.take("a")
        won = lease is not None and not watched and lease.held()
        barrier.wait()
        if won:
            winners.put(number)


def test_of_many_watchers_one_wins(tmp_path: Path) -> None:
    """Processes that see a lease end at the same moment: each time exactly one takes it."""
    context = multiprocessing.get_context("spawn")
    for number in range(ROUNDS):
        (tmp_path / str(number) / "a").mkdir(parents=True)
        (tmp_path / str(number) / "a" / "1").write_text("of a dead runner")
    barrier, winners = context.Barrier(RUNNERS, timeout=60), context.Queue()
    runners = [
        context.Process(target=_race, args=(tmp_path, barrier, winners)) for _ in range(RUNNERS)
    ]
    for runner in runners:
        runner.start()
    found = sorted(winners.get(timeout=60) for _ in range(ROUNDS))
    for runner in runners:
        runner.join()
    assert found == list(range(ROUNDS))
    assert winners.empty()
    assert [runner.exitcode for runner in runners] == [0] * RUNNERS
