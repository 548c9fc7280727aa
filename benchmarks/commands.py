"""Orders over HTTP: latency, rate, and both against a floor (no append) and a peer (eventsourcing on PostgreSQL).

All that is compared runs in turn in the same run, on the same servers, at equal durability. First everything runs, so
that products get their stock and orders are settled; then policies, projectors and query API stop.
"""

from pathlib import Path

from benchmarks.commands_alone import MANY, Setup, measure_alone
from benchmarks.commands_extent import Extent
from benchmarks.commands_open import measure_open
from benchmarks.commands_plot import plot
from benchmarks.commands_reference import durability, reference
from benchmarks.commands_sections import many_clients, one_client, open_loop, per_second, settled
from benchmarks.commands_settled import measure_settled
from benchmarks.commands_stage import add_products, running_floor, sync_ms
from benchmarks.figures import Section
from benchmarks.stage import running_stage

READERS = ("query_api", "projectors", "policies")
"""What stops before the command API is measured alone."""


async def measure(extent: Extent, picture: Path | None) -> list[Section]:
    """Everything, with a plot as PNG in `picture`.

    Raises `StartFailed`, `LoadFailed`, `ReferenceFailed` or `NotReached`.
    """
    async with running_stage() as stage:
        skus = await add_products(stage, extent.products)
        whole = await measure_settled(stage, skus, extent)
        for name in READERS:
            await stage.members[name].stop()
        async with running_floor(stage.settings) as floor:
            alone = await measure_alone(stage, floor, skus, extent)
        highest = per_second(alone.loads[Setup.UNFLUSHED, MANY])
        opened = await measure_open(stage, skus, highest, extent)
        synced = sync_ms(stage.settings)
    if picture is not None:
        plot(alone, opened, whole, picture)
    return [
        one_client(alone),
        many_clients(alone),
        reference(alone),
        open_loop(opened, highest),
        settled(whole),
        durability(alone, synced),
    ]
