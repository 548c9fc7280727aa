"""Runs the reference in a process of its own, each time in a new database with the durability that is asked for."""

import asyncio
from dataclasses import dataclass, replace
from itertools import count

import asyncpg

from benchmarks.child import run_module
from benchmarks.databases import new_database
from benchmarks.reference.saved import Run, Saved
from infra.settings import Settings

FOLLOWED_THREADS = 8
"""Threads that save while somebody reads on."""
NEXT = "SELECT notification_id FROM orders_events WHERE notification_id > $1 ORDER BY notification_id LIMIT 1000"
ALL = "SELECT count(*) FROM orders_events"

_numbers = count(1)


class ReferenceFailed(Exception):
    """The reference ended with an error, or PostgreSQL is not as durable as asked for; the message says what it was."""


@dataclass(frozen=True)
class Followed:
    """What somebody saw who read the events by their position while they were written, always from the last he saw."""

    events: int
    missed: int


async def save_orders(settings: Settings, run: Run) -> Saved:
    """Carry a run out in a new database. Raises `ReferenceFailed`."""
    return await _carry_out(replace(run, dsn=await _new_database(settings, run.commit)))


async def follow_orders(settings: Settings, run: Run) -> Followed:
    """Carry a run out in a new database while somebody reads on. Raises `ReferenceFailed`."""
    dsn = await _new_database(settings, run.commit)
    saving = asyncio.create_task(_carry_out(replace(run, dsn=dsn)))
    connection = await asyncpg.connect(dsn)
    try:
        last, seen, ended = 0, 0, False
        new: list[asyncpg.Record] = []
        while new or not ended:
            ended = saving.done()
            try:
                new = await connection.fetch(NEXT, last)
            except asyncpg.UndefinedTableError:
                new = []
            seen += len(new)
            last = new[-1]["notification_id"] if new else last
            await asyncio.sleep(0)
        await saving
        return Followed(events := await connection.fetchval(ALL), events - seen)
    finally:
        saving.cancel()
        await connection.close()


async def _new_database(settings: Settings, commit: str) -> str:
    """The address of an empty database in which a commit waits for the disk, or does not."""
    return await new_database(settings, f"reference_{next(_numbers)}", synchronous_commit=commit)


async def _carry_out(run: Run) -> Saved:
    ended = await run_module("benchmarks.reference", run.dumps())
    if ended.code != 0:
        raise ReferenceFailed(ended.errors)
    saved = Saved.loads(ended.output)
    if (saved.server["synchronous_commit"], saved.server["fsync"]) != (run.commit, "on"):
        raise ReferenceFailed(f"synchronous_commit={run.commit} and fsync=on were asked for; it has {saved.server}")
    return saved
