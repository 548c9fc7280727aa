"""Rebuild of all read models of orders from one log: order history, sales per day and top sellers."""

from benchmarks.contents import contents
from benchmarks.figures import Figure, Section
from benchmarks.projections_extent import Extent
from benchmarks.projections_log import filled_log, rebuild
from projectors import order_history, sales, top_sellers

SECONDS = 45.0
OF_ORDERS = (order_history.PROJECTION, sales.PROJECTION, top_sellers.PROJECTION)
NAMES = [projection.name for projection in OF_ORDERS]


async def measure(extent: Extent) -> list[Section]:
    """Raises `CannotStart`, `StartFailed` or `CommandFailed`."""
    async with filled_log(extent.orders) as log:
        done = await rebuild(log.settings, *NAMES)
        found = await contents(log.settings, OF_ORDERS)
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
                *log.figures(),
            ],
        )
    ]
