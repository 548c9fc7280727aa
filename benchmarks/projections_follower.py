"""Following events into an order history: the engine against `ProjectionRunner` of the package `eventsourcing`."""

import asyncio
import json
import time
from importlib.metadata import version
from itertools import count
from statistics import median

import asyncpg

from benchmarks.child import run_module
from benchmarks.commands_sections import at_least, by_round
from benchmarks.databases import new_database
from benchmarks.figures import Figure, Section
from benchmarks.projections_extent import Extent
from benchmarks.projections_log import checkpoint, filled_log, rebuild
from benchmarks.reference.runs import ReferenceFailed
from infra.settings import Settings
from projectors.engine.engine import Engine
from projectors.read_models.order_history import PROJECTION
from projectors.stores.connect import connect_postgres, connect_redis

TIMES = 5.0
POLL_SECONDS = 0.01
NOTHING = "DROP SCHEMA IF EXISTS stockroom, orders, order_history_g1 CASCADE"
ROWS = "SELECT (SELECT count(*) FROM orders.orders), (SELECT count(*) FROM orders.lines), count(*) FROM orders.timeline"


async def measure(extent: Extent) -> list[Section]:
    """Raises `CannotStart`, `StartFailed`, `CommandFailed` or `ReferenceFailed`."""
    ours: list[float] = []
    theirs: list[float] = []
    numbers = count(1)
    async with filled_log(extent.followed_orders) as log:
        for _ in range(extent.rounds):
            await checkpoint(log.settings)
            ours.append(await _engine(log.settings, log.events))
            await checkpoint(log.settings)
            seconds, rows_of_theirs = await _reference(log.settings, extent.followed_orders, next(numbers))
            theirs.append(seconds)
        connection = await asyncpg.connect(log.settings.dsn)
        rows = await connection.fetchrow(ROWS)
        await connection.close()
        rebuilt = await rebuild(log.settings, PROJECTION.name)
    ratios = [their / our for our, their in zip(ours, theirs, strict=True)]
    return [
        Section(
            f"order history from its first event on: the engine and eventsourcing {version('eventsourcing')}, one "
            f"process each, keys and indexes there from the start, synchronous_commit=off; {len(ours)} rounds",
            [
                Figure("events", log.events),
                Figure("engine, median", round(log.events / median(ours)), "events/s"),
                by_round("engine by round", ours, "s", 1),
                Figure("ProjectionRunner, median", round(log.events / median(theirs)), "events/s"),
                by_round("ProjectionRunner by round", theirs, "s", 1),
                *at_least("engine in times of it, median of the rounds", median(ratios), "×", TIMES),
                Figure("rebuild of the same events, the whole command", round(rebuilt.seconds, 1), "s"),
                Figure("both have the same numbers of orders, lines and events", list(rows or ()) == rows_of_theirs),
            ],
        )
    ]


async def _engine(settings: Settings, events: int) -> float:
    """Seconds until the engine has projected all events, from nothing, its start included."""
    connection = await asyncpg.connect(settings.dsn)
    await connection.execute(NOTHING)
    await connection.close()
    redis = connect_redis(settings)
    try:
        async with connect_postgres(settings) as pool:
            began = time.perf_counter()
            engine = Engine(settings, pool, redis, [PROJECTION])
            running = asyncio.create_task(engine.run())
            status = engine.runners[0].status
            try:
                # Each partition begins with a claim.
                while sum(one.position.next_offset for one in status.standings.values()) < events + settings.partitions:
                    await asyncio.wait({running}, timeout=POLL_SECONDS)
                    if running.done():
                        running.result()
                return time.perf_counter() - began
            finally:
                running.cancel()
                await asyncio.wait({running})
    finally:
        await redis.aclose()


async def _reference(settings: Settings, orders: int, number: int) -> tuple[float, list[int]]:
    dsn = await new_database(settings, f"follower_{number}", synchronous_commit="off")
    ended = await run_module("benchmarks.reference.follower", dsn, str(orders))
    if ended.code != 0:
        raise ReferenceFailed(ended.errors)
    seconds, rows = json.loads(ended.output)
    return seconds, list(rows.values())
