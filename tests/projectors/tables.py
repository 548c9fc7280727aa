"""A read model's tables in a schema of their own in the real PostgreSQL, filled by its own statements."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, cast

import asyncpg
from uuid_utils.compat import uuid4

from event_schemas.record import Recorded
from projectors.projection import Postgres, Projection
from projectors.stores.postgres_changes import execute


class Tables:
    """The tables of one projection in schema `schema`."""

    def __init__(self, connection: asyncpg.Connection, projection: Projection, schema: str) -> None:
        self.connection = connection
        self._projection = projection
        self.schema = schema

    async def apply(self, events: Sequence[Recorded], batch_size: int | None = None) -> None:
        """Applies the events in batches, each in a transaction, as the engine does."""
        size = batch_size or len(events)
        for start in range(0, len(events), size):
            async with self.connection.transaction():
                for statement in cast(Postgres, self._projection.apply)(events[start : start + size]):
                    await self.connection.execute(self._filled(statement.sql), *statement.args)

    async def copy(self, events: Sequence[Recorded], chunk: int) -> None:
        """Fills tables without keys in chunks, as a rebuild does, then puts all together and makes the keys."""
        bulk = self._projection.bulk
        assert bulk is not None
        for start in range(0, len(events), chunk):
            await execute(self.connection, self.schema, bulk.fold(events[start : start + chunk]))
        for sql in filter(None, (bulk.finish, self._projection.keys)):
            await self.connection.execute(self._filled(sql))

    async def rows(self, sql: str, *args: object) -> list[dict[str, Any]]:
        """What a query answers; `{schema}` stands for the schema."""
        return [dict(row) for row in await self.connection.fetch(self._filled(sql), *args)]

    async def everything(self) -> dict[str, list[str]]:
        """All rows of all tables as sorted text, to compare two fillings."""
        return {
            table: [
                row["row"] for row in await self.rows(f"SELECT t::text AS row FROM {{schema}}.{table} t ORDER BY 1")
            ]
            for table in self._projection.tables
        }

    def _filled(self, sql: str) -> str:
        return sql.replace("{schema}", self.schema)


@asynccontextmanager
async def tables_of(dsn: str, projection: Projection, *, bulk: bool = False) -> AsyncIterator[Tables]:
    """Empty tables of a projection with their keys and indexes, or to be filled in bulk; gone afterwards."""
    staging = projection.bulk.staging if projection.bulk else ""
    schema = f"t_{uuid4().hex[:12]}"
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(f"CREATE SCHEMA {schema}")
        for sql in filter(None, (projection.ddl, *([staging] if bulk else [projection.keys, projection.indexes]))):
            await connection.execute(sql.replace("{schema}", schema))
        yield Tables(connection, projection, schema)
    finally:
        await connection.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE")
        await connection.close()
