"""Folds the records of the partitions that this worker has, and keeps what came of it in Faust's table.

The position in the table alone says what was applied; Kafka's committed offset is never trusted.
"""

import asyncio
import time
from collections.abc import Mapping
from typing import Any

import structlog
from faust.types import TP, EventT, TableT

from infra.log_reader import sift
from projectors.streams import rows
from projectors.streams.changes import Changes
from projectors.streams.faust_app import HEARTBEAT_SECONDS, SESSION_SECONDS, App
from projectors.streams.gate import passed
from projectors.streams.pulse import Pulse
from projectors.streams.reading import Trades, log_record
from projectors.streams.shard import Shard
from projectors.streams.storing import Storing
from projectors.streams.waiting import Waiting
from projectors.streams.windows import MINUTE

FOLD_SECONDS = 0.2
QUIET_SECONDS = 2.0
"""Of a partition that has more nothing came for so long; or so long ago the reader was set, and may be set again."""

log = structlog.get_logger()


class Worker:
    """The shards of this worker. `run` folds until it is cancelled, and raises what it cannot go on after."""

    def __init__(self, app: App, table: TableT[bytes, bytes], topic: str) -> None:
        self.shards: dict[int, Shard] = {}
        self.changes: dict[int, Changes] = {}
        """What was not published yet, by partition."""
        self.trades = Trades()
        self.is_ready = False
        self._app = app
        self._table = table
        self._storing = Storing(table)
        self._topic = topic
        self._assigned: set[int] = set()
        self.waiting = Waiting()
        self._folding = asyncio.Lock()
        self._set_at: dict[int, float] = {}
        self._pulse = Pulse(SESSION_SECONDS - HEARTBEAT_SECONDS)
        self._minute = 0
        app.on_partitions_revoked.connect(self._revoked)
        app.on_partitions_assigned.connect(self._on_assigned)
        table.on_recover(self._recovered)

    async def run(self) -> None:
        """Fold what waits, again and again; forget what no window reaches at each new minute."""
        while True:
            self._pulse.check()
            async with self._folding:
                if self.is_ready:
                    await self._fold_all(int(time.time()))
            await asyncio.sleep(0 if self.waiting.is_full else FOLD_SECONDS)

    async def nudge(self, ends: Mapping[int, int]) -> None:
        """Set the reader to the position of each partition that has more by its end, and of which nothing comes."""
        for partition, shard in self.shards.items() if self.is_ready and not self._folding.locked() else ():
            is_quiet = self.waiting.quiet_for(partition) > QUIET_SECONDS
            if is_quiet and shard.position.next_offset < ends.get(partition, 0):
                await self._set_reader(partition, shard.position.next_offset)

    async def _fold_all(self, now: int) -> None:
        waiting = self.waiting.take()
        is_new_minute, self._minute = now // MINUTE > self._minute, now // MINUTE
        for partition, shard in self.shards.items():
            events = waiting.get(partition, [])
            sold, paired = await self._fold(partition, shard, events, now)
            gone = shard.expire(now) if is_new_minute else set[str]()
            self.changes[partition].add(sold, paired)
            self._storing.add(partition, sold | gone, paired, events)
        if self._storing.is_due:
            await self._storing.store(self.shards, self._pulse.check)

    async def _fold(
        self, partition: int, shard: Shard, events: list[EventT[bytes]], now: int
    ) -> tuple[set[str], set[str]]:
        records, is_ahead = passed(shard.position.next_offset, map(log_record, events))
        batch = sift(self._topic, partition, shard.position, records)
        shard.position = batch.after
        if is_ahead:
            await self._set_reader(partition, shard.position.next_offset)
        return shard.apply(self.trades.of(batch.records), now)

    async def _set_reader(self, partition: int, offset: int) -> None:
        if time.monotonic() - self._set_at.get(partition, 0.0) > QUIET_SECONDS:
            self._set_at[partition] = time.monotonic()
            log.warning("reading again from the table's position", partition=partition, offset=offset)
            await self._app.consumer.seek_wait({TP(self._topic, partition): offset})

    async def _revoked(self, *_: Any, **__: Any) -> None:
        """What is under way is brought to its end before another worker may begin."""
        async with self._folding:
            if self.is_ready:
                self.is_ready = False
                await self._storing.store(self.shards, self._pulse.check)
            self.waiting.take()

    async def _on_assigned(self, *arguments: Any, **_: Any) -> None:
        assigned: set[TP] = arguments[-1]
        self._assigned = {place.partition for place in assigned if place.topic == self._topic}

    async def _recovered(self) -> None:
        """Take over what the changelog says; it was read again from where this worker last had read it."""
        rows.load(self._table.data, self.shards)
        self._table.data.clear()
        self.shards = {partition: self.shards.get(partition, Shard()) for partition in self._assigned}
        self.changes = {partition: Changes() for partition in self._assigned}
        self._storing.forget()
        self._minute = 0
        self.is_ready = True
