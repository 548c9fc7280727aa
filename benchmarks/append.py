"""Appends events to the log as the command API does: encoded by its codec, under a claim, through its own fence.

What is left out is HTTP and the memory of a writer.
"""

import contextlib
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from command_api.fence.fence import Fence
from command_api.fence.kafka_log import KafkaLog
from command_api.fence.log import MAX_BATCH_BYTES, LogAway, Outgoing
from command_api.intent import Intent
from command_api.writer.aggregate import Versioned
from command_api.writer.records import outgoing
from event_schemas.event import Event
from infra.partition_of import partition_of
from infra.settings import Settings

TRIES = 5
Decided = tuple[Intent, Versioned, Sequence[Event]]
"""A command, the aggregate before it, and its events."""


async def append(settings: Settings, topic: str, decided: Iterable[Decided]) -> None:
    """Append the events of these commands, each partition in their order. No command API may run.

    Raises `LogAway`, `OutcomeUnknown` or `Deposed`.
    """
    fences = []
    for partition in range(settings.partitions):
        log = KafkaLog(settings.bootstrap_servers, topic, partition)
        fence = Fence(log, lambda _: None)
        await _claim(fence)
        fences.append((log, fence))
    batches: list[list[Outgoing]] = [[] for _ in fences]
    sizes = [0] * len(fences)
    for intent, before, events in decided:
        partition = partition_of(intent.command.aggregate_id, settings.partitions)
        _, fence = fences[partition]
        records = outgoing(intent, events, before, fence.holder, datetime.now(UTC))
        size = sum(record.size for record in records)
        if sizes[partition] + size > MAX_BATCH_BYTES:
            await fence.append(batches[partition])
            batches[partition], sizes[partition] = [], 0
        batches[partition] += records
        sizes[partition] += size
    for (log, fence), batch in zip(fences, batches, strict=True):
        if batch:
            await fence.append(batch)
        await log.close()


async def _claim(fence: Fence) -> None:
    """Claim, and again where a broker that has only just started does not answer in time."""
    for _ in range(TRIES - 1):
        with contextlib.suppress(LogAway):
            await fence.claim()
            return
    await fence.claim()
