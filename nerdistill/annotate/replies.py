"""The reply store: every raw reply that was ever asked for, in one SQLite file.

Replies are kept by the key of their request and never change. Failures have no place here.
"""

from __future__ import annotations

import json
import os
import secrets
import sqlite3
import threading
from contextlib import closing, contextmanager
from itertools import islice
from typing import TYPE_CHECKING, Literal, Self, cast

from nerdistill import sharing
from nerdistill.annotate.protocol import Reply
from nerdistill.digest import Digest
from nerdistill.errors import NerdistillError, StoreError
from nerdistill.mounts import network_type

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path
    from types import TracebackType

APPLICATION_ID = 0x4E455244
"""What SQLite's header says of a reply store: `NERD`."""
VERSION = 2
SCHEMA = f"""
PRAGMA application_id = {APPLICATION_ID};
PRAGMA user_version = {VERSION};
CREATE TABLE replies (
    request TEXT NOT NULL UNIQUE,
    text TEXT NOT NULL,
    finish TEXT NOT NULL CHECK (finish IN ('stop', 'length')),
    tokens_in INTEGER NOT NULL,
    tokens_out INTEGER NOT NULL,
    logprobs TEXT,
    tokens_cached INTEGER NOT NULL DEFAULT 0,
    model TEXT NOT NULL DEFAULT ''
) STRICT;
"""
MIGRATIONS: dict[int, tuple[str, ...]] = {
    1: (
        "ALTER TABLE replies ADD COLUMN tokens_cached INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE replies ADD COLUMN model TEXT NOT NULL DEFAULT ''",
    )
}
"""For each older version what makes the next one of it."""
INSERT = "INSERT OR IGNORE INTO replies VALUES (?, CAST(? AS TEXT), ?, ?, ?, ?, ?, ?)"
SELECT = (
    "SELECT request, text, finish, tokens_in, tokens_out, logprobs, tokens_cached, model "
    "FROM replies"
)
Row = tuple[str, bytes, str, int, int, str | None, int, str]

_SURROGATES = "surrogatepass"  # a reply may hold half of a UTF-16 pair, escaped in its JSON

SIDES = ("", "-wal", "-shm", "-journal")
"""Endings of the file, and of those that SQLite keeps beside it."""
BATCH = 64
SECONDS = 0.05
"""A reply is on the disk this long after it was added, or sooner."""
PATIENCE = 60.0
"""Seconds to wait for another process that writes."""


