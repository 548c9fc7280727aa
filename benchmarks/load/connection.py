"""One kept-alive HTTP/1.1 connection with one request in flight at most."""

import asyncio
import re
from collections.abc import Callable
from typing import cast

HEAD_END = b"\r\n\r\n"
LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
CODE = re.compile(rb'"code": *"(\w+)"')
LOST = "connection lost"
UNREADABLE = "answer without a length"

Answered = Callable[["Connection", str], None]
"""Gets the connection and why the request failed; the text is empty for a good answer."""


class Connection(asyncio.Protocol):
    """Sends whole requests and tells of each answer. `due` and `sent` are the moments of the request in flight, `head`
    is that of the last answer, without its empty line."""

    def __init__(self, expected: bytes, answered: Answered) -> None:
        self.due = 0.0
        self.sent = 0.0
        self.head = b""
        self.is_open = False
        self._expected = expected
        self._answered = answered
        self._transport: asyncio.Transport | None = None
        self._received = b""
        self._in_flight = False

    def send(self, request: bytes, due: float, now: float) -> None:
        """Send a request; the one before it must have been answered."""
        assert self._transport is not None
        self.due, self.sent, self._in_flight = due, now, True
        self._transport.write(request)

    def close(self) -> None:
        """Let go of the connection; a request in flight is not told of any more."""
        self._in_flight = False
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.Protocol`."""
        self._transport = cast(asyncio.Transport, transport)
        self.is_open = True

    def connection_lost(self, exc: Exception | None) -> None:
        """See `asyncio.Protocol`."""
        self.is_open = False
        if self._in_flight:
            self._in_flight = False
            self._answered(self, LOST)

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`. An answer that comes whole, as nearly all do, is not copied."""
        if self._received:
            data = self._received + data
        head = data.find(HEAD_END)
        length = LENGTH.search(data, 0, head + 2) if head >= 0 else None
        if head >= 0 and length is None:
            self._finish(UNREADABLE)
        elif length is None or len(data) < head + 4 + int(length[1]):
            self._received = data
        else:
            self._received, self.head = b"", data[:head]
            self._finish(self._failure(data, head))

    def _failure(self, data: bytes, head: int) -> str:
        status = data[9:12]
        if not status.startswith(b"2"):
            code = CODE.search(data, head)
            return f"{status.decode()} {code[1].decode() if code else ''}".strip()
        if self._expected and data.find(self._expected, head) < 0:
            return f"answer without {self._expected.decode()}"
        return ""

    def _finish(self, failure: str) -> None:
        if self._in_flight:
            self._in_flight = False
            self._answered(self, failure)
