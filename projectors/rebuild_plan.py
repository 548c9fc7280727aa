"""What a rebuild would do, without doing any of it: `rebuild --dry-run`. It reads only, which PostgreSQL enforces."""

import asyncio
import shutil
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import asyncpg
import orjson
from redis.asyncio import Redis

from infra.launcher.home import Home
from infra.settings import Settings
from projectors import redis_keys as names
from projectors.engine import connect_redis
from projectors.generations import schema_of
from projectors.log_ends import LogEnds
from projectors.projection import Projection
from projectors.rebuild_options import RebuildOptions
from projectors.rebuild_redis import families
from projectors.rebuild_row import resumable
from projectors.rebuild_several import all_up
from projectors.redis_positions import fields_of, standings_in

_ROW = "SELECT * FROM stockroom.projections WHERE name = $1"
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
_NEVER = (asyncpg.UndefinedTableError, asyncpg.InvalidSchemaNameError)


class Plan(NamedTuple):
    """What the rebuild of one projection would do."""

    projection: str
    version: int
    """Of the code, which would fill it."""
    serving_generation: int | None
    """None when the projection has never run."""
    serving_version: int | None
    resumes_generation: int | None
    """A generation that an earlier rebuild left, and from which this one would go on."""
    events: Mapping[int, int]
    """In the log, by partition."""
    to_read: int
    """Of them not yet in what it would go on with."""
    rows: Mapping[str, int]
    """That serve now, by table or family of keys."""
    bytes: int | None
    """Of the tables that serve, indexes included; about as much is needed beside them. None in Redis."""
    disk_free: int | None
    """Bytes; None where the server is not one that runs here."""
    seconds: float | None
    """By the rate of the last rebuild, or by the limit if that is lower; None when there was none."""

    def lines(self) -> list[str]:
        """It in words."""
        total = sum(self.events.values())
        by = ", ".join(f"{number}: {count:,}" for number, count in sorted(self.events.items()))
        serving = f"generation {self.serving_generation} (version {self.serving_version}) serves"
        begins = f"goes on with generation {self.resumes_generation}" if self.resumes_generation else "begins anew"
        told = [
            f"{self.projection}: {serving if self.serving_generation else 'has never run'}; "
            f"the code is version {self.version}; it {begins}",
            f"  {self.to_read:,} of {total:,} events to read (partition {by})",
            "  rows now: " + (", ".join(f"{table} {count:,}" for table, count in self.rows.items()) or "none"),
        ]
        took = "no rebuild before to estimate by" if self.seconds is None else f"about {self.seconds:,.0f} s"
        size = "" if self.bytes is None else f"; {self.bytes / 1e6:,.0f} MB now"
        free = "" if self.disk_free is None else f", {self.disk_free / 1e6:,.0f} MB free"
        return [*told, f"  {took}{size}{free}"]

    @property
    def fits(self) -> bool:
        """Whether the disk has room for as much as there is now; also where that is not known."""
        return self.bytes is None or self.disk_free is None or self.bytes < self.disk_free


async def plan_all(settings: Settings, projections: Sequence[Projection], options: RebuildOptions) -> list[Plan]:
    """The plan of each. Raises ``RebuildRefused`` when a server does not answer."""
    topics = {projection.topic for projection in projections}
    ends = LogEnds(settings.bootstrap_servers, topics)
    async with connect_redis(settings) as redis:
        await all_up(settings, redis, topics)
        watching = asyncio.create_task(ends.run())
        connection = await asyncpg.connect(settings.dsn, server_settings={"default_transaction_read_only": "on"})
        try:
            return [
                await _plan(settings, connection, redis, one, await ends.fresh(one.topic), options)
                for one in projections
            ]
        finally:
            watching.cancel()
            await connection.close()


async def _plan(
    settings: Settings,
    connection: asyncpg.Connection,
    redis: Redis,
    projection: Projection,
    ends: Mapping[int, int],
    options: RebuildOptions,
) -> Plan:
    try:
        row = await connection.fetchrow(_ROW, projection.name)
    except _NEVER:
        row = None
    serving = row["active_generation"] if row else None
    resumes = resumable(row, projection, anew=options.anew) if row else None
    done = await _next_offsets(connection, redis, projection, resumes) if resumes else {}
    to_read = sum(max(0, end - done.get(number, 0)) for number, end in ends.items())
    size = None
    if serving and _in_postgres(projection):
        size = await connection.fetchval(_SIZE, schema_of(projection, serving))
    return Plan(
        projection.name,
        projection.version,
        serving,
        row["version"] if row else None,
        resumes,
        dict(ends),
        to_read,
        await _rows(connection, redis, projection, serving) if serving else {},
        size,
        _free(settings) if _in_postgres(projection) else None,
        await _seconds(connection, projection, to_read, options.rate),
    )


def _in_postgres(projection: Projection) -> bool:
    return projection.store == "postgres"


async def _next_offsets(
    connection: asyncpg.Connection, redis: Redis, projection: Projection, generation: int
) -> Mapping[int, int]:
    if _in_postgres(projection):
        rows = await connection.fetch(_NEXT, projection.name, generation, projection.topic)
        return {row["partition"]: row["next_offset"] for row in rows}
    stands = standings_in(await fields_of(redis, names.prefix(projection.name, generation)))
    return {number: one.position.next_offset for number, one in stands.items()}


async def _rows(
    connection: asyncpg.Connection, redis: Redis, projection: Projection, generation: int
) -> Mapping[str, int]:
    if not _in_postgres(projection):
        return await families(redis, projection, generation)
    schema = schema_of(projection, generation)
    counts = {}
    for table in projection.tables:
        if await connection.fetchval("SELECT to_regclass($1)", f"{schema}.{table}"):
            counts[table] = await connection.fetchval(f"SELECT count(*) FROM {schema}.{table}")
    return counts


def _free(settings: Settings) -> int | None:
    """Bytes that are free where the embedded PostgreSQL has its data."""
    folder = Home.of(settings).data("postgres")
    return None if settings.postgres_dsn or not folder.exists() else shutil.disk_usage(folder).free


async def _seconds(
    connection: asyncpg.Connection, projection: Projection, events: int, rate: float | None
) -> float | None:
    try:
        progress = await connection.fetchval(_LAST, projection.name)
    except _NEVER:
        progress = None
    told: Any = [one["report"] for one in orjson.loads(progress or "[]") if one["projection"] == projection.name]
    last = next((one for one in told if one and one["events"]), None)
    took = events * last["seconds"] / last["events"] if last else None
    return took if rate is None else max(took or 0.0, events / rate)
