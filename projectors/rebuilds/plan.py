"""What a rebuild would do, without doing any of it: `rebuild --dry-run`. It reads only, which PostgreSQL enforces."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import asyncpg
from redis.asyncio import Redis

from infra.settings import Settings
from projectors.log_ends import LogEnds
from projectors.projection import Projection
from projectors.rebuilds.options import RebuildOptions
from projectors.rebuilds.row import resumable
from projectors.rebuilds.several import all_up
from projectors.rebuilds.sizes import NEVER, free, in_postgres, next_offsets, rows_of, seconds_for, size_of
from projectors.stores.connect import connect_redis
from projectors.stores.voids import voids_of

_ROW = "SELECT * FROM stockroom.projections WHERE name = $1"


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
    """The plan of each. Raises ``RebuildFailed`` when a server does not answer."""
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
    except NEVER:
        row = None
    serving = row["active_generation"] if row else None
    voids = len(await voids_of(connection, projection))
    resumes = resumable(row, projection, voids, anew=options.anew) if row else None
    done = await next_offsets(connection, redis, projection, resumes) if resumes else {}
    to_read = sum(max(0, end - done.get(number, 0)) for number, end in ends.items())
    return Plan(
        projection.name,
        projection.version,
        serving,
        row["version"] if row else None,
        resumes,
        dict(ends),
        to_read,
        await rows_of(connection, redis, projection, serving) if serving else {},
        await size_of(connection, projection, serving) if serving else None,
        free(settings) if in_postgres(projection) else None,
        await seconds_for(connection, projection, to_read, options.rate),
    )
