"""What keeps snapshots small, done after a save and never part of it: if it fails, the next time does it."""

import asyncio
import time
from typing import NamedTuple

import asyncpg
import structlog

from command_api.snapshots import filter_rows, mark_rows, segment_rows
from command_api.snapshots.mark_rows import MarkRow
from command_api.snapshots.snapshot import SnapshotAway
from command_api.snapshots.tables import Damaged
from command_api.snapshots.transaction import reading, writing

logger = structlog.get_logger(__name__)

_FEWEST, _MOST = 10_000, 200_000
_SHARE = 0.2
_SWEPT_AT_ONCE = 5_000
_NEXT_DISCARDED = "SELECT generation, swept FROM command_api.discarded LIMIT 1 FOR UPDATE SKIP LOCKED"
_NEXT_BOUND = """
SELECT max(subject) FROM (
    SELECT subject FROM command_api.aggregates WHERE generation = $1 AND subject > $2 ORDER BY subject LIMIT $3
) s
"""
_SWEEP = "DELETE FROM command_api.aggregates WHERE generation = $1 AND subject > $2 AND subject <= $3"
_SWEPT = "UPDATE command_api.discarded SET swept = $2 WHERE generation = $1"
_REST = ("segments", "filters", "discarded")


class Upkeep(NamedTuple):
    """When is what done."""

    prune_after: int = 500
    """Saves of a partition between two prunings of its segments."""
    key_hours: float = 24.0
    """Keys younger than this are kept,"""
    most_keys: int = 200_000
    """but of the newest only as many segments as reach this."""
    sweep_after: int = 10
    """Saves of a process between two deletions from snapshots that were thrown away."""


USUAL = Upkeep()


async def keep(pool: asyncpg.Pool, seconds: float, row: MarkRow, upkeep: Upkeep, saves: int) -> None:
    """The upkeep that is due after this process' n-th save, which left ``row``. Never raises but when cancelled."""
    try:
        prune = row.unpruned >= upkeep.prune_after
        if row.unfiltered > min(max(_FEWEST, row.filtered * _SHARE), _MOST) or (prune and row.unfiltered):
            await _refilter(pool, seconds, row)
        if prune:
            await _prune(pool, seconds, row, upkeep)
        if saves % upkeep.sweep_after == 0:
            await _sweep(pool, seconds)
    except SnapshotAway as error:
        logger.warning("upkeep of snapshots put off", topic=row.place.topic, error=str(error))


async def _refilter(pool: asyncpg.Pool, seconds: float, row: MarkRow) -> None:
    """Write a filter that knows what the segments do. These never change, so nothing is locked meanwhile."""
    try:
        async with reading(pool, seconds) as connection:
            stored = await filter_rows.read(connection, row)
        known = await filter_rows.known(stored)
    except Damaged as error:
        # Whoever takes over would throw it away; sooner is better.
        logger.error("snapshot is damaged", topic=row.place.topic, partition=row.place.partition, what=str(error))
        async with writing(pool, seconds) as connection:
            await mark_rows.discard(connection, row.place, row.generation)
        return
    packed = await asyncio.to_thread(known.to_bytes)
    added = sum(len(subjects) for _, subjects in stored.segments)
    async with writing(pool, seconds) as connection:
        now = await mark_rows.lock(connection, row.place)
        if now is None or (now.generation, now.filter_to) != (row.generation, row.filter_to) or not added:
            return
        filter_to = stored.segments[-1][0]
        await filter_rows.write(connection, row.generation, filter_to, packed)
        unfiltered = max(0, now.unfiltered - added)
        await mark_rows.write(connection, now._replace(filter_to=filter_to, filtered=len(known), unfiltered=unfiltered))


async def _prune(pool: asyncpg.Pool, seconds: float, row: MarkRow, upkeep: Upkeep) -> None:
    since_ms = round((time.time() - upkeep.key_hours * 3600) * 1000)
    async with writing(pool, seconds) as connection:
        now = await mark_rows.lock(connection, row.place)
        if now is None or now.generation != row.generation:
            return
        pruned = await segment_rows.prune(connection, now, since_ms, upkeep.most_keys)
        await mark_rows.write(connection, pruned._replace(unpruned=0))


async def _sweep(pool: asyncpg.Pool, seconds: float) -> None:
    """Delete some rows of a snapshot that was thrown away. It goes by subject: what is deleted is not passed again."""
    async with writing(pool, seconds) as connection:
        found = await connection.fetchrow(_NEXT_DISCARDED)
        if found is None:
            return
        generation, swept = found
        bound = await connection.fetchval(_NEXT_BOUND, generation, swept, _SWEPT_AT_ONCE)
        if bound is not None:
            await connection.execute(_SWEEP, generation, swept, bound)
            await connection.execute(_SWEPT, generation, bound)
            return
        for table in _REST:
            await connection.execute(f"DELETE FROM command_api.{table} WHERE generation = $1", generation)
