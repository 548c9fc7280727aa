"""Records that Faust has handed over and that are not folded yet, bounded."""

import asyncio
import time
from collections import defaultdict

from faust.types import EventT

MOST = 1_000


class Waiting:
    """Records by partition, and when the last of each came."""

    def __init__(self) -> None:
        self._records: dict[int, list[EventT[bytes]]] = defaultdict(list)
        self._heard_at: dict[int, float] = {}
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
        self._heard_at[event.message.partition] = time.monotonic()
        self._count += 1

    def take(self) -> dict[int, list[EventT[bytes]]]:
        """All of them, by partition, in their order; none is left here."""
        taken, self._records = self._records, defaultdict(list)
        self._heard_at = dict.fromkeys(self._heard_at, time.monotonic()) if self.is_full else self._heard_at
        self._count = 0
        self._room.set()
        return taken

    def quiet_for(self, partition: int) -> float:
        """Seconds since a record of the partition came or had to wait; since the first call when none has come yet."""
        now = time.monotonic()
        return now - self._heard_at.setdefault(partition, now)
