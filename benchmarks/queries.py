"""Queries over HTTP: order by id and top sellers beside a bare handler of the same rows, and search in a large catalog.

The query API and its peer are one process each on the same server, and are loaded in turn in the same run.
"""

from benchmarks.commands_stage import add_products
from benchmarks.figures import Section
from benchmarks.load.generator import load
from benchmarks.load.plan import Plan
from benchmarks.processor_time import processor_seconds
from benchmarks.queries_extent import Extent
from benchmarks.queries_products import Shelf, fill
from benchmarks.queries_searches import Searches, searches_of, wrong_totals
from benchmarks.queries_sections import Loaded, Pair, compared, searched
from benchmarks.queries_stage import LINES, PEER, caught_up, place_orders, running_peer, same_rows
from benchmarks.stage import Stage, running_stage
from infra.launcher.supervised import Supervised

QUERY_API = "query_api"
TOP = 10


async def measure(extent: Extent) -> list[Section]:
    """Everything. Raises `StartFailed`, `LoadFailed`, `OutcomeUnknown` or `NotReached`."""
    async with running_stage() as stage:
        skus = await add_products(stage, extent.sold)
        orders = await place_orders(stage, skus, extent.orders)
        for name in ("policies", "command_api"):
            await stage.members[name].stop()
        shelf = await fill(stage.settings, extent.products)
        await caught_up(stage)
        await stage.members["projectors"].stop()
        async with running_peer(stage) as peer:
            by_id = await _compare(stage, peer, tuple(f"/v1/orders/{one}" for one in orders), extent)
            top = await _compare(stage, peer, (f"/v1/top-sellers?limit={TOP}",), extent)
        found = [await _search(stage, searches, shelf, extent) for searches in searches_of(shelf, extent.searches)]
    return [
        compared(f"order by id, {LINES} lines", by_id, extent.clients),
        compared(f"top sellers, {TOP} with names", top, extent.clients),
        *found,
    ]


async def _compare(stage: Stage, peer: Supervised, paths: tuple[str, ...], extent: Extent) -> Pair:
    both = {QUERY_API: stage.members[QUERY_API], PEER: peer}
    found = {name: Loaded([], []) for name in both}
    for _ in range(extent.rounds):
        for name, member in both.items():
            before = processor_seconds(both)[name]
            run = await load(_plan(stage, member, paths, extent.clients, extent.seconds, extent))
            found[name].us.append((processor_seconds(both)[name] - before) / run.sent * 1e6)
            found[name].runs.append(run)
    return Pair(found[QUERY_API], found[PEER], await same_rows(stage.query, peer.program.address, paths))


async def _search(stage: Stage, searches: Searches, shelf: Shelf, extent: Extent) -> Section:
    asked = {name: stage.members[name] for name in (QUERY_API, "postgres")}
    before = processor_seconds(asked)
    run = await load(_plan(stage, asked[QUERY_API], searches.paths, 1, extent.search_seconds, extent))
    after = processor_seconds(asked)
    us = {name: (after[name] - before[name]) / run.sent * 1e6 for name in asked}
    return searched(searches, extent.products, run, us, await wrong_totals(stage.query, shelf, searches.words))


def _plan(
    stage: Stage, member: Supervised, paths: tuple[str, ...], clients: int, seconds: float, extent: Extent
) -> Plan:
    port = member.program.ports["query_api_port"]
    return Plan(stage.settings.host, port, (), clients, seconds, warm_up_seconds=extent.warm_up_seconds, paths=paths)
