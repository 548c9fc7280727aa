"""Small real HTTP servers that stand for other instances, and the routing table that leads to them."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import NamedTuple

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from command_api.group.routing import NOWHERE, Routing
from infra.http.serve import serve


class Arrived(NamedTuple):
    """A request as an instance got it."""

    method: str
    target: str
    headers: list[tuple[bytes, bytes]]
    body: bytes
    port: int
    """The sender's: the same for requests on one connection."""


class Instance:
    """An instance that answers what it is told to, and keeps what arrived."""

    def __init__(self, answer: Callable[[], Response] = lambda: Response(b"done", 201)) -> None:
        self.answer = answer
        self.arrived: list[Arrived] = []
        self.address = ""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        target = scope["raw_path"].decode() + "?" + scope["query_string"].decode()
        port = scope["client"][1]
        self.arrived.append(Arrived(request.method, target, request.headers.raw, await request.body(), port))
        await self.answer()(scope, receive, send)


@asynccontextmanager
async def serving(app: ASGIApp, port: int = 0) -> AsyncIterator[str]:
    """Serve on a port of 127.0.0.1, a free one for 0; gives the base URL."""
    stop = asyncio.Event()
    listening: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    running = asyncio.create_task(serve(app, "127.0.0.1", port, stop, listening=listening.set_result))
    try:
        yield f"http://127.0.0.1:{await listening}"
    finally:
        stop.set()
        await running


class Table:
    """A routing table that the test writes: the part of a ``Membership`` that forwarding needs."""

    def __init__(self) -> None:
        self.routing = NOWHERE
        self.deserted = False
        self._changed = asyncio.Event()

    def write(self, generation: int, owner: str) -> None:
        """All shards are one owner's from this generation on."""
        self.routing = Routing(generation, dict.fromkeys(range(12), owner), frozenset())
        self._changed.set()
        self._changed = asyncio.Event()

    async def newer(self, than: int, seconds: float) -> Routing | None:
        """See ``Membership.newer``."""
        try:
            async with asyncio.timeout(seconds):
                while self.routing.generation <= than:
                    await self._changed.wait()
        except TimeoutError:
            return None
        return self.routing
