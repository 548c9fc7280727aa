"""Shows a projection's positions as the offsets of a consumer group, so that Kafka's own tools show its lag.

Nobody reads them back: a projection begins at the positions in its store.
"""

import asyncio
from collections.abc import Mapping

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition

from infra.kafka_lifetime import started
from projectors.back_off import until_there
from projectors.engine.status import Status

log = structlog.get_logger()

EVERY_SECONDS = 2.0


def group_of(projection: str) -> str:
    """The group's name, as ``projector.stock``."""
    return f"projector.{projection}"


class GroupOffsets:
    """Commits the positions of one projection's share now and then. ``run`` goes on until it is cancelled."""

    def __init__(self, bootstrap_servers: str, status: Status) -> None:
        self._bootstrap_servers = bootstrap_servers
        self._status = status

    async def run(self) -> None:
        """Commit what changed; a broker that is away is waited for."""
        while True:
            await until_there(f"{self._status.projection.name}: group offsets", self._show)
            await asyncio.sleep(EVERY_SECONDS)

    async def _show(self) -> None:
        if not self._status.standings:
            return
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self._bootstrap_servers,
            group_id=group_of(self._status.projection.name),
            enable_auto_commit=False,
        )
        async with started(consumer.start, consumer.stop):
            partitions = list(self._positions())
            consumer.assign(partitions)
            consumer.pause(*partitions)  # it only commits; without this it would fetch the topic a second time
            shown: dict[TopicPartition, int] = {}
            while partitions == list(self._positions()):
                changed = dict(self._positions().items() - shown.items())
                if changed:
                    await consumer.commit(changed)
                    shown |= changed
                await asyncio.sleep(EVERY_SECONDS)

    def _positions(self) -> Mapping[TopicPartition, int]:
        topic = self._status.projection.topic
        return {
            TopicPartition(topic, number): one.position.next_offset
            for number, one in sorted(self._status.standings.items())
        }
