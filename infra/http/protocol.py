"""uvicorn's HTTP/1.1 protocol with the bounds that it lacks: on the time that a request takes to arrive, on its head.

httptools parses without any bound, and uvicorn times only the pause between two requests of a connection. So one that
sends a byte now and then, or headers without end, would hold its connection, and its memory, for ever.
"""

import asyncio
from http import HTTPStatus
from typing import Any
from weakref import ref

import orjson
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from infra.http.client_gone import CLIENT_GONE, ClientGone
from infra.http.one_write import OneWrite
from infra.http.problems import MEDIA_TYPE, BadRequest, Problem

ARRIVAL_SECONDS = 10.0
"""From the first byte of a request to the last one of its body."""
MAX_HEAD_BYTES = 65_536
"""Request target, names and values of the headers. Until they are complete: all that came of them. As much may come
behind them without a byte of body: trailers, extensions of chunks."""


class RequestTooSlow(Problem):
    """The request did not arrive as a whole in time; nothing was done. The connection is closed."""

    status, code, title = HTTPStatus.REQUEST_TIMEOUT, "request_timeout", "The request took too long to arrive"


class HeadTooLarge(Problem):
    """The request line and the headers are too large. The connection is closed."""

    status, code, title = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "head_too_large", "The headers are too large"


class BoundedProtocol(HttpToolsProtocol):
    """For ``uvicorn.Config(http=BoundedProtocol)``. A request that arrives in one read costs no timer."""

    arrival_seconds = ARRIVAL_SECONDS

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._arriving = False
        self._in_head = False
        self._bare_bytes = 0
        """What came that is no body since the last byte of one, read by read."""
        self._mixed = False
        """Whether the last read of the socket had other bytes too, so that it does not count as bare."""
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A connection on which nothing comes is closed like one that is kept alive."""
        super().connection_made(transport)
        self._answers = OneWrite(transport, self.loop)
        self._close_when_idle()

    def connection_lost(self, exc: Exception | None) -> None:
        """Takes the deadline with it."""
        self._no_deadline()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        """The first byte of a request."""
        super().on_message_begin()
        self._arriving = self._in_head = True
        self._bare_bytes = 0

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header. A trailer is not one (RFC 9110, 6.5.1): what stands before us has not looked at it as such."""
        if self._in_head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The request starts; its body may still be on its way.

        Raises ``HeadTooLarge``, or ``BadRequest`` where there is not one Host; both end the parsing.
        """
        if len(self.url) + sum(len(name) + len(value) for name, value in self.headers) > MAX_HEAD_BYTES:
            raise self._refuse_head()
        hosts = sum(name == b"host" for name, _ in self.headers)
        if hosts > 1 or (not hosts and self.parser.get_http_version() == "1.1"):
            problem = BadRequest("A request has one Host (RFC 9112, 3.2).")
            self._refuse(problem)
            raise problem
        self._in_head = False
        self._bare_bytes, self._mixed = 0, True
        super().on_headers_complete()
        cycle = self.cycle
        cycle.transport = self._answers  # type: ignore[assignment]
        self.scope["extensions"] = {CLIENT_GONE: {"told": _gone(ref(cycle))}}

    def on_body(self, body: bytes) -> None:
        """Some bytes of the body."""
        self._bare_bytes, self._mixed = 0, True
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The last byte of a request."""
        self._arriving = False
        self._mixed = True
        super().on_message_complete()

    def data_received(self, data: bytes) -> None:
        """Parses, and keeps the bounds on what is not complete yet."""
        self._mixed = False
        idle = self.timeout_keep_alive_task
        super().data_received(data)
        if self._arriving:
            if self._deadline is None:
                self._deadline = self.loop.call_later(self.arrival_seconds, self._too_slow)
            if not self._mixed:
                self._bare_bytes += len(data)
                if self._bare_bytes > MAX_HEAD_BYTES:
                    self._refuse_head()
            return
        if self._deadline is not None:
            self._no_deadline()
        if self._quiet and self.timeout_keep_alive_task is None:
            # What came was no request, such as an empty line: it gives no more time.
            self._close_when_idle(None if idle is None else idle.when())

    def send_400_response(self, msg: str) -> None:
        """Refuse what is not HTTP, in the shape of all errors."""
        self._refuse(BadRequest(msg))

    def _refuse_head(self) -> HeadTooLarge:
        problem = HeadTooLarge(f"The request line and the headers may have {MAX_HEAD_BYTES} bytes.")
        self._refuse(problem)
        return problem

    @property
    def _quiet(self) -> bool:
        """Whether no answer is owed."""
        return self.cycle is None or self.cycle.response_complete

    def _close_when_idle(self, at: float | None = None) -> None:
        at = self.loop.time() + self.timeout_keep_alive if at is None else at
        self.timeout_keep_alive_task = self.loop.call_at(at, self.timeout_keep_alive_handler)

    def _no_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _too_slow(self) -> None:
        self._deadline = None
        if self.flow.read_paused or (self._in_head and not self._quiet):
            # It is we who do not read, or who have not answered the request before this one.
            self._deadline = self.loop.call_later(self.arrival_seconds, self._too_slow)
        else:
            self._refuse(RequestTooSlow(f"A request must arrive within {self.arrival_seconds:g} s."))

    def _refuse(self, problem: Problem) -> None:
        """Close, and say why if the next answer on this connection is the one to what is refused.

        An answer that belongs to the request before it would be a lie about that one.
        """
        if self.transport.is_closing():
            return
        started = self._arriving and not self._in_head
        if not self.pipeline and (not self.cycle.response_started if started else self._quiet):
            body = orjson.dumps(problem.body())
            headers = [
                *self.server_state.default_headers,
                (b"content-type", MEDIA_TYPE.encode()),
                (b"content-length", str(len(body)).encode()),
                (b"connection", b"close"),
            ]
            lines = b"".join(name + b": " + value + b"\r\n" for name, value in headers)
            self.transport.write(STATUS_LINE[problem.status] + lines + b"\r\n" + body)
        self.transport.close()  # which tells the app that its client has gone


def _gone(cycle: "ref[RequestResponseCycle]") -> ClientGone:
    """For a request's scope, which the cycle has: a way back that held it would leave each to the garbage collector."""

    def told() -> bool:
        still = cycle()
        return still is None or still.disconnected

    return told
