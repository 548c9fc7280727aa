"""Waits until the serving generation has all that the filled one has, so that both can be compared."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import NamedTuple

LOOK_SECONDS = 0.05
SAY_SECONDS = 2.0
STILL_SECONDS = 10.0
"""A serving generation that is behind, does not move for so long, and of which no worker that could fill it shows a
sign of life, is not waited for."""
STUCK_SECONDS = 60.0
"""The same, although such a worker lives."""
WAIT_SECONDS = 30.0
"""So long one that moves is waited for where nothing hangs on the comparison."""
TRIES = 10
"""Times that the serving generation is held back to find both at the same positions."""
PAUSE_SECONDS = 0.2
"""Between them, for those who fill it."""
NOT_HELD = "the serving generation could not be held at one position"

Positions = dict[int, int]
"""Next offset by partition."""


class Patience(NamedTuple):
    """How a comparison waits."""

    says: Callable[[str], None]
    """Hears what it waits for."""
    patient: bool
    """The switch hangs on it: so a serving generation that somebody fills is waited for as long as it moves."""


class Waited(NamedTuple):
    """Why the generations cannot be compared."""

    why: str = ""
    """Empty when they can."""
    skipped: bool = False
    """The serving generation has rows, and is passed by: to switch is a person's decision."""


async def wait_for_serving(
    served: Callable[[], Awaitable[Positions]],
    filled: Positions,
    lives: Callable[[], Awaitable[bool]],
    patience: Patience,
) -> Waited:
    """Wait until what is ``served`` has all that is ``filled``. ``lives`` tells whether there is a worker that fills
    it. One that has applied nothing yet has nothing to compare.
    """
    began = moved = said = time.monotonic()
    before = await served()
    while lacking := sum(max(0, end - before.get(partition, 0)) for partition, end in filled.items()):
        now, lively, empty = time.monotonic(), await lives(), not any(before.values())
        long = STUCK_SECONDS if lively and patience.patient and not empty else STILL_SECONDS
        gone = empty and not lively
        if gone or now - moved > long or (now - began > WAIT_SECONDS and not patience.patient):
            why = f"the serving generation is {lacking:,} records behind"
            return Waited(why if lively else f"{why}, and nobody fills it", skipped=not empty)
        if now - said > SAY_SECONDS:
            said = now
            patience.says(f"waiting for the serving generation, {lacking:,} records behind")
        await asyncio.sleep(LOOK_SECONDS)
        standing = await served()
        if standing != before:
            before, moved = standing, now
    return Waited()
