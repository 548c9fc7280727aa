"""Questions for a position: each caller gets one that begins after its call, and many callers share one."""

import asyncio
import time

import pytest

from query_api.asking import GAP_SECONDS, Asking
from query_api.positions import Standing
from tests.support.poll import until

SECONDS = 0.01


class Store:
    """Takes a while to answer, or until it may, and tells how often it was asked when the question came."""

    def __init__(self, *, fails: bool = False, may_answer: asyncio.Event | None = None) -> None:
        self.begun: list[float] = []
        self._fails = fails
        self._may_answer = may_answer

    async def ask(self) -> Standing:
        self.begun.append(time.monotonic())
        number = len(self.begun)
        await (asyncio.sleep(SECONDS) if self._may_answer is None else self._may_answer.wait())
        if self._fails:
            raise ConnectionError("away")
        return Standing(number, {})

    async def asked(self) -> int:
        """How many questions have begun."""
        return len(self.begun)


async def test_many_callers_share_a_question_that_begins_after_they_called() -> None:
    may_answer = asyncio.Event()
    store = Store(may_answer=may_answer)
    asking = Asking(store.ask)
    first = [asyncio.create_task(asking.now()) for _ in range(100)]
    await until(store.asked, lambda asked: asked == 1)
    later = [asyncio.create_task(asking.now()) for _ in range(100)]
    may_answer.set()
    assert {(await one).generation for one in first} == {1}
    assert {(await one).generation for one in later} == {2}


async def test_questions_keep_their_distance() -> None:
    store = Store()
    asking = Asking(store.ask)

    async def caller() -> None:
        for _ in range(10):
            await asking.now()

    await asyncio.gather(*(caller() for _ in range(20)))
    assert len(store.begun) <= 12
    gaps = [after - before for before, after in zip(store.begun, store.begun[1:], strict=False)]
    assert min(gaps) >= max(GAP_SECONDS, SECONDS) * 0.9


async def test_a_caller_that_leaves_takes_the_answer_from_nobody() -> None:
    may_answer = asyncio.Event()
    store = Store(may_answer=may_answer)
    asking = Asking(store.ask)
    left, stayed = asyncio.create_task(asking.now()), asyncio.create_task(asking.now())
    await until(store.asked, lambda asked: asked == 1)
    left.cancel()
    may_answer.set()
    assert (await stayed).generation == 1
    assert (await asking.now()).generation == 2


async def test_a_question_that_fails_fails_for_all_who_share_it_and_the_next_is_asked() -> None:
    store = Store(fails=True)
    asking = Asking(store.ask)
    for number in (1, 2):
        for told in await asyncio.gather(asking.now(), asking.now(), return_exceptions=True):
            assert isinstance(told, ConnectionError)
        assert len(store.begun) == number
    with pytest.raises(ConnectionError):
        await asking.now()
