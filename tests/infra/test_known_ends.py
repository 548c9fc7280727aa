"""How far the log is known to reach: asked for what lies beyond only, one at a time, and remembered."""

import asyncio
from collections.abc import Collection, Mapping

import pytest

from infra.http.consistency_token import FutureConsistencyToken, Token
from infra.http.known_ends import KnownEnds, Place

ENDS: Mapping[Place, int] = {("orders", 0): 5, ("orders", 1): 9}


class Broker:
    """Tells `ENDS`, and remembers what it was asked for."""

    def __init__(self) -> None:
        self.asked: list[set[Place]] = []

    async def ask(self, places: Collection[Place]) -> Mapping[Place, int]:
        self.asked.append(set(places))
        await asyncio.sleep(0)
        return {place: ENDS[place] for place in places}


def token(partition: int, offset: int) -> Token:
    return Token("c", "orders", partition, offset)


async def test_what_was_told_is_not_asked_again_and_many_wait_for_one_answer() -> None:
    broker = Broker()
    ends = KnownEnds(broker.ask)
    await asyncio.gather(*(ends.refuse_future([token(0, 4), token(1, 3)]) for _ in range(10)))
    await ends.refuse_future([token(1, 8)])
    assert broker.asked == [set(ENDS)]


async def test_a_token_at_the_end_is_of_the_future_each_time_it_is_brought() -> None:
    broker = Broker()
    ends = KnownEnds(broker.ask)
    for _ in range(2):
        with pytest.raises(FutureConsistencyToken):
            await ends.refuse_future([token(0, 5), token(1, 0)])
    assert broker.asked == [set(ENDS), {("orders", 0)}]


async def test_what_is_known_otherwise_needs_nobody() -> None:
    broker = Broker()
    await KnownEnds(broker.ask, lambda place: 7).refuse_future([token(0, 6)])
    assert broker.asked == []


async def test_ends_that_are_needed_as_they_are_now_are_always_asked_for() -> None:
    broker = Broker()
    ends = KnownEnds(broker.ask)
    for _ in range(2):
        assert await ends.asked([("orders", 0)]) == {("orders", 0): 5}
    await ends.refuse_future([token(0, 4)])
    assert broker.asked == [{("orders", 0)}] * 2
