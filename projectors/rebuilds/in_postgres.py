"""The part of a rebuild that is PostgreSQL's: indexes, the one transaction of the switch, old generations, counts."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import asyncpg

from infra.log_reader import LogReader
from projectors.rebuilds.compare import LOST_BY_LOG, TAKEN_OUT, Comparison
from projectors.rebuilds.compare_postgres import compare, positions
from projectors.rebuilds.followed_postgres import SWITCH_AGAIN, FollowedInPostgres
from projectors.rebuilds.index_postgres import index
from projectors.rebuilds.row import switch_row
from projectors.rebuilds.wait import NOT_HELD, PAUSE_SECONDS, TRIES, Patience, wait_for_serving
from projectors.stores.generations import (
    drop_generation,
    known_generations,
    schema_of,
    show_generation,
)
from projectors.stores.projection_row import hold_back, let_go
from projectors.stores.store import ParkedKeys, PositionMoved

COMPARE_SETTINGS = {"jit": "off", "work_mem": "64MB"}
"""Buckets and rows that differ are told without sorting a table on the disk."""
_COPIED_BEFORE = """
UPDATE stockroom.parked new SET copied = true FROM stockroom.parked old
WHERE new.projection = $1 AND new.generation = $2 AND old.projection = $1 AND old.generation = $3 AND old.copied
  AND new.topic = old.topic AND new.partition = old.partition AND new.record_offset = old.record_offset
"""


class PostgresTarget(FollowedInPostgres):
    """A generation that is being rebuilt in PostgreSQL. ``connection`` is the one that holds the right to rebuild."""

    async def start(self) -> None:
        """Nothing to do: the tables were made with the entry in the row."""

    async def index(self) -> None:
        """Put together what was filled by COPY, and make keys and indexes; see ``index_postgres.index``."""
        await index(self._connection, self._projection, self._begun)

    async def compare(self, reader: LogReader, parked: ParkedKeys, patience: Patience) -> Comparison:
        """Compare with the serving generation. That is held back only until both stand at the same positions and the
        snapshot is taken in which they are compared.

        ``reader`` stands at the filled generation's positions. Raises what ``SWITCH_AGAIN`` names.
        """
        snapshot = await asyncpg.connect(self._dsn, server_settings=COMPARE_SETTINGS)
        try:
            filled = {partition: one.next_offset for (_, partition), one in reader.positions.items()}
            waited = await wait_for_serving(self.served, filled, self.lives, patience)
            if not waited.why:  # what came meanwhile, before anybody is held back
                async with self._connection.transaction():
                    parked = await self.follow(reader.exactly, parked, ())
            for _ in range(TRIES):
                async with snapshot.transaction(isolation="repeatable_read", readonly=True):
                    if not waited.why:
                        await hold_back(self._connection, self._projection.name)
                        try:
                            async with self._connection.transaction():
                                parked = await self.catch_up(reader.exactly, parked, ())
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
                parked = await self.catch_up(reader.until, parked, compared.beyond)
                if await self.unparked() != compared.unparked:
                    raise PositionMoved(f"{name}: {TAKEN_OUT}")
                await connection.execute(_COPIED_BEFORE, name, filling, self._begun.serving)
                await switch_row(connection, self._projection, filling, actor, outcome)
                await show_generation(connection, self._projection, filling, instead_of=self._begun.serving)
        except (*SWITCH_AGAIN, PositionMoved, TimeoutError):
            await let_go(connection, name)
            raise
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
