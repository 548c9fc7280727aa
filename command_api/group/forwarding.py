"""Sends a request to the instance that should hold its shard: one hop, and again only if it surely was not done."""

import asyncio
import re
import time
from collections.abc import Iterable
from typing import Protocol
from urllib.parse import urlsplit

import orjson

from command_api.group.connection import Broken, Connection, ConnectionPool, Forwarded, Headers, NotSent
from command_api.group.routing import Routing
from command_api.refusals import Misdirected, NotReady, UnknownOutcome

FORWARDED = b"stockroom-forwarded"
"""The header that says that a request has made its hop, with the sender's generation."""
ROUTING_SECONDS = 5.0
"""How long a request waits in all for an owner that is known and can be reached."""
CONNECT_SECONDS = 1.0
RETRY_SECONDS = 0.1
"""Pause before the same owner is tried again: it may be back under its old address, or have heard what it holds."""

OF_ONE_HOP = frozenset(
    b"connection keep-alive proxy-authenticate proxy-authorization proxy-connection te trailer transfer-encoding "
    b"upgrade host expect content-length date server".split()
) | {FORWARDED}
"""Headers of one connection (RFC 9110 §7.6.1), and those that each sender writes itself."""
TARGET = re.compile(r"/[\x21-\x7e]*")


class Routes(Protocol):
    """What is needed of a ``Membership``."""

    @property
    def routing(self) -> Routing:
        """The last assignment."""

    @property
    def deserted(self) -> bool:
        """Whether this instance leaves, and there is no other."""

    async def newer(self, than: int, seconds: float) -> Routing | None:
        """The routing once its generation is above ``than``, None after ``seconds``."""


class Forwarder:
    """Forwards requests. Use as an async context manager, or call ``close`` at the end."""

    def __init__(self, membership: Routes, own_address: str) -> None:
        self._membership = membership
        self._via = urlsplit(own_address).netloc
        self._pool = ConnectionPool()

    async def __aenter__(self) -> "Forwarder":
        return self

    async def __aexit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the idle connections."""
        self._pool.close()

    async def forward(
        self,
        shard: int,
        method: str,
        path_and_query: str,
        headers: Iterable[tuple[bytes, bytes]],
        body: bytes,
        *,
        deadline_seconds: float,
    ) -> Forwarded:
        """Send a request to the owner of ``shard`` and give its answer as it is, without the headers of the hop and
        without Content-Length. ``headers`` are ASGI's: names in lower case.

        What certainly was not done is tried again, for up to five seconds in all, with each newer routing and every
        100 ms: while no owner is known, it takes no connection, or it answers 421 ``misdirected`` since one of the two
        has not heard yet who holds the shard.

        Raises ``NotReady`` when that did not help, or this instance leaves as the last: nothing was done. Raises
        ``UnknownOutcome`` when there is no whole answer within ``deadline_seconds`` to a request that may have been
        sent. Raises ``ValueError`` for a path that cannot stand in a request.
        """
        if not TARGET.fullmatch(path_and_query):
            raise ValueError(f"not a path for a request: {path_and_query!r}")
        deadline = time.monotonic() + deadline_seconds
        patience = min(deadline, time.monotonic() + ROUTING_SECONDS)
        kept = _of_all_hops(list(headers))
        while True:
            routing = self._membership.routing
            try:
                owner = routing.owner(shard)
                if owner is None:
                    raise NotSent("its owner is not known")
                request = self._request(owner, routing.generation, method, path_and_query, kept, body)
                answer = await self._exchange(owner, request, patience, deadline)
                if _is_misdirected(answer):
                    raise NotSent("who holds it is being settled")
                return answer._replace(headers=_of_all_hops(answer.headers))
            except NotSent as error:
                if time.monotonic() + RETRY_SECONDS >= patience or self._membership.deserted:
                    raise NotReady(f"Shard {shard} cannot be reached: {error}.") from error
                await self._membership.newer(routing.generation, RETRY_SECONDS)

    async def _exchange(self, owner: str, request: bytes, patience: float, deadline: float) -> Forwarded:
        try:
            async with asyncio.timeout(min(CONNECT_SECONDS, patience - time.monotonic())):
                connection = await self._pool.take(owner)
        except TimeoutError as error:
            raise NotSent(f"{owner} takes no connection") from error
        return await self._ask(connection, owner, request, deadline)

    async def _ask(self, connection: Connection, owner: str, request: bytes, deadline: float) -> Forwarded:
        try:
            async with asyncio.timeout(deadline - time.monotonic()):
                answer = await connection.ask(request)
        except (Broken, TimeoutError) as error:
            raise UnknownOutcome(f"The instance at {owner} has not answered: {str(error) or 'too late'}") from error
        self._pool.give_back(owner, connection)
        return answer

    def _request(
        self, owner: str, generation: int, method: str, path_and_query: str, headers: Headers, body: bytes
    ) -> bytes:
        parts = urlsplit(owner)
        return b"".join(
            [
                f"{method} {parts.path}{path_and_query} HTTP/1.1\r\nhost: {parts.netloc}\r\n".encode("ascii"),
                *(b"%b: %b\r\n" % header for header in headers),
                f"via: 1.1 {self._via}\r\n{FORWARDED.decode()}: {generation}\r\n".encode("ascii"),
                b"content-length: %d\r\n\r\n" % len(body),
                body,
            ]
        )


def is_forwarded(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    """True when a request has come from another instance: it must not be sent on. ``headers`` are ASGI's."""
    return any(name == FORWARDED for name, _ in headers)


def _of_all_hops(headers: Headers) -> Headers:
    named = {name.strip().lower() for key, value in headers if key == b"connection" for name in value.split(b",")}
    return [header for header in headers if header[0] not in OF_ONE_HOP and header[0] not in named]


def _is_misdirected(answer: Forwarded) -> bool:
    """Whether an instance says that it does not hold the shard."""
    if answer.status != Misdirected.status:
        return False
    try:
        return bool(orjson.loads(answer.body)["code"] == Misdirected.code)
    except (ValueError, KeyError, TypeError):
        return False
