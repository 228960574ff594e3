"""The reply store, with real files and real processes."""

from __future__ import annotations

import os
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nerdistill.annotate import replies
from nerdistill.annotate.protocol import Reply
from nerdistill.annotate.replies import ReplyStore
from nerdistill.digest import Digest, digest_of
from nerdistill.errors import StoreError

if TYPE_CHECKING:
    from pathlib import Path

VERSION_1 = """
PRAGMA application_id = 0x4E455244;
PRAGMA user_version = 1;
CREATE TABLE replies (
    request TEXT NOT NULL UNIQUE,
    text TEXT NOT NULL,
    finish TEXT NOT NULL CHECK (finish IN ('stop', 'length')),
    tokens_in INTEGER NOT NULL,
    tokens_out INTEGER NOT NULL,
    logprobs TEXT
) STRICT;
"""

WRITER = """
import sys
from pathlib import Path
from nerdistill.annotate import replies
from nerdistill.annotate.protocol import Reply
from nerdistill.annotate.replies import ReplyStore
from nerdistill.digest import digest_of

replies.SECONDS = 1e9  # batches fill up, whatever the clock says
path, first, last = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
with ReplyStore(path) as store:
    for number in range(first, last):
        store.add(Reply(digest_of(number), f"reply {number}", "stop"))
        print(number, flush=True)
"""


def reply(number: int, text: str = "{}") -> Reply:
    """A reply of its own for each number."""
    return Reply(digest_of(number), text, "stop", tokens_in=3, tokens_out=number)


def writer(path: Path, first: int, last: int) -> subprocess.Popen[str]:
    """A process that adds the replies first..last-1."""
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path), str(first), str(last)],
        stdout=subprocess.PIPE,
        text=True,
    )


def test_replies_come_back_as_they_went_in(tmp_path: Path) -> None:
    """Every field survives, in this process and in the next."""
    path = tmp_path / "new folder" / "s.sqlite"
    full = Reply(digest_of(1), '{"a": "é"}', "length", 5, 7, (("{", -0.5), ("}", -1.25)))
    with ReplyStore(path) as store:
        store.add(full)
        store.add(reply(2))
        assert store.get(full.request) == full
    with ReplyStore(path) as store:
        assert store.get(full.request) == full
        assert list(store) == [full, reply(2)]
        assert store.count() == 2
        assert store.get(digest_of("absent")) is None
        assert store.many([digest_of("absent"), digest_of(2)]) == {digest_of(2): reply(2)}


def test_any_text_survives(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Control characters and lone surrogates are text too."""
    path = tmp_path_factory.mktemp("store") / "s.sqlite"

    @given(st.text(st.characters(exclude_categories=[])))
    def survives(text: str) -> None:
        key = digest_of(text)
        with ReplyStore(path) as store:
            store.add(Reply(key, text, "stop"))
        with ReplyStore(path) as store:
            found = store.get(key)
            assert found is not None
            assert found.text == text

    survives()


def test_first_reply_stands(tmp_path: Path) -> None:
    """A stored reply never changes, before and after its commit."""
    with ReplyStore(tmp_path / "s.sqlite") as store:
        for text in ("first", "second"):
            store.add(reply(1, text))
        store.commit()
        store.add(reply(1, "third"))
        store.commit()
        assert [one.text for one in store] == ["first"]


def test_many_finds_more_than_one_query_holds(tmp_path: Path) -> None:
    """Lookups of any length work, for committed replies and for those that wait."""
    with ReplyStore(tmp_path / "s.sqlite") as store:
        for number in range(1300):
            store.add(reply(number))
        assert len(store.many(digest_of(number) for number in range(1300))) == 1300


def test_only_its_owner_reads_it(tmp_path: Path) -> None:
    """The file and its side files are 0600, whatever the umask."""
    before = os.umask(0)
    try:
        with ReplyStore(tmp_path / "s.sqlite") as store:
            store.add(reply(1))
            store.commit()
            modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    finally:
        os.umask(before)
    assert set(modes) == {"s.sqlite", "s.sqlite-wal", "s.sqlite-shm"}
    assert set(modes.values()) == {0o600}


def test_not_a_store(tmp_path: Path) -> None:
    """A text file, an empty one, a folder and another program's database are refused."""
    text, empty, other = tmp_path / "a.txt", tmp_path / "b", tmp_path / "c.sqlite"
    text.write_text("not a database, but long enough to be taken for one" * 40)
    empty.touch()
    with sqlite3.connect(other) as database:
        database.execute("CREATE TABLE t (x)")
    database.close()
    for path in (text, empty, other, tmp_path):
        with pytest.raises(StoreError, match="--store") as error:
            ReplyStore(path)
        assert str(path) in str(error.value)
    assert text.read_text().startswith("not a database")


def test_store_of_a_later_version(tmp_path: Path) -> None:
    """A store that a later version wrote is left alone."""
    path = tmp_path / "s.sqlite"
    ReplyStore(path).__exit__(None, None, None)
    with sqlite3.connect(path) as database:
        database.execute("PRAGMA user_version = 99")
    database.close()
    with pytest.raises(StoreError, match="version 99"):
        ReplyStore(path)


def test_damaged_store(tmp_path: Path) -> None:
    """A store with a hole in it is an error, not an empty answer."""
    path = tmp_path / "s.sqlite"
    with ReplyStore(path) as store:
        for number in range(500):
            store.add(reply(number, "x" * 500))
    data = bytearray(path.read_bytes())
    data[4096:] = b"\xa5" * (len(data) - 4096)
    path.write_bytes(data)
    with pytest.raises(StoreError, match=r"s\.sqlite"), ReplyStore(path) as store:
        list(store)


def test_two_processes_on_one_store(tmp_path: Path) -> None:
    """Two processes that start together and overlap spoil nothing."""
    path = tmp_path / "s.sqlite"
    writers = [writer(path, 0, 700), writer(path, 300, 1000)]
    for process in writers:
        process.communicate(timeout=120)
        assert process.returncode == 0
    with ReplyStore(path) as store:
        found = {one.request: one.text for one in store}
    assert found == {digest_of(number): f"reply {number}" for number in range(1000)}
    assert [file.name for file in tmp_path.iterdir()] == ["s.sqlite"]


@pytest.mark.parametrize("lines", [1, 100, 777])
def test_kill_loses_at_most_the_open_batch(tmp_path: Path, lines: int) -> None:
    """After kill -9 the store holds all but the last batch, and goes on."""
    path = tmp_path / "s.sqlite"
    process = writer(path, 0, 1_000_000)
    assert process.stdout is not None
    for _ in range(lines):
        told = int(process.stdout.readline())
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=60)
    with ReplyStore(path) as store:
        kept = [one.text for one in store]
        assert kept == [f"reply {number}" for number in range(len(kept))]
        assert len(kept) > told - replies.BATCH
        store.add(Reply(Digest("next"), "more", "stop"))
    with ReplyStore(path) as store:
        assert store.count() == len(kept) + 1


