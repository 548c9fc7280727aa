"""What a long log costs: processor time of a command, take-over, and memory, with many orders and with few.

The orders are in the log as the command API appends them, see `scale_orders`: placed, each with a key, none settled.
Both logs have servers of their own and are measured in turn, so what else the machine does reaches both.
"""

from statistics import median

from benchmarks.figures import Figure, Section
from benchmarks.scale_cost import CLIENTS, INSTANCE, Cost, Costs, costs
from benchmarks.scale_extent import Extent
from benchmarks.scale_filled import Filled, filled
from benchmarks.scale_takeover import Ending, Waits, waits
from benchmarks.scale_world import running_world
from infra.settings import Settings

RATIO = 1.15
MEMORY_MB = 512
TAKEOVER_SECONDS = {Ending.KILLED: 5.0, Ending.LEFT: 0.5, Ending.RESPAWNED: 1.0}


async def measure(extent: Extent) -> list[Section]:
    """Everything. Raises `CannotStart`, `StartFailed`, `LoadFailed` or `NotReached`."""
    async with running_world() as many:
        began = await filled(many, extent.many)
        async with running_world() as few:
            await filled(few, extent.few)
            of_few, of_many = await costs(few, many, extent)
        waited = await waits(many, extent.times)
    return [
        _cost("placing an order", of_few.placed, of_many.placed, extent),
        _cost("cancelling one of them", of_few.cancelled, of_many.cancelled, extent),
        _takeover(waited, extent),
        _memory(of_few, of_many, extent, many.settings),
        _filling(began),
    ]


def _cost(what: str, few: list[Cost], many: list[Cost], extent: Extent) -> Section:
    ratios = [high[INSTANCE] / low[INSTANCE] for low, high in zip(few, many, strict=True)]
    together = [sum(high.values()) / sum(low.values()) for low, high in zip(few, many, strict=True)]
    return Section(
        f"processor time of {what}, {CLIENTS} clients: with {extent.many:,} orders in the log, "
        f"in times of that with {extent.few:,}",
        [
            Figure(f"command API, median of {extent.rounds} rounds", round(median(ratios), 3), "×", RATIO),
            Figure("by round", " / ".join(f"{ratio:.2f}" for ratio in ratios)),
            Figure("command API, Kafka and PostgreSQL together, median", round(median(together), 3), "×"),
            *(
                Figure(f"{name} with {orders:,}", round(median(cost[name] for cost in found)), "µs")
                for name in few[0]
                for orders, found in ((extent.few, few), (extent.many, many))
            ),
        ],
    )


def _takeover(waited: Waits, extent: Extent) -> Section:
    figures = []
    for ending, seconds in waited.longest.items():
        figures += [
            Figure(f"{ending}, the longest of all", round(max(seconds), 3), "s", TAKEOVER_SECONDS[ending]),
            Figure(f"{ending}, by try", " / ".join(f"{each:.2f}" for each in seconds)),
        ]
    figures.append(Figure("of that, until the new process answers, median", round(median(waited.listening), 3), "s"))
    return Section(
        f"the longest that an order waited for its acknowledgement when one of two command APIs went, {extent.many:,} "
        "orders in the log",
        figures,
    )


def _memory(few: Costs, many: Costs, extent: Extent, settings: Settings) -> Section:
    return Section(
        "memory of the one command API that held all shards, after these rounds",
        [
            Figure(f"with {extent.many:,} orders", many.memory_mb[-1], "MB", MEMORY_MB),
            Figure(f"with {extent.few:,} orders", few.memory_mb[-1], "MB"),
            *(
                Figure(f"orders placed meanwhile on the log of {orders:,}", sum(found.orders))
                for orders, found in ((extent.few, few), (extent.many, many))
            ),
            Figure("keys in the log, of which the newest are remembered", extent.many + sum(many.orders)),
            Figure("as many as", settings.idempotency_keys),
        ],
    )


def _filling(found: Filled) -> Section:
    return Section(
        f"filling the log with {found.orders:,} orders, and starting on it",
        [
            Figure("appended through the product's rules, codec and fence", round(found.fill_seconds, 1), "s"),
            Figure("first start, which reads the whole log, until ready", round(found.read_seconds, 1), "s"),
            Figure("its memory then", found.read_mb, "MB"),
            Figure("records that snapshots cover after it", found.covered),
            Figure("next start, until ready", round(found.start_seconds, 1), "s"),
            Figure("a repeat of the very first order is answered with its first answer", found.first_is_known),
        ],
    )