class ReplyStore:
    """Raw replies by request key.

    Replies are committed in batches, by a thread of the store's own: a killed process loses those
    of the last twentieth of a second. Leaving the `with` block commits the rest.

    Several processes may use one file at once, but for network file systems: there SQLite has no
    shared memory, so that the file has one user at a time and a rollback journal.

    Attributes:
        path: the file.
        network: type of the network file system that holds it, or None.
        committed: how many replies this object has put on the disk.

    Raises:
        StoreError: the file is damaged, not a reply store, or in use on a network file system.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.network = network_type(path)
        self.committed = 0
        self._waiting: dict[Digest, Reply] = {}
        self._lock = threading.RLock()
        self._due, self._closing = threading.Event(), threading.Event()
        self._failed: StoreError | None = None
        with self._guarded():
            if not path.exists():
                _create(path, "DELETE" if self.network else "WAL")
            self._database = sqlite3.connect(
                path,
                timeout=0.0 if self.network else PATIENCE,
                isolation_level=None,
                check_same_thread=False,  # every use holds the lock
            )
            self._database.text_factory = _text
        try:
            with self._guarded():
                self._check()
            for side in SIDES:
                sharing.settle(path.with_name(f"{path.name}{side}"))
        except NerdistillError:
            self._database.close()
            raise
        self._thread = threading.Thread(target=self._commit_in_time, daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._closing.set()
        self._due.set()
        self._thread.join()
        try:
            self.commit()
        finally:
            self._database.close()

    def add(self, reply: Reply) -> None:
        """Keep a reply. Where the store has one for this request, that one stands.

        Raises:
            StoreError: earlier replies could not be put on the disk.
        """
        with self._lock:
            if self._failed:
                raise self._failed
            self._waiting.setdefault(reply.request, reply)
            full = len(self._waiting) >= BATCH
        if full:
            self.commit()
        self._due.set()

    def _commit_in_time(self) -> None:
        """Commit what waits, a moment after it came."""
        while self._due.wait() and not self._closing.wait(SECONDS):
            self._due.clear()
            if self._closing.is_set():
                return  # its wake-up call may be the one that was just cleared
            try:
                self.commit()
            except StoreError as error:
                self._failed = error
                return

    def commit(self) -> None:
        """Put every reply on the disk.

        Raises:
            StoreError: the disk is full, or another process holds the file for too long.
        """
        with self._lock:
            if not self._waiting:
                return
            # One short transaction: another process never waits while this one's model thinks.
            rows = [_row(reply) for reply in self._waiting.values()]
            with self._guarded():
                self._database.execute("BEGIN IMMEDIATE")
                try:
                    self._database.executemany(INSERT, rows)
                    self._database.execute("COMMIT")
                except sqlite3.Error:
                    if self._database.in_transaction:
                        self._database.execute("ROLLBACK")
                    raise
            self.committed += len(rows)
            self._waiting.clear()

    def get(self, request: Digest) -> Reply | None:
        """The reply to a request, if there is one."""
        return self.many([request]).get(request)

    def many(self, requests: Iterable[Digest]) -> dict[Digest, Reply]:
        """The replies to those of the requests that have one."""
        found: dict[Digest, Reply] = {}
        wanted = iter(requests)
        while chunk := list(islice(wanted, 500)):
            marks = ",".join("?" * len(chunk))
            with self._lock, self._guarded():
                rows = self._database.execute(
                    f"{SELECT} WHERE request IN ({marks})", chunk
                ).fetchall()
                found.update((key, self._waiting[key]) for key in chunk if key in self._waiting)
            found.update((reply.request, reply) for reply in map(_reply, rows))
        return found

    def count(self) -> int:
        """How many replies there are."""
        self.commit()
        with self._lock, self._guarded():
            row = self._database.execute("SELECT count(*) FROM replies").fetchone()
        return int(row[0])

    def __iter__(self) -> Iterator[Reply]:
        """Every reply, in the order in which they came."""
        self.commit()
        last = 0
        while True:
            with self._lock, self._guarded():
                rows = self._database.execute(
                    f"{SELECT.replace('SELECT', 'SELECT rowid,')} "
                    "WHERE rowid > ? ORDER BY rowid LIMIT 500",
                    [last],
                ).fetchall()
            if not rows:
                return
            last = rows[-1][0]
            yield from (_reply(row[1:]) for row in rows)

    def _check(self) -> None:
        if self.network:
            # Without it SQLite would ask for shared memory before the journal can be changed.
            self._database.execute("PRAGMA locking_mode = EXCLUSIVE")
        (application,) = self._database.execute("PRAGMA application_id").fetchone()
        (version,) = self._database.execute("PRAGMA user_version").fetchone()
        if application != APPLICATION_ID:
            raise StoreError(
                f"{self.path}: not a reply store",
                "Name another file with --store; one that does not exist is made.",
            )
        if version in MIGRATIONS:
            version = self._migrate()
        if version != VERSION:
            raise StoreError(
                f"{self.path}: a reply store of version {version}; this nerdistill knows {VERSION}",
                "Use the nerdistill that wrote it, or name another file with --store.",
            )
        if self.network:
            self._database.execute("PRAGMA journal_mode = DELETE")
            # The lock is taken now rather than at the first reply, and kept.
            self._database.execute("BEGIN EXCLUSIVE")
            self._database.execute("COMMIT")
        self._database.execute("PRAGMA synchronous = FULL")

    def _migrate(self) -> int:
        """Bring an older store up to date; the version that it then has."""
        self._database.execute("BEGIN IMMEDIATE")
        # Another process may have done it since.
        (version,) = self._database.execute("PRAGMA user_version").fetchone()
        while version in MIGRATIONS:
            for statement in MIGRATIONS[version]:
                self._database.execute(statement)
            version += 1
        self._database.execute(f"PRAGMA user_version = {int(version)}")
        self._database.execute("COMMIT")
        return int(version)

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        """Turn SQLite's errors into ours."""
        try:
            yield
        except sqlite3.OperationalError as error:
            if self.network and "locked" in str(error):
                raise StoreError(
                    f"{self.path}: another process uses this reply store, which lies on a network "
                    f"file system ({self.network}) and can have one user at a time",
                    "Wait for it, or name a file on a local disk with --store: many can use that.",
                ) from error
            raise StoreError(
                f"{self.path}: the reply store cannot be used: {error}",
                "Free the disk, mend the permissions or name another file with --store, then run "
                "the same command again: what is stored is not asked for again.",
            ) from error
        except sqlite3.DatabaseError as error:
            raise StoreError(
                f"{self.path}: not a reply store, or a damaged one: {error}",
                "Name another file with --store; one that does not exist is made.",
            ) from error


def _create(path: Path, journal: str) -> None:
    """Make an empty store, aside and then linked into place: nobody ever opens half of one."""
    sharing.make_folder(path.parent)
    aside = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        os.close(os.open(aside, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        sharing.settle(aside)
        with closing(sqlite3.connect(aside)) as database:
            database.execute(f"PRAGMA journal_mode = {journal}")
            database.executescript(SCHEMA)
        try:
            path.hardlink_to(aside)
        except FileExistsError:
            return  # another process was first, and its store is as good
    finally:
        aside.unlink(missing_ok=True)


def _row(reply: Reply) -> Row:
    logprobs = None if reply.logprobs is None else json.dumps(reply.logprobs)
    text = reply.text.encode("utf-8", _SURROGATES)
    return (
        reply.request,
        text,
        reply.finish,
        reply.tokens_in,
        reply.tokens_out,
        logprobs,
        reply.tokens_cached,
        reply.model,
    )


def _reply(row: tuple[str, str, str, int, int, str | None, int, str]) -> Reply:
    request, text, finish, tokens_in, tokens_out, logprobs, tokens_cached, model = row
    pairs = None if logprobs is None else tuple((str(t), float(p)) for t, p in json.loads(logprobs))
    ended = cast("Literal['stop', 'length']", finish)
    return Reply(Digest(request), text, ended, tokens_in, tokens_out, pairs, tokens_cached, model)


def _text(data: bytes) -> str:
    return data.decode("utf-8", _SURROGATES)
