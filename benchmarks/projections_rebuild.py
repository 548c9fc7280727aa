"""Rebuild of the order history against the same rows by hand, in turn on the same servers."""

import asyncio
import time
from collections.abc import Iterable
from statistics import median

import asyncpg

from benchmarks.by_hand import TABLES, Share
from benchmarks.child import run_module
from benchmarks.commands_sections import at_least, by_round
from benchmarks.contents import DIGEST
from benchmarks.figures import Figure, Section
from benchmarks.projections_extent import Extent
from benchmarks.projections_log import Filled, Rebuilt, checkpoint, filled_log, rebuild
from benchmarks.stage import CommandFailed
from event_schemas.topics import ORDERS
from infra.settings import Settings
from projectors.read_models.order_history import PROJECTION

OF_BY_HAND = 0.7
SCHEMA = "by_hand"
PROCESSES = (1, 2)


async def measure(extent: Extent) -> list[Section]:
    """On servers of its own; see `measured`. Raises `CannotStart`, `StartFailed` or `CommandFailed`."""
    async with filled_log(extent.orders) as log:
        return await measured(log, extent)


async def measured(log: Filled, extent: Extent) -> list[Section]:
    """On a log that is there. Raises `CommandFailed`."""
    ours: list[Rebuilt] = []
    theirs: dict[int, list[float]] = {count: [] for count in PROCESSES}
    for _ in range(extent.rounds):
        ours.append(await rebuild(log.settings, PROJECTION.name))
        for count in PROCESSES:
            theirs[count].append(await _by_hand(log.settings, count))
    return [_section(log, ours, theirs, await _equal(log.settings))]


async def _by_hand(settings: Settings, processes: int) -> float:
    """Seconds until so many processes have made the rows, and one connection their keys and indexes after it."""
    connection = await asyncpg.connect(settings.dsn)
    try:
        await connection.execute(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE; CREATE SCHEMA {SCHEMA}")
        await connection.execute(PROJECTION.ddl.replace("{schema}", SCHEMA))
        await checkpoint(settings)
        began = time.monotonic()
        shares = [
            Share(settings.bootstrap_servers, settings.dsn, ORDERS.name, SCHEMA, tuple(partitions))
            for partitions in (range(first, settings.partitions, processes) for first in range(processes))
        ]
        for ended in await asyncio.gather(*(run_module("benchmarks.by_hand", share.dumps()) for share in shares)):
            if ended.code != 0:
                raise CommandFailed(f"by hand ended with {ended.code}:\n{ended.errors}")
        for sql in (PROJECTION.keys, PROJECTION.indexes):
            await connection.execute(sql.replace("{schema}", SCHEMA))
        await connection.execute("; ".join(f"ANALYZE {SCHEMA}.{name}" for name in TABLES))
        return time.monotonic() - began
    finally:
        await connection.close()


async def _equal(settings: Settings) -> dict[str, tuple[int, bool]]:
    """By table how many rows the product's has, and whether the one made by hand has the same."""
    found = {}
    connection = await asyncpg.connect(settings.dsn)
    try:
        for name in TABLES:
            ours, theirs = [
                await connection.fetchrow(DIGEST.format(view=f"{schema}.{name}"))
                for schema in (PROJECTION.public_schema, SCHEMA)
            ]
            assert ours is not None
            found[name] = ours["rows"], ours == theirs
    finally:
        await connection.close()
    return found


def _section(
    log: Filled, ours: list[Rebuilt], theirs: dict[int, list[float]], equal: dict[str, tuple[int, bool]]
) -> Section:
    whole, indexed = [one.seconds for one in ours], [one.indexed for one in ours]
    figures = [
        Figure("rebuild, median", round(median(whole), 1), "s"),
        by_round("rebuild by round", whole, "s", 2),
        by_round("of that, until keys and indexes were there, by round", indexed, "s", 2),
        Figure("rebuild", round(log.events / median(whole)), "events/s"),
    ]
    for count, seconds in theirs.items():
        name = f"by hand, {count} process{'es' if count > 1 else ''}"
        figures += [
            Figure(f"{name}, median", round(median(seconds), 1), "s"),
            by_round(f"{name}, by round", seconds, "s", 2),
            *at_least(f"rebuild in times of the rate {name}", median(_ratios(seconds, whole)), "×", OF_BY_HAND),
            Figure(
                f"until keys and indexes, in times of the rate {name}", round(median(_ratios(seconds, indexed)), 2), "×"
            ),
        ]
    for name, (rows, same) in equal.items():
        figures += [Figure(f"{name}: rows", rows), Figure(f"{name}: the same rows by hand", same)]
    return Section(
        "rebuild of order_history with its keys and indexes, compared and switched to, beside the same rows by hand "
        f"(whole processes, their start included); medians of {len(ours)} rounds",
        [*figures, *log.figures()],
    )


def _ratios(theirs: Iterable[float], ours: Iterable[float]) -> list[float]:
    return [hand / product for hand, product in zip(theirs, ours, strict=True)]
