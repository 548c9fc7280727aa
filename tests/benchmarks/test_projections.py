"""The parts of `./stockroom bench projections` that need the whole product, or nothing in the log."""

import os
from dataclasses import replace
from unittest.mock import patch

from typer.testing import CliRunner

from benchmarks import projections_follower, projections_fresh
from benchmarks.__main__ import cli
from benchmarks.projections import PARTS
from benchmarks.projections_extent import SHORT
from tests.support.figures import figures, number

TINY = replace(
    SHORT,
    rounds=2,
    receipts_a_second=100,
    orders_a_second=10,
    fresh_rounds=3,
    fresh_seconds=1.0,
    fresh_warm_up_seconds=0.5,
    followed_orders=100,
)


async def test_every_event_is_followed_to_its_read_model_and_queries_with_tokens_see_it() -> None:
    # The benchmark puts the ports of its own servers into the environment.
    with patch.dict(os.environ):
        sections = await projections_fresh.measure(TINY)
    for what, target in (("100 receipts", 50), ("10 orders", 150)):
        found = figures(sections, f"from a command's answer until a query shows it: {what}")
        p99 = found["query with the answer's Consistency-Token, which waits, p99"]
        assert p99.target == target
        assert number(p99) > 0
        assert number(found["answers that were followed so"]) >= 2
        assert found["every event was seen on its way"].value is True
        assert [found[f"{what} that failed"].value for what in ("commands", "queries")] == [0, 0]
        applied = number(found["of that, from there until the position is past it, p50"])
        assert applied > 0


async def test_the_engine_and_the_reference_follow_the_same_numbers_of_events_into_the_same_numbers_of_rows() -> None:
    with patch.dict(os.environ):
        found = figures(await projections_follower.measure(TINY), "order history from its first event on")
    assert found["events"].value == 200
    assert found["both have the same numbers of orders, lines and events"].value is True
    for name in ("engine", "ProjectionRunner"):
        assert number(found[f"{name}, median"]) > 0
        assert len(str(found[f"{name} by round"].value).split(" / ")) == TINY.rounds


def test_an_unknown_part_is_refused_with_the_names_of_those_there_are() -> None:
    refused = CliRunner().invoke(cli, ["projections", "--only", "nothing"])
    assert refused.exit_code == 2
    assert all(name in refused.output for name in PARTS)
