"""What there is of a projection, and how long its rebuild takes: read without a change, over tables of any release."""

import shutil
from collections.abc import Mapping
from typing import Any

import asyncpg
import orjson
from redis.asyncio import Redis

from infra.launcher.home import Home
from infra.settings import Settings
from projectors.projection import Projection
from projectors.stores import redis_keys as names
from projectors.stores.generations import schema_of
from projectors.stores.redis_generations import families
from projectors.stores.redis_positions import fields_of, standings_in

_SIZE = """
SELECT COALESCE(sum(pg_total_relation_size(c.oid)), 0)::bigint
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1 AND c.relkind = 'r'
"""
_LAST = """
SELECT progress FROM stockroom.rebuilds WHERE state = 'done' AND $1 = ANY (names) ORDER BY started_at DESC LIMIT 1
"""
# Of any release: later ones have more columns, and a dry run adds none.
_NEXT = """
SELECT partition, next_offset FROM stockroom.projection_offsets WHERE projection = $1 AND generation = $2 AND topic = $3
"""
NEVER = (asyncpg.UndefinedTableError, asyncpg.InvalidSchemaNameError)
"""What PostgreSQL says where no projection has ever run."""


def in_postgres(projection: Projection) -> bool:
    """Whether its rows are there."""
    return projection.store == "postgres"


async def next_offsets(
    connection: asyncpg.Connection, redis: Redis, projection: Projection, generation: int
) -> Mapping[int, int]:
    """Where a generation stands, by partition."""
    if in_postgres(projection):
        rows = await connection.fetch(_NEXT, projection.name, generation, projection.topic)
        return {row["partition"]: row["next_offset"] for row in rows}
    stands = standings_in(await fields_of(redis, names.prefix(projection.name, generation)))
    return {number: one.position.next_offset for number, one in stands.items()}


async def rows_of(
    connection: asyncpg.Connection, redis: Redis, projection: Projection, generation: int
) -> Mapping[str, int]:
    """Rows of a generation by table, or keys by family."""
    if not in_postgres(projection):
        return await families(redis, projection, generation)
    schema = schema_of(projection, generation)
    counts = {}
    for table in projection.tables:
        if await connection.fetchval("SELECT to_regclass($1)", f"{schema}.{table}"):
            counts[table] = await connection.fetchval(f"SELECT count(*) FROM {schema}.{table}")
    return counts


async def size_of(connection: asyncpg.Connection, projection: Projection, generation: int) -> int | None:
    """Bytes of a generation's tables with their indexes; None in Redis."""
    if not in_postgres(projection):
        return None
    return int(await connection.fetchval(_SIZE, schema_of(projection, generation)))


def free(settings: Settings) -> int | None:
    """Bytes that are free where the embedded PostgreSQL has its data."""
    folder = Home.of(settings).data("postgres")
    return None if settings.postgres_dsn or not folder.exists() else shutil.disk_usage(folder).free


async def seconds_for(
    connection: asyncpg.Connection, projection: Projection, events: int, rate: float | None
) -> float | None:
    """How long so many events take, by the last rebuild or the limit; None where neither tells."""
    try:
        progress = await connection.fetchval(_LAST, projection.name)
    except NEVER:
        progress = None
    told: Any = [one["report"] for one in orjson.loads(progress or "[]") if one["projection"] == projection.name]
    last = next((one for one in told if one and one["events"]), None)
    took = events * last["seconds"] / last["events"] if last else None
    return took if rate is None else max(took or 0.0, events / rate)
