"""A projection's generation in PostgreSQL: rows, positions and parked records change in one transaction or not at all.

Each transaction first proves that its generation is still the one to fill (the row stays locked against a switch) and
moves the positions by compare and set, so that a stale or second worker waits, sees it, and changes nothing.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import asyncpg

from event_schemas.holder import Holder
from event_schemas.record import Recorded
from infra.log_reader import Batch, Position
from projectors import parked_rows
from projectors.control_tables import Connection, create_control_tables
from projectors.generations import add_partitions, create_generation, schema_of, show_generation
from projectors.poison import DATA_ERRORS, Poison
from projectors.projection import Projection, Statement
from projectors.sorting import Decode, Sorting
from projectors.store import (
    Copied,
    GenerationMoved,
    Loaded,
    Outcome,
    PositionMoved,
    RebuildNeeded,
    Standing,
    last_appended_ms,
)

_GENERATIONS = """
SELECT version, active_generation, rebuilding_generation FROM stockroom.projections WHERE name = $1 FOR SHARE
"""
_ADVANCE = """
WITH held AS (
    SELECT partition FROM stockroom.projection_offsets
    WHERE projection = $1 AND generation = $2 AND topic = $3 AND partition = ANY ($4) ORDER BY partition FOR UPDATE
)
UPDATE stockroom.projection_offsets o
SET next_offset = b.after, epoch = b.epoch, writer = b.writer, void = o.void + b.void, updated_at = now(),
    appended_ms = COALESCE(NULLIF(b.appended_ms, 0), o.appended_ms)
FROM unnest($4::int[], $5::bigint[], $6::bigint[], $7::bigint[], $8::text[], $9::bigint[], $10::bigint[])
    AS b (partition, before, after, epoch, writer, appended_ms, void)
JOIN held USING (partition)
WHERE o.projection = $1 AND o.generation = $2 AND o.topic = $3 AND o.partition = b.partition
  AND o.next_offset = b.before
