"""Whether a store answers at this moment, for readiness: asked each time, since a store that hangs breaks nothing."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg

from infra.http.problems import Problem
from infra.reason import reason

CHECK_SECONDS = 2.5
"""Below the time that `status` and the health checks of containers wait for an answer."""


async def failing(ask: Callable[[], Awaitable[Any]], seconds: float = CHECK_SECONDS) -> str | None:
    """Why ``ask`` gives no answer within so many seconds, in words; None when it does."""
    try:
        async with asyncio.timeout(seconds):
            await ask()
    except TimeoutError:
        return f"No answer within {seconds:g} s."
    except Problem as problem:
        return problem.detail or problem.title
    except Exception as error:
        return reason(error)
    return None


async def ask_postgres(dsn: str) -> None:
    """One query on a connection of its own, since those of a pool may all wait. Raises what asyncpg and sockets do."""
    connection = await asyncpg.connect(dsn)
    try:
        await connection.fetchval("SELECT 1")
        await connection.close()
    finally:
        connection.terminate()
