"""Waits for a condition by asking again and again, up to a bound."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")


async def until(ask: Callable[[], Awaitable[T]], expected: Callable[[T], bool], seconds: float = 30.0) -> T:
    """The first answer that is as expected. Fails with the last answer after ``seconds``."""
    deadline = time.monotonic() + seconds
    while not expected(answer := await ask()):
        assert time.monotonic() < deadline, f"still {answer!r} after {seconds} s"
        await asyncio.sleep(0.01)
    return answer
