"""A projection of a few lines in either store, and what a test needs to run it over a topic of its own.

It adds up what was received per SKU. A quantity of 1,000 or more breaks a rule of the store (poison in SQL or in the
script); the reference `explode` makes `apply` itself fail.
"""

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Literal, cast

import asyncpg
import orjson
from redis.asyncio import Redis

from event_schemas.record import Recorded
from event_schemas.stock import StockReceived
from infra.log_batch import Batch
from infra.log_reader import LogReader
from infra.settings import Settings
from projectors.dead_letters.listing import DeadLetter, dead_letters
from projectors.engine.engine import Engine
from projectors.engine.status import Status
from projectors.projection import Bulk, Copy, Projection, RedisCommand, Statement
from projectors.read_models import voided
from projectors.stores.connect import store_of
from projectors.stores.postgres_store import PostgresStore
from projectors.stores.redis_keys import in_log_order, parked_key
from projectors.stores.redis_store import RedisStore
from projectors.stores.sorting import Decoder
from projectors.stores.store import ParkedKeys, Place
from tests.support.log import LogWriter
from tests.support.poll import until
from tests.support.running import running

PARTITIONS = [0, 1, 2]
LATER = "appended_ms", "topic"
DDL = """
CREATE TABLE {schema}.totals (sku text NOT NULL, quantity bigint NOT NULL);
CREATE TABLE {schema}.seen (sku text NOT NULL, partition int NOT NULL, record_offset bigint NOT NULL,
                            quantity bigint NOT NULL CHECK (quantity < 1000));
CREATE TABLE {schema}.daily (partition int, day date, quantity bigint NOT NULL);
"""
KEYS = """
ALTER TABLE {schema}.totals ADD PRIMARY KEY (sku);
ALTER TABLE {schema}.daily ADD PRIMARY KEY (partition, day);
"""
INDEXES = "CREATE INDEX ON {schema}.seen (sku);"


STAGING = """
CREATE TABLE {schema}.totals_parts (LIKE {schema}.totals);
CREATE TABLE {schema}.daily_parts (LIKE {schema}.daily);
"""
FINISH = """
INSERT INTO {schema}.totals (sku, quantity) SELECT sku, sum(quantity) FROM {schema}.totals_parts GROUP BY sku;
INSERT INTO {schema}.daily SELECT partition, day, sum(quantity) FROM {schema}.daily_parts GROUP BY partition, day;
DROP TABLE {schema}.totals_parts, {schema}.daily_parts;
"""


def _received(events: Sequence[Recorded]) -> list[tuple[Recorded, StockReceived]]:
    found = [(one, one.event) for one in events if isinstance(one.event, StockReceived)]
    for _, event in found:
        if event.reference == "explode":
            raise ValueError("this one cannot be applied")
    return found


def _sums(events: Sequence[Recorded]) -> tuple[Counter[str], Counter[tuple[int, object]]]:
    totals: Counter[str] = Counter()
    days: Counter[tuple[int, object]] = Counter()
    for one, event in _received(events):
        totals[event.sku] += event.quantity
        days[one.partition, one.envelope.time.date()] += event.quantity
    return totals, days


def to_copies(events: Sequence[Recorded]) -> list[Copy]:
    """The same for a rebuild."""
    totals, days = _sums(events)
    seen = [(event.sku, one.partition, one.offset, event.quantity) for one, event in _received(events)]
    return [
        Copy("seen", ("sku", "partition", "record_offset", "quantity"), seen),
        Copy("totals_parts", ("sku", "quantity"), list(totals.items())),
        Copy("daily_parts", ("partition", "day", "quantity"), [(*key, quantity) for key, quantity in days.items()]),
    ]


