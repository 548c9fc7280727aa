"""How long Redis may take for one answer."""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

T = TypeVar("T")
ANSWER_SECONDS = 30


async def answered(answer: Awaitable[T]) -> T:
    """An answer of Redis. Raises ``TimeoutError`` when it takes too long, as that of a server that hangs."""
    async with asyncio.timeout(ANSWER_SECONDS):
        return await answer
