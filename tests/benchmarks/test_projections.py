"""`./stockroom bench projections` on logs of a few orders, with servers and processes of its own."""

import os
from statistics import median
from unittest.mock import patch

import pytest
from typer.testing import CliRunner

from benchmarks.__main__ import cli
from benchmarks.figures import Figure, Section
from benchmarks.projections import PARTS
from benchmarks.projections_extent import Extent
from tests.support.figures import number

TINY = Extent(
    orders=1_200,
    rounds=2,
    receipts_a_second=100,
    orders_a_second=10,
    fresh_seconds=1.0,
    fresh_warm_up_seconds=0.5,
    throttled_orders=600,
    throttled_rate=2_000,
    throttled_receipts=40,
    throttled_seconds=1.0,
    followed_orders=100,
)

INDEXED = "of that, until keys and indexes were there, by round"


async def measured(part: str) -> dict[str, dict[str, Figure]]:
    """Figures by their names, by the title of their section."""
    # The benchmark puts the ports of its own servers into the environment.
    with patch.dict(os.environ):
        sections: list[Section] = await PARTS[part](TINY)
    return {each.title: {figure.name: figure for figure in each.figures} for each in sections}


def by_round(figure: Figure) -> list[float]:
    return [float(each) for each in str(figure.value).split(" / ")]


async def test_a_rebuild_makes_the_same_rows_as_by_hand_and_its_rates_stand_beside_those_of_both_ways() -> None:
    (found,) = (await measured("rebuild")).values()
    for table, rows in (("orders", 1_200), ("lines", 2_400), ("timeline", 2_400)):
        assert found[f"{table}: rows"].value == rows
        assert found[f"{table}: the same rows by hand"].value is True
    ours = by_round(found["rebuild by round"])
    assert all(indexed < whole for indexed, whole in zip(by_round(found[INDEXED]), ours, strict=True))
    for way in ("1 process", "2 processes"):
        ratios = [hand / our for hand, our in zip(by_round(found[f"by hand, {way}, by round"]), ours, strict=True)]
        assert len(ratios) == TINY.rounds
        # Seconds by round are rounded to a tenth.
        assert number(found[f"rebuild in times of the rate by hand, {way}"]) == pytest.approx(median(ratios), rel=0.3)


async def test_all_read_models_of_orders_are_rebuilt_in_one_command_and_hold_every_event() -> None:
    (found,) = (await measured("together")).values()
    assert found["the whole command"].target == 45
    assert found["every order is there"].value is True
    assert found["every event is in the timeline"].value is True
    assert found["sales and top sellers count every piece"].value is True
    assert number(found["sales.sold_daily: rows at the end"]) > 0
    assert number(found["top_sellers: rows at the end"]) > 0
    assert number(found["rows at the end for each event"]) > 2.5


async def test_every_event_is_followed_to_its_read_model_and_queries_with_tokens_see_it() -> None:
    found = await measured("freshness")
    assert [("receipts" in title, "orders" in title) for title in found] == [(True, False), (False, True)]
    for figures, target in zip(found.values(), (50, 150), strict=True):
        p99 = figures["query with the answer's Consistency-Token, which waits, p99"]
        assert p99.target == target
        assert number(p99) > 0
        assert number(figures["answers that were followed so"]) >= 2
        assert figures["every event was seen on its way"].value is True
        assert [figures[f"{what} that failed"].value for what in ("commands", "queries")] == [0, 0]
        applied = number(figures["of that, from there until the position is past it, p50"])
        assert applied > 0


async def test_no_query_is_refused_while_a_rebuild_runs_and_switches() -> None:
    (found,) = (await measured("throttled")).values()
    assert (found["queries refused or failed"].value, found["queries refused or failed"].target) == (0, 0)
    assert found["receipts refused or failed"].value == 0
    assert number(found["queries asked"]) > 10
    p99 = found["from a receipt's answer until a query with its token shows it, p99"]
    assert p99.target == 1_000
    assert number(p99) > 0


async def test_the_engine_and_the_reference_follow_the_same_numbers_of_events_into_the_same_numbers_of_rows() -> None:
    (found,) = (await measured("follower")).values()
    assert found["events"].value == 200
    assert found["both have the same numbers of orders, lines and events"].value is True
    for name in ("engine", "ProjectionRunner"):
        assert number(found[f"{name}, median"]) > 0
        assert len(str(found[f"{name} by round"].value).split(" / ")) == TINY.rounds


def test_an_unknown_part_is_refused_with_the_names_of_those_there_are() -> None:
    refused = CliRunner().invoke(cli, ["projections", "--only", "nothing"])
    assert refused.exit_code == 2
    assert all(name in refused.output for name in PARTS)
