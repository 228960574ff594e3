"""As much of HTTP/1.1 as a chat server needs: keep-alive, Content-Length, and rude endings."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from dataclasses import dataclass
from http import HTTPStatus

HEAD_LIMIT = 1 << 16
"""The most bytes of a request's head."""


@dataclass(frozen=True, slots=True)
class Call:
    """A request as it came; header names are in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def key(self) -> str:
        """The API key that the caller sent, or ""."""
        return self.headers.get("authorization", "").removeprefix("Bearer ")

    def plain(self) -> dict[str, object]:
        """Headers and body, to be looked at."""
        return {"headers": self.headers, "body": json.loads(self.body)}


def response(
    status: int,
    body: bytes,
    *,
    headers: dict[str, str] | None = None,
    kind: str = "application/json",
) -> bytes:
    """A whole response."""
    more = "".join(f"{name}: {value}\r\n" for name, value in (headers or {}).items())
    head = (
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\nContent-Type: {kind}\r\n"
        f"Content-Length: {len(body)}\r\n{more}\r\n"
    )
    return head.encode("latin-1", "replace") + body


def json_response(value: object, status: int = 200, **headers: str) -> bytes:
    """A whole response with a JSON body."""
    return response(status, json.dumps(value).encode(), headers=headers)


class Wire:
    """One connection of a client."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    @property
    def gone(self) -> bool:
        """Whether the client has closed the connection."""
        return self._reader.at_eof() or self._writer.is_closing()

    async def read(self) -> Call | None:
        """The next request, or None where the client has none.

        Raises:
            ConnectionError, asyncio.IncompleteReadError: the client left in the middle.
        """
        try:
            head = await self._reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError:
            return None
        first, *lines = head[:-4].decode("latin-1").split("\r\n")
        method, path, _ = first.split(" ", 2)
        pairs = (line.partition(":") for line in lines)
        headers = {name.lower(): value.strip() for name, _, value in pairs}
        body = await self._reader.readexactly(int(headers.get("content-length", 0)))
        return Call(method, path, headers, body)

    async def send(self, data: bytes) -> None:
        """Write all of it."""
        self._writer.write(data)
        await self._writer.drain()

    async def drip(self, data: bytes, delay: float) -> None:
        """Write a byte each `delay` seconds, until the client leaves."""
        for at in range(len(data)):
            if self.gone:
                return
            await self.send(data[at : at + 1])
            await asyncio.sleep(delay)

    async def hang(self) -> None:
        """Say nothing until the client leaves."""
        while await self._reader.read(1 << 16):
            pass

    def reset(self) -> None:
        """Tear the connection down, so that the client sees a reset."""
        linger = struct.pack("ii", 1, 0)
        self._writer.get_extra_info("socket").setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, linger
        )
        self._writer.transport.abort()

    def close(self) -> None:
        """End the connection in order."""
        self._writer.close()
