"""The retry of parked records in PostgreSQL: rows, parked records, their count and the audit row in one transaction."""

import asyncpg

from projectors.dead_letters.redrive import PORTION, Portion, portion_of, sorted_again
from projectors.projection import Projection
from projectors.stores.audit import audit, audit_drops
from projectors.stores.parked_partition import ParkedPartition
from projectors.stores.positions import count_unparked, hold_parked
from projectors.stores.postgres_store import PostgresStore
from projectors.stores.sorting import Decode


class PostgresRedrive:
    """The parked records of a projection in PostgreSQL, of the generation that serves or of one that is being filled.
    ``actor`` stands in the audit trail.
    """

    def __init__(
        self,
        pool: asyncpg.Pool,
        projection: Projection,
        decode: Decode,
        actor: str,
        *,
        rebuilding: int | None = None,
    ) -> None:
        self._store = PostgresStore(pool, projection, decode, rebuilding=rebuilding)
        self._projection = projection
        self._decode = decode
        self._actor = actor

    async def load(self) -> list[int]:
        """Find the generation; gives the partitions. Raises ``RebuildNeeded``, or ``GenerationMoved``."""
        return sorted((await self._store.load([])).standings)

    async def retry(self, partition: int, after: int, key: str | None, held: frozenset[str]) -> Portion | None:
        """Try the next portion; see ``Redrive``."""
        async with self._store.turn() as (connection, generation):
            await hold_parked(connection, self._projection, generation, partition)
            queue = ParkedPartition(self._projection.name, generation, self._projection.topic, partition)
            parked = await queue.read(connection, after, key, PORTION)
            if not parked:
                return None
            sorting = sorted_again(parked, held, self._decode, self._store.voided)
            await self._store.apply_within(connection, sorting)
            portion = portion_of(parked, sorting, self._store.voided)
            gone = (*portion.done, *portion.dropped)
            await queue.settle(connection, [one.record.offset for one in gone], portion.failed)
            if gone:
                await count_unparked(connection, self._projection, generation, partition)
            if gone or portion.failed:
                await audit(connection, self._actor, "retry", queue, portion.outcome())
            await audit_drops(connection, queue, portion.dropped, self._store.voided)
            return portion