"""
_POSITIONS = """
SELECT partition, next_offset, epoch, writer, appended_ms, void FROM stockroom.projection_offsets
WHERE projection = $1 AND generation = $2 AND topic = $3 ORDER BY partition
"""


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
            rows = await connection.fetch(_POSITIONS, self._projection.name, generation, self._projection.topic)
            parked = await parked_rows.keys(connection, self._projection.name, generation)
        if generation != self._generation:
            self._generation, self._sql = generation, {}
        standings = {
            row["partition"]: Standing(
                Position(row["next_offset"], Holder(row["epoch"], row["writer"])), row["appended_ms"], row["void"]
            )
            for row in rows
        }
        return Loaded(generation, standings, parked)

    async def commit(self, batches: Sequence[Batch], parked_keys: frozenset[str]) -> Outcome:
        """Rows and positions in one transaction. What cannot be applied is found one by one and parked with it."""
        sorting = Sorting(batches, parked_keys, self._decode)
        try:
            async with self._turn(batches) as connection:
                await self._apply(connection, sorting.events)
                await self._park(connection, sorting)
        except Poison:
            async with self._turn(batches) as connection:
                await self._divide(connection, sorting, sorting.events)
                await self._park(connection, sorting)
        return Outcome(sum(len(batch.records) for batch in batches) - len(sorting.parked), tuple(sorting.parked))

    async def commit_within(
        self, connection: Connection, batches: Sequence[Batch], parked_keys: frozenset[str]
    ) -> Outcome:
        """The same inside the caller's transaction, which holds the projection's row itself."""
        sorting = Sorting(batches, parked_keys, self._decode)
        await self._advance(connection, batches)
        await self._divide(connection, sorting, sorting.events)
        await self._park(connection, sorting)
        return Outcome(sum(len(batch.records) for batch in batches) - len(sorting.parked), tuple(sorting.parked))

    async def uncopied(self, limit: int) -> list[Copied]:
        """Parked records of the active generation that are not yet in the dead letter topic."""
        async with self._pool.acquire() as connection:
            return await parked_rows.uncopied(connection, self._projection.name, limit)

    async def mark_copied(self, records: Sequence[Copied]) -> None:
        """Remember that these are there."""
        async with self._pool.acquire() as connection:
            await parked_rows.mark_copied(connection, self._projection.name, records)

    @asynccontextmanager
    async def _turn(self, batches: Sequence[Batch]) -> AsyncIterator[Connection]:
        async with self._pool.acquire() as connection, connection.transaction():
            if await generation_to_fill(connection, self._projection, self._rebuilding) != self._generation:
                raise GenerationMoved(f"{self._projection.name}: generation {self._generation} is not active any more")
            await self._advance(connection, batches)
            yield connection

    async def _advance(self, connection: Connection, batches: Sequence[Batch]) -> None:
        done = await connection.execute(
            _ADVANCE,
            self._projection.name,
            self._generation,
            self._projection.topic,
            [batch.partition for batch in batches],
            [batch.before.next_offset for batch in batches],
            [batch.after.next_offset for batch in batches],
            [batch.after.holder.epoch for batch in batches],
            [batch.after.holder.writer for batch in batches],
            [last_appended_ms(batch) for batch in batches],
            [batch.void for batch in batches],
        )
        if done != f"UPDATE {len(batches)}":
            raise PositionMoved(f"{self._projection.name}: another worker is ahead, or the positions were set back")

    async def _apply(self, connection: Connection, events: Sequence[Recorded]) -> None:
        if not events:
            return
        try:
            statements = self._projection.apply(events)
        except Exception as error:
            raise Poison(error) from error
        try:
            for statement in statements:
                assert isinstance(statement, Statement)
                await connection.execute(self._filled(statement.sql), *statement.args)
        except DATA_ERRORS as error:
            raise Poison(error) from error

    async def _divide(self, connection: Connection, sorting: Sorting, events: Sequence[Recorded]) -> None:
        """Apply what can be applied, halving at each failure down to the single event that is poison."""
        events = sorting.applicable(events)
        try:
            async with connection.transaction():
                await self._apply(connection, events)
        except Poison as poison:
            if len(events) == 1:
                sorting.poison(events[0], poison.cause)
                return
            middle = len(events) // 2
            await self._divide(connection, sorting, events[:middle])
            await self._divide(connection, sorting, events[middle:])

    async def _park(self, connection: Connection, sorting: Sorting) -> None:
        name, topic = self._projection.name, self._projection.topic
        await parked_rows.insert(connection, name, self._generation, topic, sorting.parked)

    def _filled(self, sql: str) -> str:
        filled = self._sql.get(sql)
        if filled is None:
            filled = self._sql[sql] = sql.replace("{schema}", schema_of(self._projection, self._generation))
        return filled


async def prepare_projection(connection: Connection, projection: Projection, partitions: Sequence[int]) -> None:
    """Inside the caller's transaction: control tables, and generation 1 unless the projection is known already."""
    await create_control_tables(connection)
    known = await connection.fetchval("SELECT true FROM stockroom.projections WHERE name = $1", projection.name)
    if not known:
        await create_generation(connection, projection, 1, partitions, indexes=True)
        await show_generation(connection, projection, 1)
        await connection.execute(
            "INSERT INTO stockroom.projections (name, version, active_generation) VALUES ($1, $2, 1)",
            projection.name,
            projection.version,
        )


async def generation_to_fill(connection: Connection, projection: Projection, rebuilding: int | None) -> int:
    """The active generation, or ``rebuilding`` if that is still being rebuilt; no switch can come before the
    transaction ends. Raises ``GenerationMoved`` or ``RebuildNeeded``.
    """
    row = await connection.fetchrow(_GENERATIONS, projection.name)
    if row is None:
        raise GenerationMoved(f"{projection.name} has no row in stockroom.projections")
    if rebuilding is not None:
        if row["rebuilding_generation"] != rebuilding:
            raise GenerationMoved(f"{projection.name}: generation {rebuilding} is not being rebuilt any more")
        return rebuilding
    if row["version"] != projection.version:
        raise RebuildNeeded(
            f"{projection.name} is at version {projection.version}, its tables at {row['version']}: "
            f"run `./stockroom rebuild {projection.name}`"
        )
    return int(row["active_generation"])
