"""Starts the worker processes of a rebuild, hears of their progress, and ends them all when one ends badly."""

import asyncio
import logging
import os
import sys
from collections.abc import Callable, Mapping, Sequence

import orjson
import structlog

from infra.settings import REPOSITORY
from projectors.rebuilds.bulk_worker import PASSED, REFUSED, Share
from projectors.rebuilds.row import RebuildFailed, RebuildRefused

log = structlog.get_logger()

LINE_BYTES = 16 * 1024 * 1024
"""Longest line of a worker's log."""

Advanced = Mapping[str, Callable[[int], None]]
"""By projection: who hears of the records that were passed."""


async def run_workers(shares: Sequence[Share], advanced: Advanced) -> None:
    """Have each share filled by a process of its own. Raises ``RebuildStopped`` when one of them does not end well;
    what is committed stays, and the next rebuild goes on there."""
    try:
        async with asyncio.TaskGroup() as group:
            for share in shares:
                group.create_task(_run(share, advanced))
    except ExceptionGroup as several:
        raise several.exceptions[0] from several


async def _run(share: Share, advanced: Advanced) -> None:
    path = os.pathsep.join(filter(None, [str(REPOSITORY), os.environ.get("PYTHONPATH")]))
    worker = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "projectors", "fill", share.to_json()),
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": path},
        limit=LINE_BYTES,
        start_new_session=True,  # Ctrl-C ends the rebuild, which ends its workers
    )
    refused = ""
    try:
        assert worker.stdout is not None
        async for line in worker.stdout:
            told = orjson.loads(line)
            if PASSED in told:
                projection, records = told[PASSED]
                advanced[projection](records)
            elif REFUSED in told:
                refused = told[REFUSED]
            else:  # a line of its log
                level = logging.getLevelNamesMapping()[told.pop("level", "info").upper()]
                log.log(level, told.pop("event", ""), **told)
        code = await worker.wait()
    finally:
        if worker.returncode is None:
            worker.kill()
            await worker.wait()
    if code:
        if refused:
            raise RebuildRefused(refused)
        names = ", ".join(part.projection for part in share.parts)
        raise RebuildFailed(
            f"{names}: a worker ended with code {code}. Run the same command again: it goes on where it stopped."
        )
