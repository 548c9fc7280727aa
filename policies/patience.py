"""Waits for a server that is away, with back-off and for as long as it takes, and says what it waits for."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

import asyncpg
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, wait_exponential_jitter

from infra.away import AWAY
from infra.reason import reason
from policies.standing import Standing

T = TypeVar("T")

TRIED_AGAIN = (*AWAY, asyncpg.SerializationError, asyncpg.DeadlockDetectedError)
"""What passes by itself: a server is away, or two transactions were in each other's way."""
MOST_SECONDS = 3.0


class StillAway(Exception):
    """Something did not answer as it must; the message says what. Raised inside ``patiently`` to be tried again."""


async def patiently(standing: Standing, what: str, attempt: Callable[[], Awaitable[T]]) -> T:
    """The result of ``attempt``, tried until nothing is away. ``what`` names the server in the standing and the log.

    Any other exception of ``attempt`` is raised at once.
    """

    def say(state: RetryCallState) -> None:
        assert state.outcome is not None
        error = state.outcome.exception()
        assert error is not None
        standing.waiting(str(error) if isinstance(error, StillAway) else f"{what} does not answer: {reason(error)}")

    retrying = AsyncRetrying(
        retry=retry_if_exception_type((*TRIED_AGAIN, StillAway)),
        wait=wait_exponential_jitter(multiplier=0.05, max=MOST_SECONDS, jitter=0.05),
        before_sleep=say,
    )

    async def awaited() -> T:
        # tenacity awaits only what is a coroutine function itself, and a lambda is none.
        return await attempt()

    result: T = await retrying(awaited)
    if standing.running and standing.waits_for:
        standing.going_on()
    return result
