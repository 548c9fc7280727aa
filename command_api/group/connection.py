"""Kept-alive HTTP/1.1 connections to the other instances, which know whether anything of a request was sent.

On httptools, the parser that uvicorn uses: 18 µs of processor time for a 300-byte POST and its answer, where aiohttp
takes 90 and httpx 1,700; deciding and appending a command takes about 125.
"""

import asyncio
import time
from collections import defaultdict
from typing import NamedTuple, cast
from urllib.parse import urlsplit

import httptools

Headers = list[tuple[bytes, bytes]]
"""Names, in lower case, and values, as ASGI has them."""

IDLE_SECONDS = 30.0
"""An idle connection is used again for so long: well below the time after which the other side would close it."""
MOST_IDLE = 64
"""Idle connections that are kept to one instance."""


class NotSent(Exception):
    """Nothing of the request has left: the other side has certainly not carried it out."""


class Broken(Exception):
    """The connection ended before the answer was complete: the request may have been carried out."""


class Forwarded(NamedTuple):
    """What another instance answered."""

    status: int
    headers: Headers
    body: bytes


class Connection(asyncio.Protocol):
    """One connection with one request in flight at most. Not for HEAD and CONNECT, whose answers have no body."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._answer: asyncio.Future[Forwarded] | None = None
        self._idle_since = time.monotonic()

    @property
    def reusable(self) -> bool:
        """True when another request may be sent on it."""
        transport = self._transport
        open_and_free = transport is not None and not transport.is_closing() and self._answer is None
        return open_and_free and time.monotonic() - self._idle_since < IDLE_SECONDS

    async def ask(self, request: bytes) -> Forwarded:
        """Send a whole request and wait for its whole answer. Raises ``NotSent`` or ``Broken``; when cancelled, the
        connection is closed, as its answer may still come."""
        if self._transport is None or self._transport.is_closing():
            raise NotSent("the connection was closed before anything was sent")
        self._parser = httptools.HttpResponseParser(self)
        self._headers: Headers = []
        self._body: list[bytes] = []
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        try:
            answer = await self._answer
        except BaseException:
            self.close()
            raise
        finally:
            self._answer, self._idle_since = None, time.monotonic()
        return answer

    def close(self) -> None:
        """Close it at once."""
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See ``asyncio.Protocol``."""
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """See ``asyncio.Protocol``."""
        if self._answer is None or self._answer.done():
            self.close()  # nobody has asked for it
            return
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self._break(f"not an HTTP answer: {error!r}")

    def connection_lost(self, exc: Exception | None) -> None:
        """See ``asyncio.Protocol``."""
        self._break(f"the connection was lost: {exc!r}")

    def on_header(self, name: bytes, value: bytes) -> None:
        """Called by the parser."""
        self._headers.append((name.lower(), value))

    def on_body(self, body: bytes) -> None:
        """Called by the parser."""
        self._body.append(body)

    def on_message_complete(self) -> None:
        """Called by the parser."""
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(Forwarded(self._parser.get_status_code(), self._headers, b"".join(self._body)))
        # The parser knows it only here: a moment later it has forgotten this answer's headers.
        if not self._parser.should_keep_alive():
            self.close()

    def _break(self, why: str) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(Broken(why))


class ConnectionPool:
    """Open connections by the base URL that they lead to."""

    def __init__(self) -> None:
        self._idle: dict[str, list[Connection]] = defaultdict(list)

    async def take(self, address: str) -> Connection:
        """A connection to ``http://host[:port]``, kept alive or new. Raises ``NotSent`` when there is nobody,
        ``ValueError`` for another kind of address."""
        idle = self._idle[address]
        while idle:
            if (connection := idle.pop()).reusable:
                return connection
            connection.close()
        parts = urlsplit(address)
        if parts.scheme != "http" or parts.hostname is None:
            raise ValueError(f"{address} is no http:// address")
        try:
            _, made = await asyncio.get_running_loop().create_connection(Connection, parts.hostname, parts.port or 80)
        except OSError as error:
            raise NotSent(f"{address} cannot be reached: {error}") from error
        return made

    def give_back(self, address: str, connection: Connection) -> None:
        """Keep a connection for the next request."""
        idle = self._idle[address]
        if connection.reusable and len(idle) < MOST_IDLE:
            idle.append(connection)
        else:
            connection.close()

    def close(self) -> None:
        """Close all idle connections."""
        for connection in (connection for idle in self._idle.values() for connection in idle):
            connection.close()
        self._idle.clear()
