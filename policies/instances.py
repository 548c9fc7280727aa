"""The instances of the command API as policies know them: who holds what, and who is away at the moment."""

import asyncio
import contextlib
from collections.abc import Collection, Sequence
from itertools import cycle

import httpx
import structlog

from policies.routes import UNKNOWN, Routes, read_routes

PATH = "/routing"
REFRESH_SECONDS = 1.0
LEAST_SECONDS = 0.1
"""Pause between two rounds of questions, however often somebody says that the table is outdated."""
ANSWER_SECONDS = 0.5

logger = structlog.get_logger(__name__)


class Instances:
    """Every instance takes every command and sends on what another one holds; this knows where it goes directly.

    ``addresses`` are base URLs, at least one; the table of an instance may name more. ``keep_up`` must run beside.
    """

    def __init__(self, http: httpx.AsyncClient, addresses: Sequence[str]) -> None:
        self._http = http
        self._addresses = addresses
        self._turns = cycle(addresses)
        self._routes = UNKNOWN
        self._away: set[str] = set()
        self._outdated = asyncio.Event()
        self._changed = asyncio.Event()

    def address_of(self, aggregate_id: str) -> str:
        """Where a command for this aggregate is sent: to its holder, or to another instance while that is away."""
        owner = self._routes.owner(aggregate_id)
        if owner is not None and owner not in self._away:
            return owner
        others = (address for address in self._known() if address not in self._away)
        return next(others, None) or next(self._turns)

    def answers(self, address: str) -> None:
        """An instance does its work."""
        self._away.discard(address)

    def is_away(self, address: str) -> None:
        """An instance does not answer, or cannot take commands: others get them until it is back."""
        self._away.add(address)
        self._outdated.set()

    def is_outdated(self) -> None:
        """A command has reached an instance that does not hold its aggregate, or not yet."""
        self._outdated.set()

    async def moved(self, aggregate_ids: Collection[str]) -> None:
        """Returns once another instance than now holds one of these aggregates."""
        before = {each: self._routes.owner(each) for each in aggregate_ids}
        while all(before[each] in (None, self._routes.owner(each)) for each in before):
            await self._changed.wait()

    async def keep_up(self) -> None:
        """Ask for the table every second, and when it is outdated, until cancelled."""
        while True:
            self._outdated.clear()
            await self.refresh()
            await asyncio.sleep(LEAST_SECONDS)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(REFRESH_SECONDS):
                    await self._outdated.wait()

    async def refresh(self) -> None:
        """Ask all once. The newest table counts: an instance that was stopped for long has an old one."""
        answers = await asyncio.gather(*(self._ask(address) for address in self._known()))
        newest = max((routes for routes in answers if routes), key=lambda routes: routes.generation, default=None)
        if newest is not None and newest.generation < self._routes.generation:
            self._take(newest)  # the group has begun to count anew

    def _take(self, routes: Routes) -> None:
        logger.info("routing", generation=routes.generation, owners=sorted(set(routes.owners.values())))
        self._routes = routes
        self._changed.set()
        self._changed = asyncio.Event()

    def _known(self) -> list[str]:
        return list(dict.fromkeys((*self._addresses, *self._routes.owners.values())))

    async def _ask(self, address: str) -> Routes | None:
        try:
            response = await self._http.get(address + PATH, timeout=ANSWER_SECONDS)
        except httpx.ReadTimeout:
            return None  # busy or stopped: what it holds is held by it until the table says otherwise
        except httpx.TransportError:
            self._away.add(address)
            return None
        if not response.is_server_error:
            self._away.discard(address)
        routes = read_routes(response.content) if response.is_success else None
        if routes is not None and routes.generation > self._routes.generation:
            self._take(routes)
        return routes
