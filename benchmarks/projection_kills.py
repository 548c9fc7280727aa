"""SIGKILL of projectors, PostgreSQL and Redis, under load and while everything is rebuilt: the rows must be right."""

import asyncio
import contextlib
import time
from typing import NamedTuple

import asyncpg

from benchmarks.contents import contents
from benchmarks.figures import Figure, Section
from benchmarks.kills import kill
from benchmarks.projection_load import Importing, Rebuilding, end_of_log
from benchmarks.stage import Stage, running_stage, stockroom
from benchmarks.totals import against_the_log
from infra.log_audit import audit
from projectors.read_models.registry import PROJECTIONS

VICTIMS = ("projectors", "redis", "projectors_2", "postgres")
LOOK_SECONDS = 0.1
NAMES = {projection.name for projection in PROJECTIONS}
PATIENCE_SECONDS = 120.0


class Extent(NamedTuple):
    """How often each is killed, in each half; after how many more records in the log the next; invoices a file."""

    rounds: int
    records: int
    invoices: int


FULL = Extent(3, 2_000, 1_000)
SHORT = Extent(1, 300, 150)


async def measure(extent: Extent) -> list[Section]:
    """Kills under load, then kills under load beside rebuilds. Raises `CommandFailed`, `Unsound`, `TimeoutError`."""
    async with running_stage(projectors=2) as stage:
        importing = Importing(extent.invoices)
        return [
            await _under_load(stage, importing, extent),
            await _as_the_log_says(stage),
            await _while_rebuilding(stage, importing, extent),
            await _as_the_log_says(stage),
        ]


async def _under_load(stage: Stage, importing: Importing, extent: Extent) -> Section:
    async with asyncio.TaskGroup() as group:
        load = group.create_task(importing.run())
        figures = [figure for _ in range(extent.rounds) for figure in await _round(stage, extent.records)]
        importing.last()
        await load
    return Section("SIGKILL of each under load, two projectors", figures)


async def _while_rebuilding(stage: Stage, importing: Importing, extent: Extent) -> Section:
    rebuilding, figures = Rebuilding(), list[Figure]()
    async with asyncio.TaskGroup() as group:
        load, rebuilds = group.create_task(importing.run()), group.create_task(rebuilding.run())
        for _ in range(extent.rounds):
            await _under_way(stage)
            rebuilding.kill()
            figures += await _round(stage, extent.records, rebuilt=True)
        for one in (importing, rebuilding):
            one.last()
        await asyncio.gather(load, rebuilds)
    return Section(
        "SIGKILL of each while all is rebuilt, and of the rebuild, under load",
        [
            *figures,
            Figure("rebuilds of everything that went through meanwhile", rebuilding.through),
            Figure("rebuilds that were broken off, and went on when called again", rebuilding.broken_off),
        ],
    )


async def _round(stage: Stage, records: int, *, rebuilt: bool = False) -> list[Figure]:
    """Kill each, the next when so many more records are in the log, be the last one back or not."""
    async with asyncio.TaskGroup() as group:
        killed = []
        for victim in VICTIMS:
            await _grown(stage, records)
            if rebuilt:
                await _under_way(stage)
            killed.append((victim, group.create_task(kill(stage.members[victim]))))
    return [Figure(f"{victim}: ready again after", round(task.result(), 1), "s") for victim, task in killed]


async def _grown(stage: Stage, records: int) -> None:
    """Wait until the log has so many records more."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        before = await end_of_log(stage.settings)
        while await end_of_log(stage.settings) < before + records:  # noqa: ASYNC110 (the log has no event for it)
            await asyncio.sleep(LOOK_SECONDS)


async def _under_way(stage: Stage) -> None:
    """Wait until some projection is being rebuilt."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            with contextlib.suppress(OSError, asyncpg.PostgresError):
                connection = await asyncpg.connect(stage.settings.dsn)
                try:
                    if await connection.fetchval(
                        "SELECT count(*) FROM stockroom.projections WHERE rebuilding_generation IS NOT NULL"
                    ):
                        return
                finally:
                    await connection.close()
            await asyncio.sleep(LOOK_SECONDS)


async def _as_the_log_says(stage: Stage) -> Section:
    """Once everything is applied: live = an independent fold of the log = rebuilt."""
    parked = await _caught_up(stage)
    log, live = await audit(stage.settings), await contents(stage.settings)
    figures = await against_the_log(stage, log)
    before = await _generations(stage)
    began = time.monotonic()
    await stockroom("rebuild", "--all")
    seconds = time.monotonic() - began
    rebuilt, after = await contents(stage.settings), await _generations(stage)
    return Section(
        "after it",
        [
            Figure("events", log.events),
            Figure("nothing is parked", parked == 0),
            *figures,
            Figure("rebuilt in peace in", round(seconds, 1), "s"),
            Figure("by new generations of each", all(after[name] > before[name] for name in before)),
            *(Figure(f"{name}: {rows:,} rows, live as rebuilt", rebuilt.get(name) == (rows, digest))
              for name, (rows, digest) in live.items()),
        ],
    )  # fmt: skip


async def _generations(stage: Stage) -> dict[str, int]:
    items = (await stage.query.get("/v1/projections")).raise_for_status().json()["items"]
    return {item["name"]: item["generation"] for item in items if item["name"] in NAMES}


async def _caught_up(stage: Stage) -> int:
    """Wait until no projection lags; gives how many records are parked."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            answer = await stage.query.get("/v1/projections")
            items = answer.json()["items"] if answer.is_success else []
            if items and all(item["lag_events"] == 0 for item in items):
                return sum(item["parked"] or 0 for item in items)  # None: streams park nothing
            await asyncio.sleep(LOOK_SECONDS)
