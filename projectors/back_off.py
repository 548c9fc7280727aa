"""Waits while a server is away: exponential back-off with jitter, a message at each try, no end and no loss."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

import asyncpg
import structlog
from redis.exceptions import RedisError
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, wait_exponential_jitter

from infra.away import AWAY as SERVER_AWAY
from infra.reason import reason

T = TypeVar("T")

log = structlog.get_logger()


class TopicMissing(Exception):
    """A topic does not exist yet. The launcher creates it."""


AWAY = (*SERVER_AWAY, asyncpg.PostgresError, RedisError, TopicMissing)
"""A server is away, or refuses for now what was asked. Poison is told apart before it comes here."""

FIRST_SECONDS = 0.05
LONGEST_SECONDS = 3.0


async def until_there(
    what: str,
    call: Callable[[], Awaitable[T]],
    waiting: Callable[[BaseException], None] = lambda error: None,
    away: tuple[type[BaseException], ...] = AWAY,
) -> T:
    """The result of ``call``, tried until the servers it needs are there. ``waiting`` hears each failure.

    Whatever is not in ``away`` is raised at once.
    """

    try:
        return await call()  # as nearly always: tenacity costs a tenth of a commit
    except away as error:
        failed = [error]

    def say(state: RetryCallState) -> None:
        assert state.outcome is not None
        assert state.next_action is not None
        error = state.outcome.exception()
        assert error is not None
        waiting(error)
        log.warning(
            "a server is away, trying again",
            what=what,
            error=reason(error),
            attempt=state.attempt_number,
            in_seconds=round(state.next_action.sleep, 2),
        )

    retrying = AsyncRetrying(
        retry=retry_if_exception_type(away),
        wait=wait_exponential_jitter(multiplier=FIRST_SECONDS, max=LONGEST_SECONDS, jitter=FIRST_SECONDS),
        before_sleep=say,
    )

    async def attempt() -> T:
        if failed:
            raise failed.pop()
        return await call()

    return await retrying(attempt)
