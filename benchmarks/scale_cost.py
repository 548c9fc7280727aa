"""Processor time of a command on a log of few orders and on one of many, in turn, round after round."""

import asyncio
import random
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

from benchmarks.load.generator import load
from benchmarks.load.plan import Plan
from benchmarks.processor_time import memory_mb, processor_seconds
from benchmarks.scale_extent import Extent
from benchmarks.scale_orders import PATH, SKU, key, order_id
from benchmarks.scale_world import World, client_of
from benchmarks.stage import NotReached
from infra.launcher.supervised import Supervised

CLIENTS = 16
INSTANCE = "command_api"
Cost = dict[str, float]
"""Processor time by process in microseconds a command."""


@dataclass(frozen=True)
class Costs:
    """Costs on one log, one per round, and what its command API holds in memory after the last."""

    placed: list[Cost] = field(default_factory=list)
    """Of placing an order."""
    cancelled: list[Cost] = field(default_factory=list)
    """Of cancelling one of those that were there at the start."""
    orders: list[int] = field(default_factory=list)
    """Placed in each round."""
    memory_mb: list[int] = field(default_factory=list)


async def costs(few: World, many: World, extent: Extent) -> tuple[Costs, Costs]:
    """The costs on both logs, each with one command API. Raises `LoadFailed` or `NotReached`."""
    found = (Costs(), Costs())
    async with AsyncExitStack() as stack:
        sides = []
        for world, orders, costs_there in zip((few, many), (extent.few, extent.many), found, strict=True):
            member = await stack.enter_async_context(world.started())
            numbers = iter(random.Random(orders).sample(range(1, orders), extent.rounds * extent.cancels))
            sides.append((world, member, numbers, costs_there))
        for _ in range(extent.rounds):
            for world, member, _, costs_there in sides:
                await _placing(world, member, extent.seconds, costs_there)
            for world, member, numbers, costs_there in sides:
                costs_there.cancelled.append(await _cancelling(world, member, numbers, extent.cancels))
                costs_there.memory_mb.append(memory_mb({INSTANCE: member})[INSTANCE])
    return found


async def _placing(world: World, member: Supervised, seconds: float, found: Costs) -> None:
    settings, before = world.settings, _used(world, member)
    measured = await load(Plan(settings.host, settings.command_api_port, (SKU,), CLIENTS, seconds, warm_up_seconds=0.0))
    if measured.failures:
        raise NotReached(f"orders failed: {measured.failures}")
    found.placed.append(_per_command(before, _used(world, member), measured.sent))
    found.orders.append(measured.sent)


async def _cancelling(world: World, member: Supervised, numbers: Iterator[int], count: int) -> Cost:
    paths = iter([f"{PATH}/{order_id(key(next(numbers)))}" for _ in range(count)])
    async with client_of(member) as client:

        async def cancel_on() -> None:
            for path in paths:
                (await client.delete(path)).raise_for_status()

        before = _used(world, member)
        async with asyncio.TaskGroup() as group:
            for _ in range(CLIENTS):
                group.create_task(cancel_on())
        return _per_command(before, _used(world, member), count)


def _used(world: World, member: Supervised) -> dict[str, float]:
    return processor_seconds({INSTANCE: member, **{name: world.servers[name] for name in ("kafka", "postgres")}})


def _per_command(before: dict[str, float], after: dict[str, float], commands: int) -> Cost:
    return {name: (after[name] - before[name]) / commands * 1e6 for name in after if name != "commands"}
