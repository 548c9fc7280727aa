"""Reads partitions of event topics in order, a batch after the other.

Every reader of the log (projections, policies, the catalog copy, the command line) stands on this. It never commits
and never trusts a committed offset: the caller says where to start and under which holder.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from typing import Any

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import OffsetOutOfRangeError

from event_schemas.record import LogRecord
from infra.kafka_lifetime import end, start
from infra.log_batch import Batch, LogTruncated, Position, sift

FEW = 4
"""A reading that brings less than this part of what was asked for has kept up."""

Until = Callable[[Mapping[tuple[str, int], int]], AsyncIterator[Batch]]
"""`LogReader.until` or `LogReader.exactly`."""


def log_record(record: ConsumerRecord) -> LogRecord:
    """A consumer's record in our own form."""
    return LogRecord(
        record.topic,
        record.partition,
        record.offset,
        record.timestamp,
        record.key,
        record.value,
        record.headers,
    )


class LogReader:
    """A reader of some partitions, each from its own position.

    ``positions`` maps (topic, partition) to where to start. Use as an async context manager, then call ``read``.
    ``consumer_settings`` go to aiokafka as they are, e.g. ``max_partition_fetch_bytes`` for bulk reading.

    While the caller works on the little that came, nothing is fetched: what was fetched meanwhile would be handed out
    next, older by that work than what the log then holds. ``apart_seconds`` lie at least between the ends of two
    readings that brought something, so that under load several records share one fetch and one commit.
    """

    def __init__(
        self,
        bootstrap_servers: str,
        positions: Mapping[tuple[str, int], Position],
        *,
        apart_seconds: float = 0.0,
        **consumer_settings: Any,
    ) -> None:
        self._positions = dict(positions)
        self._apart_seconds = apart_seconds
        self._read_at = 0.0
        self._consumer = AIOKafkaConsumer(
            bootstrap_servers=bootstrap_servers,
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="none",
            **{"fetch_max_wait_ms": 100, "max_partition_fetch_bytes": 1024 * 1024, **consumer_settings},
        )

    async def __aenter__(self) -> "LogReader":
        await start(self._consumer.start, self._consumer.stop)
        self._consumer.assign([TopicPartition(*key) for key in self._positions])
        for key, position in self._positions.items():
            self.seek(*key, position)
        return self

    async def __aexit__(self, *exc: object) -> None:
        await end(self._consumer.stop)

    @property
    def positions(self) -> dict[tuple[str, int], Position]:
        """The position after the last batch of each partition."""
        return dict(self._positions)

    def seek(self, topic: str, partition: int, position: Position) -> None:
        """Go on from another position of one partition."""
        self._positions[topic, partition] = position
        self._consumer.seek(TopicPartition(topic, partition), position.next_offset)

    async def ends(self) -> dict[tuple[str, int], int]:
        """The offset after the last record of each partition as the broker tells it now: a hint, not a proof."""
        ends = await self._consumer.end_offsets([TopicPartition(*key) for key in self._positions])
        return {(tp.topic, tp.partition): end for tp, end in ends.items()}

    async def read(
        self, *, max_records: int = 2_000, timeout_ms: int = 200, only: Collection[tuple[str, int]] = ()
    ) -> list[Batch]:
        """What came since the last call, a batch a partition; empty when nothing came within ``timeout_ms``.

        With ``only``, by topic and partition, from these alone; the others come with later calls.
        Raises ``LogTruncated`` or ``OffsetSkipped`` when the log is not what the positions were taken from.
        """
        if (left := self._read_at + self._apart_seconds - time.monotonic()) > 0:
            await asyncio.sleep(left)
        try:
            places = [TopicPartition(*place) for place in only]
            self._consumer.resume(*self._consumer.assignment())
            fetched = await self._consumer.getmany(*places, timeout_ms=timeout_ms, max_records=max_records)
        except OffsetOutOfRangeError as error:
            raise LogTruncated(f"an offset is not in the log any more: {error}") from error
        if fetched:
            self._read_at = time.monotonic()
            if sum(map(len, fetched.values())) * FEW < max_records:
                self._consumer.pause(*self._consumer.assignment())
        batches = []
        for tp, records in fetched.items():
            before = self._positions[tp.topic, tp.partition]
            batch = sift(tp.topic, tp.partition, before, map(log_record, records))
            self._positions[tp.topic, tp.partition] = batch.after
            batches.append(batch)
        return batches

    async def until(self, ends: Mapping[tuple[str, int], int], *, max_records: int = 5_000) -> AsyncIterator[Batch]:
        """Batches until every partition named in ``ends`` has been read up to that offset."""
        while any(self._positions[key].next_offset < end for key, end in ends.items()):
            for batch in await self.read(max_records=max_records):
                yield batch

    async def exactly(self, ends: Mapping[tuple[str, int], int], *, max_records: int = 5_000) -> AsyncIterator[Batch]:
        """The same and not one record further, one partition after the other: for a few records."""
        for place, goal in ends.items():
            while (left := goal - self._positions[place].next_offset) > 0:
                for batch in await self.read(max_records=min(left, max_records), only=[place]):
                    yield batch
