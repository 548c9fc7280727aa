"""A projection's generation in PostgreSQL: rows, positions and parked records change in one transaction or not at all.

Each transaction first proves that its generation is still the one to fill (the row stays locked against a switch) and
moves the positions by compare and set, so that a stale or second worker waits, sees it, and changes nothing.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import cast

import asyncpg

from event_schemas.record import Recorded
from infra.log_reader import Batch
from projectors import parked_rows
from projectors.control_tables import Connection
from projectors.generations import add_partitions, schema_of
from projectors.isolation import applied, divide
from projectors.known_keys import KnownKeys
from projectors.poison import DATA_ERRORS, Poison
from projectors.positions import advance, load_positions
from projectors.projection import Postgres, Projection, Statement
from projectors.projection_row import generation_to_fill, prepare_projection
from projectors.sorting import Decode, Sorting
from projectors.store import GenerationMoved, Loaded, Outcome, Parked, ParkedKeys


class PostgresStore:
    """The active generation of a projection, or with ``rebuilding`` the one that a rebuild fills."""

    def __init__(
        self, pool: asyncpg.Pool, projection: Projection, decode: Decode, *, rebuilding: int | None = None
    ) -> None:
        self._pool = pool
        self._projection = projection
        self._decode = decode
        self._rebuilding = rebuilding
        self._generation = rebuilding or 0
        self._sql: dict[str, str] = {}
        self._known = KnownKeys()

    async def prepare(self, partitions: Sequence[int]) -> None:
        """Make the control tables, and generation 1 with tables, views and positions unless there is one."""
        async with self._pool.acquire() as connection, connection.transaction():
            await prepare_projection(connection, self._projection, partitions)

    async def load(self, partitions: Sequence[int]) -> Loaded:
        """Positions and parked keys of the generation to fill. Raises ``RebuildNeeded`` or ``GenerationMoved``."""
        async with self._pool.acquire() as connection:
            async with connection.transaction():
                generation = await generation_to_fill(connection, self._projection, self._rebuilding)
                await add_partitions(connection, self._projection, generation, partitions)
            standings, unparked = await load_positions(connection, self._projection, generation)
            # After the positions: if a record is taken out in between, their count refuses the next commit.
            read = partial(parked_rows.keys, connection, self._projection.name, generation)
            keys = await self._known.keys(generation, standings, unparked, read)
        if generation != self._generation:
            self._generation, self._sql = generation, {}
        return Loaded(generation, standings, ParkedKeys(keys, unparked))

    async def commit(self, batches: Sequence[Batch], parked: ParkedKeys) -> Outcome:
        """Rows and positions in one transaction. What cannot be applied is found and parked with it."""
        sorting = Sorting(batches, parked.keys, self._decode)
        statements = applied(sorting, self._apply)
        try:
            async with self._turn(batches, parked) as connection:
                await self._execute(connection, statements)
                await self._park(connection, sorting)
        except Poison:
            async with self._turn(batches, parked) as connection:
                await self._divide(connection, sorting)
                await self._park(connection, sorting)
        return sorting.outcome

    async def commit_within(self, connection: Connection, batches: Sequence[Batch], parked: ParkedKeys) -> Outcome:
        """The same inside the caller's transaction, which holds the projection's row itself."""
        sorting = Sorting(batches, parked.keys, self._decode)
        await advance(connection, self._projection, self._generation, batches, parked)
        await self.apply_within(connection, sorting)
        await self._park(connection, sorting)
        return sorting.outcome

    async def apply_within(self, connection: Connection, sorting: Sorting) -> None:
        """Apply what can be applied in the caller's transaction, each try in a savepoint; ``sorting`` has the rest."""
        applied(sorting, self._apply)
        await self._divide(connection, sorting)

    async def uncopied(self, limit: int) -> list[Parked]:
        """Parked records of the active generation that are not yet in the dead letter topic."""
        async with self._pool.acquire() as connection:
            return await parked_rows.uncopied(connection, self._projection.name, limit)

    async def mark_copied(self, records: Sequence[Parked]) -> None:
        """Remember that these are there."""
        async with self._pool.acquire() as connection:
            await parked_rows.mark_copied(connection, self._projection.name, records)

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[tuple[Connection, int]]:
        """A transaction in which the generation that was loaded stays the one to fill, and its number.

        Raises ``NotCommitted`` when it is not, or a switch is under way.
        """
        async with self._pool.acquire() as connection, connection.transaction():
            filled = await generation_to_fill(connection, self._projection, self._rebuilding, committing=True)
            if filled != self._generation:
                raise GenerationMoved(f"{self._projection.name}: generation {self._generation} is not active any more")
            yield connection, filled

    @asynccontextmanager
    async def _turn(self, batches: Sequence[Batch], parked: ParkedKeys) -> AsyncIterator[Connection]:
        async with self.turn() as (connection, generation):
            await advance(connection, self._projection, generation, batches, parked)
            yield connection

    def _apply(self, events: Sequence[Recorded]) -> list[Statement]:
        statements = cast(Postgres, self._projection.apply)(events)
        return [one._replace(sql=self._filled(one.sql)) for one in statements]

    async def _execute(self, connection: Connection, statements: Sequence[Statement]) -> None:
        try:
            for statement in statements:
                await connection.execute(statement.sql, *statement.args)
        except DATA_ERRORS as error:
            raise Poison(error) from error

    async def _divide(self, connection: Connection, sorting: Sorting) -> None:
        async def attempt(events: Sequence[Recorded]) -> None:
            try:
                statements = self._apply(events)
            except Exception as error:
                raise Poison(error) from error
            async with connection.transaction():
                await self._execute(connection, statements)

        await divide(sorting, attempt)

    async def _park(self, connection: Connection, sorting: Sorting) -> None:
        name, topic = self._projection.name, self._projection.topic
        await parked_rows.insert(connection, name, self._generation, topic, sorting.parked)

    def _filled(self, sql: str) -> str:
        filled = self._sql.get(sql)
        if filled is None:
            filled = self._sql[sql] = sql.replace("{schema}", schema_of(self._projection, self._generation))
        return filled
