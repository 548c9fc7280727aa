"""Servers of a benchmark's own with a log of orders on them, and rebuilds from it as the product does them."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import asyncpg

from benchmarks.child import run_module
from benchmarks.figures import Figure
from benchmarks.projections_orders import fill
from benchmarks.scale_world import World, running_world
from benchmarks.stage import CommandFailed
from infra.settings import Settings


@dataclass(frozen=True)
class Filled:
    """Servers with a log of `events` events of orders, and how long it took to append them."""

    world: World
    events: int
    seconds: float

    @property
    def settings(self) -> Settings:
        """Of the servers."""
        return self.world.settings

    def figures(self) -> list[Figure]:
        """Of how many events, and what it was to append them."""
        return [
            Figure("events in the log", self.events),
            Figure("appended through the product's rules, codec and fence", round(self.seconds, 1), "s"),
        ]


@asynccontextmanager
async def filled_log(orders: int) -> AsyncIterator[Filled]:
    """Start servers with the events of so many orders, two each; nothing of the product runs on them.

    Raises `CannotStart` or `StartFailed`.
    """
    async with running_world() as world:
        began = time.monotonic()
        await fill(world.settings, orders)
        yield Filled(world, 2 * orders, time.monotonic() - began)


async def rebuild(settings: Settings, *arguments: str) -> float:
    """Rebuild as an operator does; gives the seconds of the whole command. Raises `CommandFailed`."""
    await checkpoint(settings)
    began = time.monotonic()
    ended = await run_module("projectors", "rebuild", *arguments)
    if ended.code != 0:
        raise CommandFailed(f"rebuild {' '.join(arguments)} ended with {ended.code}:\n{ended.output}{ended.errors}")
    return time.monotonic() - began


async def checkpoint(settings: Settings) -> None:
    """Have PostgreSQL write everything out, so that what is measured next pays for nothing that was before."""
    connection = await asyncpg.connect(settings.dsn)
    try:
        await connection.execute("CHECKPOINT")
    finally:
        await connection.close()