def to_postgres(events: Sequence[Recorded]) -> list[Statement]:
    """One row an event, totals per SKU, and sums per day that carry the partition."""
    received = _received(events)
    totals, days = _sums(events)
    return [
        Statement(
            "INSERT INTO {schema}.seen SELECT * FROM unnest($1::text[], $2::int[], $3::bigint[], $4::bigint[])",
            (
                [event.sku for _, event in received],
                [one.partition for one, _ in received],
                [one.offset for one, _ in received],
                [event.quantity for _, event in received],
            ),
        ),
        Statement(
            "INSERT INTO {schema}.totals AS t SELECT * FROM unnest($1::text[], $2::bigint[]) "
            "ON CONFLICT (sku) DO UPDATE SET quantity = t.quantity + excluded.quantity",
            (list(totals), list(totals.values())),
        ),
        Statement(
            "INSERT INTO {schema}.daily AS t SELECT * FROM unnest($1::int[], $2::date[], $3::bigint[]) "
            "ON CONFLICT (partition, day) DO UPDATE SET quantity = t.quantity + excluded.quantity",
            ([number for number, _ in days], [day for _, day in days], list(days.values())),
        ),
    ]


def to_redis(events: Sequence[Recorded]) -> list[RedisCommand]:
    """Totals per SKU in a sorted set. What is too much is no number to Redis."""
    return [
        RedisCommand(("ZINCRBY", "totals", event.quantity if event.quantity < 1000 else "too much", event.sku))
        for _, event in _received(events)
    ]


def tiny(name: str, store: Literal["postgres", "redis"], topic: str | None = None, version: int = 1) -> Projection:
    """The projection over a topic, by default of the same name."""
    if store == "redis":
        return Projection(name, version, topic or name, store, ("totals",), "", "", "", to_redis)
    tables, bulk = ("totals", "seen", "daily"), Bulk(to_copies, STAGING, FINISH)
    public = f"{name}_public"
    return Projection(name, version, topic or name, store, tables, DDL, KEYS, INDEXES, to_postgres, public, bulk)


def received(sku: str, quantity: int = 1, reference: str | None = None) -> tuple[str, StockReceived]:
    """Key and event."""
    return sku, StockReceived(sku=sku, warehouse_id="MAIN", quantity=quantity, reference=reference)


def _joined(batches: Sequence[Batch]) -> list[Batch]:
    joined: dict[int, Batch] = {}
    for batch in batches:
        one = joined.get(batch.partition)
        joined[batch.partition] = (
            one._replace(records=one.records + batch.records, after=batch.after, void=one.void + batch.void)
            if one
            else batch
        )
    return list(joined.values())