def test_no_reply_waits_for_the_next(tmp_path: Path) -> None:
    """A lone reply is on the disk soon, though nobody adds another or commits."""
    path = tmp_path / "s.sqlite"
    with ReplyStore(path) as store, ReplyStore(path) as reader:
        store.add(reply(1))
        for _ in range(1000):
            if store.committed:
                break
            threading.Event().wait(0.01)
        assert (reader.count(), store.committed) == (1, 1)


def test_a_full_disk_is_told_by_the_next_add(tmp_path: Path) -> None:
    """What the store's own thread could not write is neither lost nor kept quiet."""
    with ReplyStore(tmp_path / "s.sqlite") as store:
        pages = store._database.execute("PRAGMA page_count").fetchone()[0]
        store._database.execute(f"PRAGMA max_page_count = {pages}")
        store.add(Reply(Digest("big"), "x" * 100_000, "stop"))
        store._thread.join(timeout=60)
        with pytest.raises(StoreError, match="full"):
            store.add(reply(2))
        store._database.execute("PRAGMA max_page_count = 100000")
        store.commit()
        assert store.count() == 1


def test_an_older_store_is_brought_up_to_date(tmp_path: Path) -> None:
    """A store of version 1 keeps its replies; new ones know more."""
    path = tmp_path / "s.sqlite"
    with closing(sqlite3.connect(path)) as database:
        database.executescript(VERSION_1)
        database.execute("INSERT INTO replies VALUES ('old', 'text', 'stop', 3, 4, NULL)")
        database.commit()
    with ReplyStore(path) as store, ReplyStore(path) as other:
        store.add(Reply(Digest("new"), "t", "stop", 5, 6, None, 4, "gpt-4-0613"))
        store.commit()
        found = {one.request: one for one in other}
    assert found[Digest("old")] == Reply(Digest("old"), "text", "stop", 3, 4)
    assert (found[Digest("new")].tokens_cached, found[Digest("new")].model) == (4, "gpt-4-0613")


def test_a_network_file_system_gets_one_user_and_no_shared_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There the journal is a rollback one, a WAL store is converted, and a second user is told."""
    path = tmp_path / "s.sqlite"
    with ReplyStore(path) as store:
        store.add(reply(1))
    monkeypatch.setattr(replies, "network_type", lambda _: "nfs4")
    with ReplyStore(path) as store:
        (journal,) = store._database.execute("PRAGMA journal_mode").fetchone()
        assert (journal, store.count()) == ("delete", 1)
        store.add(reply(2))
        store.commit()
        assert {file.name for file in tmp_path.iterdir()} <= {"s.sqlite", "s.sqlite-journal"}
        with pytest.raises(StoreError, match=r"network file system \(nfs4\).*--store"):
            ReplyStore(path)
    with ReplyStore(path) as store:
        assert store.count() == 2
