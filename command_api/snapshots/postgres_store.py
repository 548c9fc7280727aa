"""Snapshots in PostgreSQL. A snapshot moves by compare and set on its mark, with all that belongs to it."""

from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

import asyncpg
import structlog

from command_api.snapshots import aggregate_rows, filter_rows, mark_rows, segment_rows, upkeep
from command_api.snapshots.mark_rows import MarkRow
from command_api.snapshots.snapshot import BEGINNING, Base, Kept, Keys, Mark, Place, SnapshotMoved
from command_api.snapshots.tables import Connection, Damaged, create_tables
from command_api.snapshots.transaction import TablesGone, connected, reading, writing
from command_api.snapshots.upkeep import USUAL, Upkeep

logger = structlog.get_logger(__name__)

_ROWS_IN_TIME = 10_000
CONNECTIONS = 4
SETTINGS = {"application_name": "stockroom command_api", "timezone": "UTC"}


@asynccontextmanager
async def snapshots_in(dsn: str, upkeep: Upkeep = USUAL) -> AsyncIterator["PostgresSnapshots"]:
    """A store in the database of ``dsn``, which is connected to when it is first asked for something."""
    async with asyncpg.create_pool(dsn, min_size=0, max_size=CONNECTIONS, server_settings=SETTINGS) as pool:
        yield PostgresSnapshots(pool, upkeep=upkeep)


class PostgresSnapshots:
    """A ``SnapshotStore`` on the tables of ``prepare``. ``seconds`` bounds every call; a save of more than 10,000
    aggregates takes as much longer as they are more.

    It remembers the marks that it gave or saved: what a partition's tables hold counts only under one of these.
    """

    def __init__(self, pool: asyncpg.Pool, *, seconds: float = 3.0, upkeep: Upkeep = USUAL) -> None:
        self._prepared = False
        self._pool = pool
        self._seconds = seconds
        self._upkeep = upkeep
        self._saves = 0
        # Two after a save whose outcome is not known: the mark before it, and the one after it. None: no snapshot.
        self._marks: dict[tuple[str, int], frozenset[Mark | None]] = {}

    async def prepare(self) -> None:
        """Make the tables unless they are there. Raises ``SnapshotAway``."""
        if not self._prepared:
            async with writing(self._pool, self._seconds) as connection:
                if not self._prepared:  # all partitions ask at once: most find it done when they get a connection
                    await create_tables(connection)
            self._prepared = True

    async def begin(self, place: Place, *, keys_since_ms: int, most_keys: int) -> Base | None:
        """See ``SnapshotStore.begin``."""
        await self.prepare()
        try:
            return await self._begin(place, keys_since_ms, most_keys)
        except TablesGone:
            self._prepared = False
            raise

    async def _begin(self, place: Place, keys_since_ms: int, most_keys: int) -> Base | None:
        record = None
        try:
            async with reading(self._pool, self._seconds) as connection:
                record = await mark_rows.fetch(connection, place)
                row = None if record is None else mark_rows.checked(record)
                if row is not None and row.place == place:
                    keys = await segment_rows.read_keys(connection, row, keys_since_ms, most_keys)
                    stored = await filter_rows.read(connection, row)
            if row is not None and row.place == place:
                known = await filter_rows.known(stored)
                self._marks[place.topic, place.partition] = frozenset({row.mark})
                return Base(row.mark, known, keys)
            why = "of another cluster or of other rules"
        except Damaged as error:
            why = f"damaged: {error}"
        if record is not None:
            logger.warning("snapshot thrown away", topic=place.topic, partition=place.partition, why=why)
            async with writing(self._pool, self._seconds) as connection:
                await mark_rows.discard(connection, place, record["generation"])
        self._marks[place.topic, place.partition] = frozenset({None})
        return None

    async def save(
        self, place: Place, before: Mark | None, after: Mark, aggregates: Collection[Kept], keys: Keys | None
    ) -> None:
        """See ``SnapshotStore.save``."""
        if before is not None and after.position.next_offset <= before.position.next_offset:
            raise ValueError(f"a snapshot moves forward, not from {before} to {after}")
        key = place.topic, place.partition
        expected = frozenset({before})
        if before in self._marks.get(key, ()):
            expected = self._marks[key]
        seconds = self._seconds * max(1, len(aggregates) / _ROWS_IN_TIME)
        async with writing(self._pool, seconds) as connection:
            row = await self._locked(connection, place, expected)
            if row.mark != after:  # else this very save was done before, and its answer was lost
                added = await aggregate_rows.replace(connection, row.generation, aggregates)
                await segment_rows.append(connection, row, after.position.next_offset, keys, added)
                row = row._replace(mark=after, unfiltered=row.unfiltered + len(added), unpruned=row.unpruned + 1)
                await mark_rows.write(connection, row)
            self._marks[key] = expected | {after}
        self._marks[key] = frozenset({after})
        self._saves += 1
        await upkeep.keep(self._pool, self._seconds, row, self._upkeep, self._saves)

    async def load(self, place: Place, subjects: Collection[str]) -> dict[str, Kept]:
        """See ``SnapshotStore.load``."""
        marks = self._marks.get((place.topic, place.partition))
        async with connected(self._pool, self._seconds) as connection:
            record = await aggregate_rows.load(connection, place, subjects)
        return aggregate_rows.loaded(record) if self._holds(place, record, marks) else {}

    async def due(self, place: Place, until: datetime, most: int) -> list[tuple[str, datetime]]:
        """See ``SnapshotStore.due``."""
        marks = self._marks.get((place.topic, place.partition))
        async with connected(self._pool, self._seconds) as connection:
            record = await aggregate_rows.due(connection, place, until, most)
        return aggregate_rows.deadlines(record) if self._holds(place, record, marks) else []

    async def forget(self, place: Place) -> None:
        """See ``SnapshotStore.forget``."""
        self._prepared = False  # the tables themselves may be what is wrong
        await self.prepare()
        async with writing(self._pool, self._seconds) as connection:
            await mark_rows.discard(connection, place)
        self._marks[place.topic, place.partition] = frozenset({None})

    async def _locked(self, connection: Connection, place: Place, expected: frozenset[Mark | None]) -> MarkRow:
        """The partition's row under an expected mark, made when it is expected that there is none."""
        try:
            row = await mark_rows.lock(connection, place)
        except Damaged as error:
            raise SnapshotMoved(f"{place.topic}/{place.partition}: {error}") from error
        if row is None and None in expected:
            row = await mark_rows.insert(connection, place, BEGINNING)
        elif row is None or row.place != place or row.mark not in expected:
            row = None
        if row is None:
            raise SnapshotMoved(f"{place.topic}/{place.partition} is not at {expected}")
        return row

    def _holds(self, place: Place, record: Any | None, marks: frozenset[Mark | None] | None) -> bool:
        """Whether what was read belongs to the place. Raises ``SnapshotMoved`` when its mark is none of those that this
        store knew when it began to read, or knows now.
        """
        try:
            row = None if record is None else mark_rows.checked(record)
        except Damaged as error:
            raise SnapshotMoved(f"{place.topic}/{place.partition}: {error}") from error
        if row is not None and row.place != place:
            row = None
        if marks is not None:
            marks |= self._marks[place.topic, place.partition]
            if (None if row is None else row.mark) not in marks:
                raise SnapshotMoved(f"{place.topic}/{place.partition} is not at {marks}")
        return row is not None