class Bench:
    """A tiny projection, its topic with a writer that holds every partition, and the servers."""

    def __init__(
        self, settings: Settings, pool: asyncpg.Pool, redis: Redis, projection: Projection, writer: LogWriter
    ) -> None:
        self.settings = settings
        self.pool = pool
        self.redis = redis
        self.projection = projection
        self.writer = writer

    def engine(self, worker: str | None = None) -> Engine:
        """A new worker; all have the same name unless another is given."""
        return Engine(self.settings, self.pool, self.redis, [self.projection], worker)

    async def worker(self) -> PostgresStore | RedisStore:
        """A store at its positions, for a test that is the engine itself."""
        store = store_of(self.pool, self.redis, self.projection, Decoder(0))
        await store.prepare(PARTITIONS)
        await store.load(PARTITIONS)
        return store

    async def behind(self, worker: PostgresStore | RedisStore) -> tuple[list[Batch], ParkedKeys]:
        """All that a worker has not applied, one batch a partition, and the keys that it finds parked."""
        loaded = await worker.load(PARTITIONS)
        places = {(self.projection.topic, number): one.position for number, one in loaded.standings.items()}
        async with LogReader(self.settings.bootstrap_servers, places) as reader:
            read = [batch async for batch in reader.until(await reader.ends(), max_records=100_000)]
        return _joined(read), loaded.parked

    @asynccontextmanager
    async def working(self) -> AsyncIterator[Status]:
        """A worker that runs meanwhile and is killed at the end; gives its status."""
        engine = self.engine()
        async with running(engine.run()):
            yield engine.runners[0].status

    async def totals(self) -> dict[str, int]:
        """What the read model says, through the view or the active generation; empty before there is one."""
        if self.projection.store == "redis":
            scores = await self.redis.zrange(f"{await self._prefix()}totals", 0, -1, withscores=True)
            return {sku.decode(): int(score) for sku, score in cast(list[tuple[bytes, float]], scores)}
        try:
            rows = await self.pool.fetch(f"SELECT sku, quantity FROM {self.projection.public_schema}.totals")
        except asyncpg.UndefinedTableError:
            return {}
        return {row["sku"]: row["quantity"] for row in rows}

    async def until_totals(self, expected: dict[str, int]) -> None:
        """Wait until the read model says exactly this."""
        await until(self.totals, lambda found: found == expected)

    async def until_totals_after(self, act: Callable[[], Awaitable[None]], expected: dict[str, int]) -> None:
        """Do something again and again until the read model says exactly this."""

        async def totals() -> dict[str, int]:
            await act()
            return await self.totals()

        await until(totals, lambda found: found == expected)

    async def parked(self) -> list[tuple[str, int, str]]:
        """Key, offset and code of what is parked, in log order."""
        name = self.projection.name
        if self.projection.store == "redis":
            values = await self.redis.hvals(f"{await self._prefix()}parked")
            return [(one.key, one.record.offset, one.code) for one in in_log_order(values)]
        rows = await self.pool.fetch(
            "SELECT key, record_offset, error_code FROM stockroom.parked WHERE projection = $1 "
            "ORDER BY generation, partition, record_offset",
            name,
        )
        return [(row["key"], row["record_offset"], row["error_code"]) for row in rows]

    async def dead_letters(self) -> list[DeadLetter]:
        """What operators are shown as parked."""
        return [one async for one in dead_letters(self.pool, self.redis, self.projection)]

    async def void(self, *places: Place, reason: str = "for good") -> None:
        """Make known that records are given up, as the read model of voids would."""
        await PostgresStore(self.pool, voided.PROJECTION, Decoder(0)).prepare([0])
        insert = "INSERT INTO operations.voided_records VALUES ($1, $2, $3, $4, 'k', $5, 'staff:test', now())"
        for partition, offset in places:
            await self.pool.execute(insert, self.projection.name, self.projection.topic, partition, offset, reason)

    async def age(self, key: str) -> None:
        """Make the parked records of a key what a release before retries has left."""
        if self.projection.store == "redis":
            parked = f"{await self._prefix()}parked"
            for field, row in (await self.redis.hgetall(parked)).items():
                if parked_key(row) == key:
                    kept = {
                        name: value for name, value in orjson.loads(row).items() if name not in ("appended_ms", "topic")
                    }
                    await self.redis.hset(parked, field, orjson.dumps(kept))
            return
        update = "UPDATE stockroom.parked SET appended_ms = 0 WHERE projection = $1 AND key = $2"
        await self.pool.execute(update, self.projection.name, key)

    async def take_out(self, key: str) -> None:
        """Take the parked records of a key out, which all lie in partition 0, as somebody who settled them does."""
        if self.projection.store == "redis":
            prefix = await self._prefix()
            fields = await self.redis.hgetall(f"{prefix}parked")
            gone = [field for field, row in fields.items() if parked_key(row) == key]
            position = orjson.loads(await self.redis.hget(f"{prefix}pos", "0") or b"")
            async with self.redis.pipeline(transaction=True) as pipeline:
                pipeline.hdel(f"{prefix}parked", *gone)
                pipeline.hset(f"{prefix}pos", "0", orjson.dumps({**position, "unparked": position["unparked"] + 1}))
                await pipeline.execute()
            return
        name = self.projection.name
        async with self.pool.acquire() as connection, connection.transaction():
            count = "UPDATE stockroom.projection_offsets SET unparked = unparked + 1"
            await connection.execute(f"{count} WHERE projection = $1 AND partition = 0", name)
            await connection.execute("DELETE FROM stockroom.parked WHERE projection = $1 AND key = $2", name, key)

    async def _prefix(self) -> str:
        generation = await self.redis.get(f"active:{self.projection.name}")
        return f"{self.projection.name}:{int(generation or 0)}:"
