"""The part of a rebuild that is PostgreSQL's: indexes, the one transaction of the switch, old generations, counts."""

from collections.abc import Sequence

import asyncpg

from infra.log_reader import LogReader
from projectors.control_tables import Connection
from projectors.generations import create_indexes, drop_generation, known_generations, schema_of, show_generation
from projectors.postgres_store import PostgresStore
from projectors.projection import Projection
from projectors.projection_row import hold_back, let_go, lock_row
from projectors.rebuild_row import Begun, switch_row
from projectors.store import ParkedKeys

LOCK_TIMEOUT = "2s"
SWITCH_AGAIN = (asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError)
"""The switch changed nothing and is tried again."""
_COPIED_BEFORE = """
UPDATE stockroom.parked new SET copied = true FROM stockroom.parked old
WHERE new.projection = $1 AND new.generation = $2 AND old.projection = $1 AND old.generation = $3 AND old.copied
  AND new.topic = old.topic AND new.partition = old.partition AND new.record_offset = old.record_offset
"""


class PostgresTarget:
    """A generation that is being rebuilt in PostgreSQL. ``connection`` is the one that holds the right to rebuild."""

    def __init__(self, connection: Connection, projection: Projection, begun: Begun, store: PostgresStore) -> None:
        self._connection = connection
        self._projection = projection
        self._begun = begun
        self._store = store

    async def start(self) -> None:
        """Nothing to do: the tables were made with the entry in the row."""

    async def index(self) -> None:
        """Make the indexes, once."""
        async with self._connection.transaction():
            if not self._begun.indexed:
                await create_indexes(self._connection, self._projection, self._begun.filling)
            await self._connection.execute(
                "UPDATE stockroom.projections SET rebuilding_indexed = true WHERE name = $1", self._projection.name
            )

    async def switch(self, reader: LogReader, parked: ParkedKeys) -> None:
        """Catch up with the serving generation while it is held back, then change over, in one transaction.

        ``reader`` stands at the filled generation's positions. Raises what ``SWITCH_AGAIN`` names when queries hold the
        views for too long; then nothing has changed.
        """
        await hold_back(self._connection, self._projection.name)
        try:
            await self._change_over(reader, parked)
        except SWITCH_AGAIN:
            await let_go(self._connection, self._projection.name)
            raise

    async def _change_over(self, reader: LogReader, parked: ParkedKeys) -> None:
        connection, name = self._connection, self._projection.name
        async with connection.transaction():
            await connection.execute(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'; SET LOCAL synchronous_commit = on")
            await lock_row(connection, name)
            rows = await connection.fetch(
                "SELECT topic, partition, next_offset FROM stockroom.projection_offsets "
                "WHERE projection = $1 AND generation = $2",
                name,
                self._begun.serving,
            )
            served = {(row["topic"], row["partition"]): row["next_offset"] for row in rows}
            async for batch in reader.until(served):
                outcome = await self._store.commit_within(connection, [batch], parked)
                parked = parked.after(outcome)
            await connection.execute(_COPIED_BEFORE, name, self._begun.filling, self._begun.serving)
            await switch_row(connection, self._projection, self._begun.filling)
            await show_generation(connection, self._projection, self._begun.filling)

    async def drop_older(self) -> Sequence[int]:
        """Remove every generation but the new one and the one before it."""
        kept = self._begun.serving, self._begun.filling
        dropped = []
        async with self._connection.transaction():
            for generation in await known_generations(self._connection, self._projection):
                if generation not in kept:
                    await drop_generation(self._connection, self._projection, generation)
                    dropped.append(generation)
        return dropped

    async def rows(self) -> dict[str, int]:
        """Rows of each table."""
        schema = schema_of(self._projection, self._begun.filling)
        return {
            table: await self._connection.fetchval(f"SELECT count(*) FROM {schema}.{table}")
            for table in self._projection.tables
        }
