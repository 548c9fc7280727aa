"""Rows of ``stockroom.rebuilds`` as operators ask for them: which runs there are, claimed one at a time, cancelled."""

from collections.abc import Sequence
from uuid import UUID

import asyncpg

from projectors.rebuilds.run import begin
from projectors.stores.control_tables import Connection, create_control_tables, rebuild_lock

SILENT_SECONDS = 30
"""A run without a sign of life for so long has ended without saying so."""
GONE_SECONDS = 5
"""The same of one that was under way, if nobody holds the right to rebuild any of its projections."""
OUTLIVED_SECONDS = 3
"""The same of one that has said nothing since a later run has rebuilt them all. That one may also have been done before
the process of this one was up, so it alone proves nothing."""

_RUNS = f"""
SELECT id, names, actor, started_at, beat_at, ended_at, progress, cancelled,
    CASE WHEN lost THEN 'failed' ELSE state END AS state,
    CASE WHEN lost THEN 'rebuild_failed' ELSE code END AS code,
    CASE WHEN lost THEN 'no sign of life since ' || beat_at ELSE error END AS error
FROM (SELECT *, state = 'running' AND (beat_at < now() - interval '{SILENT_SECONDS} seconds' OR
          beat_at < now() - interval '{GONE_SECONDS} seconds' AND progress <> '[]' AND NOT names && $1 OR
          beat_at < now() - interval '{OUTLIVED_SECONDS} seconds' AND
          EXISTS (SELECT FROM stockroom.rebuilds later WHERE later.state = 'done' AND later.names @> earlier.names
                  AND later.started_at > earlier.started_at AND later.ended_at > earlier.beat_at)) AS lost
      FROM stockroom.rebuilds earlier) r
"""
_RIGHTS = """
SELECT classid::bigint, objid::bigint FROM pg_locks JOIN pg_database d ON d.oid = database
WHERE locktype = 'advisory' AND granted AND objsubid = 2 AND datname = current_database()
"""
_CANCEL = "UPDATE stockroom.rebuilds SET cancelled = true WHERE id = $1 AND state = 'running'"


class Runs:
    """The runs over some projections."""

    def __init__(self, pool: asyncpg.Pool, projections: Sequence[str]) -> None:
        self._pool = pool
        self._projections = projections

    async def claim(self, run: UUID, names: Sequence[str], actor: str) -> asyncpg.Record | None:
        """Write the row of a run that is about to begin, unless another one of these projections is under way: then
        that is given. Of several at once one wins.
        """
        async with self._pool.acquire() as connection, connection.transaction():
            await create_control_tables(connection)  # by one at a time, to the end of the transaction
            running = f"{_RUNS} WHERE names && $2 AND state = 'running' AND NOT lost ORDER BY started_at LIMIT 1"
            if other := await connection.fetchrow(running, await self._rebuilt(connection), names):
                return other
            await begin(connection, run, names, actor)
            return None

    async def one(self, run: UUID) -> asyncpg.Record | None:
        """A run, None when there is none of this id."""
        async with self._pool.acquire() as connection:
            return await connection.fetchrow(f"{_RUNS} WHERE id = $2", await self._rebuilt(connection), run)

    async def last(self, limit: int) -> list[asyncpg.Record]:
        """The last runs, the newest first."""
        async with self._pool.acquire() as connection:
            rebuilt = await self._rebuilt(connection)
            found: list[asyncpg.Record] = await connection.fetch(
                f"{_RUNS} ORDER BY started_at DESC LIMIT $2", rebuilt, limit
            )
            return found

    async def cancel(self, run: UUID) -> bool:
        """Ask a run to end; whether it had not."""
        return bool(await self._pool.execute(_CANCEL, run) == "UPDATE 1")

    async def _rebuilt(self, connection: Connection) -> list[str]:
        """The projections that somebody holds the right to rebuild."""
        held = {(row[0], row[1]) for row in await connection.fetch(_RIGHTS)}
        rights = {name: tuple(number % 2**32 for number in rebuild_lock(name)) for name in self._projections}
        return [name for name, right in rights.items() if right in held]
