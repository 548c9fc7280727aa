"""The end of a proper leave: an instance stays until the others know who holds what was its own."""

import asyncio
import contextlib
from typing import Protocol
from urllib.parse import urlsplit

from command_api.group.connection import Broken, ConnectionPool, NotSent
from command_api.group.routing import Routing, read_routing

HAND_OVER_SECONDS = 5.0
"""How long the others have: enough to miss one of them that was killed."""
PAUSE_SECONDS = 0.02


class Left(Protocol):
    """What is needed of a ``Membership`` that has left."""

    @property
    def routing(self) -> Routing:
        """The table that is known."""

    @property
    def others(self) -> frozenset[str]:
        """Base URLs of the other instances in it."""

    def hear(self, routing: Routing) -> None:
        """Take another instance's table over."""


async def hand_over(membership: Left) -> None:
    """Returns once every other instance has told a newer table than the last one here, is leaving too, or is gone; or
    after five seconds. The first newer table is taken over. Returns at once where there is no other."""
    pool, generation = ConnectionPool(), membership.routing.generation
    try:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(HAND_OVER_SECONDS), asyncio.TaskGroup() as group:
                for address in membership.others:
                    group.create_task(_ask(pool, address, membership, generation))
    finally:
        pool.close()


async def _ask(pool: ConnectionPool, address: str, membership: Left, generation: int) -> None:
    parts = urlsplit(address)
    request = f"GET {parts.path}/routing HTTP/1.1\r\nhost: {parts.netloc}\r\n\r\n".encode("ascii")
    with contextlib.suppress(NotSent, Broken):
        while True:
            connection = await pool.take(address)
            answer = await connection.ask(request)
            pool.give_back(address, connection)
            told = read_routing(answer.body)
            if told is not None and told.routing.generation > generation:
                membership.hear(told.routing)
                return
            if told is not None and told.leaving:
                return
            await asyncio.sleep(PAUSE_SECONDS)
