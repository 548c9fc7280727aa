"""Watches how events come through while a load runs: when a consumer has them, and when a read model has them."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import asyncpg
from aiokafka import AIOKafkaConsumer, TopicPartition

from benchmarks.load.following import Answered
from infra.http.consistency_token import parse
from infra.kafka_lifetime import started
from infra.settings import Settings
from projectors.projection import Projection

POLL_SECONDS = 0.005
"""More often the polling would be a load of its own."""
PAST_SECONDS = 10.0
"""So long the watch goes on at most after the load, until the read model is past what was answered."""
AGAIN_SECONDS = 0.1
POSITIONS = """
SELECT o.partition, o.next_offset FROM stockroom.projections p JOIN stockroom.projection_offsets o
    ON o.projection = p.name AND o.generation = p.active_generation WHERE p.name = $1
"""


@dataclass(frozen=True)
class Legs:
    """Seconds of each event's way, of those that were answered in the measured time."""

    read: list[float] = field(default_factory=list)
    """From the answer until a consumer of this process had the record; below 0 when it had it before."""
    applied: list[float] = field(default_factory=list)
    """From then until the read model's position was past it."""
    polled: list[float] = field(default_factory=list)
    """From the answer until then: what a client sees who polls every 5 ms."""
    missing: int = 0
    """Events that were not past when the watch ended."""


class Watch:
    """What was seen of one projection's topic and of its positions, by the clock `time.perf_counter`."""

    def __init__(self, projection: Projection) -> None:
        self._projection = projection
        self._read: dict[tuple[int, int], float] = {}
        self._positions: dict[int, list[tuple[int, float]]] = {}

    def legs(self, answers: list[Answered]) -> Legs:
        """The legs of these events, each the last that its command appended to the topic."""
        found = Legs()
        passed = {number: iter(seen) for number, seen in self._positions.items()}
        latest = dict.fromkeys(passed, (0, 0.0))
        missing = 0
        places = [
            (token.partition, token.offset, answer.at)
            for answer in answers
            for token in parse(answer.token)
            if token.topic == self._projection.topic
        ]
        for partition, offset, answered in sorted(places):
            while latest[partition][0] <= offset:
                try:
                    latest[partition] = next(passed[partition])
                except StopIteration:
                    break
            next_offset, applied = latest[partition]
            read = self._read.get((partition, offset))
            if next_offset <= offset or read is None:
                missing += 1
                continue
            found.read.append(read - answered)
            found.applied.append(applied - read)
            found.polled.append(max(applied - answered, 0.0))
        return Legs(found.read, found.applied, found.polled, missing)

    async def past(self, answers: list[Answered]) -> None:
        """Wait until the read model is past all these events, but no longer than `PAST_SECONDS`."""
        deadline = time.perf_counter() + PAST_SECONDS
        while time.perf_counter() < deadline:
            if not self.legs(answers).missing:
                return
            await asyncio.sleep(AGAIN_SECONDS)

    async def read(self, consumer: AIOKafkaConsumer) -> None:
        """Note when records come, until cancelled."""
        while True:
            fetched = await consumer.getmany(timeout_ms=500)
            now = time.perf_counter()
            for place, records in fetched.items():
                self._read.update(((place.partition, record.offset), now) for record in records)

    async def poll(self, connection: asyncpg.Connection) -> None:
        """Note when positions move, until cancelled."""
        statement = await connection.prepare(POSITIONS)
        while True:
            rows = await statement.fetch(self._projection.name)
            now = time.perf_counter()
            for partition, next_offset in rows:
                seen = self._positions.setdefault(partition, [])
                if not seen or seen[-1][0] != next_offset:
                    seen.append((next_offset, now))
            await asyncio.sleep(POLL_SECONDS)


@asynccontextmanager
async def watching(settings: Settings, projection: Projection) -> AsyncIterator[Watch]:
    """Watch a projection in PostgreSQL from the end of its topic on, for the time of the block."""
    watch = Watch(projection)
    connection = await asyncpg.connect(settings.dsn)
    consumer = AIOKafkaConsumer(bootstrap_servers=settings.bootstrap_servers, enable_auto_commit=False)
    try:
        async with started(consumer.start, consumer.stop):
            places = [TopicPartition(projection.topic, number) for number in range(settings.partitions)]
            consumer.assign(places)
            await consumer.seek_to_end(*places)
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(watch.read(consumer)), group.create_task(watch.poll(connection))]
                try:
                    yield watch
                finally:
                    for task in tasks:
                        task.cancel()
    finally:
        await connection.close()
