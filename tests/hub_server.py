"""A small Hugging Face hub on loopback: repositories are folders, each with one commit.

Serves what the real clients ask: `/api/{models,datasets}/…/revision`, `/tree`, `/paths-info` and
`/resolve` with ETag, X-Repo-Commit, HEAD and Range. It offers no xet. It can be told to want a
token, to fail, and to drop connections, and it keeps a log of every request.
"""

from __future__ import annotations

import hashlib
import json
import re
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, unquote, urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LARGE = frozenset({".safetensors", ".bin", ".parquet"})
"""Files that a hub keeps apart by their sha256, as LFS does."""
_API = re.compile(r"/api/(models|datasets)/([^/]+/[^/]+)/(revision|tree|paths-info)/([^/]+)/?(.*)")
_FILE = re.compile(
    r"/(?:api/resolve-cache/models/|api/resolve-cache/(datasets)/|(datasets)/)?"
    r"([^/]+/[^/]+)(?:/resolve)?/([^/]+)/(.+)"
)


@dataclass(frozen=True, slots=True)
class Repository:
    """A folder of files at one commit."""

    folder: Path
    kind: str
    commit: str

    def files(self) -> dict[str, Path]:
        """Every file by its path."""
        found = sorted(path for path in self.folder.rglob("*") if path.is_file())
        return {path.relative_to(self.folder).as_posix(): path for path in found}


@dataclass(slots=True)
class Hub:
    """What the server has, does and was asked.

    Attributes:
        url: for HF_ENDPOINT.
        repositories: by kind and name: `models/team/bert`.
        gated: names whose files need `token`.
        token: the one that opens them; another gets 403.
        drops: by file path, after how many bytes the next answers break off.
        failing: file paths that get a 500.
        log: each request: method and path, with the range where there is one.
    """

    url: str = ""
    repositories: dict[str, Repository] = field(default_factory=dict)
    gated: set[str] = field(default_factory=set)
    token: str = "hf_open"  # noqa: S105 - of the fake hub
    drops: dict[str, list[int]] = field(default_factory=dict)
    failing: set[str] = field(default_factory=set)
    log: list[str] = field(default_factory=list)

    def add(self, name: str, folder: Path, *, kind: str = "models") -> str:
        """Serve a folder as it is now; its commit."""
        repository = Repository(folder, kind, "")
        content = [
            kind,
            name,
            *(f"{file} {etag(path)}" for file, path in repository.files().items()),
        ]
        commit = hashlib.sha1("\n".join(content).encode(), usedforsecurity=False).hexdigest()
        self.repositories[f"{kind}/{name}"] = replace(repository, commit=commit)
        return commit

    def asked_for(self, ending: str) -> list[str]:
        """The requests whose path ends so."""
        return [line for line in self.log if line.split(" ")[1].endswith(ending)]


def etag(path: Path) -> str:
    """The name that a hub gives a file's content: sha256 of a large one, else git's own sha1."""
    data = path.read_bytes()
    if path.suffix in LARGE:
        return hashlib.sha256(data).hexdigest()
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


