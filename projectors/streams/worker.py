"""Folds the records of the partitions that this worker has, and keeps what came of it in Faust's table.

The position in the table alone says what was applied; Kafka's committed offset is never trusted.
"""

import asyncio
import time
from collections.abc import Mapping
from typing import Any, cast

from faust.tables.manager import TableManager
from faust.types import TP, EventT, TableT

from infra.log_batch import sift
from projectors.streams import rows
from projectors.streams.changes import Changes
from projectors.streams.faust_app import HEARTBEAT_SECONDS, SESSION_SECONDS, App
from projectors.streams.gate import passed
from projectors.streams.pulse import Pulse
from projectors.streams.reading import log_record, trades
from projectors.streams.shard import Shard
from projectors.streams.storing import Storing
from projectors.streams.waiting import Waiting
from projectors.streams.windows import MINUTE

FOLD_SECONDS = 0.2


class Worker:
    """The shards of this worker. `run` folds until it is cancelled, and raises what it cannot go on after."""

    def __init__(self, app: App, table: TableT[bytes, bytes], topic: str) -> None:
        self.shards: dict[int, Shard] = {}
        self.changes: dict[int, Changes] = {}
        """What was not published yet, by partition."""
        self.is_ready = False
        self._app = app
        self._table = table
        self._storing = Storing(table)
        self._topic = topic
        self._assigned: set[int] = set()
        self.waiting = Waiting()
        self._folding = asyncio.Lock()
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

    def positions(self) -> dict[TP, int]:
        """The next offset of each partition that this worker has."""
        return {TP(self._topic, partition): shard.position.next_offset for partition, shard in self.shards.items()}

    @property
    def stored(self) -> int:
        """Rows that were written so far: a worker that only writes does not stand still."""
        return self._storing.stored

    def recovered(self) -> dict[int, int]:
        """How far the changelog was read, by partition."""
        return _by_partition(cast(TableManager, self._app.tables).recovery.active_offsets)

    def to_recover(self) -> dict[int, int]:
        """The last offset of the changelog, by partition, once Faust has asked for it."""
        return _by_partition(cast(TableManager, self._app.tables).recovery.active_highwaters)

    async def _fold_all(self, now: int) -> None:
        waiting = self.waiting.take()
        is_new_minute, self._minute = now // MINUTE > self._minute, now // MINUTE
        for partition, shard in self.shards.items():
            events = waiting.get(partition, [])
            sold, paired = self._fold(partition, shard, events, now)
            gone = shard.expire(now, self._storing.stored_to(partition)) if is_new_minute else set[str]()
            self.changes[partition].add(sold, paired)
            folded = [event for event in events if event.message.offset < shard.position.next_offset]
            self._storing.add(partition, sold | gone, paired, folded)
        if self._storing.is_due:
            await self._storing.store(self.shards, self._pulse.check)

    def _fold(self, partition: int, shard: Shard, events: list[EventT[bytes]], now: int) -> tuple[set[str], set[str]]:
        records = passed(shard.position.next_offset, map(log_record, events))
        batch = sift(self._topic, partition, shard.position, records)
        shard.pass_to(batch)
        return shard.apply(trades(batch.records, shard), now)

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


def _by_partition(offsets: Mapping[TP, int | None]) -> dict[int, int]:
    return {place.partition: offset or 0 for place, offset in offsets.items()}
