"""Orders to the command API alone at fixed rates: what a client waits when arrivals do not wait for answers."""

from benchmarks.commands_extent import Extent
from benchmarks.load.generator import load
from benchmarks.load.measured import Measured
from benchmarks.load.plan import Plan
from benchmarks.stage import Stage

Opened = list[tuple[float, Measured]]
"""By share of the highest rate."""


async def measure_open(stage: Stage, skus: tuple[str, ...], highest: float, extent: Extent) -> Opened:
    """A run at each of the extent's shares of `highest` orders a second. Raises `LoadFailed`."""
    return [
        (
            share,
            await load(
                Plan(
                    stage.settings.host,
                    stage.settings.command_api_port,
                    skus,
                    extent.open_clients,
                    extent.open_seconds,
                    rate=highest * share,
                    warm_up_seconds=extent.warm_up_seconds,
                )
            ),
        )
        for share in extent.shares
    ]