def _entry(name: str, path: Path) -> dict[str, object]:
    size = path.stat().st_size
    entry: dict[str, object] = {"type": "file", "path": name, "size": size, "oid": etag(path)}
    if path.suffix in LARGE:
        entry["oid"] = hashlib.sha1(etag(path).encode(), usedforsecurity=False).hexdigest()
        entry["lfs"] = {"oid": etag(path), "size": size, "pointerSize": 134}
    return entry


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: Hub

    def log_message(self, *_: object) -> None:
        """Say nothing on standard error."""

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = urlsplit(self.path)
        path = unquote(parts.path)
        asked = self.headers.get("Range")
        self.hub.log.append(" ".join(filter(None, [self.command, path, asked])))
        if match := _API.fullmatch(path):
            kind, name, what, revision, below = match.groups()
            if repository := self._allowed(kind, name, revision):
                self._api(repository, what, name, below, parts.query, body)
        elif match := _FILE.fullmatch(path):
            cached, plain, name, revision, file = match.groups()
            repository = self._allowed(cached or plain or "models", name, revision)
            if repository and self._is_open(name):
                self._file(repository, file)
        else:
            self._refuse(404, "EntryNotFound")

    def _allowed(self, kind: str, name: str, revision: str) -> Repository | None:
        """The repository at that revision, or an answer that says why not."""
        repository = self.hub.repositories.get(f"{kind}/{name}")
        if repository is None:
            # As the real hub: who has no token is not told whether there is one.
            self._refuse(401 if "Authorization" not in self.headers else 404, "RepoNotFound")
            return None
        if revision not in {repository.commit, "main"}:
            self._refuse(404, "RevisionNotFound")
            return None
        return repository

    def _is_open(self, name: str) -> bool:
        """Whether the caller may read the files; all may see their names."""
        given = self.headers.get("Authorization")
        if name in self.hub.gated and given != f"Bearer {self.hub.token}":
            self._refuse(403 if given else 401, "GatedRepo")
            return False
        return True

    def _api(
        self, repository: Repository, what: str, name: str, below: str, query: str, body: bytes
    ) -> None:
        files = repository.files()
        if what == "revision":
            told: object = {
                "id": name,
                "sha": repository.commit,
                "private": False,
                "siblings": [{"rfilename": file} for file in files],
            }
        elif what == "paths-info":
            form = parse_qs(body.decode())
            wanted = form.get("paths") or json.loads(body or b"{}").get("paths", [])
            told = [_entry(file, files[file]) for file in wanted if file in files]
        else:
            told = self._tree(files, below, recursive="recursive=true" in query.lower())
            if not told:
                self._refuse(404, "EntryNotFound")
                return
        self._send(200, json.dumps(told).encode(), {"Content-Type": "application/json"})

    @staticmethod
    def _tree(files: dict[str, Path], below: str, *, recursive: bool) -> list[dict[str, object]]:
        prefix = f"{below}/" if below else ""
        inside = {name: path for name, path in files.items() if name.startswith(prefix)}
        told = [
            _entry(name, path)
            for name, path in inside.items()
            if recursive or "/" not in name.removeprefix(prefix)
        ]
        parents = {
            prefix + "/".join(name.removeprefix(prefix).split("/")[:depth])
            for name in inside
            for depth in range(1, name.removeprefix(prefix).count("/") + 1)
            if recursive or depth == 1
        }
        empty = {"type": "directory", "oid": "0" * 40}
        return told + [{**empty, "path": name} for name in sorted(parents)]

    def _file(self, repository: Repository, name: str) -> None:
        path = repository.files().get(name)
        if path is None:
            self._refuse(404, "EntryNotFound")
            return
        if name in self.hub.failing and self.command == "GET":
            self._refuse(500, "InternalError")
            return
        data, start = path.read_bytes(), 0
        headers = {"ETag": f'"{etag(path)}"', "X-Repo-Commit": repository.commit}
        if match := re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range") or ""):
            start, end = int(match[1]), int(match[2] or len(data) - 1)
            headers["Content-Range"] = f"bytes {start}-{end}/{len(data)}"
            data = data[start : end + 1]
        drops = self.hub.drops.get(name) if self.command == "GET" else None
        self._send(206 if start else 200, data, headers, cut=drops.pop(0) if drops else None)

    def _refuse(self, status: int, code: str) -> None:
        self._send(status, b"{}", {"X-Error-Code": code, "X-Error-Message": code})

    def _send(
        self, status: int, data: bytes, headers: dict[str, str], *, cut: int | None = None
    ) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data[:cut])
        if cut is not None:
            self.close_connection = True


@contextmanager
def open_hub() -> Iterator[Hub]:
    """A hub that answers until the `with` block ends."""
    hub = Hub()
    handler = type("Handler", (_Handler,), {"hub": hub})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    hub.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
