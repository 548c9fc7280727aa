"""A throttled rebuild while the product serves: stock is received at a steady rate, and queries are asked all the time.

No policies run, so that the log of orders stays as it is. The load goes on until the rebuild has switched.
"""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import cycle

import httpx

from benchmarks.figures import Figure, Section, milliseconds
from benchmarks.load.generator import load
from benchmarks.load.measured import Measured
from benchmarks.load.plan import Plan
from benchmarks.projections_extent import Extent
from benchmarks.projections_log import Filled, filled_log, rebuild
from infra.launcher.group import Group
from infra.launcher.home import Home
from infra.launcher.processes import process_programs
from infra.settings import Settings
from projectors.read_models.order_history import PROJECTION

FRESH_MS = 1_000.0
PRODUCTS = 100
CLIENTS = 32
FOLLOWED_EVERY = 5
BETWEEN_SECONDS = 0.02
PATHS = ("/v1/orders?limit=20", "/v1/top-sellers?limit=10", "/v1/sales/daily")


@dataclass(frozen=True)
class Asked:
    """Queries without a token: how long each took, and how many had another answer than 200, by status."""

    seconds: list[float] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)


async def measure(extent: Extent) -> list[Section]:
    """On servers of its own; see `measured`. Raises `CannotStart`, `StartFailed`, `CommandFailed` or `LoadFailed`."""
    async with filled_log(extent.throttled_orders) as log:
        return await measured(log, extent)


async def measured(log: Filled, extent: Extent) -> list[Section]:
    """On a log that is there. Raises `StartFailed`, `CommandFailed` or `LoadFailed`."""
    asked, loads = Asked(), []
    await rebuild(log.settings, "--all")
    async with _served(log.settings) as query:
        plan = _plan(log.settings, await _add_products(log.settings), extent)
        before = await load(plan)
        asking = asyncio.create_task(_ask_on(query, asked))
        began = time.monotonic()
        rebuilding = asyncio.create_task(rebuild(log.settings, PROJECTION.name, "--rate", str(extent.throttled_rate)))
        while not rebuilding.done():
            loads.append(await load(plan))
        done, covered = await rebuilding, time.monotonic() - began
        asking.cancel()
        await asyncio.wait({asking})
    return [_section(log, extent, before, loads, asked, done.seconds, covered)]


@asynccontextmanager
async def _served(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    """Everything but policies; gives a client of the query API."""
    home = Home.of(settings)
    group = Group([each for each in process_programs(settings, home) if each.name != "policies"], home)
    try:
        await group.start(settings.start_seconds)
        async with httpx.AsyncClient(base_url=settings.query_api_url, timeout=60, trust_env=False) as query:
            yield query
    finally:
        await group.stop(in_turn=True)


async def _add_products(settings: Settings) -> tuple[str, ...]:
    skus = tuple(f"B-{number}" for number in range(PRODUCTS))
    async with httpx.AsyncClient(base_url=settings.command_api_url, timeout=60, trust_env=False) as command:
        for sku in skus:
            body = {"kind": "GOOD", "sku": sku, "name": f"Bench {sku}", "price": 1.00}
            (await command.post("/v1/products", json=body)).raise_for_status()
    return skus


def _plan(settings: Settings, skus: tuple[str, ...], extent: Extent) -> Plan:
    return Plan(
        settings.host,
        settings.command_api_port,
        skus,
        CLIENTS,
        extent.throttled_seconds,
        rate=extent.throttled_receipts,
        receipts=True,
        followed_every=FOLLOWED_EVERY,
        query_port=settings.query_api_port,
    )


async def _ask_on(query: httpx.AsyncClient, asked: Asked) -> None:
    for path in cycle(PATHS):
        began = time.perf_counter()
        try:
            status = str((await query.get(path)).status_code)
        except httpx.HTTPError as error:
            status = type(error).__name__
        asked.seconds.append(time.perf_counter() - began)
        if status != "200":
            asked.refused[f"{status} {path}"] += 1
        await asyncio.sleep(BETWEEN_SECONDS)


def _section(
    log: Filled,
    extent: Extent,
    before: Measured,
    loads: list[Measured],
    asked: Asked,
    seconds: float,
    covered: float,
) -> Section:
    refused: Counter[str] = asked.refused + sum((Counter(each.query_failures) for each in loads), Counter())
    commands: Counter[str] = sum((Counter(each.failures) for each in loads), Counter())
    shown = [one for each in loads for one in each.shown]
    return Section(
        f"rebuild of order_history with --rate {extent.throttled_rate} while "
        f"{extent.throttled_receipts:,} receipts of stock a second are served (open loop) and queries asked",
        [
            Figure("the whole command", round(seconds, 1), "s"),
            Figure("that is", round(log.events / seconds), "events/s"),
            Figure(
                "receipts answered",
                round(sum(each.ok for each in loads) / sum(each.seconds for each in loads), 1),
                "/s",
            ),
            *milliseconds("from a receipt's answer until a query with its token shows it", shown, FRESH_MS),
            *milliseconds("the same before the rebuild", before.shown),
            *milliseconds("queries without a token: orders, top sellers, sales", asked.seconds),
            Figure("queries asked", len(asked.seconds) + len(shown) + sum(refused.values())),
            Figure("queries refused or failed", sum(refused.values()), "", 0),
            Figure("receipts refused or failed", sum(commands.values()), "", 0),
            *([Figure("how", str(dict(refused + commands)))] if refused or commands else []),
            Figure("of the load's time the rebuild ran", round(seconds / covered * 100), "%"),
            *log.figures(),
        ],
    )
