"""Generations of a projection: each fills a PostgreSQL schema of its own, and the views show the active one.

All functions work inside the caller's transaction. A projection in Redis has a row here but neither schema nor views.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

import asyncpg

from projectors.projection import Bulk, Projection
from projectors.stores.control_tables import Connection

_NAME = re.compile(r"[a-z][a-z0-9_]{0,50}")


class BadName(ValueError):
    """A projection, schema or table name is not a plain lower-case identifier, so it cannot stand in SQL."""


def schema_of(projection: Projection, generation: int) -> str:
    """Schema that a generation fills, as ``order_history_g2``. Raises ``BadName``."""
    return f"{_checked(projection.name)}_g{generation}"


def _checked(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise BadName(f"{name!r} is not a plain lower-case identifier")
    return name


async def create_generation(
    connection: Connection,
    projection: Projection,
    generation: int,
    partitions: Sequence[int],
    *,
    indexes: bool,
    bulk: Bulk | None = None,
) -> None:
    """Empty tables of a generation, whatever was there before, and positions at the start of each partition.

    The tables have their keys; with ``bulk`` they have none before ``finish_bulk``, and staging tables beside them.
    """
    await drop_generation(connection, projection, generation)
    if projection.store == "postgres":
        schema = schema_of(projection, generation)
        await connection.execute(f"CREATE SCHEMA {schema}")
        await _execute(connection, schema, projection.ddl, bulk.staging if bulk else projection.keys)
        if indexes:
            await create_indexes(connection, projection, generation)
    await add_partitions(connection, projection, generation, partitions)


async def finish_bulk(connection: Connection, projection: Projection, generation: int, bulk: Bulk) -> None:
    """Put together what was filled by COPY, and make the keys."""
    await _execute(connection, schema_of(projection, generation), bulk.finish, projection.keys)


async def _execute(connection: Connection, schema: str, *several: str) -> None:
    for sql in filter(str.strip, several):
        await connection.execute(sql.replace("{schema}", schema))


async def add_partitions(
    connection: Connection, projection: Projection, generation: int, partitions: Sequence[int]
) -> None:
    """Positions at the start of those partitions that have none yet. A projection in Redis keeps its own there."""
    if projection.store != "postgres":
        return
    await connection.execute(
        "INSERT INTO stockroom.projection_offsets (projection, generation, version, topic, partition) "
        "SELECT $1, $2, $3, $4, unnest($5::int[]) ON CONFLICT DO NOTHING",
        projection.name,
        generation,
        projection.version,
        projection.topic,
        list(partitions),
    )


async def create_indexes(connection: Connection, projection: Projection, generation: int) -> None:
    """The indexes that a rebuild leaves for the end, and fresh statistics for the planner."""
    if projection.store == "postgres":
        schema = schema_of(projection, generation)
        await _execute(connection, schema, projection.indexes)
        for table in projection.tables:
            await connection.execute(f"ANALYZE {schema}.{_checked(table)}")


class Views(NamedTuple):
    """Statements that point the public views at a generation: where columns are as before, and where they are not."""

    replaced: str
    recreated: str


async def views_of(
    connection: Connection, projection: Projection, generation: int, *, instead_of: int | None = None
) -> Views:
    """The views of all tables of a generation. Those of tables that only the generation ``instead_of`` has are removed:
    that one may be of another version.
    """
    if projection.store != "postgres":
        return Views("", "")
    public, schema = _checked(projection.public_schema), schema_of(projection, generation)
    shown = await _tables(connection, schema)
    hidden = set() if instead_of is None else await _tables(connection, schema_of(projection, instead_of)) - shown
    begun = f"CREATE SCHEMA IF NOT EXISTS {public};" + "".join(
        f"DROP VIEW IF EXISTS {public}.{table};" for table in sorted(hidden)
    )
    views = [f"VIEW {public}.{table} AS SELECT * FROM {schema}.{table};" for table in sorted(shown)]
    dropped = "".join(f"DROP VIEW IF EXISTS {public}.{table};" for table in sorted(shown))
    return Views(
        begun + "".join(f"CREATE OR REPLACE {view}" for view in views),
        begun + dropped + "".join(f"CREATE {view}" for view in views),
    )


async def show_views(connection: Connection, views: Views) -> None:
    """Point the views there. Until the transaction ends everybody sees the generation before."""
    if not views.replaced:
        return
    try:
        async with connection.transaction():
            await connection.execute(views.replaced)
    except asyncpg.InvalidTableDefinitionError:
        await connection.execute(views.recreated)


async def show_generation(
    connection: Connection, projection: Projection, generation: int, *, instead_of: int | None = None
) -> None:
    """Point the public views at a generation; see ``views_of`` and ``show_views``."""
    await show_views(connection, await views_of(connection, projection, generation, instead_of=instead_of))


async def _tables(connection: Connection, schema: str) -> set[str]:
    rows = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = $1", schema)
    return {_checked(row["tablename"]) for row in rows}


async def drop_generation(connection: Connection, projection: Projection, generation: int) -> None:
    """Remove the tables, positions and parked records of a generation, if there are any."""
    if projection.store == "postgres":
        await connection.execute(f"DROP SCHEMA IF EXISTS {schema_of(projection, generation)} CASCADE")
    for table in ("projection_offsets", "parked"):
        await connection.execute(
            f"DELETE FROM stockroom.{table} WHERE projection = $1 AND generation = $2", projection.name, generation
        )


async def known_generations(connection: Connection, projection: Projection) -> list[int]:
    """Every generation that has positions, lowest first."""
    rows = await connection.fetch(
        "SELECT DISTINCT generation FROM stockroom.projection_offsets WHERE projection = $1 ORDER BY 1",
        projection.name,
    )
    return [row["generation"] for row in rows]
