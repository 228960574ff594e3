"""The reply store: every raw reply that was ever asked for, in one SQLite file.

Replies are kept by the key of their request and never change. Failures have no place here.
"""

from __future__ import annotations

import json
import os
import sqlite3
import time
from contextlib import closing, contextmanager
from itertools import islice
from typing import TYPE_CHECKING, Literal, Self, cast

from nerdistill.annotate.protocol import Reply
from nerdistill.digest import Digest
from nerdistill.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path
    from types import TracebackType

APPLICATION_ID = 0x4E455244
"""What SQLite's header says of a reply store: `NERD`."""
VERSION = 1
SCHEMA = f"""
PRAGMA journal_mode = WAL;
PRAGMA application_id = {APPLICATION_ID};
PRAGMA user_version = {VERSION};
CREATE TABLE replies (
    request TEXT NOT NULL UNIQUE,
    text TEXT NOT NULL,
    finish TEXT NOT NULL CHECK (finish IN ('stop', 'length')),
    tokens_in INTEGER NOT NULL,
    tokens_out INTEGER NOT NULL,
    logprobs TEXT
) STRICT;
"""
INSERT = "INSERT OR IGNORE INTO replies VALUES (?, CAST(? AS TEXT), ?, ?, ?, ?)"
SELECT = "SELECT request, text, finish, tokens_in, tokens_out, logprobs FROM replies"
Row = tuple[str, bytes, str, int, int, str | None]

_SURROGATES = "surrogatepass"  # a reply may hold half of a UTF-16 pair, escaped in its JSON

BATCH = 64
SECONDS = 0.2
"""A reply that comes later than this after the last commit is committed at once."""
PATIENCE = 60.0
"""Seconds to wait for another process that writes."""


class ReplyStore:
    """Raw replies by request key. Several processes may use one file at once.

    Replies are committed in batches: a killed process loses at most the last one, and a slow
    model's replies are committed one by one. Leaving the `with` block commits the rest.

    Raises:
        StoreError: the file is damaged, or not a reply store.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._waiting: dict[Digest, Reply] = {}
        self._committed = 0.0
        with self._guarded():
            if not path.exists():
                _create(path)
            self._database = sqlite3.connect(path, timeout=PATIENCE, isolation_level=None)
            self._database.text_factory = _text
        try:
            with self._guarded():
                self._check()
        except StoreError:
            self._database.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self.commit()
        finally:
            self._database.close()

    def add(self, reply: Reply) -> None:
        """Keep a reply. Where the store has one for this request, that one stands."""
        self._waiting.setdefault(reply.request, reply)
        if len(self._waiting) >= BATCH or time.monotonic() - self._committed > SECONDS:
            self.commit()

    def commit(self) -> None:
        """Put every reply on the disk."""
        # One short transaction: another process never waits while this one's model thinks.
        if self._waiting:
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
            self._waiting.clear()
        self._committed = time.monotonic()

    def get(self, request: Digest) -> Reply | None:
        """The reply to a request, if there is one."""
        return self.many([request]).get(request)

    def many(self, requests: Iterable[Digest]) -> dict[Digest, Reply]:
        """The replies to those of the requests that have one."""
        found: dict[Digest, Reply] = {}
        wanted = iter(requests)
        while chunk := list(islice(wanted, 500)):
            marks = ",".join("?" * len(chunk))
            with self._guarded():
                rows = self._database.execute(
                    f"{SELECT} WHERE request IN ({marks})", chunk
                ).fetchall()
            found.update((key, self._waiting[key]) for key in chunk if key in self._waiting)
            found.update((reply.request, reply) for reply in map(_reply, rows))
        return found

    def count(self) -> int:
        """How many replies there are."""
        self.commit()
        with self._guarded():
            row = self._database.execute("SELECT count(*) FROM replies").fetchone()
        return int(row[0])

    def __iter__(self) -> Iterator[Reply]:
        """Every reply, in the order in which they came."""
        self.commit()
        with self._guarded():
            rows = self._database.execute(f"{SELECT} ORDER BY rowid")
            for row in rows:
                yield _reply(row)

    def _check(self) -> None:
        (application,) = self._database.execute("PRAGMA application_id").fetchone()
        (version,) = self._database.execute("PRAGMA user_version").fetchone()
        if application != APPLICATION_ID:
            raise StoreError(
                f"{self.path}: not a reply store",
                "Name another file with --store; one that does not exist is made.",
            )
        if version != VERSION:
            raise StoreError(
                f"{self.path}: a reply store of version {version}; this nerdistill knows {VERSION}",
                "Use the nerdistill that wrote it, or name another file with --store.",
            )
        self._database.execute("PRAGMA synchronous = FULL")

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        """Turn SQLite's errors into ours."""
        try:
            yield
        except sqlite3.OperationalError as error:
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


def _create(path: Path) -> None:
    """Make an empty store, aside and then linked into place: nobody ever opens half of one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        aside.unlink(missing_ok=True)
        os.close(os.open(aside, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        with closing(sqlite3.connect(aside)) as database:
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
    return reply.request, text, reply.finish, reply.tokens_in, reply.tokens_out, logprobs


def _reply(row: tuple[str, str, str, int, int, str | None]) -> Reply:
    request, text, finish, tokens_in, tokens_out, logprobs = row
    pairs = None if logprobs is None else tuple((str(t), float(p)) for t, p in json.loads(logprobs))
    ended = cast("Literal['stop', 'length']", finish)
    return Reply(Digest(request), text, ended, tokens_in, tokens_out, pairs)


def _text(data: bytes) -> str:
    return data.decode("utf-8", _SURROGATES)
