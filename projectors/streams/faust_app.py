"""The Faust app: its settings, its one table and its one agent. Why each setting is as it is: ADR 0013."""

import sys
from collections.abc import Awaitable, Callable
from typing import cast

import faust
from faust.streams import Stream
from faust.types import EventT, StreamT, TableT, TransportT

from infra.settings import Settings
from projectors.streams.faust_consumer import Positions, Transport

SESSION_SECONDS = 6.0
"""After so long without a heartbeat another worker takes the partitions; the least that Kafka allows by default."""

HEARTBEAT_SECONDS = SESSION_SECONDS / 4

Take = Callable[[EventT[bytes]], Awaitable[None]]


class App(faust.App):
    """A Faust app that makes no folders: its table is in memory and in its changelog. Its reader begins at `positions`,
    not at what is committed.
    """

    positions: Positions = dict

    def _create_directories(self) -> None:
        pass

    def _new_transport(self) -> TransportT:
        return Transport(self.conf.broker_consumer, self)


def create_app(settings: Settings, name: str, partitions: int, instance: str) -> App:
    """The app of the consumer group `name`, for a topic of so many `partitions`. `instance` is this worker's own name
    for ever: one that is killed and comes back under it gets its partitions again at once.
    """
    brokers = [f"aiokafka://{server.strip()}" for server in settings.bootstrap_servers.split(",")]
    return App(
        name,
        broker=";".join(brokers),
        store="memory://",
        autodiscover=False,
        web_enabled=False,
        key_serializer="raw",
        value_serializer="raw",
        topic_partitions=partitions,
        topic_replication_factor=settings.replication_factor,
        topic_disable_leader=True,
        table_standby_replicas=0,
        consumer_group_instance_id=instance,
        broker_session_timeout=SESSION_SECONDS,
        broker_heartbeat_interval=HEARTBEAT_SECONDS,
        broker_commit_interval=1.0,
        producer_acks=-1,
        producer_request_timeout=SESSION_SECONDS,
        producer_max_batch_size=500_000,
        stream_wait_empty=False,
        worker_redirect_stdouts=False,
    )


def create_table(app: App, partitions: int) -> TableT[bytes, bytes]:
    """The table. Its changelog is compacted early and often, since a start reads all of it."""
    return app.Table(
        "now",
        key_type=bytes,
        value_type=bytes,
        partitions=partitions,
        extra_topic_configs={
            "segment.bytes": str(4 * 1024 * 1024),
            "segment.ms": "60000",
            "min.cleanable.dirty.ratio": "0.05",
            "delete.retention.ms": "60000",
        },
    )


async def start(app: App) -> None:
    """Start it. Its producer takes as many rows as a fold makes, since the fold waits for them itself."""
    app.producer.buffer.max_messages = sys.maxsize
    await app.start()


def read(app: App, topic: str, take: Take, positions: Positions) -> None:
    """Hand every record of `topic` from `positions` on to `take`, which acknowledges it once it is applied. Some come
    again, and after a rebalance some may come too early.
    """
    app.positions = positions
    source = app.topic(topic, key_type=bytes, value_type=bytes, allow_empty=True)

    @app.agent(source, name=f"{app.conf.id}.collect")
    async def collect(stream: StreamT[bytes]) -> None:
        async for event in cast(Stream[bytes], stream).noack().events():
            await take(event)
