"""The parts of `./stockroom bench projections` that need a log of orders, all on one of a few orders."""

import os
from collections.abc import AsyncIterator
from dataclasses import replace
from statistics import median
from unittest.mock import patch

import pytest

from benchmarks import poison, projections_rebuild, projections_throttled, projections_together
from benchmarks.figures import Figure, Section
from benchmarks.projections_extent import SHORT
from benchmarks.projections_log import Filled, filled_log
from tests.support.figures import figures, number

TINY = replace(SHORT, orders=1_200, rounds=2, throttled_rate=2_000, throttled_receipts=40, throttled_seconds=1.0)

INDEXED = "of that, until keys and indexes were there, by round"


@pytest.fixture(scope="module")
async def log() -> AsyncIterator[Filled]:
    # The benchmark puts the ports of its own servers into the environment.
    with patch.dict(os.environ):
        async with filled_log(TINY.orders) as filled:
            yield filled


@pytest.fixture(scope="module")
async def poisoned(log: Filled) -> list[Section]:
    return await poison.measured(log)


def by_round(figure: Figure) -> list[float]:
    return [float(each) for each in str(figure.value).split(" / ")]


async def test_a_rebuild_makes_the_same_rows_as_by_hand_and_its_rates_stand_beside_those_of_both_ways(
    log: Filled,
) -> None:
    found = figures(await projections_rebuild.measured(log, TINY), "rebuild of order_history")
    for table, rows in (("orders", 1_200), ("lines", 2_400), ("timeline", 2_400)):
        assert found[f"{table}: rows"].value == rows
        assert found[f"{table}: the same rows by hand"].value is True
    ours = by_round(found["rebuild by round"])
    assert all(indexed < whole for indexed, whole in zip(by_round(found[INDEXED]), ours, strict=True))
    for way in ("1 process", "2 processes"):
        ratios = [hand / our for hand, our in zip(by_round(found[f"by hand, {way}, by round"]), ours, strict=True)]
        assert len(ratios) == TINY.rounds
        # Seconds by round are rounded to a hundredth, ratios too.
        assert number(found[f"rebuild in times of the rate by hand, {way}"]) == pytest.approx(median(ratios), rel=0.1)


async def test_all_read_models_of_orders_are_rebuilt_in_one_command_and_hold_every_event(log: Filled) -> None:
    found = figures(await projections_together.measured(log, TINY), "rebuild of order_history")
    assert found["the whole command"].target == 45
    assert found["every order is there"].value is True
    assert found["every event is in the timeline"].value is True
    assert found["sales and top sellers count every piece"].value is True
    assert number(found["sales.sold_daily: rows at the end"]) > 0
    assert number(found["top_sellers: rows at the end"]) > 0
    assert number(found["rows at the end for each event"]) > 2.5


async def test_no_query_is_refused_while_a_rebuild_runs_and_switches(log: Filled) -> None:
    found = figures(await projections_throttled.measured(log, TINY), "rebuild of order_history")
    assert (found["queries refused or failed"].value, found["queries refused or failed"].target) == (0, 0)
    assert found["receipts refused or failed"].value == 0
    assert number(found["queries asked"]) > 10
    p99 = found["from a receipt's answer until a query with its token shows it, p99"]
    assert p99.target == 1_000
    assert number(p99) > 0


def test_both_stores_park_all_poison_and_nothing_else_and_come_out_as_a_clean_run(poisoned: list[Section]) -> None:
    assert [section.title.partition(":")[0] for section in poisoned] == [
        "order_history (postgres)",
        "top_sellers (redis)",
    ]
    for section in poisoned:
        checks = {figure.name: figure.value for figure in section.figures if isinstance(figure.value, bool)}
        assert checks == dict.fromkeys(checks, True)
        assert len(checks) == 4


def test_poison_is_of_both_kinds_and_holds_up_what_follows(poisoned: list[Section]) -> None:
    for section in poisoned:
        assert "24 poison events among 2,400, 12 of them undecodable" in section.title
        (parked,) = [figure.value for figure in section.figures if figure.name.startswith("parked")]
        assert isinstance(parked, int)
        assert 24 < parked < 60
