"""How soon a query shows what a command did, under a steady load: receipts alone, and orders with everything running.

A client that follows the answer asks with its Consistency-Token, and the query waits. Beside it every event is watched
on its way: when a consumer has the record, and when the read model's position is past it.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import quantiles

from benchmarks.commands_alone import shares
from benchmarks.commands_sections import at_least
from benchmarks.commands_stage import add_products
from benchmarks.figures import Figure, Section, milliseconds
from benchmarks.load.generator import load
from benchmarks.load.measured import Measured
from benchmarks.load.plan import Plan
from benchmarks.processor_time import processor_seconds
from benchmarks.projections_extent import Extent
from benchmarks.stage import Stage, running_stage
from benchmarks.watch import Legs, watching
from projectors.projection import Projection
from projectors.read_models import order_history, stock

RECEIPTS_MS, ORDERS_MS = 50.0, 150.0
OF_RATE = 0.97
"""Of a random load so much should be answered; what is answered of more is no measure of freshness at that rate."""
PRODUCTS = 100
CLIENTS = 64
FOLLOWED_A_SECOND = 50
"""So many answers a second are followed by a query; at each of 1,000 the queries would be the load."""


@dataclass(frozen=True)
class Seen:
    """One load, and what was seen of it."""

    measured: Measured
    legs: Legs
    shares: dict[str, float]

    @property
    def p99_ms(self) -> float:
        """From an answer until a query shows it, in ms: 99 of 100 took no longer."""
        return quantiles(self.measured.shown, n=100, method="inclusive")[98] * 1000


async def measure(extent: Extent) -> list[Section]:
    """Orders first, with everything running; then policies stop and stock is received. Each some rounds, as what is a
    thousand answers' p99 moves by twice from one to the next; told is the median round.

    Raises `StartFailed`, `LoadFailed` or `NotReached`.
    """
    async with running_stage() as stage:
        skus = await add_products(stage, PRODUCTS)
        plan = _plan(stage, skus, extent.orders_a_second, extent)
        ordered = [await _seen(stage, plan, order_history.PROJECTION) for _ in range(extent.fresh_rounds)]
        await stage.members["policies"].stop()
        plan = _plan(stage, skus, extent.receipts_a_second, extent, receipts=True)
        received = [await _seen(stage, plan, stock.PROJECTION) for _ in range(extent.fresh_rounds)]
    return [
        _section(extent.receipts_a_second, "receipts of stock a second, policies stopped", received, RECEIPTS_MS),
        _section(extent.orders_a_second, "orders a second, everything running", ordered, ORDERS_MS),
    ]


def _plan(stage: Stage, skus: Sequence[str], rate: int, extent: Extent, *, receipts: bool = False) -> Plan:
    settings = stage.settings
    return Plan(
        settings.host,
        settings.command_api_port,
        tuple(skus),
        CLIENTS,
        extent.fresh_seconds,
        rate=rate,
        warm_up_seconds=extent.fresh_warm_up_seconds,
        receipts=receipts,
        followed_every=max(rate // FOLLOWED_A_SECOND, 1),
        query_port=settings.query_api_port,
    )


async def _seen(stage: Stage, plan: Plan, projection: Projection) -> Seen:
    before = processor_seconds(stage.members)
    async with watching(stage.settings, projection) as watch:
        measured = await load(plan)
        after = processor_seconds(stage.members)
        await watch.past(measured.answers)
    cores = shares(before, after, plan.seconds + plan.warm_up_seconds, measured)
    return Seen(measured, watch.legs(measured.answers), cores)


def _section(rate: int, title: str, rounds: Sequence[Seen], target_ms: float) -> Section:
    by_p99 = sorted(rounds, key=lambda each: each.p99_ms)
    seen = by_p99[len(by_p99) // 2]
    measured, legs = seen.measured, seen.legs
    return Section(
        f"from a command's answer until a query shows it: {rate:,} {title}, {measured.seconds:g} s, open loop, Poisson",
        [
            *at_least("answered", measured.per_second, "/s", rate * OF_RATE),
            *milliseconds("query with the answer's Consistency-Token, which waits", measured.shown, target_ms),
            Figure("p99 of each round", ", ".join(f"{each.p99_ms:.0f}" for each in rounds) + " ms"),
            Figure("answers that were followed so", len(measured.shown)),
            *milliseconds("position in PostgreSQL, polled every 5 ms, of every event", legs.polled, target_ms),
            *milliseconds("of that, until a consumer has the record", legs.read),
            *milliseconds("of that, from there until the position is past it", legs.applied),
            Figure("the command's answer, p50", measured.ms["p50"], "ms"),
            Figure("the command's answer, p99", measured.ms["p99"], "ms"),
            *(
                Figure(f"{name}: processor time", round(share * 100), "% of a core")
                for name, share in sorted(seen.shares.items(), key=lambda each: -each[1])
            ),
            *_failed("commands", [each.measured.failures for each in rounds]),
            *_failed("queries", [each.measured.query_failures for each in rounds]),
            Figure("every event was seen on its way", all(each.legs.missing == 0 for each in rounds)),
        ],
    )


def _failed(what: str, rounds: Sequence[Mapping[str, int]]) -> list[Figure]:
    """How many failed in all rounds, wanted 0; where some did, how."""
    kinds = sum(map(Counter, rounds), Counter[str]())
    told = ", ".join(f"{count:,} × {kind}" for kind, count in sorted(kinds.items()))
    return [
        Figure(f"{what} that failed", kinds.total(), "", 0),
        *([Figure(f"how {what} failed", told)] if told else []),
    ]
