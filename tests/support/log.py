"""Appends claims and events to a real Kafka topic with proper envelopes, as a writer of its partitions does."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from types import MappingProxyType
from typing import NamedTuple

from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from uuid_utils import uuid7

from event_schemas.codec import encode
from event_schemas.envelope import Envelope, Headers, to_headers
from event_schemas.event import Event
from event_schemas.holder import CLAIMED
from tests.support.golden_history import Shipped

BATCH_BYTES = 500_000


class Entry(NamedTuple):
    """A record before it is appended."""

    key: bytes | None
    value: bytes | None
    headers: Headers


def entry(
    event: Event,
    key: str,
    *,
    writer: str,
    epoch: int,
    sequence: int = 1,
    time: datetime = datetime(2010, 12, 1, 8, 26, tzinfo=UTC),
) -> Entry:
    """An event's record under a writer and epoch."""
    shipped = Shipped(event.wire_type, key, encode(event))
    return shipped_entry(shipped, writer=writer, epoch=epoch, sequence=sequence, time=time)


def shipped_entry(
    event: Shipped,
    *,
    writer: str,
    epoch: int,
    sequence: int = 1,
    time: datetime = datetime(2010, 12, 1, 8, 26, tzinfo=UTC),
) -> Entry:
    """The record of an event of any version, as it was once written."""
    envelope = Envelope(
        id=str(uuid7()),
        type=event.wire_type,
        subject=event.subject,
        time=time,
        sequence=sequence,
        command_id=str(uuid7()),
        correlation_id=str(uuid7()),
        causation_id=str(uuid7()),
        actor="staff:test",
        writer=writer,
        epoch=epoch,
    )
    return Entry(event.subject.encode(), event.value, to_headers(envelope))


class LogWriter:
    """A writer of one topic: claims partitions, then appends. Use as an async context manager."""

    def __init__(self, bootstrap_servers: str, topic: str, writer: str = "writer-1") -> None:
        self.topic = topic
        self.writer = writer
        self._epochs: dict[int, int] = {}
        self._sequences: dict[str, int] = {}
        self._producer = AIOKafkaProducer(
            bootstrap_servers=bootstrap_servers, acks="all", enable_idempotence=True, max_batch_size=BATCH_BYTES * 2
        )

    async def __aenter__(self) -> "LogWriter":
        await self._producer.start()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._producer.stop()

    async def claim(self, partition: int, epoch: int = 1) -> int:
        """Take a partition; gives the claim's offset. A claim below the holder's epoch takes nothing."""
        self._epochs[partition] = epoch
        headers = [("ce_type", CLAIMED.encode()), ("ce_writer", self.writer.encode()), ("ce_epoch", b"%d" % epoch)]
        return await self.append_raw(partition, [Entry(None, b"{}", headers)])

    async def append(self, partition: int, events: Iterable[tuple[str, Event]], *, epoch: int | None = None) -> int:
        """Append (key, event) pairs under this writer's claim; gives the offset of the first."""
        entries = []
        for key, event in events:
            self._sequences[key] = sequence = self._sequences.get(key, 0) + 1
            held = self._epochs[partition] if epoch is None else epoch
            entries.append(entry(event, key, writer=self.writer, epoch=held, sequence=sequence))
        return await self.append_raw(partition, entries)

    async def append_raw(self, partition: int, entries: Sequence[Entry]) -> int:
        """Append records as they are; gives the offset of the first."""
        first: int | None = None
        waiting = list(reversed(entries))
        while waiting:
            builder = self._producer.create_batch()
            size = 0
            while waiting and size < BATCH_BYTES:
                one = waiting.pop()
                builder.append(key=one.key, value=one.value, timestamp=None, headers=one.headers)
                size += len(one.value or b"") + 1_000
            builder.close()
            sent = await (await self._producer.send_batch(builder, self.topic, partition=partition))
            first = sent.offset if first is None else first
        assert first is not None
        return first


async def create_topics(
    bootstrap_servers: str, names: Iterable[str], partitions: int, others: Mapping[str, str] = MappingProxyType({})
) -> None:
    """Create topics of one replica that are kept for ever, with ``others`` of their settings."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers)
    await admin.start()
    try:
        configs = {"retention.ms": "-1", "cleanup.policy": "delete", **others}
        await admin.create_topics([NewTopic(name, partitions, 1, topic_configs=configs) for name in names])
    finally:
        await admin.close()


async def delete_topics(bootstrap_servers: str, names: Iterable[str]) -> None:
    """Delete topics."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers)
    await admin.start()
    try:
        await admin.delete_topics(list(names))
    finally:
        await admin.close()
