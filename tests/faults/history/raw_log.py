"""The log as the checker reads it: every record of every partition, by nothing but a plain consumer.

Nothing of the product's own readers is used here: they are among what is checked.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import orjson
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

TOPICS = ("catalog", "stock", "orders")

Partition = tuple[str, int]


@dataclass(slots=True)
class Raw:
    """A record as it lies there, whether it counts or not; of the headers what the checks need."""

    offset: int
    appended_ms: int
    key: str
    type: str
    writer: str
    epoch: int
    sequence: int = 0
    command_id: str = ""
    event_id: str = ""
    actor: str = ""
    value: Any = None


Log = Mapping[Partition, list[Raw]]


def raw(record: ConsumerRecord) -> Raw:
    """A consumer's record in this form. A header that is missing is empty, a number that is missing is 0."""
    headers = {name: value.decode() for name, value in record.headers}
    return Raw(
        offset=record.offset,
        appended_ms=record.timestamp,
        key=(record.key or b"").decode(),
        type=headers.get("ce_type", ""),
        writer=headers.get("ce_writer", ""),
        epoch=int(headers.get("ce_epoch", 0)),
        sequence=int(headers.get("ce_sequence", 0)),
        command_id=headers.get("ce_commandid", ""),
        event_id=headers.get("ce_id", ""),
        actor=headers.get("ce_actor", ""),
        value=orjson.loads(record.value or b"null"),
    )


async def read_log(bootstrap_servers: str, topics: Iterable[str] = TOPICS) -> dict[Partition, list[Raw]]:
    """All that is in the log now, in the order in which the broker gives it."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap_servers,
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset="none",
        max_partition_fetch_bytes=4 * 1024 * 1024,
    )
    await consumer.start()
    try:
        await consumer._client.force_metadata_update()  # without a subscription it has not asked for topics yet
        partitions = [TopicPartition(t, p) for t in topics for p in sorted(consumer.partitions_for_topic(t) or ())]
        consumer.assign(partitions)
        await consumer.seek_to_beginning(*partitions)
        ends = await consumer.end_offsets(partitions)
        log: dict[Partition, list[Raw]] = {(tp.topic, tp.partition): [] for tp in partitions}
        while True:
            left = [tp for tp in partitions if await consumer.position(tp) < ends[tp]]
            if not left:
                return log
            for tp, records in (await consumer.getmany(*left, timeout_ms=500)).items():
                log[tp.topic, tp.partition].extend(map(raw, records))
    finally:
        await consumer.stop()


def save(log: Log, path: Path) -> None:
    """Write the log as JSON lines, to look at it after the servers are gone."""
    with path.open("wb") as file:
        for (topic, partition), records in log.items():
            for record in records:
                line = {"topic": topic, "partition": partition, **asdict(record)}
                file.write(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))
