"""Asks the broker every second how long each partition is: for lag, for the watchdog, and to know that it is there."""

import asyncio
import contextlib
from collections.abc import Iterable, Mapping

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from infra.kafka_lifetime import started
from infra.lasting import EndedUnasked
from infra.reason import reason
from projectors.back_off import TopicMissing, until_there

log = structlog.get_logger()

EVERY_SECONDS = 1.0
TIMEOUT_MS = 5_000


class LogEnds:
    """Partitions of some topics and their ends. ``run`` keeps them fresh until it is cancelled."""

    def __init__(self, bootstrap_servers: str, topics: Iterable[str]) -> None:
        self._bootstrap_servers = bootstrap_servers
        self._topics = sorted(set(topics))
        self._ends: dict[str, dict[int, int]] = {}
        self._known = asyncio.Event()
        self._asked = asyncio.Event()
        self._ended: BaseException | None = None
        self.error: str | None = "not asked yet"
        """Why the ends are not known at the moment; None when they are."""

    def of(self, topic: str) -> Mapping[int, int]:
        """Offset after the last record of each partition; empty until known."""
        return self._ends.get(topic, {})

    async def partitions(self, topic: str) -> list[int]:
        """The topic's partitions, once the broker has named them. Raises ``EndedUnasked`` as ``fresh`` does."""
        return sorted(self.of(topic) or await self.fresh(topic))

    async def fresh(self, topic: str) -> Mapping[int, int]:
        """The ends as the broker tells them after this call. Raises ``EndedUnasked`` when ``run`` has ended, since
        nobody would ever tell them.
        """
        if self._ended is None:
            self._known.clear()
            self._asked.set()
            await self._known.wait()
        if self._ended is not None:
            raise EndedUnasked(f"nobody asks for the ends of {topic} any more") from self._ended
        return self.of(topic)

    async def run(self) -> None:
        """Ask again and again; a broker that is away is waited for."""
        try:
            while True:
                await until_there("end offsets", self._watch, self._away)
        except BaseException as error:
            self._ended = error
            self._known.set()
            raise

    def _away(self, error: BaseException) -> None:
        self.error = reason(error)

    async def _watch(self) -> None:
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self._bootstrap_servers, group_id=None, request_timeout_ms=TIMEOUT_MS
        )
        async with started(consumer.start, consumer.stop):
            partitions = await self._find()
            while True:
                self._asked.clear()
                async with asyncio.timeout(TIMEOUT_MS / 1000):
                    ends = await consumer.end_offsets(partitions)
                found: dict[str, dict[int, int]] = {topic: {} for topic in self._topics}
                for place, end in ends.items():
                    found[place.topic][place.partition] = end
                self._ends, self.error = found, None
                if not self._asked.is_set():
                    self._known.set()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(EVERY_SECONDS):
                        await self._asked.wait()

    async def _find(self) -> list[TopicPartition]:
        admin = AIOKafkaAdminClient(bootstrap_servers=self._bootstrap_servers, request_timeout_ms=TIMEOUT_MS)
        async with started(admin.start, admin.close):
            described = await admin.describe_topics(self._topics)
        partitions = []
        for topic in described:
            if not topic["partitions"]:
                raise TopicMissing(f"topic {topic['topic']} does not exist yet")
            partitions += [TopicPartition(topic["topic"], each["partition"]) for each in topic["partitions"]]
        return sorted(partitions)
