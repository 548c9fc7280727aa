"""`./stockroom bench scale` on logs of a few orders, with servers and processes of its own."""

import os
from unittest.mock import patch

import pytest

from benchmarks.figures import Section
from benchmarks.scale import measure
from benchmarks.scale_extent import Extent
from benchmarks.scale_takeover import Ending
from tests.support.figures import figures, number

TINY = Extent(few=200, many=1_000, rounds=2, seconds=0.4, cancels=40, times=1)


@pytest.fixture(scope="module")
async def sections() -> list[Section]:
    # The benchmark puts the ports of its own servers into the environment.
    with patch.dict(os.environ):
        return await measure(TINY)


def test_the_seeded_orders_are_those_that_requests_with_their_keys_would_have_placed(sections: list[Section]) -> None:
    assert figures(sections, "filling")["a repeat of the very first order is answered with its first answer"].value


@pytest.mark.parametrize("what", ["placing an order", "cancelling one of them"])
def test_the_cost_of_a_command_has_a_target_and_stands_beside_what_it_was_taken_from(
    sections: list[Section], what: str
) -> None:
    found = figures(sections, f"processor time of {what}")
    assert found["command API, median of 2 rounds"].target == 1.15
    assert len(str(found["by round"].value).split(" / ")) == TINY.rounds
    assert number(found["command_api with 200"]) > 50
    assert number(found["command_api with 1,000"]) > 50


def test_each_way_to_go_makes_an_order_wait_for_less_than_a_minute_and_has_a_target(sections: list[Section]) -> None:
    found = figures(sections, "the longest")
    targets = {ending: found[f"{ending}, the longest of all"].target for ending in Ending}
    assert targets == {Ending.KILLED: 5.0, Ending.LEFT: 0.5, Ending.RESPAWNED: 1.0}
    assert all(0 < number(found[f"{ending}, the longest of all"]) < 60 for ending in Ending)


def test_a_killed_command_api_is_missed_only_when_its_session_has_run_out(sections: list[Section]) -> None:
    """Else the kill was none, or a client did not wait for the shards of the one that was killed."""
    found = figures(sections, "the longest")
    assert number(found[f"{Ending.KILLED}, the longest of all"]) > 2


def test_memory_is_that_of_the_command_api(sections: list[Section]) -> None:
    found = figures(sections, "memory")
    assert found["with 1,000 orders"].target == 512
    assert number(found["with 1,000 orders"]) > 40
    assert number(found["orders placed meanwhile on the log of 1,000"]) > 0
