"""Sends an answer in one system call. uvicorn writes its head and its body apart, and uvloop sends each at once."""

import asyncio

_INTERIM = b"HTTP/1.1 1"
_HEAD = b"HTTP/1.1 "


class OneWrite:
    """Stands in for the transport of a connection: the head of an answer waits for the first piece of its body.

    It waits no longer than until the event loop goes on, so that an answer whose body comes later has begun. Whatever
    else is written goes on at once, and nothing overtakes anything.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._head: bytes | None = None
        self._flushing: asyncio.Handle | None = None

    def write(self, data: bytes) -> None:
        """Send ``data``, behind a head that waits."""
        if self._head is not None:
            assert self._flushing is not None
            self._flushing.cancel()
            data, self._head = self._head + data, None
        elif data.startswith(_HEAD) and not data.startswith(_INTERIM):
            self._head = data
            self._flushing = self._loop.call_soon(self._flush)
            return
        self._transport.write(data)

    def close(self) -> None:
        """Close the connection, after all that was written."""
        self._flush()
        self._transport.close()

    def is_closing(self) -> bool:
        """Whether it is closed, or about to be."""
        return self._transport.is_closing()

    def _flush(self) -> None:
        if self._head is not None:
            self.write(b"")
