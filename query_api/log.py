"""What the query API asks of Kafka: the cluster's id, the ends of partitions, and when a record was appended.

One long-lived consumer without a group; it commits nothing. A broker that is away is tried again by itself.
"""

import asyncio
from collections.abc import Iterable, Mapping

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from infra.cluster import EVENT_TOPICS, TopicsMissing, describe
from infra.http.problems import DependencyUnavailable
from infra.reason import reason

log = structlog.get_logger()

TIMEOUT_MS = 3_000
FIRST_PAUSE, LONGEST_PAUSE = 0.2, 3.0
LOOK_BYTES = 16_384
AWAY = "Kafka does not answer; it is tried again by itself."

Place = tuple[str, int]
"""Topic and partition."""


class Log:
    """Kafka as the query API sees it. `run` connects and stays until it is cancelled."""

    def __init__(self, bootstrap_servers: str) -> None:
        self._bootstrap_servers = bootstrap_servers
        self._consumer: AIOKafkaConsumer | None = None
        self._all: list[TopicPartition] = []
        self._using = asyncio.Lock()
        self._broken = asyncio.Event()
        self.cluster: str | None = None
        """The cluster's id, once the broker has told it."""
        self.partitions = 0
        """How many partitions every event topic has, 0 until the broker has told it."""

    async def run(self) -> None:
        """Connect, with growing pauses, and again when the connection turns out to be broken."""
        pause = FIRST_PAUSE
        while True:
            try:
                await self._connect()
                pause = FIRST_PAUSE
                await self._broken.wait()
            except (KafkaError, OSError, TimeoutError, TopicsMissing) as error:
                log.warning("kafka_away", server=self._bootstrap_servers, error=str(error), again_in_seconds=pause)
                await asyncio.sleep(pause)
                pause = min(LONGEST_PAUSE, pause * 2)
            finally:
                await self._disconnect()

    @property
    def connected(self) -> bool:
        """Whether the broker has answered and nothing has failed since."""
        return self._consumer is not None and not self._broken.is_set()

    async def ends(self) -> dict[Place, int]:
        """Offset after the last record of every partition of every event topic. Raises `DependencyUnavailable`."""
        try:
            async with asyncio.timeout(TIMEOUT_MS / 1000), self._using:
                ends = await self._connected().end_offsets(self._all)
        except (KafkaError, OSError, TimeoutError) as error:
            self._broken.set()
            raise DependencyUnavailable(AWAY) from error
        return {(tp.topic, tp.partition): end for tp, end in ends.items()}

    async def appended_ms(self, positions: Iterable[tuple[str, int, int]]) -> dict[tuple[str, int, int], int]:
        """When the record at each (topic, partition, offset) was appended; what cannot be read in time is left out."""
        wanted = sorted(set(positions))
        found: dict[tuple[str, int, int], int] = {}
        try:
            async with asyncio.timeout(TIMEOUT_MS / 1000), self._using:
                while wanted:
                    here = {(topic, partition): offset for topic, partition, offset in reversed(wanted)}
                    wanted = [place for place in wanted if here[place[:2]] != place[2]]
                    await self._look(here, found)
        except (KafkaError, OSError, TimeoutError, DependencyUnavailable) as error:
            log.warning("append_times_unknown", error=reason(error))
        return found

    async def _look(self, here: Mapping[Place, int], found: dict[tuple[str, int, int], int]) -> None:
        consumer = self._connected()
        consumer.assign([TopicPartition(*place) for place in here])
        try:
            for place, offset in here.items():
                consumer.seek(TopicPartition(*place), offset)
            open_places = set(here)
            while open_places:
                fetched = await consumer.getmany(*(TopicPartition(*place) for place in open_places), timeout_ms=500)
                if not fetched:
                    return
                for tp, records in fetched.items():
                    place = (tp.topic, tp.partition)
                    found[(*place, here[place])] = records[0].timestamp
                    open_places.discard(place)
        finally:
            consumer.unsubscribe()

    async def _connect(self) -> None:
        found = await describe(self._bootstrap_servers)
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self._bootstrap_servers,
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="none",
            request_timeout_ms=TIMEOUT_MS,
            max_partition_fetch_bytes=LOOK_BYTES,
            fetch_max_wait_ms=100,
        )
        try:
            await consumer.start()
        except BaseException:
            await consumer.stop()
            raise
        self.cluster = found.id
        self.partitions = found.partitions
        self._all = [TopicPartition(name, number) for name in EVENT_TOPICS for number in range(found.partitions)]
        self._broken.clear()
        self._consumer = consumer

    async def _disconnect(self) -> None:
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            await consumer.stop()

    def _connected(self) -> AIOKafkaConsumer:
        if self._consumer is None:
            raise DependencyUnavailable(AWAY)
        return self._consumer
