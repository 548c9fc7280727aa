"""Rebuilds that were asked for over HTTP: each is a process of its own, so that the engine's loop does not suffer.

A run lives in its row, not here. A supervisor that ends the projectors ends their children too; the row then shows no
more signs of life, and the next rebuild goes on where this one stopped.
"""

import asyncio
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import NamedTuple
from uuid import UUID

import asyncpg
import structlog

from infra.reason import reason
from infra.settings import REPOSITORY
from projectors.back_off import AWAY

log = structlog.get_logger()

_FAILED = """
UPDATE stockroom.rebuilds SET state = 'failed', code = 'rebuild_failed', ended_at = now(), error = $2
WHERE id = $1 AND state = 'running'
"""


class Asked(NamedTuple):
    """What somebody asked for."""

    names: Sequence[str]
    partitions_in_parallel: int | None
    rate: float | None
    accept: bool
    anew: bool

    def arguments(self) -> list[str]:
        """As arguments of the command."""
        options = {"--partitions-in-parallel": self.partitions_in_parallel, "--rate": self.rate}
        flags = {"--accept": self.accept, "--anew": self.anew}
        valued = [text for name, value in options.items() if value is not None for text in (name, str(value))]
        return [*self.names, *valued, *(name for name, given in flags.items() if given)]


class RebuildProcesses:
    """The processes that were started here and have not ended."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool
        self._watching: set[asyncio.Task[None]] = set()

    async def start(self, run: UUID, asked: Asked) -> None:
        """Start the process of a run whose row is written. Raises ``OSError`` where that fails, and says so there."""
        path = os.pathsep.join(filter(None, [str(REPOSITORY), os.environ.get("PYTHONPATH")]))
        try:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "projectors", "rebuild", *asked.arguments(), "--json", "--id", str(run)),
                stdin=asyncio.subprocess.DEVNULL,
                env={**os.environ, "PYTHONPATH": path},
            )
        except OSError as error:
            await self._failed(run, f"its process could not be started: {reason(error)}")
            raise
        log.info("rebuild started", run=str(run), names=list(asked.names), pid=process.pid)
        task = asyncio.create_task(self._watch(run, process))
        self._watching.add(task)
        task.add_done_callback(self._watching.discard)

    async def _watch(self, run: UUID, process: asyncio.subprocess.Process) -> None:
        code = await process.wait()
        log.info("rebuild ended", run=str(run), code=code)
        await self._failed(run, f"its process ended with code {code}")

    async def _failed(self, run: UUID, error: str) -> None:
        with suppress(*AWAY):
            await self._pool.execute(_FAILED, run, error)
