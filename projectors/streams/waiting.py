"""Records that Faust has handed over and that are not folded yet, bounded."""

import asyncio
from collections import defaultdict

from faust.types import EventT

MOST = 1_000


class Waiting:
    """Records by partition."""

    def __init__(self) -> None:
        self._records: dict[int, list[EventT[bytes]]] = defaultdict(list)
        self._count = 0
        self._room = asyncio.Event()

    @property
    def is_full(self) -> bool:
        """Whether `put` waits."""
        return self._count >= MOST

    async def put(self, event: EventT[bytes]) -> None:
        """Add a record; waits while there are many."""
        while self.is_full:
            self._room.clear()
            await self._room.wait()
        self._records[event.message.partition].append(event)
        self._count += 1

    def take(self) -> dict[int, list[EventT[bytes]]]:
        """All of them, by partition, in their order; none is left here."""
        taken, self._records = self._records, defaultdict(list)
        self._count = 0
        self._room.set()
        return taken
