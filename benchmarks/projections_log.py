"""Servers of a benchmark's own with a log of orders on them, and rebuilds from it as the product does them."""

import asyncio
import re
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import asyncpg

from benchmarks.figures import Figure
from benchmarks.projections_orders import fill
from benchmarks.scale_world import World, running_world
from benchmarks.stage import CommandFailed
from infra.settings import REPOSITORY, Settings

STEP = re.compile(r"\w+: (filling|making|comparing|switching) ?")


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


@dataclass(frozen=True)
class Rebuilt:
    """How long a rebuild took, its command from start to end."""

    seconds: float
    reached: dict[str, float]
    """Seconds after the start at which the last of its projections came to a step, by its first word."""

    @property
    def indexed(self) -> float:
        """Seconds until all rows were there with their keys and indexes, before they are compared and switched to."""
        return self.reached["comparing"]


async def rebuild(settings: Settings, *arguments: str) -> Rebuilt:
    """Rebuild as an operator does. Raises `CommandFailed`."""
    await checkpoint(settings)
    began = time.monotonic()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-u", "-m", "projectors", "rebuild", *arguments),
        cwd=REPOSITORY,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    assert process.stdout is not None
    lines, reached = [], {}
    try:
        async for line in process.stdout:
            lines.append(line.decode())
            if step := STEP.match(lines[-1]):
                reached[step[1]] = time.monotonic() - began
        code = await process.wait()
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()
    if code != 0:
        raise CommandFailed(f"rebuild {' '.join(arguments)} ended with {code}:\n{''.join(lines)}")
    return Rebuilt(time.monotonic() - began, reached)


async def checkpoint(settings: Settings) -> None:
    """Have PostgreSQL write everything out, so that what is measured next pays for nothing that was before."""
    connection = await asyncpg.connect(settings.dsn)
    try:
        await connection.execute("CHECKPOINT")
    finally:
        await connection.close()
