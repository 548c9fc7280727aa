"""The part of a rebuild that is PostgreSQL's: indexes, the one transaction of the switch, old generations, counts."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import asyncpg

from infra.log_reader import LogReader, Until
from projectors.engine.workers import anybody_fills
from projectors.projection import Projection
from projectors.rebuilds.compare import LOST_BY_LOG, TAKEN_OUT, Comparison
from projectors.rebuilds.compare_postgres import compare, positions
from projectors.rebuilds.index_postgres import index
from projectors.rebuilds.row import Begun, switch_row
from projectors.rebuilds.wait import NOT_HELD, PAUSE_SECONDS, TRIES, Patience, Positions, wait_for_serving
from projectors.stores.control_tables import Connection
from projectors.stores.generations import (
    drop_generation,
    known_generations,
    schema_of,
    show_generation,
)
from projectors.stores.positions import load_positions
from projectors.stores.postgres_store import PostgresStore
from projectors.stores.projection_row import end_if_idle, hold_back, let_go, lock_row
from projectors.stores.store import ParkedKeys, PositionMoved

COMPARE_SETTINGS = {"jit": "off", "work_mem": "64MB"}
"""Buckets and rows that differ are told without sorting a table on the disk."""
LOCK_TIMEOUT = "2s"
LOCKED_SECONDS = 10.0
"""So long at most the last few events are read while the row is locked."""
IDLE_SECONDS = 15.0
"""So long the server keeps it locked for a process that stands still."""
SWITCH_AGAIN = (asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError)
"""The switch changed nothing and is tried again."""
_COPIED_BEFORE = """
UPDATE stockroom.parked new SET copied = true FROM stockroom.parked old
WHERE new.projection = $1 AND new.generation = $2 AND old.projection = $1 AND old.generation = $3 AND old.copied
  AND new.topic = old.topic AND new.partition = old.partition AND new.record_offset = old.record_offset
"""
_PARKED_ALONE = """
SELECT EXISTS (
    SELECT FROM stockroom.parked new JOIN stockroom.projection_offsets o USING (projection, topic, partition)
    WHERE new.projection = $1 AND new.generation = $3 AND o.generation = $2 AND new.record_offset < o.next_offset
      AND NOT EXISTS (
        SELECT FROM stockroom.parked old
        WHERE old.projection = $1 AND old.generation = $2 AND old.topic = new.topic
          AND old.partition = new.partition AND old.record_offset = new.record_offset))
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
        """Put together what was filled by COPY, and make keys and indexes; see ``index_postgres.index``."""
        await index(self._connection, self._projection, self._begun)

    async def unparked(self) -> Mapping[int, int]:
        """By partition: how many times parked records were taken out of the serving generation."""
        return (await load_positions(self._connection, self._projection, self._begun.serving))[1]

    async def parks_alone(self) -> bool:
        """Whether a record is parked in the filled generation that the serving one has passed and has not parked."""
        begun, name = self._begun, self._projection.name
        return bool(await self._connection.fetchval(_PARKED_ALONE, name, begun.serving, begun.filling))

    async def served(self) -> Positions:
        """Next offsets of the serving generation by partition."""
        return (await positions(self._connection, self._projection, self._begun))[0]

    async def compare(self, reader: LogReader, parked: ParkedKeys, patience: Patience) -> Comparison:
        """Compare with the serving generation. That is held back only until both stand at the same positions and the
        snapshot is taken in which they are compared.

        ``reader`` stands at the filled generation's positions. Raises what ``SWITCH_AGAIN`` names.
        """
        snapshot = await asyncpg.connect(self._dsn, server_settings=COMPARE_SETTINGS)
        try:
            filled = {partition: one.next_offset for (_, partition), one in reader.positions.items()}
            waited = await wait_for_serving(self.served, filled, self._lives, patience)
            if not waited.why:  # what came meanwhile, before anybody is held back
                async with self._connection.transaction():
                    parked = await self._follow(reader.exactly, parked, ())
            for _ in range(TRIES):
                async with snapshot.transaction(isolation="repeatable_read", readonly=True):
                    if not waited.why:
                        await hold_back(self._connection, self._projection.name)
                        try:
                            async with self._connection.transaction():
                                parked = await self._catch_up(reader.exactly, parked, ())
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

    async def sizes(self, beyond: Sequence[int]) -> Comparison:
        """Of both generations, where the serving one is ``beyond`` the log's end in these partitions."""
        compared = await compare(self._connection, self._projection, self._begun, LOST_BY_LOG)
        return compared._replace(skipped=True, beyond=beyond)

    async def _lives(self) -> bool:
        return await anybody_fills(self._connection, self._projection.name, self._begun.serving_version)

    async def switch(
        self,
        reader: LogReader,
        parked: ParkedKeys,
        compared: Comparison,
        actor: str,
        outcome: Mapping[str, Any],
    ) -> ParkedKeys:
        """Catch up with the serving generation while it is held back, then change over, in one transaction with a row
        of the audit trail. Gives what is parked in the filled generation.

        ``reader`` stands at the filled generation's positions. Raises what ``SWITCH_AGAIN`` names when queries hold the
        views for too long, ``TimeoutError`` when what serves cannot be caught up with, ``PositionMoved`` when parked
        records were taken out of it since it was compared; then nothing has changed.
        """
        connection, name, filling = self._connection, self._projection.name, self._begun.filling
        await hold_back(connection, name)
        try:
            async with connection.transaction():
                await connection.execute("SET LOCAL synchronous_commit = on")
                parked = await self._catch_up(reader.until, parked, compared.beyond)
                if await self.unparked() != compared.unparked:
                    raise PositionMoved(f"{name}: {TAKEN_OUT}")
                await connection.execute(_COPIED_BEFORE, name, filling, self._begun.serving)
                await switch_row(connection, self._projection, filling, actor, outcome)
                await show_generation(connection, self._projection, filling, instead_of=self._begun.serving)
        except (*SWITCH_AGAIN, PositionMoved, TimeoutError):
            await let_go(connection, name)
            raise
        return parked

    async def _catch_up(self, until: Until, parked: ParkedKeys, beyond: Collection[int]) -> ParkedKeys:
        """Fill up to where the serving generation stands, in the caller's transaction, to whose end it stands there.

        Raises ``TimeoutError`` when that takes longer than ``LOCKED_SECONDS``.
        """
        async with asyncio.timeout(LOCKED_SECONDS):
            await self._connection.execute(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'")
            await end_if_idle(self._connection, IDLE_SECONDS)
            await lock_row(self._connection, self._projection.name)
            return await self._follow(until, parked, beyond)

    async def _follow(self, until: Until, parked: ParkedKeys, beyond: Collection[int]) -> ParkedKeys:
        """Fill up to where the serving generation stands now, in the caller's transaction, but for the partitions in
        which that is ``beyond`` the log's end.
        """
        topic, now = self._projection.topic, await self.served()
        served = {(topic, number): end for number, end in now.items() if number not in beyond}
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
