"""One run of the command that rebuilds, as a row of ``stockroom.rebuilds``: whoever asks sees how far it is, and may
cancel it there, whether a terminal or an operator over HTTP began it.
"""

import asyncio
import math
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, NamedTuple
from uuid import UUID

import asyncpg
import orjson

from infra.reason import reason
from infra.settings import Settings
from projectors.back_off import AWAY
from projectors.projection import Projection
from projectors.rebuilds.options import RebuildOptions
from projectors.rebuilds.progress import Progress
from projectors.rebuilds.report import Report
from projectors.rebuilds.row import RebuildStopped
from projectors.rebuilds.several import rebuild_all
from projectors.stores.connect import connect_postgres
from projectors.stores.control_tables import Connection, create_control_tables

BEAT_SECONDS = 1.0
END_SECONDS = 5.0
AGAIN_SECONDS = 15.0
"""After so long a cancellation is sent again: to end takes less, so it was swallowed."""

_BEGIN = """
INSERT INTO stockroom.rebuilds (id, names, actor, state) VALUES ($1, $2, $3, 'running')
ON CONFLICT (id) DO UPDATE SET beat_at = now() RETURNING actor
"""
_BEAT = "UPDATE stockroom.rebuilds SET beat_at = now(), progress = $2 WHERE id = $1 RETURNING cancelled"
_END = """
UPDATE stockroom.rebuilds SET beat_at = now(), ended_at = now(), progress = $2, state = $3, error = $4, code = $5
WHERE id = $1
"""


async def begin(connection: Connection, run: UUID, names: Sequence[str], actor: str) -> str:
    """Write the row of a run that is about to begin, or a sign of life into it; gives the actor that it names."""
    async with connection.transaction():
        await create_control_tables(connection)
        return str(await connection.fetchval(_BEGIN, run, list(names), actor))


class Run(NamedTuple):
    """What a run is to do."""

    id: UUID
    projections: Sequence[Projection]
    options: RebuildOptions
    processes: int

    async def go(self, settings: Settings, progress: Progress) -> list[Report]:
        """Rebuild, and keep the row. Raises ``RebuildStopped``; ``CancelledError`` also when the row says so."""
        options = self.options
        async with connect_postgres(settings, 1) as pool:
            with suppress(*AWAY):  # the rebuild itself says what does not answer
                async with pool.acquire() as connection:
                    names = [one.name for one in self.projections]
                    options = options._replace(actor=await begin(connection, self.id, names, options.actor))
            work = asyncio.create_task(
                rebuild_all(
                    settings, self.projections, options, partitions_in_parallel=self.processes, progress=progress
                )
            )
            beating = asyncio.create_task(self._beat(pool, progress, work.cancel))
            state, error, code = "failed", "", None
            try:
                reports = await work
                state = "done"
                return reports
            except RebuildStopped as stopped:
                state, error, code = stopped.state, str(stopped), stopped.code
                raise
            except asyncio.CancelledError:
                state = "cancelled"
                work.cancel()
                await asyncio.wait({work})
                raise
            except BaseException as failure:
                error = reason(failure)
                raise
            finally:
                beating.cancel()
                with suppress(*AWAY):
                    async with asyncio.timeout(END_SECONDS):
                        await pool.execute(_END, self.id, _json(progress), state, error or None, code)

    async def _beat(self, pool: asyncpg.Pool, progress: Progress, cancel: Callable[[], Any]) -> None:
        told = -math.inf
        while True:
            await asyncio.sleep(BEAT_SECONDS)
            with suppress(*AWAY):
                cancelled = await pool.fetchval(_BEAT, self.id, _json(progress))
                if cancelled and time.monotonic() - told >= AGAIN_SECONDS:  # sooner would cut off how it ends
                    told = time.monotonic()
                    cancel()


def _json(progress: Progress) -> str:
    return orjson.dumps(progress.described()).decode()
