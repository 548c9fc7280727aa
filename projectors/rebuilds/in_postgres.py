"""The part of a rebuild that is PostgreSQL's: indexes, the one transaction of the switch, old generations, counts."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import asyncpg
import structlog

from infra.log_reader import LogReader, Until
from infra.reason import reason
from projectors.engine.workers import anybody_fills
from projectors.projection import Projection
from projectors.rebuilds.compare import Comparison
from projectors.rebuilds.compare_postgres import compare, positions
from projectors.rebuilds.row import Begun, switch_row
from projectors.rebuilds.wait import NOT_HELD, PAUSE_SECONDS, TRIES, Patience, wait_for_serving
from projectors.stores.control_tables import Connection
from projectors.stores.generations import (
    create_generation,
    create_indexes,
    drop_generation,
    finish_bulk,
    known_generations,
    schema_of,
    show_generation,
)
from projectors.stores.poison import DATA_ERRORS
from projectors.stores.positions import hold_all
from projectors.stores.postgres_store import PostgresStore
from projectors.stores.projection_row import hold_back, let_go, lock_row
from projectors.stores.store import ParkedKeys

log = structlog.get_logger()

INDEX_SETTINGS = "SET LOCAL maintenance_work_mem = '256MB'; SET LOCAL work_mem = '128MB'; SET LOCAL jit = off"
COMPARE_SETTINGS = {"jit": "off", "work_mem": "64MB"}
"""Buckets and rows that differ are told without sorting a table on the disk."""
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

    def __init__(
        self, dsn: str, connection: Connection, projection: Projection, begun: Begun, store: PostgresStore
    ) -> None:
        self._dsn = dsn
        self._connection = connection
        self._projection = projection
        self._begun = begun
        self._store = store

    async def start(self) -> None:
        """Nothing to do: the tables were made with the entry in the row."""

    async def index(self) -> None:
        """Put together what was filled by COPY, and make keys and indexes, once and in one step.

        When they refuse a row the generation is emptied, but for them, so that filling finds the event and parks it.
        """
        try:
            await self._index()
        except DATA_ERRORS as error:
            log.warning("filled again, with keys", projection=self._projection.name, error=reason(error))
            async with self._connection.transaction():
                await create_generation(self._connection, self._projection, self._begun.filling, (), indexes=True)
                await self._indexed()

    async def _index(self) -> None:
        projection, filling, bulk = self._projection, self._begun.filling, self._begun.bulk
        async with self._connection.transaction():
            await self._connection.execute(INDEX_SETTINGS)
            if bulk is not None:
                await hold_all(self._connection, projection, filling)
                await finish_bulk(self._connection, projection, filling, bulk)
            await create_indexes(self._connection, projection, filling)
            await self._indexed()

    async def _indexed(self) -> None:
        sql = "UPDATE stockroom.projections SET rebuilding_indexed = true, rebuilding_bulk = false WHERE name = $1"
        await self._connection.execute(sql, self._projection.name)

    async def compare(self, reader: LogReader, parked: ParkedKeys, patience: Patience) -> Comparison:
        """Compare with the serving generation. That is held back only until both stand at the same positions and the
        snapshot is taken in which they are compared.

        ``reader`` stands at the filled generation's positions. Raises what ``SWITCH_AGAIN`` names.
        """
        snapshot = await asyncpg.connect(self._dsn, server_settings=COMPARE_SETTINGS)
        try:
            filled = {partition: one.next_offset for (_, partition), one in reader.positions.items()}
            waited = await wait_for_serving(self._served, filled, self._lives, patience)
            if not waited.why:  # what came meanwhile, before anybody is held back
                async with self._connection.transaction():
                    parked = await self._follow(reader.exactly, parked)
            for _ in range(TRIES):
                async with snapshot.transaction(isolation="repeatable_read", readonly=True):
                    if not waited.why:
                        await hold_back(self._connection, self._projection.name)
                        try:
                            async with self._connection.transaction():
                                parked = await self._catch_up(reader.exactly, parked)
                            served, filled = await positions(snapshot, self._projection, self._begun)
                        finally:
                            await let_go(self._connection, self._projection.name)
                    if waited.why or served == filled:
                        compared = await compare(snapshot, self._projection, self._begun, waited.why)
                        return compared._replace(skipped=waited.skipped)
                patience.says(f"{NOT_HELD}, trying again")
                await asyncio.sleep(PAUSE_SECONDS)
            compared = await compare(self._connection, self._projection, self._begun, NOT_HELD)
            return compared._replace(skipped=True)
        finally:
            snapshot.terminate()

    async def _lives(self) -> bool:
        return await anybody_fills(self._connection, self._projection.name, self._begun.serving_version)

    async def _served(self) -> dict[int, int]:
        return (await positions(self._connection, self._projection, self._begun))[0]

    async def switch(self, reader: LogReader, parked: ParkedKeys, actor: str, outcome: Mapping[str, Any]) -> ParkedKeys:
        """Catch up with the serving generation while it is held back, then change over, in one transaction with a row
        of the audit trail. Gives what is parked in the filled generation.

        ``reader`` stands at the filled generation's positions. Raises what ``SWITCH_AGAIN`` names when queries hold the
        views for too long; then nothing has changed.
        """
        connection, name, filling = self._connection, self._projection.name, self._begun.filling
        await hold_back(connection, name)
        try:
            async with connection.transaction():
                await connection.execute("SET LOCAL synchronous_commit = on")
                parked = await self._catch_up(reader.until, parked)
                await connection.execute(_COPIED_BEFORE, name, filling, self._begun.serving)
                await switch_row(connection, self._projection, filling, actor, outcome)
                await show_generation(connection, self._projection, filling, instead_of=self._begun.serving)
        except SWITCH_AGAIN:
            await let_go(connection, name)
            raise
        return parked

    async def _catch_up(self, until: Until, parked: ParkedKeys) -> ParkedKeys:
        """Fill up to where the serving generation stands, in the caller's transaction, to whose end it stands there."""
        await self._connection.execute(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'")
        await lock_row(self._connection, self._projection.name)
        return await self._follow(until, parked)

    async def _follow(self, until: Until, parked: ParkedKeys) -> ParkedKeys:
        """Fill up to where the serving generation stands now, in the caller's transaction."""
        served = {(self._projection.topic, number): end for number, end in (await self._served()).items()}
        async for batch in until(served):
            outcome = await self._store.commit_within(self._connection, [batch], parked)
            parked = parked.after(outcome)
        return parked

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
