"""What ends by a cancellation that nobody asked for is told, wherever it came from."""

import asyncio
import contextlib

import pytest

from infra.kafka_lifetime import end
from infra.lasting import EndedUnasked, until_cancelled


async def cancelled_from_within() -> None:
    """As a client whose own task was cancelled while it stopped."""
    inner = asyncio.ensure_future(asyncio.Event().wait())
    inner.cancel()
    await inner


async def test_a_client_that_is_cancelled_from_within_while_it_stops_has_stopped() -> None:
    await end(cancelled_from_within)


async def test_what_a_stop_raises_is_raised() -> None:
    async def stop() -> None:
        raise OSError("the broker is away")

    with pytest.raises(OSError, match="away"):
        await end(stop)


async def test_a_part_that_is_cancelled_from_within_ends_its_group() -> None:
    async def run() -> None:
        async with asyncio.timeout(10), asyncio.TaskGroup() as group:
            group.create_task(until_cancelled(cancelled_from_within()))
            group.create_task(until_cancelled(_for_ever()))

    with pytest.raises(ExceptionGroup) as raised:
        await run()
    assert raised.group_contains(EndedUnasked, match="cancelled_from_within")


async def test_a_part_that_is_cancelled_with_its_group_ends_in_order() -> None:
    whole = asyncio.create_task(until_cancelled(_for_ever()))
    await asyncio.sleep(0)
    whole.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await whole
    assert whole.cancelled()


async def _for_ever() -> None:
    await asyncio.Event().wait()
