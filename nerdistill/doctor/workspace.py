"""Whether a workspace works where it is to lie: locks, SQLite and permissions are really tried."""

from __future__ import annotations

import stat
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from nerdistill import sharing
from nerdistill.annotate.protocol import Reply
from nerdistill.annotate.replies import ReplyStore
from nerdistill.digest import Digest
from nerdistill.doctor.finding import Finding
from nerdistill.errors import StoreError
from nerdistill.study.lease import Leases

if TYPE_CHECKING:
    from collections.abc import Iterator

ELSEWHERE = "Keep the workspace on another disk: nerdistill study run ... --workspace DIR"
REQUEST = Digest("0" * 64)


def check_workspace(folder: Path, network: str | None) -> Iterator[Finding]:
    """Try in a folder what a study does there; nothing is left.

    Args:
        folder: an existing one.
        network: the type of the network file system that holds it; None for a local one.
    """
    yield _kind(network)
    try:
        with tempfile.TemporaryDirectory(prefix=".nerdistill-", dir=folder) as name:
            place = Path(name)
            yield _lease(place)
            yield _store(place)
            yield _bits(place)
    except OSError as error:
        yield Finding("workspace", "failure", f"{folder}: {error.strerror or error}", ELSEWHERE)


def _kind(network: str | None) -> Finding:
    """What kind of file system it is, and what that means."""
    if network:
        found = (
            f"{network}, which several nodes may share: stages are claimed by heartbeat leases, "
            "and one process at a time has the reply store"
        )
        return Finding("file system", "note", found)
    return Finding("file system", "ok", "a local one")


def _lease(place: Path) -> Finding:
    first, second = Leases(place / "leases"), Leases(place / "leases")
    lease = first.take("trial")
    if lease is None:
        return Finding("leases", "failure", "a free one cannot be taken", ELSEWHERE)
    try:
        twice = second.take("trial")
    finally:
        lease.release()
    if twice is not None:
        twice.release()
        return Finding("leases", "failure", "two runners get one at once", ELSEWHERE)
    return Finding("leases", "ok", "one runner gets a stage, a second one does not")


def _store(place: Path) -> Finding:
    try:
        with ReplyStore(place / "replies.sqlite") as store:
            store.add(Reply(REQUEST, "trial", "stop"))
        with ReplyStore(place / "replies.sqlite") as store:
            there = store.get(REQUEST)
    except StoreError as error:
        return Finding("reply store", "failure", error.message, ELSEWHERE)
    if there is None:
        return Finding("reply store", "failure", "a reply was lost", ELSEWHERE)
    return Finding("reply store", "ok", "SQLite keeps a reply there")


def _bits(place: Path) -> Finding:
    """Whether the file system keeps who may read a file."""
    file = place / "private"
    file.touch()
    sharing.settle(file)
    mode = stat.S_IMODE(file.stat().st_mode)
    if sharing.unsettled(file):
        found = f"files keep the mode {mode:04o} there: others may read results"
        return Finding("permissions", "warning", found, ELSEWHERE)
    group = file.stat().st_gid
    whose = "its user" if not mode & stat.S_IRGRP else f"its user and group {group}"
    return Finding("permissions", "ok", f"what is written is for {whose} alone ({mode:04o})")
