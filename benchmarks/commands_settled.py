"""Orders with everything running: how many a second are confirmed by the saga and shown by every projection.

Each client waits until its order is settled (`Prefer: wait`) before it sends the next: so no more is offered than the
saga keeps up with. What the projections are behind when the last is settled counts as time.
"""

import asyncio
import time
from dataclasses import dataclass, replace

import asyncpg
import httpx

from benchmarks.commands_alone import order_plan, shares
from benchmarks.commands_extent import Extent
from benchmarks.commands_stage import PATIENCE_SECONDS, POLL_SECONDS
from benchmarks.load.generator import load
from benchmarks.load.measured import Measured
from benchmarks.load.plan import Plan
from benchmarks.processor_time import processor_seconds
from benchmarks.stage import NotReached, Stage

STATUSES = "SELECT status, count(*) AS orders FROM orders.orders GROUP BY status"


@dataclass(frozen=True)
class Settled:
    """The long run, and what was tried to find its number of clients."""

    tried: list[Measured]
    measured: Measured
    behind_seconds: float
    """From the end of the measured time until no projection lagged."""
    shares: dict[str, float]
    """Processor time by process, in cores."""
    statuses: dict[str, int]
    """Orders of all runs by status, as the read model has them at the end."""
    sent: int
    """Orders of all runs that were answered as confirmed."""

    @property
    def per_second(self) -> float:
        """Orders a second, each confirmed and projected."""
        return self.measured.ok / (self.measured.seconds + self.behind_seconds)


async def measure_settled(stage: Stage, skus: tuple[str, ...], extent: Extent) -> Settled:
    """Look for the best number of clients, then measure with it. Raises `LoadFailed` or `NotReached`."""
    tried = []
    if len(extent.settled_clients) > 1:
        for clients in extent.settled_clients:
            tried.append(await load(_plan(stage, skus, clients, extent.search_seconds, extent)))
            await _until_projected(stage)
    best = max(tried, key=lambda each: each.per_second).clients if tried else extent.settled_clients[0]
    before, began = processor_seconds(stage.members), time.monotonic()
    measured = await load(_plan(stage, skus, best, extent.settled_seconds, extent))
    seconds, after = time.monotonic() - began, processor_seconds(stage.members)
    behind = max(await _until_projected(stage) - measured.until, 0.0)
    return Settled(
        tried,
        measured,
        behind,
        shares(before, after, seconds, measured),
        await _statuses(stage),
        sum(each.sent - each.failed for each in [*tried, measured]),
    )


def _plan(stage: Stage, skus: tuple[str, ...], clients: int, seconds: float, extent: Extent) -> Plan:
    plan = order_plan(stage, stage.settings.command_api_port, skus, clients, extent)
    return replace(plan, seconds=seconds, prefer="wait=20", expected='"CONFIRMED"')


async def _until_projected(stage: Stage) -> float:
    """When no projection lagged, in seconds since 1970. Raises `NotReached`."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        moment = time.time()
        lags = await _lags(stage.query)
        if lags and all(lag == 0 for lag in lags.values()):
            return moment
        if time.monotonic() > deadline:
            raise NotReached(f"the projections have not caught up: {lags}")
        await asyncio.sleep(POLL_SECONDS)


async def _lags(query: httpx.AsyncClient) -> dict[str, int | None]:
    answer = await query.get("/v1/projections")
    return {item["name"]: item["lag_events"] for item in answer.raise_for_status().json()["items"]}


async def _statuses(stage: Stage) -> dict[str, int]:
    connection = await asyncpg.connect(stage.settings.dsn)
    try:
        return {row["status"]: row["orders"] for row in await connection.fetch(STATUSES)}
    finally:
        await connection.close()
