"""The serving generation in PostgreSQL as a rebuild beside it sees and follows it."""

import asyncio
from collections.abc import Collection, Mapping

import asyncpg

from infra.log_reader import Until
from projectors.engine.workers import anybody_fills
from projectors.projection import Projection
from projectors.rebuilds.compare_postgres import positions
from projectors.rebuilds.row import Begun
from projectors.rebuilds.wait import Positions
from projectors.stores.control_tables import Connection
from projectors.stores.positions import load_positions
from projectors.stores.postgres_store import PostgresStore
from projectors.stores.projection_row import end_if_idle, lock_row
from projectors.stores.store import ParkedKeys

LOCK_TIMEOUT = "2s"
SWITCH_AGAIN = (asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError)
"""The switch changed nothing and is tried again."""
LOCKED_SECONDS = 10.0
"""So long at most the last few events are read while the row is locked."""
IDLE_SECONDS = 15.0
"""So long the server keeps it locked for a process that stands still."""
_PARKED_ALONE = """
SELECT EXISTS (
    SELECT FROM stockroom.parked new JOIN stockroom.projection_offsets o USING (projection, topic, partition)
    WHERE new.projection = $1 AND new.generation = $3 AND o.generation = $2 AND new.record_offset < o.next_offset
      AND NOT EXISTS (
        SELECT FROM stockroom.parked old
        WHERE old.projection = $1 AND old.generation = $2 AND old.topic = new.topic
          AND old.partition = new.partition AND old.record_offset = new.record_offset))
"""


class FollowedInPostgres:
    """A generation that is being filled in PostgreSQL, beside the one that serves. ``connection`` is the one that holds
    the right to rebuild.
    """

    def __init__(
        self, dsn: str, connection: Connection, projection: Projection, begun: Begun, store: PostgresStore
    ) -> None:
        self._dsn = dsn
        self._connection = connection
        self._projection = projection
        self._begun = begun
        self._store = store

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

    async def lives(self) -> bool:
        """Whether some worker fills the serving generation."""
        return await anybody_fills(self._connection, self._projection.name, self._begun.serving_version)

    async def catch_up(self, until: Until, parked: ParkedKeys, beyond: Collection[int]) -> ParkedKeys:
        """Fill up to where the serving generation stands, in the caller's transaction, to whose end it stands there.

        Raises ``TimeoutError`` when that takes longer than ``LOCKED_SECONDS``.
        """
        async with asyncio.timeout(LOCKED_SECONDS):
            await self._connection.execute(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'")
            await end_if_idle(self._connection, IDLE_SECONDS)
            await lock_row(self._connection, self._projection.name)
            return await self.follow(until, parked, beyond)

    async def follow(self, until: Until, parked: ParkedKeys, beyond: Collection[int]) -> ParkedKeys:
        """Fill up to where the serving generation stands now, in the caller's transaction, but for the partitions in
        which that is ``beyond`` the log's end.
        """
        topic, now = self._projection.topic, await self.served()
        served = {(topic, number): end for number, end in now.items() if number not in beyond}
        async for batch in until(served):
            outcome = await self._store.commit_within(self._connection, [batch], parked)
            parked = parked.after(outcome)
        return parked
