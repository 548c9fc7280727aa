"""Asks for where a read model stands, once for all who want to know at a time."""

import asyncio
import time
from collections.abc import Awaitable, Callable

from query_api.positions import Standing

GAP_SECONDS = 0.002
"""At least so far apart questions begin, however many want an answer."""


class Asking:
    """One read model's questions. A waiting query asks again and again: many of them together cost what one does."""

    def __init__(self, ask: Callable[[], Awaitable[Standing]]) -> None:
        self._ask = ask
        self._current: asyncio.Task[Standing] | None = None
        self._next: asyncio.Task[Standing] | None = None
        self._free = 0.0
        """When the next question may begin, by the monotonic clock."""

    async def now(self) -> Standing:
        """Where it stands by a question that begins after this call. Raises what the question does."""
        # Who has begun already may have looked before what the caller waits for.
        if self._next is None:
            self._next = asyncio.create_task(self._begin(self._current))
            self._next.add_done_callback(_look)
        return await asyncio.shield(self._next)

    async def _begin(self, before: asyncio.Task[Standing] | None) -> Standing:
        if before is not None:
            await asyncio.wait({before})
        left = self._free - time.monotonic()
        if left > 0:
            await asyncio.sleep(left)
        self._current, self._next = self._next, None
        self._free = time.monotonic() + GAP_SECONDS
        return await self._ask()


def _look(task: asyncio.Task[Standing]) -> None:
    """Nobody may be left who takes the exception; asyncio would complain."""
    if not task.cancelled():
        task.exception()
