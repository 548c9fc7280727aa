"""An in-memory log with the promises of Kafka's and none more: batches are atomic, answers and requests get lost.

What is lost may land later. A ``turn`` is awaited wherever others may run, so that a test decides the interleaving.
"""

import asyncio
import random
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence

from command_api.fence.log import OutcomeUnknown, Outgoing
from event_schemas.record import LogRecord
from infra.log_batch import LogTruncated


async def no_turn() -> None:
    """Lets others run once."""
    await asyncio.sleep(0)


class SharedLog:
    """The records of one partition, and the batches that are still on their way."""

    def __init__(self, topic: str = "memory") -> None:
        self.topic = topic
        self.records: list[LogRecord] = []
        self.first = 0
        """The first offset that is still there."""
        self.late: list[Sequence[Outgoing]] = []

    def land(self, batch: Sequence[Outgoing]) -> int:
        """Append a batch now; gives the offset of its first record."""
        base, now = len(self.records), int(time.time() * 1000)
        for number, (key, value, headers) in enumerate(batch):
            self.records.append(LogRecord(self.topic, 0, base + number, now, key, value, headers))
        return base

    def land_late(self, rng: random.Random) -> None:
        """Let one of the batches that were lost arrive after all."""
        if self.late:
            self.land(self.late.pop(rng.randrange(len(self.late))))


class MemoryLog:
    """One writer's connection to a shared log. ``loses`` says of each append what goes wrong with it."""

    partition = 0

    def __init__(
        self,
        shared: SharedLog,
        turn: Callable[[], Awaitable[None]] = no_turn,
        loses: Callable[[], str] = lambda: "nothing",
    ) -> None:
        self.topic = shared.topic
        self._shared = shared
        self._turn = turn
        self._loses = loses
        self.closed = False

    async def append(self, records: Sequence[Outgoing]) -> int:
        """See ``Log.append``."""
        await self._turn()
        lost = self._loses()
        if lost == "request":
            self._shared.late.append(list(records))
            raise OutcomeUnknown("the request is lost, or late")
        base = self._shared.land(records)
        await self._turn()
        if lost == "answer":
            raise OutcomeUnknown("the answer is lost")
        return base

    async def end(self) -> int:
        """See ``Log.end``."""
        await self._turn()
        return len(self._shared.records)

    async def read(self, start: int) -> AsyncGenerator[list[LogRecord], None]:
        """See ``Log.read``."""
        position = start
        while True:
            await self._turn()
            if not self._shared.first <= position <= len(self._shared.records):
                raise LogTruncated(f"offset {position} is not there")
            chunk = self._shared.records[position : position + 7]
            position += len(chunk)
            yield chunk

    async def close(self) -> None:
        """See ``Log.close``."""
        self.closed = True
