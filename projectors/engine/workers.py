"""Who runs projections at the moment: each worker says so in its row of `stockroom.workers`, and reads the others'.

By PostgreSQL's clock alone, so that the clocks of machines do not matter. While it is away the last word holds.
"""

import asyncio
import contextlib
import socket
from collections.abc import Sequence

import asyncpg
import structlog

from infra.settings import Settings
from projectors.back_off import AWAY, until_there
from projectors.engine.sharing import shares
from projectors.projection import Projection
from projectors.stores.control_tables import Connection, create_control_tables
from projectors.stores.worker_rows import LIVE_SECONDS, run_of

log = structlog.get_logger()

BEAT_SECONDS = 0.5
ANSWER_SECONDS = 2.0
FORGOTTEN = "1 day"

_BEAT = """
INSERT INTO stockroom.workers AS w VALUES ($1, $2, clock_timestamp())
ON CONFLICT (worker) DO UPDATE SET runs = excluded.runs, seen_at = excluded.seen_at RETURNING tableoid
"""
_LIVE = "SELECT worker, runs FROM stockroom.workers WHERE seen_at > clock_timestamp() - make_interval(secs => $1)"
_FILLS = """
SELECT EXISTS (SELECT FROM stockroom.workers
               WHERE $1 = ANY (runs) AND seen_at > clock_timestamp() - make_interval(secs => $2))
"""
_FORGET = f"DELETE FROM stockroom.workers WHERE seen_at < clock_timestamp() - interval '{FORGOTTEN}'"
GONE = "the projectors' tables are gone or made anew; the next start makes and fills them"
_LEAVE = "DELETE FROM stockroom.workers WHERE worker = $1"


def worker_name(settings: Settings) -> str:
    """The name of a projectors process: host and port, which no two processes have at the same time.

    It is the same after a restart, so that a worker that comes back at once finds its share as it left it.
    """
    return f"{socket.gethostname()}:{settings.projectors_port}"


class TablesGone(Exception):
    """PostgreSQL came back empty. The next start makes the tables, learns first what was given up, and fills them."""

    code = "tables_gone"


class Workers:
    """This worker's row, and the workers that live. ``run`` keeps both until it is cancelled.

    A worker counts only for projections that it runs at the same version: while releases change, one that cannot go on
    keeps no partition from those that can.
    """

    def __init__(self, pool: asyncpg.Pool, name: str, projections: Sequence[Projection]) -> None:
        self.name = name
        self._pool = pool
        self._runs = [run_of(one.name, one.version) for one in projections]
        self._live: dict[str, frozenset[str]] = {}
        self._table: object = None
        """Which table has the rows: one that was made anew has another number."""
        self._look = asyncio.Event()

    @property
    def live(self) -> list[str]:
        """The names of those that were seen last, sorted."""
        return sorted(self._live)

    async def known(self) -> None:
        """Wait until the others are known for the first time."""
        while not self._live:
            await self.looked()

    async def looked(self) -> None:
        """Wait for the next look at who lives."""
        await self._look.wait()

    def share(self, projection: Projection, partitions: Sequence[int]) -> frozenset[int]:
        """The partitions that this worker should fill."""
        peers = {name for name, runs in self._live.items() if run_of(projection.name, projection.version) in runs}
        return shares(frozenset(peers | {self.name}), projection.name, tuple(partitions))[self.name]

    async def run(self) -> None:
        """Beat, and look who else does; PostgreSQL is waited for. Raises ``TablesGone`` when it has come back empty."""
        await until_there("workers", self._join)
        while True:
            await until_there("workers", self._beat)
            await asyncio.sleep(BEAT_SECONDS)

    async def leave(self) -> None:
        """Remove the row, so that the others take over at once; without PostgreSQL they find out by themselves."""
        with contextlib.suppress(*AWAY):
            async with asyncio.timeout(ANSWER_SECONDS):
                await self._pool.execute(_LEAVE, self.name)

    async def _join(self) -> None:
        async with self._pool.acquire() as connection, connection.transaction():
            await create_control_tables(connection)
            await connection.execute(_FORGET)

    async def _beat(self) -> None:
        async with asyncio.timeout(ANSWER_SECONDS), self._pool.acquire() as connection:
            try:
                table = await connection.fetchval(_BEAT, self.name, self._runs)
                rows = await connection.fetch(_LIVE, LIVE_SECONDS)
            except asyncpg.UndefinedTableError as error:
                raise TablesGone(GONE) from error
        if self._table not in (None, table):
            raise TablesGone(GONE)
        self._table = table
        live = {row["worker"]: frozenset(row["runs"]) for row in rows}
        if live.keys() != self._live.keys():
            log.info("workers", live=sorted(live))
        self._live = live
        self._look.set()
        self._look = asyncio.Event()


async def anybody_fills(connection: Connection, projection: str, version: int) -> bool:
    """Whether a worker that runs this version of a projection has shown a sign of life just now."""
    return bool(await connection.fetchval(_FILLS, run_of(projection, version), LIVE_SECONDS))
