"""A projection's generation in PostgreSQL: rows, positions and parked records change in one transaction or not at all.

Each transaction first proves that its generation is still the one to fill (the row stays locked against a switch) and
moves the positions by compare and set, so that a stale or second worker waits, sees it, and changes nothing.
"""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import NamedTuple, cast

import asyncpg

from event_schemas.record import Recorded
from infra.log_batch import Batch
from projectors.projection import Bulk, Postgres, Projection
from projectors.stores import parked_rows
from projectors.stores.control_tables import Connection
from projectors.stores.generations import add_partitions, schema_of
from projectors.stores.isolation import applied, divide
from projectors.stores.known_keys import KnownKeys
from projectors.stores.poison import Poison
from projectors.stores.positions import advance, load_positions
from projectors.stores.postgres_changes import Change, execute
from projectors.stores.projection_row import generation_to_fill, prepare_projection, prove_bulk
from projectors.stores.sorting import Decode, Sorting
from projectors.stores.store import BEFORE_ALL, GenerationMoved, Loaded, Outcome, Parked, ParkedKeys, Place
from projectors.stores.voids import Void, voids_of


class Work(NamedTuple):
    """Batches as they are to be committed."""

    batches: Sequence[Batch]
    parked: ParkedKeys
    """What was parked before them."""
    sorting: Sorting
    changes: list[Change]


class PostgresStore:
    """The active generation of a projection, or with ``rebuilding`` one that a rebuild fills, by COPY with ``bulk``."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        projection: Projection,
        decode: Decode,
        *,
        rebuilding: int | None = None,
        bulk: Bulk | None = None,
    ) -> None:
        self._pool = pool
        self._projection = projection
        self._decode = decode
        self._rebuilding = rebuilding
        self._bulk = bulk
        self._generation = rebuilding or 0
        self._known = KnownKeys()
        self._copied_to = BEFORE_ALL
        self.voided: Mapping[Place, Void] = {}
        """What was given up for the projection, as of the last ``load``."""

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
            self.voided = await voids_of(connection, self._projection)
        self._generation = generation
        return Loaded(generation, standings, ParkedKeys(keys, unparked))

    async def commit(self, batches: Sequence[Batch], parked: ParkedKeys) -> Outcome:
        """Rows and positions in one transaction. What cannot be applied is found and parked with it."""
        (outcome,) = await commit_together(self._pool, [(self, parked, self.sort(batches, parked))], batches)
        return outcome

    def sort(self, batches: Sequence[Batch], parked: ParkedKeys) -> Sorting:
        """Batches decoded and sorted."""
        return Sorting(batches, parked.keys, self._decode, self.voided)

    def work(self, batches: Sequence[Batch], parked: ParkedKeys, sorting: Sorting) -> Work:
        """What is to be done of batches, without a server; what `apply` refuses is to be parked."""
        return Work(batches, parked, sorting, applied(sorting, self._changes))

    async def write(self, connection: Connection, work: Work, *, singly: bool) -> None:
        """Positions and rows in the caller's transaction. Raises ``NotCommitted``, and ``Poison`` for what the server
        refuses; ``singly`` that is found and parked."""
        generation = await self._held(connection)
        await advance(connection, self._projection, generation, work.batches, work.parked)
        if self._bulk is not None:
            await prove_bulk(connection, self._projection)
        if singly:
            await self._divide(connection, work.sorting)
        else:
            await execute(connection, self._schema, work.changes)
        await self._park(connection, work.sorting)

    async def commit_within(self, connection: Connection, batches: Sequence[Batch], parked: ParkedKeys) -> Outcome:
        """The same inside the caller's transaction, which holds the projection's row itself."""
        sorting = Sorting(batches, parked.keys, self._decode, self.voided)
        await advance(connection, self._projection, self._generation, batches, parked)
        await self.apply_within(connection, sorting)
        await self._park(connection, sorting)
        return sorting.outcome

    async def apply_within(self, connection: Connection, sorting: Sorting) -> None:
        """Apply what can be applied in the caller's transaction, each try in a savepoint; ``sorting`` has the rest."""
        applied(sorting, self._changes)
        await self._divide(connection, sorting)

    async def uncopied(self, limit: int, partitions: Collection[int]) -> list[Parked]:
        """Parked records of the active generation in these partitions that are not yet in the dead letter topic."""
        name, topic = self._projection.name, self._projection.topic
        async with self._pool.acquire() as connection:
            for after in dict.fromkeys((self._copied_to, BEFORE_ALL)):
                if found := await parked_rows.uncopied(connection, name, topic, after, partitions, limit):
                    return found
        return []

    async def mark_copied(self, records: Sequence[Parked]) -> None:
        """Remember that these are there."""
        async with self._pool.acquire() as connection:
            await parked_rows.mark_copied(connection, self._projection.name, records)
        self._copied_to = records[-1].at

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[tuple[Connection, int]]:
        """A transaction in which the generation that was loaded stays the one to fill, and its number.

        Raises ``NotCommitted`` when it is not, or a switch is under way.
        """
        async with self._pool.acquire() as connection, connection.transaction():
            yield connection, await self._held(connection)

    async def _held(self, connection: Connection) -> int:
        filled = await generation_to_fill(connection, self._projection, self._rebuilding, committing=True)
        if filled != self._generation:
            raise GenerationMoved(f"{self._projection.name}: generation {self._generation} is not active any more")
        return filled

    @property
    def _schema(self) -> str:
        return schema_of(self._projection, self._generation)

    def _changes(self, events: Sequence[Recorded]) -> list[Change]:
        if self._bulk is not None:
            return [*self._bulk.fold(events)]
        return [*cast(Postgres, self._projection.apply)(events)]

    async def _divide(self, connection: Connection, sorting: Sorting) -> None:
        async def attempt(events: Sequence[Recorded]) -> None:
            try:
                changes = self._changes(events)
            except Exception as error:
                raise Poison(error) from error
            async with connection.transaction():
                await execute(connection, self._schema, changes)

        await divide(sorting, attempt)

    async def _park(self, connection: Connection, sorting: Sorting) -> None:
        name, topic = self._projection.name, self._projection.topic
        await parked_rows.insert(connection, name, self._generation, topic, sorting.parked)


async def commit_together(
    pool: asyncpg.Pool, stores: Sequence[tuple[PostgresStore, ParkedKeys, Sorting]], batches: Sequence[Batch]
) -> list[Outcome]:
    """Rows and positions of several projections that stand at the same place, in one transaction. Each comes with what
    it has parked and with the batches, sorted.

    Raises ``NotCommitted``; then nothing has changed.
    """
    works = [(store, store.work(batches, parked, sorting)) for store, parked, sorting in stores]
    try:
        async with pool.acquire() as connection, connection.transaction():
            for store, work in works:
                await store.write(connection, work, singly=False)
    except Poison:
        async with pool.acquire() as connection, connection.transaction():
            for store, work in works:
                await store.write(connection, work, singly=True)
    return [work.sorting.outcome for _, work in works]
