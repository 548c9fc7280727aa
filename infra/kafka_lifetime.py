"""Starts and stops Kafka clients so that being cancelled leaks no connection, and a stop that hangs ends.

A client that is cancelled while it asks the first broker for metadata forgets that connection (aiokafka 0.14).
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

START_SECONDS = 5.0
STOP_SECONDS = 3.0


async def start(begin: Callable[[], Awaitable[None]], stop: Callable[[], Awaitable[None]]) -> None:
    """Begin; when that fails or is cancelled, let it come to its end (bounded), stop, and raise what happened."""
    beginning = asyncio.ensure_future(begin())
    try:
        await asyncio.shield(beginning)
    except BaseException:
        _, unfinished = await asyncio.wait({beginning}, timeout=START_SECONDS)
        for task in unfinished:
            task.cancel()
        await end(stop)
        if beginning.done() and not beginning.cancelled():
            beginning.exception()
        raise


async def end(stop: Callable[[], Awaitable[None]]) -> None:
    """Stop, within a bound: what hangs is left to the end of its connections. Never raises ``TimeoutError``.

    A client that stops after its broker was killed may raise the cancellation of a task of its own (aiokafka 0.14). It
    is not the caller's, whose task would end by it without a word.
    """
    stopping = asyncio.ensure_future(stop())
    _, unfinished = await asyncio.wait({stopping}, timeout=STOP_SECONDS)
    for task in unfinished:
        task.cancel()
    if not unfinished and not stopping.cancelled():
        stopping.result()


@asynccontextmanager
async def started(begin: Callable[[], Awaitable[None]], stop: Callable[[], Awaitable[None]]) -> AsyncIterator[None]:
    """A client that is started meanwhile, e.g. ``started(consumer.start, consumer.stop)``."""
    await start(begin, stop)
    try:
        yield
    finally:
        await end(stop)
