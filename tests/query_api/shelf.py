"""Read models filled from events in memory, by the projections and their stores, as the engine fills them."""

from collections.abc import Collection, Iterable, Sequence
from typing import NoReturn

import asyncpg
from redis.asyncio import Redis
from uuid_utils.compat import uuid7

from event_schemas.codec import encode
from event_schemas.envelope import to_headers
from event_schemas.holder import Holder
from event_schemas.operations import RecordVoided
from event_schemas.record import LogRecord, Recorded, recorded
from infra.log_batch import Batch, Position
from projectors.dead_letters.redrive import retry
from projectors.dead_letters.redrive_of import redrive_of
from projectors.projection import Projection
from projectors.read_models.registry import PROJECTIONS
from projectors.stores.postgres_store import PostgresStore
from projectors.stores.redis_store import RedisStore
from projectors.stores.sorting import Decoder
from projectors.stores.store import ParkedKeys
from tests.projectors.log import Log

PARTITIONS = range(3)
NOTHING_PARKED = ParkedKeys(frozenset(), dict.fromkeys(PARTITIONS, 0))
HOLDER = Holder(1, "w")


class Shelf:
    """All read models in one database and one Redis. `log` numbers the events."""

    def __init__(self, pool: asyncpg.Pool, redis: Redis) -> None:
        self.log = Log()
        self._pool, self._redis = pool, redis
        self._parked = dict.fromkeys((projection.name for projection in PROJECTIONS), NOTHING_PARKED)
        self._stores: list[tuple[Projection, PostgresStore | RedisStore]] = [
            (
                projection,
                PostgresStore(pool, projection, recorded)
                if projection.store == "postgres"
                else RedisStore(redis, pool, projection, recorded),
            )
            for projection in PROJECTIONS
        ]

    async def prepare(self) -> None:
        """Empty read models."""
        for _, store in self._stores:
            await store.prepare(PARTITIONS)
            await store.load(PARTITIONS)

    async def feed(
        self, events: Iterable[Recorded], void: int = 0, *, poison: bool = False, without: Collection[str] = ()
    ) -> None:
        """Applies events to every read model of their topic, but those named ``without``; they follow what was fed
        before.

        Each partition's events come with `void` records that never happened. Some may be parked with `poison` only.
        """
        events = list(events)
        for projection, store in self._stores:
            batches = [
                _batch(of_partition, void)
                for partition in PARTITIONS
                if (of_partition := [e for e in events if (e.topic, e.partition) == (projection.topic, partition)])
            ]
            if batches and projection.name not in without:
                outcome = await store.commit(batches, self._parked[projection.name])
                assert poison or not outcome.parked, outcome.parked

    async def park(self, name: str, events: Iterable[Recorded]) -> None:
        """Has one read model in PostgreSQL park events of partition 0, by code that cannot apply them."""
        (projection,) = (one for one, _ in self._stores if one.name == name)
        store = PostgresStore(self._pool, projection._replace(apply=_refuse), recorded)
        loaded = await store.load(PARTITIONS)
        outcome = await store.commit([_batch(list(events), 0)], loaded.parked)
        assert outcome.parked

    async def drop(self, name: str, event: Recorded, reason: str) -> None:
        """An operator gives up a parked record, and what waited behind it is applied."""
        key, place = event.envelope.subject, {"record_partition": event.partition, "record_offset": event.offset}
        what = {"record_id": str(uuid7()), "projection": name, "record_topic": event.topic, "key": key, **place}
        voided = RecordVoided.model_validate({**what, "reason": reason})
        await self.feed([self.log.add(voided, actor="staff:operator")])
        await self.retry(name, key)

    async def retry(self, name: str, key: str) -> None:
        """Has one read model apply what it has parked of a key."""
        ((projection, store),) = (one for one in self._stores if one[0].name == name)
        await retry(redrive_of(self._pool, self._redis, projection, Decoder(0), "staff:operator"), key)
        self._parked[name] = (await store.load(PARTITIONS)).parked


def _refuse(events: Sequence[Recorded]) -> NoReturn:
    raise ValueError("this code is broken")


def _batch(events: list[Recorded], void: int) -> Batch:
    first, last = events[0], events[-1]
    before = Position(first.offset, HOLDER if first.offset else Holder(0, ""))
    records = [
        LogRecord(
            event.topic,
            event.partition,
            event.offset,
            event.appended_ms,
            event.envelope.subject.encode(),
            encode(event.event),
            to_headers(event.envelope),
        )
        for event in events
    ]
    return Batch(first.topic, first.partition, records, before, Position(last.offset + 1, HOLDER), void)
