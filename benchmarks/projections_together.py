"""Rebuild of all read models of orders from one log: order history, sales per day and top sellers."""

from typing import Any

import asyncpg
from redis.asyncio import Redis

from benchmarks.contents import contents
from benchmarks.figures import Figure, Section
from benchmarks.projections_extent import Extent
from benchmarks.projections_log import Filled, filled_log, rebuild
from benchmarks.projections_orders import PIECES
from infra.settings import Settings
from projectors.read_models import order_history, sales, top_sellers

SECONDS = 45.0
OF_ORDERS = (order_history.PROJECTION, sales.PROJECTION, top_sellers.PROJECTION)
NAMES = [projection.name for projection in OF_ORDERS]


async def measure(extent: Extent) -> list[Section]:
    """On servers of its own; see `measured`. Raises `CannotStart`, `StartFailed` or `CommandFailed`."""
    async with filled_log(extent.orders) as log:
        return await measured(log, extent)


async def measured(log: Filled, extent: Extent) -> list[Section]:
    """On a log that is there. Raises `CommandFailed`."""
    done = await rebuild(log.settings, *NAMES)
    found = await contents(log.settings, OF_ORDERS)
    sold = await _sold(log.settings)
    rows = {name: count for name, (count, _) in found.items()}
    return [
        Section(
            f"rebuild of {', '.join(NAMES)} in one command",
            [
                Figure("the whole command", round(done.seconds, 1), "s", SECONDS),
                Figure("of that, until keys and indexes were there", round(done.indexed, 1), "s"),
                Figure("that is", round(log.events / done.seconds), "events/s"),
                *(Figure(f"{name}: rows at the end", count) for name, count in rows.items()),
                Figure("rows at the end for each event", round(sum(rows.values()) / log.events, 2)),
                Figure("every order is there", rows["orders.orders"] == extent.orders),
                Figure("every event is in the timeline", rows["orders.timeline"] == log.events),
                Figure("sales and top sellers count every piece", sold == (PIECES * extent.orders,) * 2),
                *log.figures(),
            ],
        )
    ]


async def _sold(settings: Settings) -> tuple[int, int]:
    """Pieces in sales per day, and in top sellers of all time."""
    connection = await asyncpg.connect(settings.dsn)
    try:
        daily = await connection.fetchval("SELECT sum(quantity)::bigint FROM sales.sold_daily")
    finally:
        await connection.close()
    async with Redis.from_url(settings.redis_address, decode_responses=True) as redis:
        generation = str(await redis.get("active:top_sellers"))
        top: Any = await redis.zrange(f"top_sellers:{generation}:top:sale:all", 0, -1, withscores=True)
    return daily, sum(int(pieces) for _, pieces in top)
