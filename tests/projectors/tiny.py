"""A projection of a few lines in either store, and what a test needs to run it over a topic of its own.

It adds up what was received per SKU. A quantity of 1,000 or more breaks a rule of the store (poison in SQL or in the
script); the reference `explode` makes `apply` itself fail.
"""

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Literal, cast

import asyncpg
from redis.asyncio import Redis

from event_schemas.record import Recorded
from event_schemas.stock import StockReceived
from infra.settings import Settings
from projectors.engine import Engine
from projectors.projection import Projection, RedisCommand, Statement
from projectors.redis_keys import parked_from_json
from projectors.status import Status
from tests.support.log import LogWriter
from tests.support.poll import until
from tests.support.running import running

DDL = """
CREATE TABLE {schema}.totals (sku text PRIMARY KEY, quantity bigint NOT NULL);
CREATE TABLE {schema}.seen (sku text NOT NULL, partition int NOT NULL, record_offset bigint NOT NULL,
                            quantity bigint NOT NULL CHECK (quantity < 1000));
CREATE TABLE {schema}.daily (partition int, day date, quantity bigint NOT NULL, PRIMARY KEY (partition, day));
"""
INDEXES = "CREATE INDEX ON {schema}.seen (sku);"


def _received(events: Sequence[Recorded]) -> list[tuple[Recorded, StockReceived]]:
    found = [(one, one.event) for one in events if isinstance(one.event, StockReceived)]
    for _, event in found:
        if event.reference == "explode":
            raise ValueError("this one cannot be applied")
    return found


def to_postgres(events: Sequence[Recorded]) -> list[Statement]:
    """One row an event, totals per SKU, and sums per day that carry the partition."""
    received = _received(events)
    totals: Counter[str] = Counter()
    days: Counter[tuple[int, object]] = Counter()
    for one, event in received:
        totals[event.sku] += event.quantity
        days[one.partition, one.envelope.time.date()] += event.quantity
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
        return Projection(name, version, topic or name, store, ("totals",), "", "", to_redis)
    tables = "totals", "seen", "daily"
    return Projection(name, version, topic or name, store, tables, DDL, INDEXES, to_postgres, f"{name}_public")


def received(sku: str, quantity: int = 1, reference: str | None = None) -> tuple[str, StockReceived]:
    """Key and event."""
    return sku, StockReceived(sku=sku, warehouse_id="MAIN", quantity=quantity, reference=reference)


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

    def engine(self) -> Engine:
        """A new worker."""
        return Engine(self.settings, self.pool, self.redis, [self.projection])

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

    async def parked(self) -> list[tuple[str, int, str]]:
        """Key, offset and code of what is parked, in log order."""
        name = self.projection.name
        if self.projection.store == "redis":
            values = await self.redis.hvals(f"{await self._prefix()}parked")
            found = sorted(map(parked_from_json, values))
            return [((one.key or b"").decode(), one.offset, one.code) for one in found]
        rows = await self.pool.fetch(
            "SELECT key, record_offset, error_code FROM stockroom.parked WHERE projection = $1 "
            "ORDER BY generation, partition, record_offset",
            name,
        )
        return [(row["key"], row["record_offset"], row["error_code"]) for row in rows]

    async def _prefix(self) -> str:
        generation = await self.redis.get(f"active:{self.projection.name}")
        return f"{self.projection.name}:{int(generation or 0)}:"
