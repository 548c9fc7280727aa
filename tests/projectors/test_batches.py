"""Each read model comes to the same rows and parks the same records in batches of any size, live and by COPY: whatever
applying event by event refuses, no batch hides.
"""

from collections.abc import Sequence
from itertools import count, cycle, groupby

import asyncpg
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st
from redis.asyncio import Redis

from event_schemas.record import LogRecord
from infra.log_batch import START, Batch, Position
from infra.settings import Settings
from projectors.projection import Projection
from projectors.read_models.registry import PROJECTIONS
from projectors.rebuilds.in_postgres import PostgresTarget
from projectors.rebuilds.row import begin
from projectors.stores import redis_keys as names
from projectors.stores.connect import store_of
from projectors.stores.postgres_store import PostgresStore
from projectors.stores.redis_parked import RedisParked
from projectors.stores.redis_store import RedisStore
from projectors.stores.sorting import Decoder
from tests.projectors.spoiled import PARTITIONS, histories

FEW = examples(max_examples=12, deadline=None, suppress_health_check=[*HealthCheck])
Contents = tuple[dict[str, list[str]], list[tuple[int, int]]]
"""All rows by table, and the places of what is parked."""
_numbers = count(1)

each = pytest.mark.parametrize("projection", PROJECTIONS, ids=lambda projection: projection.name)
sizes = st.lists(st.integers(1, 12), min_size=1, max_size=4)


@each
@FEW
@given(data=st.data())
async def test_no_batch_hides_what_an_event_alone_would_be_refused_for(
    projection: Projection, servers: tuple[Settings, asyncpg.Pool, Redis], unique: str, data: st.DataObject
) -> None:
    bench = Filling(*servers, projection, f"{unique}_{next(_numbers)}")
    records = data.draw(histories(projection.topic))
    in_batches, in_chunks = data.draw(sizes), data.draw(sizes)
    try:
        singly = await bench.live(records, [1])
        assert await bench.live(records, in_batches) == singly
        if projection.bulk:
            assert await bench.by_copy(records, in_chunks) == singly
    finally:
        await bench.drop()


class Filling:
    """Fills generations of a read model, under a name of its own, by its stores."""

    def __init__(self, settings: Settings, pool: asyncpg.Pool, redis: Redis, projection: Projection, name: str) -> None:
        self._settings, self._pool, self._redis = settings, pool, redis
        public = f"{name}_public" if projection.public_schema else ""
        self._projection = projection._replace(name=name, public_schema=public)

    async def live(self, records: Sequence[LogRecord], sizes: Sequence[int]) -> Contents:
        """By `apply`, in batches of these sizes, over and over."""
        await self.drop()
        store = store_of(self._pool, self._redis, self._projection, Decoder(0))
        await store.prepare(PARTITIONS)
        await self._fill(store, records, sizes)
        return await self._contents(1)

    async def by_copy(self, records: Sequence[LogRecord], sizes: Sequence[int]) -> Contents:
        """By a rebuild, in chunks of these sizes; again with keys where they are refused."""
        async with self._pool.acquire() as connection:
            begun = await begin(connection, self._projection, PARTITIONS)
            filling = begun.filling
            store = PostgresStore(
                self._pool, self._projection, Decoder(0), rebuilding=filling, bulk=self._projection.bulk
            )
            await self._fill(store, records, sizes)
            target = PostgresTarget(self._settings.dsn, connection, self._projection, begun, store)
            await target.index()
            keyed = PostgresStore(self._pool, self._projection, Decoder(0), rebuilding=filling)
            await self._fill(keyed, records, sizes)
        return await self._contents(filling)

    async def _fill(
        self, store: PostgresStore | RedisStore, records: Sequence[LogRecord], sizes: Sequence[int]
    ) -> None:
        loaded = await store.load(PARTITIONS)
        at = {number: one.position for number, one in loaded.standings.items()}
        parked, turns = loaded.parked, cycle(sizes)
        rest = [one for one in records if one.offset >= at[one.partition].next_offset]
        while rest:
            taken = [rest.pop(0) for _ in range(min(next(turns), len(rest)))]
            batches = []
            for number, group in groupby(sorted(taken, key=lambda one: one.partition), lambda one: one.partition):
                lying = list(group)
                after = Position(lying[-1].offset + 1, START.holder)
                batches.append(Batch(self._projection.topic, number, lying, at[number], after, 0))
                at[number] = after
            parked = parked.after(await store.commit(batches, parked))

    async def _contents(self, generation: int) -> Contents:
        name = self._projection.name
        if self._projection.store == "redis":
            prefix = names.prefix(name, generation)
            keys = [key async for key in self._redis.scan_iter(match=f"{prefix}top:*")]
            rows = {
                key.decode(): sorted(map(str, await self._redis.zrange(key, 0, -1, withscores=True))) for key in keys
            }
            return rows, await RedisParked(self._redis, prefix).places()
        found = await self._pool.fetch(
            "SELECT partition, record_offset FROM stockroom.parked WHERE projection = $1 AND generation = $2",
            name,
            generation,
        )
        sql = f"SELECT t::text AS row FROM {name}_g{generation}.{{}} t ORDER BY 1"
        rows = {
            table: [row["row"] for row in await self._pool.fetch(sql.format(table))]
            for table in self._projection.tables
        }
        return rows, sorted((row["partition"], row["record_offset"]) for row in found)

    async def drop(self) -> None:
        """Remove all of it."""
        name = self._projection.name
        for schema in (f"{name}_public", f"{name}_g1", f"{name}_g2"):
            await self._pool.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE")
        if await self._pool.fetchval("SELECT to_regclass('stockroom.projections')"):
            for table, column in (
                ("projections", "name"),
                ("projection_offsets", "projection"),
                ("parked", "projection"),
            ):
                await self._pool.execute(f"DELETE FROM stockroom.{table} WHERE {column} = $1", name)
        keys = [key async for key in self._redis.scan_iter(match=f"{name}:*")]
        await self._redis.delete(names.active_key(name), *keys)


@pytest.fixture
def servers(settings: Settings, pool: asyncpg.Pool, redis: Redis) -> tuple[Settings, asyncpg.Pool, Redis]:
    """The servers, as a store takes them."""
    return settings, pool, redis
